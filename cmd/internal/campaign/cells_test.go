package campaign_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/xlsx/xlsxtest"
)

// inline is a cell with a text.
func inline(text string) string { return `<c t="inlineStr"><is><t>` + text + `</t></is></c>` }

func row(attributes string, cells ...string) string {
	return "<row " + attributes + ">" + strings.Join(cells, "") + "</row>"
}

// bookOf returns a workbook with a row for each cell: a receiver and the cell, in a column of that
// name.
func bookOf(t *testing.T, column string, parts map[string]string, cells ...string) string {
	t.Helper()
	head := []string{inline("telefon"), inline(column)}
	text := ""
	if column != "mesaj" {
		head = append(head, inline("mesaj"))
		text = inline("salut")
	}
	rows := row("", head...)
	for _, cell := range cells {
		rows += row("", inline("0712345678"), cell, text)
	}
	return file(t, "b.xlsx", string(xlsxtest.Make("<sheetData>"+rows+"</sheetData>", parts)))
}

// A cell is a text only if its meaning is certain.
func TestWorkbook_cells(t *testing.T) {
	const (
		zero     = " is a formula with the result 0, as written by programs that can't calculate; open the file in a spreadsheet program and save it, or paste the values"
		noResult = " is a formula without a result; open the file in a spreadsheet program and save it"
		isError  = " is an error of the spreadsheet, such as #N/A; fix its formula"
	)
	for _, c := range []struct{ name, column, cell, want string }{
		{"a formula's text", "mesaj", `<c t="str"><f>A1</f><v>bună</v></c>`, "bună"},
		{"an empty value", "mesaj", `<c><f>A1</f><v></v></c>`, noResult},
		{"an empty element", "mesaj", `<c><f>A1</f><v/></c>`, noResult},
		{"no value", "mesaj", `<c><f>A1</f></c>`, noResult},
		{"no value of a text", "mesaj", `<c t="str"><f>A1</f></c>`, noResult},
		{"an empty number", "mesaj", `<c t="n"><f>A1</f><v></v></c>`, noResult},
		{"an empty Boolean", "mesaj", `<c t="b"><f>A1</f><v></v></c>`, noResult},
		{"an empty error", "mesaj", `<c t="e"><f>A1</f><v></v></c>`, noResult},
		{"an empty shared text", "mesaj", `<c t="s"><f>A1</f><v></v></c>`, noResult},
		{"an empty text", "mesaj", `<c t="str"><f>A1</f><v></v></c>`, " is empty once the white space at its ends is trimmed"},
		{"an empty sender", "expeditor", `<c t="str"><f>A1</f><v></v></c>`, "salut"},
		{"a sender without a result", "expeditor", `<c><f>A1</f><v></v></c>`, noResult},
		{"a result of 0", "mesaj", `<c><f>A1</f><v>0</v></c>`, zero},
		{"a result of 0.0", "mesaj", `<c><f>A1</f><v>0.0</v></c>`, zero},
		{"a sender of 0", "expeditor", `<c><f>A1</f><v>0</v></c>`, zero},
		{"a time of 0", "send_at", `<c><f>A1</f><v>0</v></c>`, zero},
		{"a shared formula", "mesaj", `<c><f t="shared" si="0"/><v>0</v></c>`, zero},
		{"a result that is a number", "mesaj", `<c><f>A1</f><v>12</v></c>`, "12"},
		{"a result that is an error", "mesaj", `<c t="e"><f>A1</f><v>#VALUE!</v></c>`, isError},
		{"a result that is TRUE", "mesaj", `<c t="b"><f>A1</f><v>1</v></c>`, " is TRUE or FALSE, not text; format the column as text and type it again"},
		{"the text of an error", "mesaj", inline("#DIV/0!"), isError},
		{"0 as it was typed", "mesaj", `<c><v>0</v></c>`, "0"},
		{"a text with an escape", "mesaj", inline("a_x000A_b"), "a\nb"},
		{"runs", "mesaj", `<c t="inlineStr"><is><r><rPr><b/></rPr><t>Bună</t></r><r><t xml:space="preserve"> ziua</t></r><rPh sb="0" eb="1"><t>x</t></rPh></is></c>`, "Bună ziua"},
		{"a date", "mesaj", `<c s="1"><v>47514.375</v></c>`, " is a date, not text; format the column as text and type it again"},
		{"an ISO date", "send_at", `<c t="d"><v>2030-01-31T09:00:00Z</v></c>`, "salut 2030-01-31T09:00:00Z"},
		{"an ISO date without a zone", "send_at", `<c t="d"><v>2030-01-31T09:00:00</v></c>`, " has no time zone; add --zone Europe/Bucharest, or write it as 2030-01-31T09:00:00+02:00"},
		{"Unix seconds", "send_at", `<c><v>1896073200</v></c>`, "salut 2030-01-31T07:00:00Z"},
		{"days", "send_at", `<c><v>47514.375</v></c>`, " is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as 2030-01-31T09:00:00+02:00"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, _, err := survey(t, bookOf(t, c.column, nil, c.cell), campaign.Options{})
			require.NoError(t, err)
			want := "2 0712345678 " + c.want
			if strings.HasPrefix(c.want, " ") {
				column := map[string]string{"mesaj": "text", "expeditor": "from", "send_at": "send_at"}[c.column]
				want = "B2: " + column + c.want
			}
			require.Equal(t, []string{want}, rows)
		})
	}
}

