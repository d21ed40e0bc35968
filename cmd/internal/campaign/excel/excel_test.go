// Package excel_test tests the reading of workbooks that another library writes. It is a package of
// its own because that library makes fuzzing slow.
package excel_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/xlsx/xlsxtest"
)

var update = flag.Bool("update", false, "write ../testdata/files/excel.xlsx")

// With -update, the test writes the workbook of campaign.TestFiles.
func TestMain(m *testing.M) {
	flag.Parse()
	if *update {
		if err := makeWorkbook(filepath.Join("..", "testdata", "files", "excel.xlsx")); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}

func makeWorkbook(name string) error {
	f := excelize.NewFile()
	const sheet = "Campanie"
	style := func(format string) int {
		id, _ := f.NewStyle(&excelize.Style{CustomNumFmt: &format})
		return id
	}
	errs := []error{f.SetSheetName("Sheet1", sheet)}
	for i, row := range [][]any{
		{"ID", "Telefon", "Expeditor", "Mesaj", "Data", "Total"},
		{1, 712345678, "", nil, nil, 10.5},
		{2, "0712345679", nil, "un rând\nși altul"},
		{3, int64(40712345680), "MAGAZIN", 1234},
		{4, 7.1234567890123456e17, nil, "a"},
		{5, "0712345682", nil, time.Date(2030, 1, 31, 9, 0, 0, 0, time.UTC)},
		{6, "0712345683", nil, nil},
		{7, "0712345684", nil, true},
		{8, "0712345685", nil, 0.1},
		{9, "0712345686", nil, 120},
		{10, "0712345687", nil, "a", time.Date(2030, 1, 31, 9, 0, 0, 0, time.UTC)},
		{10, "0712345687", nil, "a", 47514.375},
		{11, "0712345688", nil, "la timp", "2030-01-31T09:00:00+02:00"},
		{12, "0712345689", nil, "ascuns"},
		{nil, " ", "", nil, nil, nil, "lângă tabel"},
		{12, "0712345690", nil, "a"},
		{13, "0712345691", nil, nil},
		{14.5, "0712345691", nil, "a"},
		{15, "0712345692", nil, nil},
	} {
		errs = append(errs, f.SetSheetRow(sheet, fmt.Sprintf("A%d", i+1), &row))
	}
	errs = append(errs,
		f.SetCellRichText(sheet, "D2", []excelize.RichTextRun{{Text: "Bună "}, {Text: "Ana", Font: &excelize.Font{Bold: true}}, {Text: " 🎂"}}),
		f.SetCellStyle(sheet, "D10", "D10", style("#,##0.00 \"lei\"")),
		f.SetRowVisible(sheet, 14, false),
		f.SetCellFormula(sheet, "D17", "CONCATENATE(\"o \",B17)"),
		f.SetCellFormula(sheet, "D19", "CONCATENATE(\"o \",B19)"),
	)
	for _, name := range []string{"Goală", "Ascunsă"} {
		_, err := f.NewSheet(name)
		errs = append(errs, err)
	}
	errs = append(errs,
		f.SetSheetRow("Ascunsă", "A1", &[]any{"to", "text"}),
		f.SetSheetRow("Ascunsă", "A2", &[]any{"0712345678", "din a doua foaie"}),
		f.SetSheetVisible("Ascunsă", false),
	)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	var made bytes.Buffer
	if _, err := f.WriteTo(&made); err != nil {
		return err
	}
	// The library writes neither errors nor the results of formulas.
	changed, err := xlsxtest.ChangePart(made.Bytes(), "xl/worksheets/sheet1.xml", func(xml string) string {
		xml = strings.Replace(xml, `<v>12</v></c></row>`, `<v>12</v></c><c r="D7" t="e"><v>#N/A</v></c></row>`, 1)
		return strings.Replace(xml, `,B19)</f>`, `,B19)</f><v>o formulă</v>`, 1)
	})
	if err != nil {
		return err
	}
	return os.WriteFile(name, changed, 0o644)
}

// The texts of a workbook are read as another library has written them.
func TestWorkbook_asAnotherLibraryWritesIt(t *testing.T) {
	f := excelize.NewFile()
	texts := []string{"ș", " spații ", "linia\nnouă", "<&>\"'", "_x005F_x0041_", "🎂", strings.Repeat("a", 32767), "01", "1e3", "=1+1"}
	require.NoError(t, f.SetSheetRow("Sheet1", "A1", &[]any{"to", "text"}))
	for i, text := range texts {
		require.NoError(t, f.SetSheetRow("Sheet1", fmt.Sprintf("A%d", i+2), &[]any{"0712345678", text}))
	}
	var book bytes.Buffer
	_, err := f.WriteTo(&book)
	require.NoError(t, err)
	rows := read(t, book.Bytes())
	require.Len(t, rows, len(texts))
	for i, row := range rows {
		require.Nil(t, row.Bad)
		require.Equal(t, strings.Replace(texts[i], "_x005F_", "_", 1), row.Message.Text) // the format's own escape
	}
}

// read reads the rows of a workbook.
func read(t *testing.T, book []byte) (read []campaign.Row) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "book.xlsx")
	require.NoError(t, os.WriteFile(name, book, 0o600))
	c, err := campaign.Open([]string{name}, campaign.Options{})
	require.NoError(t, err)
	defer c.Close()
	rows, err := c.Rows()
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next(t.Context()) {
		read = append(read, *rows.Row())
	}
	require.NoError(t, rows.Err())
	return read
}
