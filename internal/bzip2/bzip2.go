// Package bzip2 compresses into the bzip2 format.
//
// The input is cut into blocks. Each goes through these steps, in the files of these names:
//
//   - rle: runs of equal bytes are shortened;
//   - bwt: the bytes are sorted by the bytes that follow them, with a suffix array (suffixes);
//   - mtf: each byte is replaced by the number of different bytes since it last occurred;
//   - huffman: these numbers are written in several prefix codes for each block (tables, block).
package bzip2

import (
	"fmt"
	"math/bits"
	"runtime"
	"slices"
	"sync"
)

// A stream is a header, the blocks bit after bit, and a footer, padded to a byte.
const (
	header      = 0x425a6839 // BZh9: blocks of 900 kB
	footerMagic = 0x177245385090
)

// AppendCompress appends the compressed form of the pieces of src, joined, to dst and returns the
// extended slice. The form is a single stream of blocks of up to 900 kB. It does not depend on how
// src is cut or on the number of cores.
//
// Blocks are compressed in parallel on up to GOMAXPROCS cores, with about 12 MB of memory for each.
// AppendCompress does not retain dst or src, which must not overlap, and is safe for concurrent
// use. It returns an error only if there is a defect in this package.
func AppendCompress(dst []byte, src ...[]byte) ([]byte, error) {
	s := &stream{rest: source{pieces: slices.Clone(src)}, out: bitWriter{dst: dst}}
	blocks := s.rest.planBlocks()
	s.out.write(header, 32)
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), blocks) - 1 {
		workers.Go(s.work)
	}
	s.work()
	workers.Wait()
	if s.err != nil {
		return dst, s.err
	}
	s.out.writeMagic(footerMagic)
	s.out.write(s.crc, 32)
	return s.out.flush(), nil
}

// stream is a stream that is being written. Its workers share it.
type stream struct {
	mu    sync.Mutex
	rest  source             // the input that no block has taken
	taken int                // blocks taken from rest
	crc   uint32             // of the blocks taken
	out   bitWriter          // the header and the first done blocks
	done  int                // blocks written to out
	early map[int]*bitWriter // blocks that wait for an earlier one
	err   error              // if set, no more blocks are taken
}

// encoders are kept for their memory.
var encoders = sync.Pool{New: func() any { return new(encoder) }}

// work compresses blocks until none is left.
func (s *stream) work() {
	e := encoders.Get().(*encoder)
	defer func() {
		if what := recover(); what != nil { // the caller cannot recover in this goroutine
			s.mu.Lock()
			defer s.mu.Unlock()
			s.err = fmt.Errorf("bzip2: panicked: %v", what)
			return // without e, which may be broken
		}
		encoders.Put(e)
	}()
	for {
		i, ok := s.take(e)
		if !ok {
			return
		}
		e.encode()
		s.put(i, &e.out)
	}
}

// take fills e with the next block and returns its number. It reports whether there was one.
func (s *stream) take(e *encoder) (i int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return 0, false
	}
	e.block, e.crc = s.rest.appendBlock(e.block[:0])
	if len(e.block) == 0 {
		return 0, false
	}
	s.crc = bits.RotateLeft32(s.crc, 1) ^ e.crc
	s.taken++
	return s.taken - 1, true
}

// put writes block i to the output, or keeps a copy until the blocks before it are written.
func (s *stream) put(i int, block *bitWriter) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i != s.done {
		if s.early == nil {
			s.early = map[int]*bitWriter{}
		}
		s.early[i] = block.clone()
		return
	}
	for ok := true; ok; block, ok = s.early[s.done] {
		s.out.append(block)
		delete(s.early, s.done)
		s.done++
	}
}
