// Package zlib makes zlib streams (RFC 1950), in parallel if they are long.
//
// A long input is cut into chunks that are compressed side by side, as pigz does. Each has the end
// of the one before it as its dictionary, ends at a whole byte, and is appended to the one before
// it: they are one stream, whose checksum is combined from those of the chunks. The cuts depend on
// the length alone, so that the same input makes the same stream on every machine.
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
	// storedSize is the longest input that is stored as it is: deflate would make it no shorter,
	// and takes a megabyte to find that out.
	storedSize = 128

	// serialSize is the longest input that is compressed as one chunk.
	serialSize = 512 << 10

	// chunkSize is four of the blocks that flate makes.
	chunkSize = 4 * 65535

	// dictionarySize is half of what deflate can refer back to: the other half would cost more time
	// than it saves space.
	dictionarySize = 16 << 10
)

// Encoder makes zlib streams of one level. Goroutines may share it.
type Encoder struct {
	header  [2]byte
	writers sync.Pool
}

// NewEncoder returns an encoder of level 1 (fastest) to 9 (smallest). The error is for any other
// level.
func NewEncoder(level int) (*Encoder, error) {
	if level < flate.BestSpeed || level > flate.BestCompression {
		return nil, fmt.Errorf("zlib level %d is not from 1 to 9", level)
	}
	e := &Encoder{header: header(level)}
	e.writers.New = func() any {
		deflate, err := flate.NewWriter(nil, level)
		if err != nil {
			panic(err) // the level is valid
		}
		return &writer{deflate: deflate}
	}
	return e, nil
}

// header names deflate with its window of 32 kB, and the level, as zlib itself does.
func header(level int) [2]byte {
	switch {
	case level == 1:
		return [2]byte{0x78, 0x01}
	case level <= 5:
		return [2]byte{0x78, 0x5e}
	case level == 6:
		return [2]byte{0x78, 0x9c}
	}
	return [2]byte{0x78, 0xda}
}

// AppendCompress appends the compressed form of all pieces, one after another, to dst and returns
// it. It does not retain dst or the pieces, which must not overlap. With an error it returns dst
// as it was.
func (e *Encoder) AppendCompress(dst []byte, pieces ...[]byte) ([]byte, error) {
	size := 0
	for _, piece := range pieces {
		size += len(piece)
	}
	start := len(dst)
	dst = append(dst, e.header[:]...)
	var sum uint32
	var err error
	switch {
	case size <= storedSize:
		dst, sum = appendStored(dst, pieces, size)
	case size <= serialSize:
		dst, sum, err = e.appendChunk(dst, pieces, 0, size, size)
	default:
		dst, sum, err = e.appendChunks(dst, pieces, size, chunkSize)
	}
	if err != nil {
		return dst[:start], fmt.Errorf("zlib: %w", err)
	}
	return binary.BigEndian.AppendUint32(dst, sum), nil
}

// appendStored appends a last deflate block that is not compressed, and returns the checksum of the
// pieces.
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

// appendChunks appends pieces of size bytes in all, in chunks of chunk bytes, and returns their
// checksum.
func (e *Encoder) appendChunks(dst []byte, pieces [][]byte, size, chunk int) (_ []byte, sum uint32, err error) {
	sums := make([]uint32, (size+chunk-1)/chunk)
	bounds := func(i int) (from, to int) { return i * chunk, min((i+1)*chunk, size) }
	dst, err = parallel.Append(dst, len(sums), func(dst []byte, i int) (_ []byte, err error) {
		from, to := bounds(i)
		dst, sums[i], err = e.appendChunk(slices.Grow(dst, (to-from)/4), pieces, from, to, size)
		return dst, err
	})
	sum = 1
	for i, next := range sums {
		from, to := bounds(i)
		sum = combine(sum, next, to-from)
	}
	return dst, sum, err
}

// appendChunk appends the chunk from from to to, of pieces of size bytes in all, and returns its
// checksum.
func (e *Encoder) appendChunk(dst []byte, pieces [][]byte, from, to, size int) (_ []byte, sum uint32, err error) {
	w := e.writers.Get().(*writer)
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
	e.writers.Put(w)
	return dst, sum, nil
}

// writer is a compressor, with what it appends to, and memory for its dictionary.
type writer struct {
	deflate *flate.Writer
	dst     []byte
	copied  []byte
}

func (w *writer) Write(p []byte) (int, error) {
	w.dst = append(w.dst, p...)
	return len(p), nil
}

// dictionary returns the bytes before at, as many as there are up to dictionarySize. It copies them
// if they stand in several pieces.
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

// between iterates over the bytes from from to to of all pieces one after another.
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
