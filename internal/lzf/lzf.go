// Package lzf reads and writes bare liblzf blocks: what PHP's lzf_compress and
// lzf_decompress exchange, with no header around them.
//
// A control byte c below 32 stands before c+1 literal bytes. Any other is a back
// reference: its length is (c>>5)+2, to which one further byte is added if
// c>>5 is 7; a last byte b completes the distance, ((c&31)<<8 | b) + 1.
//
// Goroutines may call its functions concurrently.
package lzf

// The limits of the form, in bytes.
const (
	maxLiteral  = 32
	minMatch    = 3
	maxMatch    = 264
	maxDistance = 8192
)
