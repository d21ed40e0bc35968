package bzip2

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireTransformed fails t unless s transforms block as the definition does.
func requireTransformed(t testing.TB, s *sorter, block []byte) {
	t.Helper()
	var rotations [][]byte
	for i := range block {
		rotations = append(rotations, slices.Concat(block[i:], block[:i]))
	}
	slices.SortFunc(rotations, bytes.Compare)
	var last []byte
	for _, r := range rotations {
		last = append(last, r[len(r)-1])
	}

	got := bytes.Clone(block)
	position := s.transform(got)
	if !bytes.Equal(last, got) || !bytes.Equal(rotations[position], block) {
		t.Fatalf("%v: got %v and %d, want %v", block, got, position, last)
	}
}

func TestTransform_allShortBlocks(t *testing.T) {
	var s sorter
	for _, c := range []struct{ letters, longest int }{{2, 13}, {3, 8}, {4, 6}} {
		block := make([]byte, 0, c.longest)
		var extend func()
		extend = func() {
			if len(block) > 0 {
				requireTransformed(t, &s, block)
			}
			if len(block) < c.longest {
				for letter := range c.letters {
					block = append(block, byte(letter))
					extend()
					block = block[:len(block)-1]
				}
			}
		}
		extend()
	}
}

func TestTransform_randomBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 9))
	var s sorter
	for range 20_000 {
		block := make([]byte, 1+random.IntN(60))
		letters := 1 + random.IntN(256)>>random.IntN(8)
		for i := range block {
			block[i] = byte(random.IntN(letters))
		}
		requireTransformed(t, &s, bytes.Repeat(block, 1+random.IntN(4)))
	}
}

// Ranks of LMS substrings need more levels the longer a text repeats itself.
func TestSortSuffixes_deepRecursion(t *testing.T) {
	shorter, text := []byte("a"), []byte("ab")
	for len(text) < 100_000 { // each level of a Fibonacci word is again one
		shorter, text = text, slices.Concat(text, shorter)
	}
	sa := make([]int32, len(text))
	sortSuffixes(text, sa, make([]int32, len(text)), make([]int32, 2*256))
	seen := make([]bool, len(text))
	for i, j := range sa {
		require.False(t, seen[j])
		seen[j] = true
		if i > 0 && bytes.Compare(text[sa[i-1]:], text[j:]) >= 0 {
			t.Fatalf("suffix %d stands before %d", sa[i-1], j)
		}
	}
}
