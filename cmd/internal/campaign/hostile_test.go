package campaign_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/xlsx/xlsxtest"
)

const (
	headRow   = `<row r="1"><c r="A1" t="inlineStr"><is><t>to</t></is></c><c r="B1" t="inlineStr"><is><t>text</t></is></c></row>`
	relations = `<Relationships><Relationship Id="r1" Type="x/worksheet" Target="sheet1.xml"/><Relationship Id="r2" Type="x/sharedStrings" Target="ss.xml"/>`
)

// bomb returns a workbook with a part of at least size bytes, which repeats a text.
func bomb(t *testing.T, part, before, repeated, after string, size int) []byte {
	t.Helper()
	var book bytes.Buffer
	out := zip.NewWriter(&book)
	out.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for name, content := range map[string]string{
		"_rels/.rels":                `<Relationships><Relationship Id="a" Type="x/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
		"xl/workbook.xml":            xlsxtest.Workbook(""),
		"xl/_rels/workbook.xml.rels": relations + `<Relationship Id="r3" Type="x/styles" Target="st.xml"/></Relationships>`,
		"xl/sheet1.xml":              `<worksheet><sheetData>` + headRow + `<row><c t="inlineStr"><is><t>0712345678</t></is></c><c t="s"><v>0</v></c></row></sheetData></worksheet>`,
		"xl/ss.xml":                  `<sst><si><t>x</t></si></sst>`,
		"xl/st.xml":                  `<styleSheet/>`,
	} {
		if name != part {
			w, err := out.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			require.NoError(t, err)
			_, err = io.WriteString(w, content)
			require.NoError(t, err)
			continue
		}
		w, err := out.Create(name)
		require.NoError(t, err)
		_, err = io.WriteString(w, before)
		require.NoError(t, err)
		block := strings.Repeat(repeated, 1+1<<16/len(repeated))
		for written := 0; written < size; written += len(block) {
			_, err = io.WriteString(w, block)
			require.NoError(t, err)
		}
		_, err = io.WriteString(w, after)
		require.NoError(t, err)
	}
	require.NoError(t, out.Close())
	return book.Bytes()
}

// A small file that was made to exhaust memory or time is refused in time.
func TestWorkbook_hostile(t *testing.T) {
	const (
		sheet, shared, book = "xl/sheet1.xml", "xl/ss.xml", "xl/workbook.xml"
		styles, rels        = "xl/st.xml", "xl/_rels/workbook.xml.rels"
		rows                = `<worksheet><sheetData>` + headRow
		tooMuch             = "the workbook unpacks to more than 100 times its size, like a file made to exhaust memory; save it again in a spreadsheet program, or as CSV"
		tooMany             = "the workbook has more rows, columns or sheets than a spreadsheet can have"
		tooManyParts        = "the workbook has more parts or array formulas than a spreadsheet program writes; save it again in one, or as CSV"
		tooLong             = "a cell or another element of the workbook has more than 1 MiB"
		broken              = "the workbook is damaged (its XML or its archive is broken)"
	)
	for _, c := range []struct {
		name, part, before, repeated, after, says string
		long                                      bool // in the short form, another one reaches its bound
	}{
		{"a comment", shared, "<sst><!-- ", ">", " --></sst>", tooLong, false},
		{"comments", shared, "<sst>", "<!-- -->", "</sst>", tooMuch, true},
		{"processing instructions", shared, "<sst>", "<?a?>", "</sst>", tooMuch, true},
		{"an attribute", shared, `<sst a="`, ">", `"></sst>`, tooLong, true},
		{"attributes", shared, `<sst`, ` a="1"`, `></sst>`, tooLong, true},
		{"namespaces", shared, `<sst`, ` xmlns:a="1"`, `></sst>`, tooLong, true},
		{"entities", shared, `<sst><si><t>`, `&amp;`, `</t></si></sst>`, tooLong, true},
		{"pieces of a text", shared, "<sst><si><t>", "a<b/>", "</t></si></sst>", tooMuch, true},
		{"runs of a text", shared, "<sst><si>", "<t>a</t>", "</si></sst>", tooMuch, true},
		{"phonetic runs", shared, "<sst><si>", "<rPh><t>a</t></rPh>", "</si></sst>", tooMuch, true},
		{"empty strings", shared, "<sst>", "<si/>", "</sst>", tooMuch, true},
		{"short strings", shared, "<sst>", "<si><t>ab</t></si>", "</sst>", tooMuch, true},
		{"long strings", shared, "<sst>", "<si><t>" + strings.Repeat("a", 1000) + "</t></si>", "</sst>", tooMuch, true},
		{"one string", shared, "<sst><si><t>", "a", "</t></si></sst>", tooLong, false},
		{"names", shared, "<sst><", "a", "/></sst>", tooLong, true},
		{"depth", sheet, rows, "<b>", "", broken, false},
		{"depth of the list of sheets", book, "<workbook>", "<b>", "", broken, true},
		{"sheets", book, `<workbook xmlns:r="r"><sheets>`, `<sheet r:id="r1"/>`, "</sheets></workbook>", tooMany, false},
		{"relations", rels, relations, `<Relationship Id="x" Type="/worksheet"/>`, "</Relationships>", tooManyParts, false},
		{"parts of strings", rels, relations, `<Relationship Id="x" Type="x/sharedStrings" Target="ss.xml"/>`, "</Relationships>", tooManyParts, true},
		{"cells", sheet, rows + "<row>", "<c><f/></c>", "</row></sheetData></worksheet>", tooMany, false},
		{"columns", sheet, "<worksheet><cols>", `<col min="1" max="16384" hidden="1"/>`, "</cols></worksheet>", tooMany, false},
		{"array formulas", sheet, rows, `<row><c><f t="array" ref="A1:XFD1048576"/></c></row>`, "</sheetData></worksheet>", tooManyParts, false},
		{"rows", sheet, rows, "<row><c><f/></c></row>", "</sheetData></worksheet>", tooMuch, true},
		{"empty rows", sheet, rows, "<row/>", "</sheetData></worksheet>", tooMuch, false},
		{"a row number", sheet, rows, `<row r="1048577"/>`, "</sheetData></worksheet>", tooMany, false},
		{"names of columns", sheet, `<worksheet><sheetData><row r="1">`, `<c t="inlineStr"><is><t>telefon</t></is></c>`, "</row></sheetData></worksheet>", tooMany, false},
		{"styles of a long format", styles, `<styleSheet><numFmts><numFmt numFmtId="200" formatCode="` + strings.Repeat("0", 1_000_000) + `"/></numFmts><cellXfs>`, `<xf numFmtId="200"/>`, "</cellXfs></styleSheet>", tooMuch, true},
		{"a cell", sheet, rows + `<row><c t="inlineStr"><is><t>`, "a", "</t></is></c></row></sheetData></worksheet>", tooLong, false},
		{"numbers of many bits", sheet, rows, "<row><c><v>0x1.p9999999</v></c><c><v>1e999999999</v></c></row>", "</sheetData></worksheet>", tooMuch, true},
		{"entities that expand", book, `<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb">`, `<!ENTITY c "&b;&b;&b;">`, `]>` + xlsxtest.Workbook(""), tooLong, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			size := 24 << 20
			if os.Getenv("SMSLINK_LONG") == "" {
				if c.long {
					t.Skip("SMSLINK_LONG=1 runs those that reach the bound of another")
				}
				size = 2 << 20
				if c.says == tooMuch {
					size = 4 << 20
				}
			}
			name := file(t, "b.xlsx", string(bomb(t, c.part, c.before, c.repeated, c.after, size)))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err := survey(t, name, campaign.Options{})
			runtime.ReadMemStats(&after)
			require.EqualError(t, err, name+": "+c.says)
			require.Less(t, after.Sys-before.Sys, uint64(150<<20))
		})
	}
}

