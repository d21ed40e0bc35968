//go:build race

package main

const raceEnabled = true // the command then takes several times as much memory
