// Package programs_test tests the reading of campaign files that other programs write: openpyxl,
// XlsxWriter, SheetJS, exceljs and LibreOffice.
package programs_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// A file that another program has written is read as a person would read it, or refused.
//
// The programs are those of Debian and of npm, which testdata/npm names. SMSLINK_SPREADSHEETS is
// the folder of the latter, as .ci/run makes it.
func TestPrograms(t *testing.T) {
	npm := os.Getenv("SMSLINK_SPREADSHEETS")
	if npm == "" {
		t.Skip("SMSLINK_SPREADSHEETS does not name a folder with the npm packages; .ci/run spreadsheet_programs makes one")
	}
	folder := t.TempDir()
	run := func(name string, args ...string) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Env = append(os.Environ(), "NODE_PATH="+filepath.Join(npm, "node_modules"), "HOME="+folder)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s: %s", name, out)
	}
	run("/usr/bin/python3", filepath.Join("testdata", "python.py"), folder)
	run("node", filepath.Join("testdata", "npm.js"), folder)
	in := func(name string) string { return filepath.Join(folder, name) }
	run("soffice", "--headless", "--norestore", "-env:UserInstallation=file://"+in("profile"), "--convert-to", "xlsx", "--outdir", in("libreoffice"),
		in("openpyxl.xlsx"), in("openpyxl-formulas.xlsx"), in("openpyxl-hidden.xlsx"), in("xlsxwriter.xlsx"), in("exceljs.xlsx"))
	run("soffice", "--headless", "--norestore", "-env:UserInstallation=file://"+in("profile"), "--convert-to", "ods", "--outdir", in("libreoffice"), in("openpyxl.xlsx"))

	const (
		noZone     = "send_at is a date of the spreadsheet, which has no time zone; add --zone Europe/Bucharest, or write it as text, such as 2030-01-31T09:00:00+02:00"
		noTime     = "send_at is a date without a time of day; write both, such as 2030-01-31T09:00:00+02:00; if column D 'Data' is not meant as the time to send, add --column send_at="
		noResult   = " is a formula without a result; open the file in a spreadsheet program and save it"
		outdated   = ": text is a formula that was not calculated when the file was written; open the file in a spreadsheet program and save it, or paste the values"
		zero       = ": text is a formula with the result 0, as written by programs that can't calculate; open the file in a spreadsheet program and save it, or paste the values"
		isError    = ": text is an error of the spreadsheet, such as #N/A; fix its formula"
		lostZero   = ": to lacks its 0 or +, which a spreadsheet drops from numbers; format the column as text, or add --restore-zeros"
		rounded    = ": to is a number that the spreadsheet has rounded; format the column as text and type it again"
		isBoolean  = ": text is TRUE or FALSE, not text; format the column as text and type it again"
		isFraction = ": text is a number with a fraction, or with more digits than a spreadsheet keeps; format the column as text and type it again"
	)
	bucharest, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	typed := []string{
		"2 0712345671 Bună ziua, Ana\nne vedem mâine <&> \"azi\"", "3 0712345672 Comandă expediată 2030-01-31T07:00:00Z", "4 0040712345673 spații",
		"D5: " + noTime, "B6" + rounded, "C7" + isBoolean,
	}
	shown := []string{"2 0712345671 unu", "3 0712345672 doi (hidden)", "4 0712345673 trei (hidden)", "5 0712345674 patru"}
	three := []string{"2 0712345671 Bună ziua, Ana\nne vedem mâine", "3 0712345672 Comandă expediată; mulțumim", "4 +40712345673 1234"}
	asText := []string{three[0], "4" + lostZero, "5 +40712345673 1234"}
	rich := []string{"2 0712345671 Bună ziua 2030-01-31T07:00:00Z", "3 0712345672 Bună 0712345672", "B4: text" + noResult, "B5" + isError, "6 0712345675 adresa", "7 0712345676 ascuns (hidden)"}
	for _, c := range []struct {
		file  string
		rows  []string
		fails string
	}{
		{file: "openpyxl.xlsx", rows: typed},
		{file: "openpyxl-formulas.xlsx", rows: []string{"B2: text" + noResult, "C3: from" + noResult}},
		{file: "openpyxl-hidden.xlsx", rows: shown},
		{file: "openpyxl-streamed.xlsx", rows: []string{"2 0712345670 mesajul 0", "3 0712345671 mesajul 1", "4 0712345672 mesajul 2"}},
		{file: "openpyxl-1904.xlsx", rows: []string{"2 0712345671 unu 2030-01-31T07:00:00Z"}},
		{file: "xlsxwriter.xlsx", rows: []string{"B2" + outdated, "B3" + outdated, "B4" + outdated, "B5" + outdated}},
		{file: "xlsxwriter-constant-memory.xlsx", rows: []string{"2 0712345671 Bună ziua, Ana", "B3" + isFraction}},
		{file: "sheetjs.xlsx", rows: three},
		{file: "sheetjs-shared.xlsx", rows: three},
		{file: "sheetjs.txt", rows: asText},
		{file: "sheetjs.csv", rows: asText},
		{file: "sheetjs-odd.xlsx", rows: []string{"B2" + zero, "3 0712345672 doi (hidden)", "B4" + isError}},
		{file: "sheetjs.ods", fails: "the file is an OpenDocument, such as .ods; open it in a spreadsheet program and save it as .xlsx"},
		{file: "sheetjs.fods", fails: "the file is XML, whatever its name says; open it in a spreadsheet program and save it as .xlsx"},
		{file: "sheetjs.xls", fails: "the file is an old .xls; open it in a spreadsheet program and save it as .xlsx"},
		{file: "sheetjs.xlsb", fails: "the file is a binary workbook (.xlsb); save it as .xlsx"},
		{file: "sheetjs-xml.xls", fails: "the file is XML, whatever its name says; open it in a spreadsheet program and save it as .xlsx"},
		{file: "sheetjs-html.xls", fails: "the file is a web page, whatever its name says; open it in a spreadsheet program and save it as .xlsx"},
		{file: "exceljs.xlsx", rows: rich},
		{file: "exceljs-streamed.xlsx", rows: []string{"2 0712345671 unu", "3 0712345672 unu"}},
		{file: "libreoffice/openpyxl.xlsx", rows: typed},
		{file: "libreoffice/openpyxl-formulas.xlsx", rows: []string{"2 0712345671 Bună 0712345671", "3 0712345672 scris"}},
		{file: "libreoffice/openpyxl-hidden.xlsx", rows: shown},
		{file: "libreoffice/xlsxwriter.xlsx", rows: []string{"B2" + zero, "3 0712345672 Bună 0712345672", "4 0712345673 Bună 0712345673", "5 0712345674 Bună 0712345674"}},
		{file: "libreoffice/exceljs.xlsx", rows: []string{rich[0], rich[1], "4 0712345673 Bună 0712345673", rich[3], rich[4], rich[5]}},
		{file: "libreoffice/openpyxl.ods", fails: "the file is an OpenDocument, such as .ods; open it in a spreadsheet program and save it as .xlsx"},
	} {
		t.Run(c.file, func(t *testing.T) {
			rows, err := read(t, in(c.file), campaign.Options{Zone: bucharest})
			if c.fails != "" {
				require.EqualError(t, err, in(c.file)+": "+c.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.rows, rows)
		})
	}
	rows, err := read(t, in("openpyxl-1904.xlsx"), campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"C2: " + noZone}, rows)
}

// read returns the rows of a file: the id, the receiver and the text as it is sent, or where and
// why a row is refused.
func read(t *testing.T, name string, opts campaign.Options) (read []string, err error) {
	t.Helper()
	opts.Now = func() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }
	c, err := campaign.Open([]string{name}, opts)
	require.NoError(t, err)
	defer c.Close()
	rows, err := c.Rows()
	require.NoError(t, err)
	defer rows.Close()
	for rows.Next(t.Context()) {
		row := rows.Row()
		if row.Bad != nil {
			read = append(read, row.At(row.Bad.Column)+": "+row.Bad.Error())
			continue
		}
		text := fmt.Sprintf("%d %s %s", row.Message.ID, row.Message.To, row.Text)
		if !row.Message.SendAt.IsZero() {
			text += row.Message.SendAt.UTC().Format(" 2006-01-02T15:04:05Z")
		}
		if row.Hidden {
			text += " (hidden)"
		}
		read = append(read, text)
	}
	return read, rows.Err()
}