// An archive with a long list of parts is refused before the list is read.
func TestWorkbook_parts(t *testing.T) {
	var book bytes.Buffer
	out := zip.NewWriter(&book)
	for range 5_000 {
		_, err := out.CreateHeader(&zip.FileHeader{Name: strings.Repeat("x", 1000)})
		require.NoError(t, err)
	}
	require.NoError(t, out.Close())
	name := file(t, "b.xlsx", book.String())
	_, _, err := survey(t, name, campaign.Options{})
	require.EqualError(t, err, name+": the workbook has more parts or array formulas than a spreadsheet program writes; save it again in one, or as CSV")
}

// Any part with changed bytes is refused.
func TestWorkbook_checksums(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "files", "libreoffice-text.xlsx"))
	require.NoError(t, err)
	in, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	require.NoError(t, err)
	for _, part := range []string{"_rels/.rels", "xl/workbook.xml", "xl/_rels/workbook.xml.rels", "xl/styles.xml", "xl/sharedStrings.xml", "xl/worksheets/sheet1.xml"} {
		t.Run(part, func(t *testing.T) {
			var stored bytes.Buffer
			out := zip.NewWriter(&stored)
			var content []byte
			for _, f := range in.File {
				opened, err := f.Open()
				require.NoError(t, err)
				read, err := io.ReadAll(opened)
				require.NoError(t, err)
				if f.Name == part {
					content = read
				}
				w, err := out.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Store})
				require.NoError(t, err)
				_, err = w.Write(read)
				require.NoError(t, err)
			}
			require.NoError(t, out.Close())
			_, _, err := survey(t, file(t, "b.xlsx", stored.String()), campaign.Options{})
			require.NoError(t, err)

			changed := bytes.Clone(content) // the last space between two elements, or a comment's sign
			changed[bytes.LastIndexByte(changed, '>')] = ' '
			changed = append(changed[:len(changed)-1], '>')
			if bytes.Equal(changed, content) {
				changed = bytes.Replace(content, []byte("UTF-8"), []byte("utf-8"), 1)
			}
			require.NotEqual(t, content, changed)
			require.Len(t, changed, len(content))
			_, _, err = survey(t, file(t, "b.xlsx", strings.Replace(stored.String(), string(content), string(changed), 1)), campaign.Options{})
			require.ErrorContains(t, err, "the workbook is damaged (its XML or its archive is broken)")
		})
	}
}
