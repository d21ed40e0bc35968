package bzip2

import "slices"

// longestCode is the limit for codes' lengths. The format allows 20; 17 is what libbz2 makes.
const longestCode = 17

// codeLengths sets lengths to the lengths of a prefix code for at least two symbols that occur
// counts times. They are Huffman's, unless those are longer than longestCode. Symbols that do not
// occur get a code, too, as the format asks.
func codeLengths(lengths []uint8, counts []uint32) {
	var weights [maxSymbols]uint32
	for i, count := range counts {
		weights[i] = max(count, 1)
	}
	for huffman(lengths, weights[:len(counts)]) > longestCode {
		for i := range weights {
			weights[i] = weights[i]/2 + 1 // closer to each other
		}
	}
}

// huffman sets lengths to those of Huffman's code for symbols of these weights, and returns the
// greatest.
func huffman(lengths []uint8, weights []uint32) (longest int) {
	const symbolBits = 9
	n := len(weights)
	var sorted [maxSymbols]uint32 // weights and, below them, symbols
	for i, weight := range weights {
		sorted[i] = weight<<symbolBits | uint32(i)
	}
	slices.Sort(sorted[:n])

	// The tree's nodes: the first n are the leaves, and the last is the root. The inner ones are
	// made in the order of their weights.
	var weight, parent [2*maxSymbols - 1]uint32
	for i, s := range sorted[:n] {
		weight[i] = s >> symbolBits
	}
	leaf, inner := 0, n // the least without a parent
	for node := n; node < 2*n-1; node++ {
		for range 2 {
			least := inner
			if leaf < n && (inner == node || weight[leaf] <= weight[inner]) {
				least = leaf
				leaf++
			} else {
				inner++
			}
			weight[node] += weight[least]
			parent[least] = uint32(node)
		}
	}

	var depth [2*maxSymbols - 1]uint8
	for node := 2*n - 3; node >= 0; node-- {
		depth[node] = depth[parent[node]] + 1
	}
	for i, s := range sorted[:n] {
		lengths[s&(1<<symbolBits-1)] = depth[i]
	}
	return int(depth[0])
}

// canonicalCodes sets codes to the codes that the format gives to symbols of these lengths: they
// rise with the length, and with the symbol among those of one length.
func canonicalCodes(codes []uint32, lengths []uint8) {
	code := uint32(0)
	for length := uint8(1); length <= longestCode; length++ {
		for i, l := range lengths {
			if l == length {
				codes[i] = code
				code++
			}
		}
		code <<= 1
	}
}
