package lzf_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/lzf"
)

func compress(t testing.TB, dst []byte, pieces ...[]byte) []byte {
	packed, err := lzf.AppendCompress(dst, pieces...)
	require.NoError(t, err)
	return packed
}

func TestAppendCompress_roundTrip(t *testing.T) {
	noise := make([]byte, 100_000)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(noise)
	for name, plain := range map[string][]byte{
		"empty":                 {},
		"one byte":              []byte("a"),
		"three equal":           []byte("aaa"),
		"a run":                 bytes.Repeat([]byte("a"), 100_000),
		"a longest match":       bytes.Repeat([]byte("abcdefgh"), 33),
		"text":                  []byte(strings.Repeat("1;0712345678;numeric;Salut!;0\r\n", 5000)),
		"noise":                 noise,
		"a match at 8192":       append(append([]byte("needle"), noise[:8192-6]...), "needle"...),
		"no match past 8192":    append(append([]byte("needle"), noise[:8193-6]...), "needle"...),
		"32 literals":           noise[:32],
		"33 literals":           noise[:33],
		"noise, then its start": append(noise[:5000:5000], noise[:1000]...),
	} {
		t.Run(name, func(t *testing.T) {
			packed := compress(t, []byte("head"), plain)
			require.Equal(t, "head", string(packed[:4]))
			packed = packed[4:]
			require.LessOrEqual(t, len(packed), len(plain)+(len(plain)+31)/32)
			got, err := lzf.AppendDecompress([]byte("head"), packed, len(plain))
			require.NoError(t, err)
			require.Equal(t, "head"+string(plain), string(got))
		})
	}
}

func TestAppendCompress_findsRepeats(t *testing.T) {
	plain := []byte(strings.Repeat("1;0712345678;numeric;Salut!;0\r\n", 5000))
	require.Less(t, len(compress(t, nil, plain)), len(plain)/50)
}

// References have the greatest length and distance of the format, and no greater ones.
func TestAppendCompress_usesTheWholeForm(t *testing.T) {
	run := compress(t, nil, bytes.Repeat([]byte("a"), 1+264))
	require.Equal(t, "\x00a\xe0\xff\x00", string(run))

	unique := make([]byte, 0, 8200) // no three bytes of it stand twice
	for i := range 4100 {
		unique = append(unique, byte(i>>6)|0x80, byte(i&63))
	}
	found := map[int]int{}
	for needle := range 20 { // a few are lost to others of the same hash
		text := fmt.Appendf(nil, "n%02dxyz", needle)
		for _, distance := range []int{8192, 8193} {
			plain := slices.Concat(text, unique[:distance-len(text)], text)
			packed := compress(t, nil, plain)
			if len(packed) < len(plain)+(len(plain)+31)/32 { // not literals alone
				control, low := packed[len(packed)-2], packed[len(packed)-1]
				require.Equal(t, 8191, int(control&31)<<8|int(low))
				found[distance]++
			}
		}
	}
	require.Positive(t, found[8192])
	require.Zero(t, found[8193])
}

func TestAppendDecompress_hostileInput(t *testing.T) {
	for _, c := range []struct {
		name  string
		in    string
		limit int
		want  error
	}{
		{"literal run cut short", "\x05abc", 100, lzf.ErrCorrupt},
		{"no byte after the control", "\x1f", 100, lzf.ErrCorrupt},
		{"reference before the start", "\x00a\x20\x05", 100, lzf.ErrCorrupt},
		{"reference with nothing before it", "\x20\x00", 100, lzf.ErrCorrupt},
		{"reference without its distance", "\x00a\x20", 100, lzf.ErrCorrupt},
		{"long reference without its length", "\x00a\xe0", 100, lzf.ErrCorrupt},
		{"long reference without its distance", "\x00a\xe0\xff", 100, lzf.ErrCorrupt},
		{"literals over the limit", "\x02abc", 2, lzf.ErrTooLarge},
		{"match over the limit", "\x00a\xe0\xff\x00", 264, lzf.ErrTooLarge},
		{"a bomb", "\x00a" + strings.Repeat("\xe0\xff\x00", 1_000_000), 1000, lzf.ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := lzf.AppendDecompress([]byte("head"), []byte(c.in), c.limit)
			require.ErrorIs(t, err, c.want)
			require.Equal(t, "head", string(got))
			require.Less(t, cap(got), 64<<10)
		})
	}
}

func TestAppendDecompress_doesNotReachBeforeItsOwnOutput(t *testing.T) {
	_, err := lzf.AppendDecompress([]byte("secret"), []byte("\x00a\x20\x03"), 100)
	require.ErrorIs(t, err, lzf.ErrCorrupt)
}

func TestAppendDecompress_overlappingMatch(t *testing.T) {
	got, err := lzf.AppendDecompress(nil, []byte("\x01ab\xe0\xff\x01"), 266)
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("ab", 133), string(got))
}

func FuzzRoundTrip(f *testing.F) {
	f.Add([]byte("1;0712345678;numeric;Salut!;0\r\n1;0712345678;numeric;Salut!;0"))
	f.Add(bytes.Repeat([]byte("ab"), 5000))
	f.Fuzz(func(t *testing.T, plain []byte) {
		got, err := lzf.AppendDecompress(nil, compress(t, nil, plain), len(plain))
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))
	})
}

func FuzzDecompress(f *testing.F) {
	f.Add([]byte("\x1f1;0712345678;numeric;Test SMS 1;\x070\r\n2;004\xe0\x13%"))
	f.Add([]byte("\x00a\xe0\xff\x00\xe0\xff\x00"))
	f.Fuzz(func(t *testing.T, packed []byte) {
		const limit = 10_000
		plain, err := lzf.AppendDecompress(nil, packed, limit)
		require.LessOrEqual(t, len(plain), limit)
		if err == nil {
			again, err := lzf.AppendDecompress(nil, compress(t, nil, plain), len(plain))
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain, again))
		}
	})
}

func BenchmarkAppendCompress(b *testing.B) {
	plain := []byte(strings.Repeat("17;0712345678;numeric;Comanda 123 a fost expediată. Mulțumim!;0\r\n", 10_000))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range plain { // so that lines are not all the same
		if plain[i] >= '0' && plain[i] <= '9' {
			plain[i] = byte('0' + random.IntN(10))
		}
	}
	b.SetBytes(int64(len(plain)))
	b.ReportAllocs()
	packed := compress(b, nil, plain)
	for b.Loop() {
		packed = compress(b, packed[:0], plain)
	}
}
