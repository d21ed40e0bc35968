// Package wire holds the forms that cross the network, each in a file that both appends and parses
// it: a package's records, the upload form around them, the gateway's reply, and the reply with a
// balance. It imports the standard library only, does no I/O and keeps no state, so goroutines may
// share all of it.
package wire
