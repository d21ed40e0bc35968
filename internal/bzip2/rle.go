package bzip2

import (
	"hash/crc32"
	"math/bits"
)

// Four equal bytes in a row are followed by a byte that counts up to 251 more of them. A run does
// not continue from one block to the next.
const (
	countedRun = 4
	longestRun = countedRun + 251
)

// blockSize is the largest size of a block, its runs shortened.
const blockSize = 900_000

// source is the part of the input that is not yet in a block.
type source struct {
	pieces [][]byte
	size   int // of a block with its runs shortened, which may be one byte less
	sum    checksum
}

// planBlocks sets the size of the blocks and returns about how many there will be: as few as
// possible, but an even number if there is more than one, and of about equal size, so that two
// cores finish together.
func (s *source) planBlocks() (blocks int) {
	n := s.len()
	s.size, blocks = blockSize, 1
	if n > blockSize {
		blocks = (n + blockSize - 1) / blockSize
		blocks += blocks % 2
		s.size = min(n/blocks+n/blocks/64+2, blockSize) // runs may make a block larger
	}
	return blocks
}

func (s *source) len() int {
	n := 0
	for _, piece := range s.pieces {
		n += len(piece)
	}
	return n
}

// appendBlock moves as much as fits into a block from s to block, with its runs shortened, and
// returns the checksum of what it moved. It appends nothing if s is empty.
func (s *source) appendBlock(block []byte) ([]byte, uint32) {
	n := s.len()
	if n = min(n+n/4, s.size); cap(block) < n {
		block = make([]byte, 0, n)
	}
	s.sum.reversed = 0
	var last byte
	run := 0 // of last
	for ; len(s.pieces) > 0; s.pieces = s.pieces[1:] {
		piece := s.pieces[0]
		for i := 0; i < len(piece); i++ {
			c := piece[i]
			if c != last || run == longestRun {
				last, run = c, 1
			} else if run++; run > countedRun {
				block[len(block)-1]++
				continue
			}
			if len(block)+2 > s.size { // a byte and perhaps a count
				s.sum.add(piece[:i])
				s.pieces[0] = piece[i:]
				return block, s.sum.value()
			}
			block = append(block, c)
			if run == countedRun {
				block = append(block, 0)
			}
			// Most bytes differ from the one before them. Copy a stretch of such bytes at once.
			end := i + 1
			for most := min(len(piece), i+s.size-len(block)); end < most && piece[end] != piece[end-1]; {
				end++
			}
			if end > i+1 {
				block = append(block, piece[i+1:end]...)
				last, run = piece[end-1], 1
				i = end - 1
			}
		}
		s.sum.add(piece)
	}
	return block, s.sum.value()
}

// checksum is a CRC-32 that takes the most significant bit of each byte first. Package crc32 takes
// the least significant first, so bits are reversed on the way in and out.
type checksum struct {
	reversed uint32
	buf      [512]byte
}

func (c *checksum) add(p []byte) {
	for len(p) > 0 {
		n := min(len(p), len(c.buf))
		for i, b := range p[:n] {
			c.buf[i] = bits.Reverse8(b)
		}
		c.reversed = crc32.Update(c.reversed, crc32.IEEETable, c.buf[:n])
		p = p[n:]
	}
}

func (c *checksum) value() uint32 { return bits.Reverse32(c.reversed) }
