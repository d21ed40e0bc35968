// Package soak holds the tests that run long or need more than the root module
// requires. It is a module of its own for the sake of what it requires.
package soak
