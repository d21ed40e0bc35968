package campaign_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// testdata/files holds files as spreadsheets write them, each with what a person expects of it.
// Those called libreoffice were saved by LibreOffice 7.4, and the others are as Excel saves them.
func TestFiles(t *testing.T) {
	for _, c := range []struct {
		file    string
		opts    campaign.Options
		columns string   // what is said about them, after the file's name
		rows    []string // id, receiver and text; or where and why a row is refused
		fails   string   // why the file is refused
	}{
		{file: "libreoffice-text.xlsx", columns: strings.Replace(namesAndPhones, "line", "row", 1), rows: twoOrders},
		{file: "libreoffice.csv", columns: namesAndPhones, rows: twoOrders},
		{file: "libreoffice-quoted.csv", columns: namesAndPhones, rows: twoOrders},
		{file: "libreoffice-unicode.csv", columns: namesAndPhones, rows: twoOrders},
		{
			file:    "libreoffice-numbers.xlsx",
			columns: "to = column B 'Nr. telefon', text = column C 'Mesaj'; there is no id column, so the row number of each row is its id; ignored: column A 'Nr. crt.'",
			rows: []string{
				"2 0712345678 Codul tău este 1234.",
				"3 0040723456789 Codul tău este 5678.",
				"B4: to is a number from which the spreadsheet has dropped the leading + or zeros; format the column as text and type it again",
			},
		},
		{file: "libreoffice.ods", fails: "the file is an OpenDocument, such as .ods; open it in a spreadsheet program and save it as .xlsx"},
		{file: "libreoffice.xls", fails: "the file is an old .xls; open it in a spreadsheet program and save it as .xlsx"},
		{
			file:    "excel-semicolons.csv",
			columns: "to = column A 'Telefon', text = column B 'Mesaj', send_at = column C 'Data'; there is no id column, so the line number of each row is its id; ignored: column D 'Observații'",
			rows:    []string{"3 0712345678 Bună, \"Ana\";\nne vedem mâine.", "5 +40 723 456 789 Mulțumim! 2030-01-31T07:00:00Z"},
		},
		{file: "excel-unicode.txt", columns: phonesAndTexts, rows: []string{"2 0712345678 Bună 🎂", "3 0723456789 La mulți ani!"}},
		{file: "excel-big-endian.txt", columns: phonesAndTexts, rows: []string{"2 0712345678 Bună 🎂"}},
		{
			file:    "excel-rounded.csv",
			columns: "to = column A 'telefon', text = column B 'mesaj'; there is no id column, so the line number of each row is its id",
			rows: []string{
				"2: 7,12…E+08: to is a number that a spreadsheet has rounded; format the column as text, type the number again and export it",
				"3 0723456789 Salut",
				"4: 7,23…E+08: to is a number that a spreadsheet has rounded; format the column as text, type the number again and export it",
			},
		},
		{
			file:    "excel-windows-1250.csv",
			columns: "to = column A 'telefon', text = column B 'mesaj'; there is no id column, so the line number of each row is its id",
			rows:    []string{"2: text is not in UTF-8; save the file as CSV UTF-8", "3 0723456789 Salut"},
		},
		{file: "two-phones.csv", fails: "line 1: each of column B 'telefon', column C 'mobil' may be to; say which with --column to=NAME"},
		{
			file: "two-phones.csv", opts: campaign.Options{Columns: map[string]string{"to": "Mobil"}},
			columns: "to = column C 'mobil', text = column D 'mesaj'; there is no id column, so the line number of each row is its id; ignored: column A 'nume', column B 'telefon'",
			rows:    []string{"2 0712345678 Salut"},
		},
		{file: "two-phones.csv", opts: campaign.Options{Columns: map[string]string{"to": "fax"}}, fails: "line 1: --column names \"fax\", but the file has no such column; it has column A 'nume', column B 'telefon', column C 'mobil', column D 'mesaj'"},
		{file: "two-phones.csv", opts: campaign.Options{Columns: map[string]string{"to": "mobil", "text": "mobil"}}, fails: "line 1: column C 'mobil' can't be both to and text"},
		{file: "two-phones.csv", opts: campaign.Options{Sheet: "Foaie1"}, fails: "--sheet is for workbooks, and the file is not one"},
		{
			file:    "excel.xlsx",
			columns: "sheet 'Campanie' of 3; id = column A 'ID', to = column B 'Telefon', from = column C 'Expeditor', text = column D 'Mesaj', send_at = column E 'Data'; ignored: column F 'Total'; 1 hidden row",
			rows: []string{
				"1 0712345678 Bună Ana 🎂",
				"2 0712345679 un rând\nși altul",
				"3 0040712345680 MAGAZIN 1234",
				"B5: to is a number that the spreadsheet has rounded; format the column as text and type it again",
				"D6: text is a date, not text; format the column as text and type it again",
				"D7: text is an error of the spreadsheet, such as #N/A; fix its formula",
				"D8: text is TRUE or FALSE, not text; format the column as text and type it again",
				"D9: text is a number with a fraction, or with more digits than a spreadsheet keeps; format the column as text and type it again",
				"D10: text is a number that the sheet shows in another way; format the column as text and type it again",
				"E11: send_at is a date of the spreadsheet, which has no time zone; add --zone Europe/Bucharest, or write it as text, such as 2030-01-31T09:00:00+02:00; if column E 'Data' is not meant as the time to send, add --column send_at=",
				"E12: send_at is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as 2030-01-31T09:00:00+02:00; if column E 'Data' is not meant as the time to send, add --column send_at=",
				"11 0712345688 la timp 2030-01-31T07:00:00Z",
				"12 0712345689 ascuns (hidden)",
				"A16: id stands in an earlier row; each message needs its own",
				"D17: text is a formula without a result; open the file in a spreadsheet program and save it",
				"A18: id is a number with a fraction, or with more digits than a spreadsheet keeps; format the column as text and type it again",
				"15 0712345692 o formulă",
			},
		},
		{file: "excel.xlsx", opts: campaign.Options{Sheet: "ascunsă"}, columns: "sheet 'Ascunsă' of 3; there is no id column, so the row number of each row is its id", rows: []string{"2 0712345678 din a doua foaie"}},
		{file: "excel.xlsx", opts: campaign.Options{ReceiversOnly: true}, fails: "the workbook has 3 sheets: 'Campanie', 'Goală', 'Ascunsă'; copy all rows into one sheet, and take the others out"},
		{file: "excel.xlsx", opts: campaign.Options{TextsOnly: true}, fails: "the workbook has 3 sheets: 'Campanie', 'Goală', 'Ascunsă'; copy all rows into one sheet, and take the others out"},
		{file: "excel.xlsx", opts: campaign.Options{Sheet: "Goală"}, fails: "sheet 'Goală' is empty; give it a header with the columns to and text; the other sheets are 'Campanie', 'Ascunsă': choose one with --sheet"},
		{file: "excel.xlsx", opts: campaign.Options{Sheet: "Foaie9"}, fails: "there is no sheet 'Foaie9'; the workbook has 'Campanie', 'Goală', 'Ascunsă'"},
	} {
		t.Run(c.file, func(t *testing.T) {
			name := filepath.Join("testdata", "files", c.file)
			columns := ""
			c.opts.OnColumns = func(_ *campaign.Campaign, found *campaign.Columns) error {
				require.Empty(t, columns, "the columns are shown once")
				columns = found.String()
				return nil
			}
			opened, err := campaign.Open([]string{name}, c.opts)
			require.NoError(t, err)
			defer opened.Close()
			for range 2 { // the second pass reads what the first one has
				rows, err := all(t, opened)
				if c.fails != "" {
					require.EqualError(t, err, name+": "+c.fails)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, name+": "+c.columns, columns)
				var read []string
				for _, row := range rows {
					require.Equal(t, name, row.File)
					read = append(read, textOf(row))
				}
				require.Equal(t, c.rows, read)
			}
		})
	}
}

