// Package xlsxtest makes workbooks for tests.
package xlsxtest

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// namespaces are those of a workbook's parts.
const namespaces = `xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" ` +
	`xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"`

// Make returns a workbook with one sheet, whose worksheet element has that content. parts are
// added, or replace others.
func Make(sheet string, parts map[string]string) []byte {
	const namespace = `xmlns="http://schemas.openxmlformats.org/package/2006/relationships"`
	relationships := func(list string) string { return `<Relationships ` + namespace + `>` + list + `</Relationships>` }
	all := map[string]string{
		"_rels/.rels":     relationships(`<Relationship Id="a" Type="x/officeDocument" Target="xl/workbook.xml"/>`),
		"xl/workbook.xml": Workbook(""),
		"xl/_rels/workbook.xml.rels": relationships(`<Relationship Id="r1" Type="x/worksheet" Target="sheet1.xml"/>` +
			`<Relationship Id="r2" Type="x/styles" Target="styles.xml"/>`),
		"xl/styles.xml": `<styleSheet ` + namespaces + `>` +
			`<cellXfs><xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>`,
		"xl/sheet1.xml": xml.Header + `<worksheet ` + namespaces + `>` + sheet + `</worksheet>`,
	}
	maps.Copy(all, parts)
	var book bytes.Buffer
	out := zip.NewWriter(&book)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		w, err := out.Create(name)
		if err != nil {
			panic(err)
		}
		if _, err := w.Write([]byte(all[name])); err != nil {
			panic(err)
		}
	}
	if err := out.Close(); err != nil {
		panic(err)
	}
	return book.Bytes()
}

// Workbook returns the part xl/workbook.xml with one sheet, and with elements before and after the
// list of sheets.
func Workbook(before string, after ...string) string {
	const sheets = `<sheets><sheet name="Foaie1" sheetId="1" r:id="r1"/></sheets>`
	return `<workbook ` + namespaces + `>` + before + sheets + strings.Join(after, "") + `</workbook>`
}

// ChangePart returns a copy of the workbook with a changed part. It is an error if the change has
// no effect.
func ChangePart(book []byte, name string, change func(string) string) ([]byte, error) {
	in, err := zip.NewReader(bytes.NewReader(book), int64(len(book)))
	if err != nil {
		return nil, err
	}
	var changed bytes.Buffer
	out := zip.NewWriter(&changed)
	for _, f := range in.File {
		part, err := f.Open()
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(part)
		if err != nil {
			return nil, err
		}
		if f.Name == name {
			was := string(content)
			content = []byte(change(was))
			if string(content) == was {
				return nil, fmt.Errorf("%s has not changed", name)
			}
		}
		w, err := out.Create(f.Name)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(content); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	return changed.Bytes(), nil
}
