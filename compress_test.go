package smslink_test

import (
	"bytes"
	"compress/bzip2"
	"compress/zlib"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/lzf"
	"github.com/stretchr/testify/require"
)

// shapes are plain forms, and other inputs that a codec must take.
func shapes() map[string][]byte {
	noise := make([]byte, 300_000)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(noise)
	return map[string][]byte{
		"one byte":   []byte("a"),
		"one line":   []byte("1;0712345678;numeric;Salut!;0"),
		"a campaign": corpus(20_000),
		"one letter": bytes.Repeat([]byte("a"), 2_000_000), // longer than a bzip2 block
		"runs of four to 300": slices.Concat(bytes.Repeat([]byte("abbb"), 9), bytes.Repeat([]byte("c"), 300),
			bytes.Repeat([]byte("dddd"), 70)),
		"noise":                  noise,
		"noise at a block's end": slices.Concat(bytes.Repeat([]byte("ab"), 449_990), noise),
	}
}

func TestCodecs_roundTrip(t *testing.T) {
	for name, plain := range shapes() {
		for i, codec := range codecs {
			t.Run(fmt.Sprintf("%s/%d %s", name, i, codec), func(t *testing.T) {
				before := md5sum(plain)
				packed, err := codec.AppendCompress([]byte("head"), plain)
				require.NoError(t, err)
				require.Equal(t, "head", string(packed[:4]), "dst is kept")
				require.Equal(t, before, md5sum(plain), "plain is only read")
				require.True(t, bytes.Equal(plain, decoders[codec.Method()](t, packed[4:])))
			})
		}
	}
}

func TestCodecs_sharedByGoroutines(t *testing.T) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for round := range 5 {
				codec := codecs[(worker+round)%len(codecs)]
				plain := bytes.Repeat(fmt.Appendf(nil, "%d;0712345678;numeric;Salut %d;0\r\n", worker, round), 1000)
				packed, err := codec.AppendCompress(nil, plain)
				if err != nil || !bytes.Equal(plain, decoders[codec.Method()](t, packed)) {
					t.Errorf("%s: %v", codec, err)
				}
			}
		})
	}
	wg.Wait()
}

func TestCodecs_methodsAndNames(t *testing.T) {
	for method, name := range []string{"none", "zlib", "bzip2", "lzf"} {
		codec, err := smslink.ParseCodec(name)
		require.NoError(t, err)
		require.Equal(t, codecs[method], codec)
		require.Equal(t, method, codec.Method())
		require.Equal(t, name, codec.String())
	}
	gzip, err := smslink.ParseCodec("gzip")
	require.NoError(t, err)
	require.Equal(t, smslink.CodecZlib, gzip)
	_, err = smslink.ParseCodec("ZIP")
	require.EqualError(t, err, `smslink: codec "ZIP" is not one of none, zlib, bzip2 and lzf`)
}

// The vendor's "Zlib Gzip" is a zlib stream, which PHP's gzuncompress reads. It is not a gzip file.
func TestZlib_isNoGzipFile(t *testing.T) {
	packed, err := smslink.CodecZlib.AppendCompress(nil, []byte("a"))
	require.NoError(t, err)
	require.Equal(t, byte(0x78), packed[0])
	require.Zero(t, (int(packed[0])<<8|int(packed[1]))%31)
}

func TestBZip2_isOneStream(t *testing.T) {
	packed, err := smslink.CodecBZip2.AppendCompress(nil, corpus(20_000))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(packed), "BZh9"))
	require.Equal(t, 1, bytes.Count(packed, []byte("BZh")))
}

func FuzzCodecs(f *testing.F) {
	f.Add([]byte("1;0712345678;numeric;Salut!;0"), uint16(1))
	f.Add([]byte("aaaab"), uint16(900))
	f.Fuzz(func(t *testing.T, piece []byte, times uint16) {
		plain := bytes.Repeat(piece, int(times)%1000)
		for _, codec := range codecs {
			packed, err := codec.AppendCompress(nil, plain)
			require.NoError(t, err)
			if len(plain) > 0 {
				require.True(t, bytes.Equal(plain, decoders[codec.Method()](t, packed)), codec.String())
			}
		}
	})
}

// The sizes that PHP's zlib at level 9, liblzf 3.6 and dsnet's bzip2 writer make of
// the same corpus, as recorded.
func TestCodecs_sizesBesideTheirPeers(t *testing.T) {
	plain := corpus(20_000)
	require.Equal(t, "1624e7a653b088e8d669d8433671ec47", fmt.Sprintf("%x", md5sum(plain)),
		"the corpus has changed: record the sizes again")
	for _, c := range []struct {
		codec smslink.Codec
		peer  int
		most  float64
	}{{smslink.CodecZlib, 363_760, 1.03}, {smslink.CodecLZF, 653_844, 1.02}, {smslink.CodecBZip2, 293_256, 1.01}} {
		packed, err := c.codec.AppendCompress(nil, plain)
		require.NoError(t, err)
		require.LessOrEqual(t, float64(len(packed)), c.most*float64(c.peer), c.codec)
	}
}

