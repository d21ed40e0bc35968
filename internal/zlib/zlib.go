// Package zlib makes zlib streams (RFC 1950) of level 6, in parallel if they are long.
//
// A long input is cut into chunks that are compressed in parallel, as pigz does. The end of each
// chunk is the dictionary of the next. Each compressed chunk ends at a whole byte, so that together
// they are one stream. Its checksum is combined from those of the chunks. The cuts depend on the
// length alone, so the same input makes the same stream on every machine.
package zlib

import (
	"encoding/binary"
	"fmt"
	"hash/adler32"
	"iter"
	"slices"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/go-smslink/smslink/internal/parallel"
)

const (
	// storedSize is the longest input that is stored uncompressed: deflate saves little on it, and
	// takes a megabyte of memory to do so.
	storedSize = 128

	// serialSize is the longest input that is compressed as one chunk.
	serialSize = 512 << 10

	// chunkSize is four of the blocks that flate makes.
	chunkSize = 4 * 65535

	// dictionarySize is half of what deflate can refer back to: the other half would cost more time
	// than it saves space.
	dictionarySize = 16 << 10
)

const (
	level  = 6
	header = 0x789c // deflate with a window of 32 kB, and the level
)

// writers are kept for their memory.
var writers = sync.Pool{New: func() any {
	deflate, err := flate.NewWriter(nil, level)
	if err != nil {
		panic(err) // the level is valid
	}
	return &writer{deflate: deflate}
}}

// AppendCompress appends the compressed form of the pieces, joined, to dst and returns it. It does
// not retain dst or the pieces, which must not overlap. If there is an error, it returns dst
// unchanged. Goroutines may call it concurrently.
func AppendCompress(dst []byte, pieces ...[]byte) ([]byte, error) {
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	start := len(dst)
	dst = binary.BigEndian.AppendUint16(dst, header)
	var sum uint32
	var err error
	switch {
	case size <= storedSize:
		dst, sum = appendStored(dst, pieces, size)
	case size <= serialSize:
		dst, sum, err = appendChunk(dst, pieces, 0, size, size)
	default:
		dst, sum, err = appendChunks(dst, pieces, size, chunkSize)
	}
	if err != nil {
		return dst[:start], fmt.Errorf("zlib: %w", err)
	}
	return binary.BigEndian.AppendUint32(dst, sum), nil
}

// appendStored appends the pieces as one last deflate block, uncompressed, and returns their
// checksum.
func appendStored(dst []byte, pieces [][]byte, size int) (_ []byte, sum uint32) {
	dst = append(dst, 1) // the last block, stored
	dst = binary.LittleEndian.AppendUint16(dst, uint16(size))
	dst = binary.LittleEndian.AppendUint16(dst, ^uint16(size))
	from := len(dst)
	for _, piece := range pieces {
		dst = append(dst, piece...)
	}
	return dst, adler32.Checksum(dst[from:])
}

// appendChunks appends the pieces, size bytes in all, in chunks of the given length, and returns
// their checksum.
func appendChunks(dst []byte, pieces [][]byte, size, chunk int) (_ []byte, sum uint32, err error) {
	sums := make([]uint32, (size+chunk-1)/chunk)
	bounds := func(i int) (from, to int) { return i * chunk, min((i+1)*chunk, size) }
	dst, err = parallel.Append(dst, len(sums), func(dst []byte, i int) (_ []byte, err error) {
		from, to := bounds(i)
		dst, sums[i], err = appendChunk(slices.Grow(dst, (to-from)/4), pieces, from, to, size)
		return dst, err
	})
	sum = 1
	for i, next := range sums {
		from, to := bounds(i)
		sum = combine(sum, next, to-from)
	}
	return dst, sum, err
}

// modulus is Adler-32's: the largest prime below 1<<16.
const modulus = 65521

// combine returns the Adler-32 of two runs of bytes, one after the other, from that of each and the
// second one's length.
//
// The low half of a checksum is 1 plus the sum of the bytes. The high half is the sum of all values
// that the low half had, one for each byte. Each value of the second run grows by the low half of
// the first, less 1.
func combine(first, second uint32, length int) uint32 {
	before := uint64(first&0xffff + modulus - 1)
	low := before + uint64(second&0xffff)
	high := uint64(first>>16) + uint64(second>>16) + before*uint64(length%modulus)
	return uint32(high%modulus)<<16 | uint32(low%modulus)
}

// appendChunk appends the chunk [from, to) of the pieces, size bytes in all, and returns its
// checksum.
func appendChunk(dst []byte, pieces [][]byte, from, to, size int) (_ []byte, sum uint32, err error) {
	w := writers.Get().(*writer)
	w.dst = dst
	w.deflate.ResetDict(w, w.dictionary(pieces, from))
	sum = 1
	for piece := range between(pieces, from, to) {
		if _, err = w.deflate.Write(piece); err != nil {
			return dst, 0, err
		}
		sum = combine(sum, adler32.Checksum(piece), len(piece))
	}
	if to < size {
		err = w.deflate.Flush()
	} else {
		err = w.deflate.Close()
	}
	if err != nil {
		return dst, 0, err
	}
	dst = w.dst
	w.dst = nil
	w.deflate.ResetDict(nil, nil) // keep no hold of the pieces
	writers.Put(w)
	return dst, sum, nil
}

// writer is a compressor that appends to dst.
type writer struct {
	deflate *flate.Writer
	dst     []byte
	copied  []byte // memory for a dictionary
}

func (w *writer) Write(p []byte) (int, error) {
	w.dst = append(w.dst, p...)
	return len(p), nil
}

// dictionary returns the last dictionarySize bytes before at, or all of them if there are fewer. It
// copies them if they are in several pieces.
func (w *writer) dictionary(pieces [][]byte, at int) []byte {
	from := max(0, at-dictionarySize)
	w.copied = w.copied[:0]
	for part := range between(pieces, from, at) {
		if len(part) == at-from {
			return part
		}
		w.copied = append(w.copied, part...)
	}
	return w.copied
}

// between iterates over the parts of the pieces that make up the bytes [from, to).
func between(pieces [][]byte, from, to int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, piece := range pieces {
			if to <= 0 {
				return
			}
			if from < len(piece) && !yield(piece[max(0, from):min(to, len(piece))]) {
				return
			}
			from -= len(piece)
			to -= len(piece)
		}
	}
}
