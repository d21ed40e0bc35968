// Package wire holds the three forms that cross the network, each in a file that both appends and
// parses it: a package's records, the upload form around them, and the gateway's reply, with
// that of a balance. It imports the standard library only, does no I/O and keeps no
// state, so goroutines may share all of it.
package wire