// Zlib would make one short message longer.
func TestPackage_defaultCodecBySize(t *testing.T) {
	gw := newGateway(t, nil)
	for n, want := range map[int64]int{1: 0, 10: 1} {
		var p smslink.Package
		for id := range n {
			require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: "Codul dvs. este 4829."}))
		}
		packed, err := smslink.CodecZlib.AppendCompress(nil, p.AppendPlain(nil))
		require.NoError(t, err)
		require.Equal(t, want == 0, len(packed) > p.Size())
		_, err = gw.Client().Send(t.Context(), &p)
		require.NoError(t, err)
		uploads := gw.Uploads()
		require.Equal(t, want, uploads[len(uploads)-1].Compression)
	}
}

// long is whether the tests run in full: see CONTRIBUTING.md.
var long = os.Getenv("SMSLINK_LONG") != ""

// unpacker is a PHP program that unpacks with PHP's own decoders and liblzf's.
type unpacker struct {
	folder string
	n      int
}

func newUnpacker(t *testing.T) *unpacker {
	_, err := os.ReadFile("testdata/unpack.php") // so that go test's cache knows of it
	require.NoError(t, err)
	probe := exec.Command("php", "-d", "ffi.enable=1", "-r",
		`exit(function_exists("bzdecompress") && FFI::cdef("", "liblzf.so.1") ? 0 : 1);`)
	if out, err := probe.CombinedOutput(); err != nil {
		if os.Getenv("SMSLINK_NEED_PHP") != "" {
			t.Fatalf("SMSLINK_NEED_PHP is set, and these tests need PHP with bz2, FFI and liblzf: %v: %s", err, out)
		}
		t.Skip("needs PHP: apt-get install php-cli php-bz2 liblzf1")
	}
	return &unpacker{folder: t.TempDir()}
}

func (u *unpacker) expect(t *testing.T, what string, method int, packed, plain []byte) {
	name := filepath.Join(u.folder, fmt.Sprintf("%s.%d", what, method))
	require.NoFileExists(t, name)
	require.NoError(t, os.WriteFile(name, packed, 0o600))
	require.NoError(t, os.WriteFile(name+".plain", plain, 0o600))
	u.n++
}

func (u *unpacker) unpack(t *testing.T) {
	out,
		err := exec.CommandContext(t.Context(), "php", "-d", "ffi.enable=1", "testdata/unpack.php",
		u.folder).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, fmt.Sprintf("%d unpacked\n", u.n), string(out))
}

// uploaded is the compressed package that Send uploads.
func uploaded(t *testing.T, p *smslink.Package) []byte {
	var packed []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(64 << 20); err != nil {
			return
		}
		defer func() { _ = r.MultipartForm.RemoveAll() }()
		file, _, err := r.FormFile("Package")
		if err != nil {
			return
		}
		packed, _ = io.ReadAll(file)
		_, _ = io.WriteString(w, "ERROR;8;no credit")
	}))
	defer server.Close()
	client, err := smslink.NewClient("id", "password", &smslink.Options{Endpoint: server.URL})
	require.NoError(t, err)
	_, err = client.Send(context.Background(), p)
	require.Equal(t, smslink.OutcomeRejected, smslink.OutcomeOf(err))
	return packed
}

func TestSend_phpUnpacksPackagesOfEverySize(t *testing.T) {
	u := newUnpacker(t)
	most := 10_000
	if long {
		most = 100_000
	}
	for n := 1; n <= most; n *= 10 {
		for _, codec := range []smslink.Codec{smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF} {
			p := packageOfAll(t, messages(n))
			p.Codec = codec
			u.expect(t, fmt.Sprintf("%d messages", n), codec.Method(), uploaded(t, p), p.AppendPlain(nil))
		}
	}
	u.unpack(t)
}

// Long inputs are cut into chunks that are compressed in parallel: zlib's of four of its blocks of
// 65,535 bytes, bzip2's of its blocks of 900,000 bytes, and LZF's of 256 kB.
func TestCodecs_phpUnpacksWhatIsCut(t *testing.T) {
	u := newUnpacker(t)
	all := bytes.Join([][]byte{corpus(8000), corpus(8000)}, nil)
	for _, cut := range []struct {
		codec smslink.Codec
		chunk int
		times []int
	}{
		{smslink.CodecZlib, 512 << 10, []int{1}},
		{smslink.CodecZlib, 4 * 65535, []int{1, 2, 3, 4, 5}},
		{smslink.CodecBZip2, 900_000, []int{1, 2}},
		{smslink.CodecLZF, 256 << 10, []int{1, 2, 3, 4, 5}},
	} {
		for _, times := range cut.times {
			for _, more := range []int{-1, 0, 1} {
				plain := all[:times*cut.chunk+more]
				packed, err := cut.codec.AppendCompress(nil, plain)
				require.NoError(t, err)
				u.expect(t, fmt.Sprintf("%d bytes", len(plain)), cut.codec.Method(), packed, plain)
			}
		}
	}
	u.unpack(t)
}

