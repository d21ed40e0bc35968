package campaign_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// now is the time of these tests.
func now() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }

// survey returns a file's rows and the survey of them, or the error that stops the reading.
func survey(t testing.TB, name string, opts campaign.Options) (rows []string, s campaign.Survey, err error) {
	t.Helper()
	if opts.Now == nil {
		opts.Now = now
	}
	c, err := campaign.Open([]string{name}, opts)
	require.NoError(t, err)
	defer c.Close()
	read, err := all(t, c)
	for _, row := range read {
		rows = append(rows, textOf(row))
		s.Add(&row)
	}
	return rows, s, err
}

// testdata/cases holds small files that were once read wrongly.
func TestCases(t *testing.T) {
	const (
		days       = "send_at is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as 2030-01-31T09:00:00+02:00"
		notCounted = "text is a formula that was not calculated when the file was written; open the file in a spreadsheet program and save it, or paste the values"
		noResult   = " is a formula without a result; open the file in a spreadsheet program and save it"
		nextRow    = "text holds what looks like the next row: a quote before it is not closed; if this is intended, write JSON lines"
		isError    = "text is an error of the spreadsheet, such as #N/A; fix its formula"
		notData    = "; if column C 'Data' is not meant as the time to send, add --column send_at="
	)
	for _, c := range []struct {
		file     string
		opts     campaign.Options
		rows     []string
		warnings []string // FILE is the file's name
		columns  string   // a part of what is said about them
		fails    string
	}{
		{file: "formula-without-result.xlsx", rows: []string{"D2: send_at" + noResult, "C3: text" + noResult, "A4: id" + noResult, "5 0712345680 Salut"}},
		{file: "formula-result-zero.xlsx", rows: []string{"C2: " + notCounted, "C3: " + notCounted, "C4: " + notCounted}},
		{file: "filtered-rows.xlsx", rows: []string{"2 0712345671 a", "3 0712345672 b (hidden)", "4 0712345673 c (hidden)"}, warnings: []string{"2 rows are hidden in the sheet, perhaps by a filter", "3 texts have fewer than 3 characters: FILE:B2; is it the column of the texts? --column text=NAME chooses another"}, columns: "2 hidden rows"},
		{file: "filtered-rows.xlsx", opts: campaign.Options{SkipHidden: true}, rows: []string{"2 0712345671 a"}, warnings: []string{"1 text has fewer than 3 characters: FILE:B2; is it the column of the texts? --column text=NAME chooses another"}, columns: "2 hidden rows left out"},
		{file: "hidden-column.xlsx", rows: []string{"2 0712345671 visible"}, columns: "text = column B 'Mesaj'; there"},
		{file: "hidden-column.xlsx", opts: campaign.Options{Columns: map[string]string{"text": "Text"}}, rows: []string{"2 0712345671 HIDDEN"}, columns: "text = column C 'Text', which is hidden; there"},
		{file: "sendat-serial.csv", rows: []string{"2: 46023: " + days}},
		{file: "sendat-ymd.csv", rows: []string{"2: 20300131: send_at is a date without a time of day; write both, such as 2030-01-31T09:00:00+02:00"}},
		{file: "day-of-month.csv", rows: []string{"2: 15: " + days + notData}},
		{file: "day-of-month.csv", opts: campaign.Options{Columns: map[string]string{"send_at": ""}}, rows: []string{"2 0712345671 Buna"}, columns: "ignored: column C 'Data'"},
		{file: "past.csv", rows: []string{"2: 2020-01-01T10:00:00+02:00: send_at lies in the past; remove it to send now", "3: 46356: " + days}},
		{file: "stray1.csv", rows: []string{"2: " + nextRow, "4 0734567890 Hei"}},
		{file: "stray3.csv", rows: []string{"2: " + nextRow, "4 0734567890 Salut Dan"}},
		{file: "cr-swallow.csv", rows: []string{"2: holds what looks like the next row: a line of it ends in CR alone; save the file as CSV UTF-8 again", "3 0734567890 Hei"}},
		{file: "errors.csv", rows: []string{"2: " + isError, "3: " + isError, "4 0712345670 nan", "5 0712345671 None"}, warnings: []string{"2 texts hold nan, None or NULL, a program's word for an empty cell: FILE:4; leave the row out, or write a text"}},
		{file: "spaces.csv", rows: []string{"1  0712345678 numeric  Salut"}},
		{file: "nr-crt-before.csv", rows: []string{"2 0712000001 Buna A", "3: to has too few digits", "4 0712000003 Buna C", "5 0712000004 Buna D", "6 0712000005 Buna E"}, columns: "there is no id column, so the line number of each row is its id; ignored: column A 'Nr. crt.'"},
		{file: "fffd.csv", rows: []string{"2: text holds U+FFFD, which stands for a character that was lost; export the file as CSV UTF-8 again"}},
		{file: "moji.csv", rows: []string{"2 0712345671 BunÄƒ ziua, Ana; \"gata\"", "3 0712345672 È™È›ÄƒÃ®Ã¢ È˜ÈšÄ‚ÃŽÃ‚", "4 0712345673 linia 1\nlinia 2"}, warnings: []string{"2 texts hold letters in the wrong encoding, such as Äƒ for ă: FILE:2; export the file as CSV UTF-8 again"}},
		{file: "qm.csv", rows: []string{"2 0712345671 Bun? ziua, comanda a fost expediat?"}, warnings: []string{"1 text holds a ? where a letter may have been: FILE:2; export the file as CSV UTF-8 again"}},
		{file: "consent-column.csv", rows: []string{"2 0712345671 DA"}, warnings: []string{"1 text has fewer than 3 characters: FILE:2; is it the column of the texts? --column text=NAME chooses another"}},
		{
			file: "dup.csv", rows: []string{"2 0712345671 Buna", "3 +40712345671 Buna", "4 0722000111 x", "5 0722000111 y", "6 +4712345678 norvegia", "7 0037369123456 md"},
			warnings: []string{"2 messages go to a receiver of an earlier row", "abroad: +373 (1), +47 (1)", "3 texts have fewer than 3 characters: FILE:4; is it the column of the texts? --column text=NAME chooses another"},
		},
		{file: "tpl.csv", rows: []string{"2 0712345671 Buna {nume}, aveti reducere"}, warnings: []string{"1 text holds a placeholder, such as {nume}, that nothing was filled in for: FILE:2; fill it in with --text, or in the file"}},
		{file: "cr.csv", fails: "line 1: the lines end in CR alone, like those of old Mac programs; save the file as CSV UTF-8"},
		{file: "cp1250h.csv", fails: "line 1: the header is not in UTF-8, but perhaps in Windows-1250; save the file as CSV UTF-8"},
		{file: "blank.csv", rows: []string{"5 0712345671 Buna"}},
		{file: "eq.csv", rows: []string{"2 0712345678 Salut"}},
		{file: "html.xls", fails: "the file is a web page, whatever its name says; open it in a spreadsheet program and save it as .xlsx"},
		{file: "xml2003.xls", fails: "the file is XML, whatever its name says; open it in a spreadsheet program and save it as .xlsx"},
		{file: "zipped.zip", fails: "the file is a zip archive, not a workbook; unpack it, and name the file in it"},
		{file: "document.docx", fails: "the file is a Word document; copy its table into a spreadsheet and save it as .xlsx"},
		{file: "backslash.xlsx", fails: "the workbook's parts have names that only some programs read; open it in a spreadsheet program and save it again"},
		{file: "numbers-summary.xlsx", fails: "sheet 'Export Summary' has no header with a known column; the other sheet is 'Sheet 1 - Table 1': choose it with --sheet, or name the columns with --column to=NAME and --column text=NAME"},
		{file: "numbers-summary.xlsx", opts: campaign.Options{Sheet: "Sheet 1 - Table 1"}, rows: []string{"2 0712345678 Salut"}},
	} {
		t.Run(c.file, func(t *testing.T) {
			name := filepath.Join("testdata", "cases", c.file)
			columns := ""
			c.opts.OnColumns = func(_ *campaign.Campaign, found *campaign.Columns) error {
				columns = found.String()
				return nil
			}
			rows, s, err := survey(t, name, c.opts)
			if c.fails != "" {
				require.EqualError(t, err, name+": "+c.fails)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.rows, rows)
			var warnings []string
			for _, warning := range s.Warnings() {
				warnings = append(warnings, strings.Replace(warning, name, "FILE", 1))
			}
			require.Equal(t, c.warnings, warnings)
			require.Contains(t, columns, c.columns)
		})
	}
}

