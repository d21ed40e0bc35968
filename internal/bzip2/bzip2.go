// Package bzip2 makes one bzip2 stream, its blocks compressed side by side.
//
// dsnet/compress makes the blocks, each in a stream of its own; their bits are
// then joined into one stream, which is to the byte what dsnet's writer makes by
// itself.
//
// Goroutines may call its functions concurrently.
package bzip2

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"runtime"
	"sync"

	"github.com/dsnet/compress/bzip2"
)

// A stream is a header, its blocks bit after bit, and a footer, padded to a byte.
// A block starts with its own magic number and checksum.
const (
	header      = "BZh9"
	headerBits  = 8 * len(header)
	blockMagic  = 0x314159265359
	footerMagic = 0x177245385090
	magicBits   = 48
	crcBits     = 32
)

// blockSize is what a block holds at level 9, in bytes after the format's first
// run-length encoding.
const blockSize = 900_000

var errLayout = errors.New("bzip2: a block's stream is not laid out as expected") // a defect of ours, or a change of dsnet's

// AppendCompress appends the compressed form, of 900 kB blocks, of all src one
// after another to dst and returns it. It takes as many cores as there are blocks, up to GOMAXPROCS, and
// some 20 MB a core. It keeps no hold of dst and src, which must not overlap.
func AppendCompress(dst []byte, src ...[]byte) ([]byte, error) {
	blocks := split(src)
	todo := make(chan *block, len(blocks))
	for _, b := range blocks {
		todo <- b
	}
	close(todo)
	var workers sync.WaitGroup
	defer workers.Wait()
	for range min(runtime.GOMAXPROCS(0), len(blocks)) {
		workers.Go(func() {
			for b := range todo {
				b.compress()
			}
		})
	}

	out := writer{dst: append(dst, header...)}
	var crc uint32 // of all blocks
	for _, b := range blocks {
		<-b.done
		if b.err != nil {
			return dst, b.err
		}
		out.append(b.packed, headerBits, b.bits)
		crc = bits.RotateLeft32(crc, 1) ^ b.crc
	}
	out.write(footerMagic, magicBits)
	out.write(uint64(crc), crcBits)
	return out.flush(), nil
}

// split cuts pieces into blocks, which may hold parts of several.
func split(pieces [][]byte) []*block {
	var blocks []*block
	var current *block
	for _, piece := range pieces {
		for len(piece) > 0 {
			if current == nil {
				current = &block{done: make(chan struct{}), room: blockSize}
				blocks = append(blocks, current)
			}
			n := current.take(piece)
			current.plain = append(current.plain, piece[:n])
			if piece = piece[n:]; len(piece) > 0 {
				current = nil
			}
		}
	}
	return blocks
}

// block is a part of the input that makes one block.
type block struct {
	plain [][]byte
	room  int           // bytes that it can still take
	value byte          // that it ends with,
	run   int           // this many times, of at most 255
	done  chan struct{} // closed once what follows is there

	packed []byte // a stream of this block alone
	bits   int    // of it, without header and footer
	crc    uint32
	err    error
}

// take is how many of src's first bytes fit. Of four equal bytes in a row the
// fourth is followed by a count, which takes up to 251 more of them.
func (b *block) take(src []byte) int {
	room, value, run := b.room, b.value, b.run // as locals, which stay in registers
	n := len(src)
	for i, c := range src {
		if c != value || run == 255 {
			value, run = c, 0
		}
		need := 1
		switch {
		case run == 3:
			need = 2
		case run > 3:
			need = 0
		}
		if room < need {
			n = i
			break
		}
		room -= need
		run++
	}
	b.room, b.value, b.run = room, value, run
	return n
}

// writers are the workers' memory.
var writers = sync.Pool{New: func() any {
	w, err := bzip2.NewWriter(nil, &bzip2.WriterConfig{Level: bzip2.BestCompression})
	if err != nil {
		panic(err) // a level out of range
	}
	return w
}}

func (b *block) compress() {
	defer close(b.done)
	w := writers.Get().(*bzip2.Writer)
	defer func() {
		if what := recover(); what != nil { // which nobody above could, in this goroutine
			b.err = fmt.Errorf("bzip2: %v", what)
			return // and w, which may be broken, is not used again
		}
		_ = w.Reset(nil) // keep no hold of the output
		writers.Put(w)
	}()
	if b.err = b.compressWith(w); b.err == nil {
		b.bits, b.crc, b.err = measure(b.packed)
	}
}

func (b *block) compressWith(w *bzip2.Writer) error {
	out := appender{make([]byte, 0, blockSize/4)}
	if err := w.Reset(&out); err != nil {
		return err
	}
	for _, piece := range b.plain {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	err := w.Close()
	b.packed = out.dst
	return err
}

// measure finds where the one block of a stream ends: before the footer, which
// repeats the block's checksum and is followed by less than a byte of zeros.
func measure(stream []byte) (length int, crc uint32, err error) {
	end := 8 * len(stream)
	if end < headerBits+2*(magicBits+crcBits) || string(stream[:len(header)]) != header || read(stream, headerBits, magicBits) != blockMagic {
		return 0, 0, errLayout
	}
	crc = uint32(read(stream, headerBits+magicBits, crcBits))
	for padding := range 8 {
		footer := end - padding - crcBits - magicBits
		if read(stream, footer, magicBits) == footerMagic && uint32(read(stream, footer+magicBits, crcBits)) == crc &&
			read(stream, end-padding, padding) == 0 {
			return footer - headerBits, crc, nil
		}
	}
	return 0, 0, errLayout
}

// read gives the n bits, of at most 48, that start at bit from.
func read(src []byte, from, n int) uint64 {
	var value uint64
	for i := from; i < from+n; i++ {
		value = value<<1 | uint64(src[i/8]>>(7-i%8)&1)
	}
	return value
}

// writer appends bits.
type writer struct {
	dst  []byte
	held uint64 // bits not yet in dst, the low ones
	n    int    // how many, at most 7 between calls
}

// write appends the low n bits, of at most 48, of value.
func (w *writer) write(value uint64, n int) {
	w.held = w.held<<n | value
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.dst = append(w.dst, byte(w.held>>(w.n-8)))
	}
	w.held &= 1<<w.n - 1
}

// append appends n bits of src, which start at bit from, a whole byte.
func (w *writer) append(src []byte, from, n int) {
	src = src[from/8:]
	for ; n >= 32; n -= 32 {
		w.held = w.held<<32 | uint64(binary.BigEndian.Uint32(src))
		w.dst = binary.BigEndian.AppendUint32(w.dst, uint32(w.held>>w.n))
		w.held &= 1<<w.n - 1
		src = src[4:]
	}
	w.write(read(src, 0, n), n)
}

// flush pads what is held to a byte and gives all that was written.
func (w *writer) flush() []byte {
	if w.n > 0 {
		w.write(0, 8-w.n)
	}
	return w.dst
}

// appender is an io.Writer that appends.
type appender struct{ dst []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.dst = append(a.dst, p...)
	return len(p), nil
}
