package campaign

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// source reads the records of one file. next returns io.EOF at the end. Any other error names the
// line and ends the file, since no later record can be trusted.
type source interface {
	next(*record) error
	cols() *Columns // nil if the file has no header
}

// workbookMagic is how a workbook begins: with the header of a zip archive's first file.
const workbookMagic = "PK\x03\x04"

// newSource begins to read a file: a workbook, JSON lines if the first byte that is not white space
// is a brace, or otherwise CSV. No error of a source quotes the file, except names of columns.
func newSource(f *file, opts *Options) (source, error) {
	r := bufio.NewReader(f.in)
	start, _ := r.Peek(8)
	if bytes.HasPrefix(start, []byte(workbookMagic)) {
		if f.info == nil {
			return nil, errors.New("a workbook can't be read from a pipe; name the file")
		}
		return newWorkbook(f, opts)
	}
	if err := checkMagic(start, f.name); err != nil {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\ufeff")):
		_, _ = r.Discard(3)
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		// The mark says the order of the bytes. Broken characters become U+FFFD, which no row may
		// hold.
		utf16 := unicode.UTF16(unicode.BigEndian, unicode.ExpectBOM)
		r = bufio.NewReader(transform.NewReader(r, utf16.NewDecoder()))
	}
	before := skipBlankLines(r)
	header := firstLine(r)
	if err := checkText(header, before+1); err != nil {
		return nil, err
	}
	switch isJSON := bytes.HasPrefix(header, []byte("{")); {
	case opts.Sheet != "":
		return nil, errors.New("--sheet is for workbooks, and the file is not one")
	case isJSON && opts.Text != nil:
		return nil, errors.New("--text is for files with a header, and JSON lines have none")
	case isJSON && len(opts.Columns) > 0:
		return nil, fmt.Errorf("%s is for files with a header, and JSON lines have none", opts.columnFlag())
	case isJSON:
		return newJSONLines(r, before), nil
	}
	return newCSV(r, f.name, header, before, opts)
}

// checkMagic refuses files of other formats, by their first bytes.
func checkMagic(start []byte, name string) error {
	for magic, cause := range map[string]string{
		"PK\x05\x06":         "the file is an empty zip archive",
		"\xd0\xcf\x11\xe0":   "the file is an old .xls; open it in a spreadsheet program and save it as .xlsx",
		"\x1f\x8b":           "the file is compressed with gzip; decompress it first",
		"%PDF":               "the file is a PDF; export the table as .xlsx or CSV",
		"{\\rtf":             "the file is a document (RTF); copy its table into a spreadsheet and save it as .xlsx",
		"\x00\x00\xfe\xff":   "the file is in UTF-32; save it as CSV UTF-8",
		"\xff\xfe\x00\x00":   "the file is in UTF-32; save it as CSV UTF-8",
		"SQLite f":           "the file is a database; export the table as CSV",
		"\x89PNG":            "the file is a picture",
		"\xff\xd8\xff":       "the file is a picture",
		"Rar!":               "the file is a RAR archive; unpack it first",
		"7z\xbc\xaf\x27\x1c": "the file is a 7-Zip archive; unpack it first",
	} {
		if !bytes.HasPrefix(start, []byte(magic)) {
			continue
		}
		if magic[0] == 0xd0 && !strings.EqualFold(path.Ext(name), ".xls") {
			cause = "the workbook has a password, or is an old .xls; save it as .xlsx without a password"
		}
		return errors.New(cause)
	}
	return nil
}

// checkText refuses a file that is neither CSV nor JSON lines, by its first line.
func checkText(header []byte, line int) error {
	fault := func(cause string) error { return fmt.Errorf("line %d: %s", line, cause) }
	start := bytes.ToLower(header)
	has := func(mark string) bool { return bytes.Contains(start, []byte(mark)) }
	unquoted := quotation.ReplaceAll(header, nil) // a CR in quotes is part of a name
	switch {
	case bytes.HasPrefix(header, []byte("[")):
		return fault("the file is a JSON array; write JSON lines, one object on each line, without brackets or " +
			"commas between them")
	case bytes.HasPrefix(start, []byte("<")) && !has("<html") && (has("<?xml") || has("<workbook")):
		return errors.New("the file is XML, whatever its name says; open it in a spreadsheet program and save " +
			"it as .xlsx")
	case bytes.HasPrefix(start, []byte("<")), bytes.HasPrefix(start, []byte("mime-version:")):
		return errors.New("the file is a web page, whatever its name says; open it in a spreadsheet program and save " +
			"it as .xlsx")
	case bytes.HasPrefix(header, []byte("{")): // each line of JSON lines is checked
		return nil
	case bytes.IndexByte(header, 0) >= 0:
		return fault("the file is not text in UTF-8; save it as CSV in UTF-8")
	case !isUTF8(header):
		return fault("the header is not in UTF-8, but perhaps in Windows-1250; save the file as CSV UTF-8")
	case bytes.IndexByte(bytes.TrimRight(unquoted, "\r"), '\r') >= 0:
		return fault("the lines end in CR alone, like those of old Mac programs; save the file as CSV UTF-8")
	}
	return nil
}

// quotation matches a part of a line in quotes, or its rest if the quotes are not closed.
var quotation = regexp.MustCompile(`"[^"]*("|$)`)

// isUTF8 reports whether a text is in UTF-8, except for a character that is cut off at its end.
func isUTF8(text []byte) bool {
	for utf8.FullRune(text) {
		char, size := utf8.DecodeRune(text)
		if char == utf8.RuneError && size == 1 {
			return false
		}
		text = text[size:]
	}
	return true
}

// skipBlankLines skips lines of white space, and returns how many.
func skipBlankLines(r *bufio.Reader) (lines int) {
	for {
		line := peekLine(r)
		if len(line) == 0 || len(bytes.TrimSpace(line)) > 0 {
			return lines
		}
		_, _ = r.Discard(len(line))
		lines += bytes.Count(line, []byte("\n"))
	}
}

// firstLine returns the first line without white space at its start, as far as the buffer can hold
// it. It does not consume the line.
func firstLine(r *bufio.Reader) []byte {
	return bytes.TrimSuffix(bytes.TrimLeft(peekLine(r), " \t\r\n\v\f"), []byte("\n"))
}

// peekLine returns the next line with its end, as far as the buffer can hold it. It waits for
// nothing after the line, since a producer may be slow.
func peekLine(r *bufio.Reader) []byte {
	for n := 1; ; n = r.Buffered() + 1 {
		_, err := r.Peek(n)
		seen, _ := r.Peek(r.Buffered())
		if end := bytes.IndexByte(seen, '\n'); end >= 0 {
			return seen[:end+1]
		}
		if err != nil {
			return seen
		}
	}
}