// A workbook that a spreadsheet program has saved again has the same rows.
func TestCases_savedAgain(t *testing.T) {
	before, _, err := survey(t, filepath.Join("testdata", "cases", "resaved-before.xlsx"), campaign.Options{})
	require.NoError(t, err)
	after, _, err := survey(t, filepath.Join("testdata", "cases", "resaved-after.xlsx"), campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, before, after)
}

// A receiver that several rows have is shown as the first of them writes it.
func TestSurvey_repeatedReceivers(t *testing.T) {
	name := filepath.Join("testdata", "cases", "dup.csv")
	_, s, err := survey(t, name, campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, 2, s.Repeated.Count())
	require.Equal(t, []campaign.Receiver{
		{Number: "0712345671", Rows: []campaign.Place{{File: name, Line: 2}, {File: name, Line: 3}}},
		{Number: "0722000111", Rows: []campaign.Place{{File: name, Line: 4}, {File: name, Line: 5}}},
	}, s.Repeated.Receivers())
	require.Equal(t, map[string]int{"47": 1, "373": 1}, s.Abroad)

	var rows strings.Builder
	rows.WriteString("to,text\n")
	numbers := []string{"+40712345678", "0040 712 345 678", "+49151123456", "0049151123456", "0700000000", "+40 (0) 700000000", "0799999999", "+1 202 555 0100", "0012025550100"}
	for _, number := range numbers {
		fmt.Fprintf(&rows, "%s,text\n", number)
	}
	name = file(t, "r.csv", rows.String())
	_, s, err = survey(t, name, campaign.Options{})
	require.NoError(t, err)
	at := func(lines ...int) (places []campaign.Place) {
		for _, line := range lines {
			places = append(places, campaign.Place{File: name, Line: line})
		}
		return places
	}
	require.Equal(t, []campaign.Receiver{
		{Number: "0700000000", Rows: at(6, 7)}, {Number: "+40712345678", Rows: at(2, 3)}, {Number: "+12025550100", Rows: at(9, 10)}, {Number: "+49151123456", Rows: at(4, 5)},
	}, s.Repeated.Receivers())
	require.Equal(t, map[string]int{"49": 2, "1": 2}, s.Abroad)
}

