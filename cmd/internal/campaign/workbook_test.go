package campaign_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/xlsx/xlsxtest"
)

// A broken workbook is refused: the break is never taken for the end of the rows.
func TestWorkbook_broken(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "files", "libreoffice-text.xlsx"))
	require.NoError(t, err)
	const part = "xl/worksheets/sheet1.xml"
	for name, change := range map[string]func(string) string{
		"cut within a row":      func(xml string) string { return before(xml, `r="C3"`) },
		"cut between rows":      func(xml string) string { return before(xml, `<row r="3"`) },
		"cut after the rows":    func(xml string) string { return before(xml, `</sheetData>`) },
		"a mismatched end":      func(xml string) string { return strings.Replace(xml, "</row>", "</c>", 1) },
		"a text that is absent": func(xml string) string { return strings.Replace(xml, `t="s"><v>4<`, `t="s"><v>4000<`, 1) },
		"rows out of order":     func(xml string) string { return strings.Replace(xml, `<row r="3"`, `<row r="1"`, 1) },
		"cells out of order":    func(xml string) string { return strings.Replace(xml, `r="C3"`, `r="A3"`, 1) },
		"a cell of no column":   func(xml string) string { return strings.Replace(xml, `r="C3"`, `r="3"`, 1) },
		"an unknown kind":       func(xml string) string { return strings.Replace(xml, `t="s"`, `t="x"`, 1) },
		"a document type": func(xml string) string {
			return strings.Replace(xml, "<worksheet", "<!DOCTYPE a [<!ENTITY x \"y\">]><worksheet", 1)
		},
		"text after the end":  func(xml string) string { return xml + "x" },
		"two roots":           func(xml string) string { return xml + "<worksheet/>" },
		"another root":        func(string) string { return "<html/>" },
		"nothing":             func(string) string { return "" },
		"an undefined entity": func(xml string) string { return strings.Replace(xml, `<v>0<`, `<v>&x;<`, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			broken, err := xlsxtest.ChangePart(whole, part, change)
			require.NoError(t, err)
			rows, err := rowsOf(t, string(broken))
			require.ErrorContains(t, err, "the workbook ")
			require.Empty(t, rows)
		})
	}
	for n := 4; n < len(whole); n += 97 {
		_, err := rowsOf(t, string(whole[:n]))
		require.Error(t, err, "cut at %d", n)
	}
}

func before(xml, mark string) string {
	cut, _, _ := strings.Cut(xml, mark)
	return cut
}

// A workbook is a file: a pipe can't be read from its end.
func TestWorkbook_pipe(t *testing.T) {
	whole, err := os.ReadFile(filepath.Join("testdata", "files", "libreoffice-text.xlsx"))
	require.NoError(t, err)
	rows, err := piped(bytes.NewReader(whole))
	require.NoError(t, err)
	require.False(t, rows.Next(t.Context()))
	require.EqualError(t, rows.Err(), "standard input: a workbook can't be read from a pipe; name the file")
}

// How far a workbook was read is never known, not even before its first row.
func TestPosition(t *testing.T) {
	for name, size := range map[string]int64{
		filepath.Join("testdata", "files", "libreoffice-text.xlsx"): 0, file(t, "f.csv", "to,text\n0712345678,abc\n"): 23, file(t, "e", "P"): 1,
	} {
		c, err := campaign.Open([]string{name}, campaign.Options{})
		require.NoError(t, err)
		defer c.Close()
		_, got := c.Position()
		require.Equal(t, size, got, name)
		_, _ = all(t, c)
		read, got := c.Position()
		require.Equal(t, []int64{size, size}, []int64{read, got}, name)
	}
}

// No workbook causes a panic. It has an error or a row.
func FuzzWorkbook(f *testing.F) {
	f.Add(`<sheetData><row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="inlineStr"><is><t>text</t></is></c></row><row hidden="1"><c><v>712345678</v></c><c s="1"><f>A1</f><v>1</v></c></row></sheetData>`, `<si><t>to</t></si>`)
	f.Add(`<cols><col min="1" max="2" hidden="1"/></cols><sheetData><row><c t="str"><f t="array" ref="A1:B2"/><v>a</v></c></row></sheetData>`, `<si><r><t>a</t></r><rPh><t>b</t></rPh></si>`)
	f.Fuzz(func(t *testing.T, sheet, texts string) {
		rows, err := rowsOf(t, string(xlsxtest.Make(sheet, map[string]string{
			"xl/ss.xml":                  "<sst>" + texts + "</sst>",
			"xl/_rels/workbook.xml.rels": relations + `<Relationship Id="r3" Type="x/styles" Target="styles.xml"/></Relationships>`,
		})))
		if err == nil {
			require.NotEmpty(t, rows)
		}
	})
}
