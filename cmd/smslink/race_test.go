//go:build race

package main

const raceEnabled = true // which makes the command several times larger