// An error about a header names the flag that the command has for columns.
func TestColumns_remedies(t *testing.T) {
	report, list := campaign.Options{TextsOnly: true}, campaign.Options{ReceiversOnly: true}
	destinatie := map[string]string{"to": "destinatie"}
	filled := campaign.Options{Text: template(t, "Bună!")}
	for _, c := range []struct {
		header string
		opts   campaign.Options
		fails  string
	}{
		{"abonat,corp", campaign.Options{}, "there is no header with a known column; name its columns with --column to=NAME and --column text=NAME, or start the file with the header id,to,from,text,send_at, or write JSON lines"},
		{"abonat,corp", report, "there is no header with a known column; name its columns with --report-column to=NAME and --report-column text=NAME"},
		{"abonat,corp", list, "there is no header with a known column; give the column of the numbers the header to"},
		{"abonat,corp", filled, "there is no header with a known column; name its columns with --column to=NAME, or start the file with a header, such as to and the columns that the text names"},
		{"0712345678,telefon,text", report, "the name of column A is a number; is the header missing? export it again with its header"},
		{"telefon,corp", campaign.Options{}, "column text is missing; add it, or say which it is with --column text=NAME; the file has column A 'telefon', column B 'corp'"},
		{"telefon,corp", report, "column text is missing; add it, or say which it is with --report-column text=NAME; the file has column A 'telefon', column B 'corp'"},
		{"abonat,text", list, "column to is missing; give the column of the numbers the header to; the file has column A 'abonat', column B 'text'"},
		{"telefon,mobil,text", report, "each of column A 'telefon', column B 'mobil' may be to; say which with --report-column to=NAME"},
		{"telefon,mobil,text", list, "each of column A 'telefon', column B 'mobil' may be to; give the column of the numbers the header to"},
		{"telefon,text", campaign.Options{TextsOnly: true, Columns: destinatie}, "--report-column names \"destinatie\", but the file has no such column; it has column A 'telefon', column B 'text'"},
	} {
		name := file(t, "columns.csv", c.header+"\n0712345678,a,b\n")
		_, _, err := survey(t, name, c.opts)
		require.EqualError(t, err, name+": line 1: "+c.fails)
	}
}

const (
	namesAndPhones = "to = column B 'Telefon', text = column C 'Mesaj'; there is no id column, so the line number of each row is its id; ignored: column A 'Nume', column D 'Oraș'"
	phonesAndTexts = "to = column A 'Telefon', text = column B 'Mesaj'; there is no id column, so the line number of each row is its id"
)

var twoOrders = []string{"2 0712345678 Bună Ana, comanda ta a ajuns.", "3 0723456789 Bună Ion, factura e de 120,50 lei."}

// textOf returns a row in the form that TestFiles compares.
func textOf(row campaign.Row) string {
	if row.Bad != nil {
		at := row.Bad.Cell
		if at == "" {
			at = fmt.Sprint(row.Line)
		}
		if row.Bad.Shown != "" {
			at += ": " + row.Bad.Shown
		}
		return at + ": " + row.Bad.Error()
	}
	text := fmt.Sprintf("%d %s ", row.Message.ID, row.Message.To)
	if row.Message.From != "" {
		text += row.Message.From + " "
	}
	text += row.Message.Text
	if !row.Message.SendAt.IsZero() {
		text += row.Message.SendAt.UTC().Format(" 2006-01-02T15:04:05Z")
	}
	if row.Hidden {
		text += " (hidden)"
	}
	return text
}
