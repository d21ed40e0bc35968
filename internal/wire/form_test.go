package wire_test

import (
	"bytes"
	"crypto/md5"
	"fmt"
	"mime/multipart"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/wire"
)

func encode(f wire.Form, packed []byte, boundary string) []byte {
	form := f.AppendHead(nil, boundary)
	form = append(form, packed...)
	return wire.AppendTail(form, boundary)
}

func parse(form []byte, boundary string) (wire.Form, []byte, error) {
	return wire.ParseForm(multipart.NewReader(bytes.NewReader(form), boundary), 1<<20, func(string, string) error { return nil })
}

var someForm = wire.Form{
	ConnectionID: "C", Password: "P", Test: true, Compression: 3,
	MD5Plain: md5.Sum([]byte("plain")), MD5Compressed: md5.Sum([]byte("packed")),
	SizePlain: 5, SizeCompressed: 6, Timestamp: 1893456000, Receivers: 1,
}

func TestForm_hasTheReferencesFieldsInItsOrder(t *testing.T) {
	var want strings.Builder
	for _, field := range [][2]string{
		{"connection_id", "C"}, {"password", "P"}, {"test", "1"}, {"Compression", "3"},
		{"MD5Plain", fmt.Sprintf("%x", md5.Sum([]byte("plain")))},
		{"MD5Compressed", fmt.Sprintf("%x", md5.Sum([]byte("packed")))},
		{"SizePlain", "5"}, {"SizeCompressed", "6"}, {"Timestamp", "1893456000"},
		{"Buffering", "1"}, {"Version", "2.1"}, {"Receivers", "1"},
	} {
		fmt.Fprintf(&want, "--B\r\nContent-Disposition: form-data; name=%q\r\n\r\n%s\r\n", field[0], field[1])
	}
	want.WriteString("--B\r\nContent-Disposition: form-data; name=\"Package\"; filename=\"package\"\r\n" +
		"Content-Type: application/octet-stream\r\n\r\npacked\r\n--B--\r\n")
	require.Equal(t, want.String(), string(encode(someForm, []byte("packed"), "B")))
}

func TestParseForm_refusesAnUploadThatIsNotTheReferences(t *testing.T) {
	good := string(encode(someForm, []byte("packed"), "B"))
	for name, c := range map[string]struct{ form, want string }{
		"empty":            {"", "field connection_id: missing"},
		"cut short":        {good[:len(good)/2], "missing"},
		"cut in the file":  {good[:len(good)-12], "field Package"},
		"no file name":     {strings.Replace(good, `; filename="package"`, "", 1), "field Package: only Package is a file"},
		"a field as file":  {strings.Replace(good, `name="test"`, `name="test"; filename="x"`, 1), "field test: only Package is a file"},
		"another order":    {strings.Replace(good, `name="test"`, `name="Compression"`, 1), "field test: another field stands in its place"},
		"upper-case MD5":   {strings.ToUpper(good), "another field"},
		"unknown test":     {strings.Replace(good, "\r\n\r\n1\r\n", "\r\n\r\n2\r\n", 1), "field test: malformed value"},
		"other version":    {strings.Replace(good, "\r\n2.1\r\n", "\r\n2.0\r\n", 1), "field Version: malformed value"},
		"signed size":      {strings.Replace(good, "\r\n5\r\n", "\r\n+5\r\n", 1), "field SizePlain: malformed value"},
		"no password":      {strings.Replace(good, "\r\nP\r\n", "\r\n\r\n", 1), "field password: malformed value"},
		"a field too much": {strings.Replace(good, "--B--", "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny\r\n--B--", 1), "more than the form's end"},
		"a header alone":   {strings.Replace(good, "\r\n\r\nP\r\n", "\r\nPPP\r\n", 1), "field password: missing, or its header is malformed"},
		"a huge field":     {strings.Replace(good, "\r\nP\r\n", "\r\n"+strings.Repeat("P", 1<<17)+"\r\n", 1), "field password: longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := parse([]byte(c.form), "B")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "PPP")
		})
	}
}

func FuzzForm(f *testing.F) {
	f.Add("connection", "password", true, 1, 10, 8, int64(1893456000), 1, []byte("packed"))
	f.Add("a\r\n--B--\r\n", "\"\x00;%0A", false, 0, 0, 0, int64(0), 0, []byte("\r\n--B\r\n"))
	f.Fuzz(func(t *testing.T, id, password string, test bool, method, plain, size int, at int64, receivers int, packed []byte) {
		form := wire.Form{
			ConnectionID: id, Password: password, Test: test, Compression: method & 3,
			MD5Plain: md5.Sum(packed), MD5Compressed: md5.Sum([]byte(id)),
			SizePlain: max(plain, 0), SizeCompressed: max(size, 0), Timestamp: max(at, 0), Receivers: max(receivers, 0),
		}
		const boundary = "sJ4kQ0boundary" // random in use; the fuzzer must not know it
		if id == "" || password == "" || len(id)+len(password) > 1000 || len(packed) > 1000 ||
			strings.Contains(id+password+string(packed), boundary) {
			return
		}
		got, file, err := parse(encode(form, packed, boundary), boundary)
		require.NoError(t, err)
		require.Equal(t, form, got)
		require.Equal(t, string(packed), string(file))
	})
}

func FuzzParseForm(f *testing.F) {
	f.Add(encode(someForm, []byte("packed"), "B"))
	f.Add([]byte("--B\r\nContent-Disposition: form-data; name=\"connection_id\"\r\n\r\n\r\n--B--"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		form, packed, err := parse(raw, "B")
		if err != nil {
			return
		}
		again, file, err := parse(encode(form, packed, "B"), "B")
		require.NoError(t, err)
		require.Equal(t, form, again)
		require.Equal(t, packed, file)
	})
}
