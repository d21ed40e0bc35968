package bzip2

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// requireComplete fails t unless lengths are those of a prefix code in which no bits are left over.
func requireComplete(t testing.TB, lengths []uint8) {
	t.Helper()
	var sum int
	for _, length := range lengths {
		require.NotZero(t, length)
		require.LessOrEqual(t, int(length), longestCode)
		sum += 1 << (longestCode - length)
	}
	require.Equal(t, 1<<longestCode, sum)
}

func TestCodeLengths_areLimited(t *testing.T) {
	counts := []uint32{1, 1}
	for len(counts) < 30 { // in Huffman's tree, each is deeper than the one after it
		counts = append(counts, counts[len(counts)-1]+counts[len(counts)-2])
	}
	for n := 2; n <= len(counts); n++ {
		lengths := make([]uint8, n)
		codeLengths(lengths, counts[:n])
		requireComplete(t, lengths)
		if n-1 <= longestCode {
			require.EqualValues(t, n-1, lengths[0], "shortened for nothing")
		}
	}
	lengths := make([]uint8, maxSymbols)
	codeLengths(lengths, append([]uint32{900_000}, make([]uint32, maxSymbols-1)...))
	requireComplete(t, lengths)
	require.EqualValues(t, 1, lengths[0])
}

func TestCodeLengths_areHuffmans(t *testing.T) {
	random := rand.New(rand.NewPCG(6, 7))
	for range 1000 {
		counts := make([]uint32, 2+random.IntN(maxSymbols-1))
		for i := range counts {
			counts[i] = 1 + random.Uint32N(1000)>>random.IntN(10)
		}
		lengths := make([]uint8, len(counts))
		codeLengths(lengths, counts)
		requireComplete(t, lengths)
		size := 0
		for i, length := range lengths {
			size += int(length) * int(counts[i])
		}
		require.Equal(t, sizeByDefinition(counts), size)
	}
}

// sizeByDefinition joins the two least weights until one is left. Each time, the symbols in them
// become a bit longer.
func sizeByDefinition(counts []uint32) (size int) {
	weights := slices.Clone(counts)
	for len(weights) > 1 {
		slices.Sort(weights)
		weights = append(weights[2:], weights[0]+weights[1])
		size += int(weights[len(weights)-1])
	}
	return size
}
