package zlib

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
