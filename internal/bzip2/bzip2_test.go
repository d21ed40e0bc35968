package bzip2_test

import (
	"bytes"
	stdbzip2 "compress/bzip2"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	dsnet "github.com/dsnet/compress/bzip2"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/bzip2"
)

// alone is what dsnet's writer makes by itself.
func alone(t testing.TB, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := dsnet.NewWriter(&out, &dsnet.WriterConfig{Level: 9})
	require.NoError(t, err)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

func noise(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

func campaign(n int) []byte {
	var b bytes.Buffer
	for id := 1; b.Len() < n; id++ {
		fmt.Fprintf(&b, "%d;07%08d;numeric;Bună ziua! Codul dvs. este %d.%%0AMulțumim%%3B o zi frumoasă;0\r\n", id, id*7919%1e8, id*104729%1e6)
	}
	return b.Bytes()[:n]
}

// runs are long and short runs of equal bytes, whose first encoding is longer or far
// shorter than they are.
func runs(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for len(b) < n {
		b = append(b, bytes.Repeat([]byte{byte(random.IntN(3))}, 1+random.IntN(6)*random.IntN(80))...)
	}
	return b[:n]
}

// The sizes around a block's end are those where a mistake about what fills it
// would show.
func TestAppendCompress_makesWhatOneWriterMakes(t *testing.T) {
	const block = 900_000
	inputs := map[string][]byte{
		"nothing": nil, "one byte": []byte("a"), "noise": noise(block + 1), "a campaign": campaign(1_000_000), "runs": runs(1_300_000), "one letter": bytes.Repeat([]byte("a"), 47_000_000),
	}
	for n := block - 1; n <= block+1; n++ {
		inputs[fmt.Sprintf("four and more up to %d", n)] = append(campaign(n-5), "bbbbb"...)
	}
	for name, plain := range inputs {
		t.Run(name, func(t *testing.T) {
			dst := []byte("head")
			got, err := bzip2.AppendCompress(dst, plain)
			require.NoError(t, err)
			require.Equal(t, "head", string(got[:4]))
			require.True(t, bytes.Equal(alone(t, plain), got[4:]), "not dsnet's stream")
			decoded, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(got[4:])))
			require.NoError(t, err)
			require.True(t, bytes.Equal(plain, decoded))

			var pieces [][]byte
			for rest := plain; len(rest) > 0; {
				n := min(len(rest), 123_457)
				pieces = append(pieces, rest[:n], nil)
				rest = rest[n:]
			}
			again, err := bzip2.AppendCompress(nil, pieces...)
			require.NoError(t, err)
			require.True(t, bytes.Equal(got[4:], again), "not the same from pieces")
		})
	}
}

func FuzzAppendCompress(f *testing.F) {
	f.Add([]byte("Salut"), uint16(1))
	f.Add([]byte("aaaab"), uint16(9000))
	f.Add(noise(100), uint16(10_000))
	f.Fuzz(func(t *testing.T, piece []byte, times uint16) {
		if len(piece)*int(times) > 2_000_000 {
			return // as slow as it is large, and no different
		}
		plain := []byte(strings.Repeat(string(piece), int(times)))
		got, err := bzip2.AppendCompress(nil, plain)
		require.NoError(t, err)
		decoded, err := io.ReadAll(stdbzip2.NewReader(bytes.NewReader(got)))
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, decoded))
		require.True(t, bytes.Equal(alone(t, plain), got))
	})
}

// Ours against one writer, both in one run: the ratio should be the number of cores.
func BenchmarkAppendCompress(b *testing.B) {
	plain := campaign(12_000_000)
	b.Run(fmt.Sprintf("cores=%d", runtime.GOMAXPROCS(0)), func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			_, _ = bzip2.AppendCompress(nil, plain)
		}
	})
	b.Run("dsnet alone", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		b.ReportAllocs()
		for b.Loop() {
			alone(b, plain)
		}
	})
}
