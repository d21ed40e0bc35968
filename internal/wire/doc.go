// Package wire appends and parses what crosses the network, one file for each: a package's records,
// the upload form around them, the gateway's reply, and the reply with a balance. It imports only
// the standard library, does no I/O and has no state. Goroutines may share all of it.
package wire
