// Package integration holds the tests that run long or need more than the root module requires:
// browsers, other HTTP clients, the whole repository. It is a module of its own so that the root
// requires none of them.
package integration