// The cells that an array formula fills hold its results and no formula.
func TestWorkbook_arrayFormulas(t *testing.T) {
	cells := []string{`<c><f t="array" ref="B2:B3">A1:A2</f><v>0</v></c>`, `<c><v>0</v></c>`, `<c><v>0</v></c>`}
	rows, _, err := survey(t, bookOf(t, "mesaj", nil, cells...), campaign.Options{})
	require.NoError(t, err)
	require.Contains(t, rows[0], "B2: text is a formula with the result 0")
	require.Contains(t, rows[1], "B3: text is a formula with the result 0")
	require.Equal(t, "4 0712345678 0", rows[2])
}

// A workbook that is calculated only when it is opened holds no results.
func TestWorkbook_toBeCalculated(t *testing.T) {
	cells := []string{`<c t="str"><f>A1</f><v>vechi</v></c>`, inline("scris")}
	for calculation, outdated := range map[string]bool{
		`<calcPr calcId="1" fullCalcOnLoad="1"/>`: true, `<calcPr fullCalcOnLoad="true"/>`: true, `<calcPr calcCompleted="0"/>`: true, `<calcPr calcId="191029"/>`: false, "": false,
	} {
		rows, _, err := survey(t, bookOf(t, "mesaj", map[string]string{"xl/workbook.xml": xlsxtest.Workbook("", calculation)}, cells...), campaign.Options{})
		require.NoError(t, err)
		if outdated {
			require.Equal(t, "B2: text is a formula that was not calculated when the file was written; open the file in a spreadsheet program and save it, or paste the values", rows[0])
		} else {
			require.Equal(t, "2 0712345678 vechi", rows[0])
		}
		require.Equal(t, "3 0712345678 scris", rows[1])
	}
}

// A date of a workbook is the time that clocks in the zone show.
func TestWorkbook_dates(t *testing.T) {
	bucharest, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	date := func(days string) string { return `<c s="1"><v>` + days + `</v></c>` }
	for _, c := range []struct {
		days      string
		since1904 bool
		want      string
	}{
		{"47514.375", false, "2 0712345678 salut 2030-01-31T07:00:00Z"},
		{"46052.375", true, "2 0712345678 salut 2030-01-31T07:00:00Z"},
		{"47666.75", false, "2 0712345678 salut 2030-07-02T15:00:00Z"},
		{"47514.37500000001", false, "2 0712345678 salut 2030-01-31T07:00:00Z"},
		{"47514.374999999", false, "2 0712345678 salut 2030-01-31T07:00:00Z"},
		{"47514", false, "B2: send_at is a date without a time of day; write both, such as 2030-01-31T09:00:00+02:00"},
		{"0.375", false, "B2: send_at is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as 2030-01-31T09:00:00+02:00"},
		{"NaN", false, "B2: send_at is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as 2030-01-31T09:00:00+02:00"},
		{"47573.145833333336", false, "B2: send_at is skipped when the clocks of Europe/Bucharest change; write 2030-03-31T03:30:00+02:00 or 2030-03-31T03:30:00+03:00"},
		{"47783.145833333336", false, "B2: send_at comes twice when the clocks of Europe/Bucharest change; write 2030-10-27T03:30:00+03:00 or 2030-10-27T03:30:00+02:00"},
	} {
		t.Run(c.days, func(t *testing.T) {
			parts := map[string]string{}
			if c.since1904 {
				parts["xl/workbook.xml"] = xlsxtest.Workbook(`<workbookPr date1904="1"/>`)
			}
			name := bookOf(t, "send_at", parts, date(c.days))
			rows, _, err := survey(t, name, campaign.Options{Zone: bucharest})
			require.NoError(t, err)
			require.Equal(t, []string{c.want}, rows)
		})
	}
	rows, _, err := survey(t, bookOf(t, "send_at", nil, date("47514.375")), campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, "B2: send_at is a date of the spreadsheet, which has no time zone; add --zone Europe/Bucharest, or write it as text, such as 2030-01-31T09:00:00+02:00", rows[0])
}

