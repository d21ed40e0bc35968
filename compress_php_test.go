package smslink_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

var most = flag.Int("most", 100_000, "messages of the largest package that PHP's decoders are given; 1000000 takes a minute")

// unpacker gives PHP's own decoders, and liblzf's, what it is told to expect of them.
type unpacker struct {
	folder string
	n      int
}

func newUnpacker(t *testing.T) *unpacker {
	_, err := os.ReadFile("testdata/unpack.php") // so that go test's cache knows of it
	require.NoError(t, err)
	probe := exec.Command("php", "-d", "ffi.enable=1", "-r", `exit(function_exists("bzdecompress") && FFI::cdef("", "liblzf.so.1") ? 0 : 1);`)
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
	out, err := exec.CommandContext(t.Context(), "php", "-d", "ffi.enable=1", "testdata/unpack.php", u.folder).CombinedOutput()
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
	require.ErrorIs(t, err, smslink.ErrRejected)
	return packed
}

func TestSend_phpUnpacksPackagesOfEverySize(t *testing.T) {
	u := newUnpacker(t)
	for n := 1; n <= *most; n *= 10 {
		for _, codec := range []smslink.Codec{smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF} {
			p := packageOfAll(t, messages(n))
			p.Codec = codec
			u.expect(t, fmt.Sprintf("%d messages", n), codec.Method(), uploaded(t, p), p.AppendPlain(nil))
		}
	}
	u.unpack(t)
}

// Long inputs are cut into chunks that are compressed side by side: zlib's of four of its blocks of
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