// The rows of a receiver may stand in any number of files.
func TestRepeated_manyFiles(t *testing.T) {
	var r campaign.Repeated
	var places []campaign.Place
	for i := range 100 {
		name := fmt.Sprintf("%d.csv", i)
		for line, to := range []string{"0712345678", "+12025550100", fmt.Sprintf("07000000%02d", i)} {
			r.Add(&campaign.Row{File: name, Line: line + 2, To: to, Message: smslink.Message{To: to}})
		}
		places = append(places, campaign.Place{File: name, Line: 2})
	}
	require.Equal(t, 2*99, r.Count())
	receivers := r.Receivers()
	require.Len(t, receivers, 2)
	require.Equal(t, campaign.Receiver{Number: "0712345678", Rows: places}, receivers[0])
}

// file writes a file of that name.
func file(t testing.TB, name, content string) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
	return name
}

// A row whose time has passed may have been sent by an earlier run, so all of it is read.
func TestRows_past(t *testing.T) {
	c, err := campaign.Open([]string{file(t, "p.csv", "to,text,send_at\n0712345678,ă,2026-11-30T11:59:59Z\n0712345678,a,2026-11-30T12:00:01Z\n")}, campaign.Options{Now: now})
	require.NoError(t, err)
	defer c.Close()
	rows, err := all(t, c)
	require.NoError(t, err)
	require.ErrorIs(t, rows[0].Bad, campaign.ErrPast)
	require.Equal(t, "+40712345678", rows[0].E164())
	require.Equal(t, 1, rows[0].Size.Segments)
	require.Nil(t, rows[1].Bad)
}