// Rows and columns that a sheet does not show are recognized, however they are hidden.
func TestWorkbook_hidden(t *testing.T) {
	for _, c := range []struct {
		attributes string
		hidden     bool
	}{
		{`hidden="1"`, true},
		{`hidden="true"`, true},
		{`ht="0" customHeight="1"`, true},
		{`hidden="1" outlineLevel="1"`, true},
		{`outlineLevel="1"`, false},
		{`hidden="0" ht="15"`, false},
		{`collapsed="1"`, false},
	} {
		rows := row("", inline("telefon"), inline("mesaj")) + row(c.attributes, inline("0712345678"), inline("salut"))
		_, s, err := survey(t, file(t, "b.xlsx", string(xlsxtest.Make(`<sheetFormatPr zeroHeight="1"/><sheetData>`+rows+"</sheetData>", nil))), campaign.Options{})
		require.NoError(t, err)
		require.Equal(t, c.hidden, s.HiddenRows == 1, c.attributes)
	}
	for _, c := range []struct{ columns, used string }{
		{`<col min="2" max="2" hidden="1"/>`, "text = column C 'Text'"},
		{`<col min="2" max="2" width="0" customWidth="1"/>`, "text = column C 'Text'"},
		{`<col min="3" max="16384" hidden="true"/>`, "text = column B 'Mesaj'"},
		{`<col min="3" max="3" hidden="0" width="9"/>`, "text = column C 'Text'"},
		{`<col min="1" max="3" hidden="1"/>`, "to = column A 'Telefon', which is hidden, text = column C 'Text', which is hidden"},
	} {
		rows := row("", inline("Telefon"), inline("Mesaj"), inline("Text")) + row("", inline("0712345678"), inline("unu"), inline("doi"))
		columns := ""
		_, _, err := survey(t, file(t, "b.xlsx", string(xlsxtest.Make("<cols>"+c.columns+"</cols><sheetData>"+rows+"</sheetData>", nil))), campaign.Options{OnColumns: func(_ *campaign.Campaign, c *campaign.Columns) error {
			columns = c.String()
			return nil
		}})
		require.NoError(t, err)
		require.Contains(t, columns, c.used)
	}
	// A shown column comes before a hidden one of the same name, whether --column or a text names
	// it.
	rows := row("", inline("Nr"), inline("Nr"), inline("Nume"), inline("Nume")) + row("", inline("0700000001"), inline("0712345678"), inline("X"), inline("Ana"))
	name := file(t, "b.xlsx", string(xlsxtest.Make(`<cols><col min="1" max="1" hidden="1"/><col min="3" max="3" hidden="1"/></cols><sheetData>`+rows+"</sheetData>", nil)))
	read, _, err := survey(t, name, campaign.Options{Columns: map[string]string{"to": "nr"}, Text: template(t, "Bună, {nume}!")})
	require.NoError(t, err)
	require.Equal(t, []string{"2 0712345678 Bună, Ana!"}, read)
}

// The first visible sheet is read, or another one by its name.
func TestWorkbook_sheets(t *testing.T) {
	book := func(states ...string) string {
		sheets, rels := "", ""
		parts := map[string]string{}
		for i, state := range states {
			sheets += fmt.Sprintf(`<sheet name="S%d" sheetId="%d" state="%s" r:id="r%d"/>`, i, i+1, state, i)
			rels += fmt.Sprintf(`<Relationship Id="r%d" Type="x/worksheet" Target="/xl/s%d.xml"/>`, i, i)
			parts[fmt.Sprintf("xl/s%d.xml", i)] = "<worksheet><sheetData>" + row("", inline("to"), inline("text")) + row("", inline("0712345678"), inline(fmt.Sprintf("foaia %d", i))) + "</sheetData></worksheet>"
		}
		parts["xl/workbook.xml"] = `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>` + sheets + `</sheets></workbook>`
		parts["xl/_rels/workbook.xml.rels"] = "<Relationships>" + rels + "</Relationships>"
		return file(t, "b.xlsx", string(xlsxtest.Make("", parts)))
	}
	rows, _, err := survey(t, book("hidden", "veryHidden", "visible", ""), campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"2 0712345678 foaia 2"}, rows)
	rows, _, err = survey(t, book("", "veryHidden"), campaign.Options{Sheet: "s1"})
	require.NoError(t, err)
	require.Equal(t, []string{"2 0712345678 foaia 1"}, rows)
}
