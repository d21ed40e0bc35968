package wire

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"strconv"
)

// The values that the reference client, version 2.1, always sends in these two fields.
const (
	buffering = "1"
	version   = "2.1"
)

// packageField names the file that follows the fields.
const packageField = "Package"

// maxValue bounds one field's value, in bytes, when a form is parsed.
const maxValue = 64 << 10

// Digest is the MD5 of a package's plain or compressed bytes.
type Digest = [md5.Size]byte

// Form is everything of an upload except the compressed package itself.
type Form struct {
	ConnectionID   string
	Password       string
	Test           bool
	Compression    int
	MD5Plain       Digest
	MD5Compressed  Digest
	SizePlain      int   // bytes
	SizeCompressed int   // bytes
	Timestamp      int64 // Unix seconds
	Receivers      int   // messages in the package
}

// field is one of the form's fields: its name, and how its value is appended and parsed.
type field struct {
	name   string
	append func(dst []byte, f *Form) []byte
	parse  func(f *Form, value string) bool
}

// fields are the form's fields, in the reference's order.
var fields = [...]field{
	{"connection_id",
		func(dst []byte, f *Form) []byte { return append(dst, f.ConnectionID...) },
		func(f *Form, s string) bool { f.ConnectionID = s; return s != "" }},
	{"password",
		func(dst []byte, f *Form) []byte { return append(dst, f.Password...) },
		func(f *Form, s string) bool { f.Password = s; return s != "" }},
	{"test",
		func(dst []byte, f *Form) []byte { return appendFlag(dst, f.Test) },
		func(f *Form, s string) bool { f.Test = s == "1"; return s == "0" || s == "1" }},
	{"Compression",
		func(dst []byte, f *Form) []byte { return strconv.AppendInt(dst, int64(f.Compression), 10) },
		func(f *Form, s string) bool { return parseInt(&f.Compression, s) }},
	{"MD5Plain",
		func(dst []byte, f *Form) []byte { return hex.AppendEncode(dst, f.MD5Plain[:]) },
		func(f *Form, s string) bool { return parseDigest(&f.MD5Plain, s) }},
	{"MD5Compressed",
		func(dst []byte, f *Form) []byte { return hex.AppendEncode(dst, f.MD5Compressed[:]) },
		func(f *Form, s string) bool { return parseDigest(&f.MD5Compressed, s) }},
	{"SizePlain",
		func(dst []byte, f *Form) []byte { return strconv.AppendInt(dst, int64(f.SizePlain), 10) },
		func(f *Form, s string) bool { return parseInt(&f.SizePlain, s) }},
	{"SizeCompressed",
		func(dst []byte, f *Form) []byte { return strconv.AppendInt(dst, int64(f.SizeCompressed), 10) },
		func(f *Form, s string) bool { return parseInt(&f.SizeCompressed, s) }},
	{"Timestamp",
		func(dst []byte, f *Form) []byte { return strconv.AppendInt(dst, f.Timestamp, 10) },
		func(f *Form, s string) (ok bool) { f.Timestamp, ok = parseNumber(s); return ok }},
	{"Buffering",
		func(dst []byte, _ *Form) []byte { return append(dst, buffering...) },
		func(_ *Form, s string) bool { return s == buffering }},
	{"Version",
		func(dst []byte, _ *Form) []byte { return append(dst, version...) },
		func(_ *Form, s string) bool { return s == version }},
	{"Receivers",
		func(dst []byte, f *Form) []byte { return strconv.AppendInt(dst, int64(f.Receivers), 10) },
		func(f *Form, s string) bool { return parseInt(&f.Receivers, s) }},
}

// AppendHead appends the fields and the header of the file. The package's bytes come next, then the
// tail.
func (f *Form) AppendHead(dst []byte, boundary string) []byte {
	for _, field := range fields {
		dst = appendPart(dst, boundary, field.name)
		dst = append(dst, "\r\n\r\n"...)
		dst = field.append(dst, f)
		dst = append(dst, "\r\n"...)
	}
	dst = appendPart(dst, boundary, packageField)
	return append(dst, "; filename=\"package\"\r\nContent-Type: application/octet-stream\r\n\r\n"...)
}

// AppendTail appends the bytes after the package's.
func AppendTail(dst []byte, boundary string) []byte {
	dst = append(dst, "\r\n--"...)
	dst = append(dst, boundary...)
	return append(dst, "--\r\n"...)
}

func appendPart(dst []byte, boundary, name string) []byte {
	dst = append(dst, "--"...)
	dst = append(dst, boundary...)
	dst = append(dst, "\r\nContent-Disposition: form-data; name=\""...)
	dst = append(dst, name...)
	return append(dst, '"')
}

// ParseForm reads an upload whose fields are in the reference's order, and its package of at most
// limit bytes. It checks the form of each value, but not whether the values are right. Its errors
// quote no value. It calls seen with each field's name and value before it checks the value, and
// with "Package" and "" before it reads the package. If seen returns an error, ParseForm returns it
// and reads no further.
func ParseForm(r *multipart.Reader, limit int64, seen func(name, value string) error) (Form, []byte, error) {
	var f Form
	for _, field := range fields {
		raw, err := readPart(r, field.name, maxValue)
		if err != nil {
			return f, nil, err
		}
		if err := seen(field.name, string(raw)); err != nil {
			return f, nil, err
		}
		if !field.parse(&f, string(raw)) {
			return f, nil, fmt.Errorf("field %s: malformed value", field.name)
		}
	}
	if err := seen(packageField, ""); err != nil {
		return f, nil, err
	}
	packed, err := readPart(r, packageField, limit)
	if err != nil {
		return f, nil, err
	}
	if _, err := r.NextRawPart(); !errors.Is(err, io.EOF) {
		return f, nil, fmt.Errorf("more than the form's end follows field %s", packageField)
	}
	return f, packed, nil
}

func readPart(r *multipart.Reader, name string, limit int64) ([]byte, error) {
	part, err := r.NextRawPart()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return nil, fmt.Errorf("field %s: missing: %w", name, err)
	case err != nil: // it may quote a line of the form
		return nil, fmt.Errorf("field %s: missing, or its header is malformed", name)
	}
	if part.FormName() != name {
		return nil, fmt.Errorf("field %s: another field stands in its place", name)
	}
	if isFile := part.FileName() != ""; isFile != (name == packageField) {
		return nil, fmt.Errorf("field %s: only %s is a file", name, packageField)
	}
	raw, err := io.ReadAll(io.LimitReader(part, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("field %s: %w", name, err)
	case int64(len(raw)) > limit:
		return nil, fmt.Errorf("field %s: longer than %d bytes", name, limit)
	}
	return raw, nil
}

func appendFlag(dst []byte, flag bool) []byte {
	if flag {
		return append(dst, '1')
	}
	return append(dst, '0')
}

func parseInt(n *int, s string) bool {
	v, ok := parseNumber(s)
	*n = int(v)
	return ok && int64(*n) == v
}

func parseDigest(d *Digest, s string) bool {
	raw, err := hex.DecodeString(s)
	copy(d[:], raw)
	return err == nil && len(raw) == len(d) && hex.EncodeToString(raw) == s
}