// vector is a case of testdata/reference.json, a copy of the vectors that the
// reference client made.
type vector struct {
	Name     string
	Messages []struct {
		ID             int64
		To, From, Text string
		At             int64
	}
	Accepted    []bool
	PlainBase64 string `json:"plain_base64"`
	PlainMD5    string `json:"plain_md5"`
	PlainSize   int    `json:"plain_size"`
	Compressed  map[string]struct {
		Base64 string
		MD5    string
		Size   int
	}
}

func vectors(t testing.TB) []vector {
	t.Helper()
	raw, err := os.ReadFile("testdata/reference.json")
	require.NoError(t, err)
	var all []vector
	require.NoError(t, json.Unmarshal(raw, &all))
	require.NotEmpty(t, all)
	return all
}

// The vectors are what the vendor's client makes. If this fails, they were edited, or a
// checkout changed their line ends: restore the file, and never this digest.
func TestVectors_areUnchanged(t *testing.T) {
	raw, err := os.ReadFile("testdata/reference.json")
	require.NoError(t, err)
	require.Equal(t, "33cb20d25f03b0ae068f0d762d6a9f10335b9fcccb8ae27af8dabbdf5d46e02c",
		fmt.Sprintf("%x", sha256.Sum256(raw)))
}

func unbase64(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(s)
	require.NoError(t, err)
	return raw
}

// fill adds a vector's messages and reports which of them were accepted.
func (v vector) fill(p *smslink.Package) []bool {
	var accepted []bool
	for _, m := range v.Messages {
		err := p.Add(smslink.Message{ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: time.Unix(m.At, 0)})
		accepted = append(accepted, err == nil)
	}
	return accepted
}

// decoders decode the gateway's methods with the standard library, except LZF, which it lacks.
var decoders = map[int]func(t testing.TB, packed []byte) []byte{
	0: func(_ testing.TB, packed []byte) []byte { return packed },
	1: func(t testing.TB, packed []byte) []byte {
		in := bytes.NewReader(packed)
		r, err := zlib.NewReader(in)
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.Zero(t, in.Len(), "bytes after the stream")
		return plain
	},
	2: func(t testing.TB, packed []byte) []byte {
		plain, err := io.ReadAll(bzip2.NewReader(bytes.NewReader(packed)))
		require.NoError(t, err)
		return plain
	},
	3: func(t testing.TB, packed []byte) []byte {
		plain, err := lzf.AppendDecompress(nil, packed, 1<<30)
		require.NoError(t, err)
		return plain
	},
}

var codecs = []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF}

// Each vector must be encoded as by the reference, to the byte. None of them holds a message that
// the reference takes and Add refuses: see TestAdd_refuses.
func TestAdd_makesTheReferencesBytes(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.Name, func(t *testing.T) {
			p := smslink.Package{LenientReceivers: true}
			require.Equal(t, v.Accepted, v.fill(&p))
			plain := p.AppendPlain(nil)
			require.Equal(t, string(unbase64(t, v.PlainBase64)), string(plain))
			sum := md5.Sum(plain)
			require.Equal(t, v.PlainMD5, hex.EncodeToString(sum[:]))
			require.Equal(t, v.PlainSize, p.Size())
		})
	}
}

func TestCodecs_decodeToTheReferencesBytes(t *testing.T) {
	for _, v := range vectors(t) {
		plain := unbase64(t, v.PlainBase64)
		for _, codec := range codecs {
			t.Run(v.Name+"/"+codec.String(), func(t *testing.T) {
				packed, err := codec.AppendCompress(nil, plain)
				require.NoError(t, err)
				require.Equal(t, string(plain), string(decoders[codec.Method()](t, packed)))
			})
		}
	}
}

func TestDecoders_readTheReferencesCompressedBytes(t *testing.T) {
	methods := map[string]int{"1": 1, "2": 2, "3": 3}
	seen := map[string]bool{}
	for _, v := range vectors(t) {
		for method, compressed := range v.Compressed {
			t.Run(v.Name+"/"+method, func(t *testing.T) {
				packed := unbase64(t, compressed.Base64)
				require.Len(t, packed, compressed.Size)
				require.Equal(t, string(unbase64(t, v.PlainBase64)), string(decoders[methods[method]](t, packed)))
				seen[method] = true
			})
		}
	}
	require.Len(t, seen, 3, "vectors of every method")
}

// BenchmarkCodec compresses the package that BenchmarkSend sends, so the difference is Send's own.
func BenchmarkCodec(b *testing.B) {
	plain := corpus(campaign)
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			var packed []byte
			for b.Loop() {
				packed, _ = codec.AppendCompress(nil, plain)
			}
			b.ReportMetric(float64(len(packed))/float64(len(plain)), "packed/plain")
		})
	}
}
