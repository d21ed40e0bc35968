package xlsx

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
)

// Writer writes a workbook with one sheet.
type Writer struct {
	zip   *zip.Writer
	sheet *bufio.Writer
	row   int
}

// Namespaces, and the beginnings of longer names.
const (
	mainNamespace    = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"`
	officeNamespace  = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
	packageNamespace = `xmlns="http://schemas.openxmlformats.org/package/2006/`
	contentType      = "application/vnd.openxmlformats-"
)

// The parts of a workbook that are the same in each.
var fixedParts = []struct{ name, content string }{
	{"[Content_Types].xml", `<Types ` + packageNamespace + `content-types">` +
		`<Default Extension="rels" ContentType="` + contentType + `package.relationships+xml"/>` +
		`<Override PartName="/xl/workbook.xml" ContentType="` + contentType +
		`officedocument.spreadsheetml.sheet.main+xml"/>` +
		`<Override PartName="/xl/worksheets/sheet1.xml" ContentType="` + contentType +
		`officedocument.spreadsheetml.worksheet+xml"/></Types>`},
	{"_rels/.rels", `<Relationships ` + packageNamespace + `relationships">` +
		`<Relationship Id="rId1" Type="` + officeNamespace + `/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
	{"xl/workbook.xml", `<workbook ` + mainNamespace + ` xmlns:r="` + officeNamespace + `">` +
		`<sheets><sheet name="Results" sheetId="1" r:id="rId1"/></sheets></workbook>`},
	{"xl/_rels/workbook.xml.rels", `<Relationships ` + packageNamespace + `relationships">` +
		`<Relationship Id="rId1" Type="` + officeNamespace + `/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
}

// NewWriter begins a workbook. The comment is the archive's, which no spreadsheet program shows.
func NewWriter(out io.Writer, comment string) (*Writer, error) {
	w := &Writer{zip: zip.NewWriter(out)}
	if err := w.zip.SetComment(comment); err != nil {
		return nil, err
	}
	for _, part := range fixedParts {
		f, err := w.zip.Create(part.name)
		if err != nil {
			return nil, err
		}
		if _, err := io.WriteString(f, xml.Header+part.content); err != nil {
			return nil, err
		}
	}
	f, err := w.zip.Create("xl/worksheets/sheet1.xml")
	if err != nil {
		return nil, err
	}
	w.sheet = bufio.NewWriterSize(f, 64<<10)
	_, err = w.sheet.WriteString(xml.Header + `<worksheet ` + mainNamespace + `><sheetData>`)
	return w, err
}

// Row adds a row. Fields are text, which is never a formula, except whole numbers in the columns
// that isNumber reports. It is an error if a sheet can't have so many rows.
func (w *Writer) Row(fields []string, isNumber func(column int) bool) error {
	if w.row++; w.row > maxRows {
		return errTooMany
	}
	fmt.Fprintf(w.sheet, `<row r="%d">`, w.row)
	for i, field := range fields {
		if field == "" {
			continue
		}
		cell := ColumnName(i) + strconv.Itoa(w.row)
		if _, err := strconv.Atoi(field); err == nil && isNumber(i) {
			fmt.Fprintf(w.sheet, `<c r="%s"><v>%s</v></c>`, cell, field)
			continue
		}
		fmt.Fprintf(w.sheet, `<c r="%s" t="inlineStr"><is><t xml:space="preserve">`, cell)
		if err := xml.EscapeText(w.sheet, []byte(field)); err != nil {
			return err
		}
		_, _ = w.sheet.WriteString(`</t></is></c>`)
	}
	_, err := w.sheet.WriteString(`</row>`) // which fails if a write before did
	return err
}

// Close writes the end of the workbook.
func (w *Writer) Close() error {
	_, _ = w.sheet.WriteString(`</sheetData></worksheet>`)
	if err := w.sheet.Flush(); err != nil {
		return err
	}
	return w.zip.Close()
}

// HasComment reports whether a file is an archive with this comment.
func HasComment(name, comment string) bool {
	r, err := zip.OpenReader(name)
	if err != nil {
		return false
	}
	defer func() { _ = r.Close() }()
	return r.Comment == comment
}
