// Package lzf reads and writes bare liblzf blocks, without a header, like PHP's lzf_compress and
// lzf_decompress.
//
// A control byte c below 32 comes before c+1 literal bytes. Any other starts a back reference of
// length (c>>5)+2. If c>>5 is 7, the next byte is added to the length. The last byte b of the
// reference completes its distance, ((c&31)<<8 | b) + 1.
//
// Goroutines may call its functions concurrently.
package lzf

// The limits of the format, in bytes.
const (
	maxLiteral  = 32
	minMatch    = 3
	maxMatch    = 264
	maxDistance = 8192
)
