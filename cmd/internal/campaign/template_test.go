package campaign_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/xlsx/xlsxtest"
)

func template(t testing.TB, text string) *campaign.Template {
	t.Helper()
	parsed, err := campaign.ParseTemplate(text)
	require.NoError(t, err)
	return parsed
}

// A template is filled in from the columns of the file, whatever program wrote it.
func TestTemplate_fill(t *testing.T) {
	csv := "Nume;Prénume;Telefon;Sumă de plată\nPop;Ana;0712345671;120,50\nIonescu;;0712345672;80\n"
	cell := func(text string) string {
		if text == "" {
			return "<c/>"
		}
		return inline(text)
	}
	rows := ""
	for line := range strings.Lines(csv) {
		var cells []string
		for _, field := range strings.Split(strings.TrimSpace(line), ";") {
			cells = append(cells, cell(field))
		}
		rows += row("", cells...)
	}
	book := file(t, "f.xlsx", string(xlsxtest.Make("<sheetData>"+rows+"</sheetData>", nil)))
	const empty = "text is filled from column B 'Prénume', which is empty; give the name a fallback in the text, such as {prenume|…}"
	for text, want := range map[string][]string{
		"Bună, {Prénume|client}!":            {"2 0712345671 Bună, Ana!", "3 0712345672 Bună, client!"},
		"{prenume|} {NUME}":                  {"2 0712345671 Ana Pop", "3 0712345672  Ionescu"},
		"Bună, {prenume}!":                   {"2 0712345671 Bună, Ana!", "3: " + empty},
		"{ nume }: {suma-de_plata} lei":      {"2 0712345671 Pop: 120,50 lei", "3 0712345672 Ionescu: 80 lei"},
		"{nume} {nume}":                      {"2 0712345671 Pop Pop", "3 0712345672 Ionescu Ionescu"},
		"{{nume}} {{ }} }":                   {"2 0712345671 {nume} { } }", "3 0712345672 {nume} { } }"},
		"Același text":                       {"2 0712345671 Același text", "3 0712345672 Același text"},
		"Sunați de la {telefon}\na {{{nume}": {"2 0712345671 Sunați de la 0712345671\na {Pop", "3 0712345672 Sunați de la 0712345672\na {Ionescu"},
	} {
		for _, name := range []string{file(t, "f.csv", csv), book} {
			rows, s, err := survey(t, name, campaign.Options{Text: template(t, text)})
			require.NoError(t, err)
			require.Equal(t, want, rows, name)
			require.Empty(t, s.Warnings())
		}
	}
	for text, says := range map[string]string{
		"{prenumele}": "--text names {prenumele}, but the file has no such column; it has column A 'Nume', column B 'Prénume', column C 'Telefon', column D 'Sumă de plată'",
	} {
		for _, name := range []string{file(t, "f.csv", csv), book} {
			_, _, err := survey(t, name, campaign.Options{Text: template(t, text)})
			require.ErrorContains(t, err, says)
		}
	}
	_, _, err := survey(t, file(t, "f.csv", "telefon,nume,Nume\n0712345678,a,b\n"), campaign.Options{Text: template(t, "{nume}")})
	require.ErrorContains(t, err, "--text names {nume}, but the file has several: column B 'nume', column C 'Nume'; rename one")
	_, _, err = survey(t, file(t, "f.jsonl", `{"id":1,"to":"0712345678","text":"a"}`), campaign.Options{Text: template(t, "{nume}")})
	require.ErrorContains(t, err, "--text is for files with a header, and JSON lines have none")
}

// A cell whose text is not certain is not filled in.
func TestTemplate_badCells(t *testing.T) {
	for _, c := range []struct{ cell, want string }{
		{`<c><v>12</v></c>`, "2 0712345678 12 lei"},
		{`<c><v>12.5</v></c>`, "B2: text is a number with a fraction, or with more digits than a spreadsheet keeps; format the column as text and type it again"},
		{`<c s="1"><v>47514.375</v></c>`, "B2: text is a date, not text; format the column as text and type it again"},
		{`<c t="e"><v>#N/A</v></c>`, "B2: text is an error of the spreadsheet, such as #N/A; fix its formula"},
		{`<c><f>A1</f><v></v></c>`, "B2: text is a formula without a result; open the file in a spreadsheet program and save it"},
		{inline("#REF!"), "2: text is filled from column B 'suma', which holds an error of the spreadsheet, such as #N/A; fix its formula"},
		{inline("a\ufffd"), "2: text holds U+FFFD, which stands for a character that was lost; export the file as CSV UTF-8 again"},
	} {
		rows, _, err := survey(t, bookOf(t, "suma", nil, c.cell), campaign.Options{Text: template(t, "{suma} lei")})
		require.NoError(t, err)
		require.Equal(t, []string{c.want}, rows)
	}
	rows, _, err := survey(t, file(t, "f.csv", "to,nume\n0712345678\n"), campaign.Options{Text: template(t, "{nume}")})
	require.NoError(t, err)
	require.Contains(t, rows[0], "has 1 fields, the header 2")
}

// A cell that looks like a placeholder is named in a warning; a brace of the template is not.
func TestTemplate_odd(t *testing.T) {
	name := file(t, "f.csv", "to,nume\n0712345678,{prenume}\n")
	_, s, err := survey(t, name, campaign.Options{Text: template(t, "Bună, {nume}!")})
	require.NoError(t, err)
	require.Contains(t, s.Warnings()[0], "1 text holds a placeholder")
	_, s, err = survey(t, file(t, "f.csv", "to,nume\n0712345678,Ana\n"), campaign.Options{Text: template(t, "{nume}: {{cod}}")})
	require.NoError(t, err)
	require.Empty(t, s.Warnings())
}

func TestParseTemplate_refuses(t *testing.T) {
	for text, says := range map[string]string{
		"": "it is empty", " \n": "it is empty", "a {nume": "a { is not closed; write {{ for a brace", "a {nu{me}": "a { is not closed", "{a\nb}": "a { is not closed",
		"a {}": "{} names no column; write {{ for a brace", "{ }": "{} names no column", "{|x}": "{} names no column", "{": "a { is not closed", "{{{": "a { is not closed",
	} {
		_, err := campaign.ParseTemplate(text)
		require.ErrorContains(t, err, says, text)
	}
}

// A text holds nothing except the template's literals and the row's fields.
func FuzzTemplate(f *testing.F) {
	f.Add("Bună, {nume|client}! {{x}}", "Ana")
	f.Add("{nume}{nume|}", "")
	f.Fuzz(func(t *testing.T, text, name string) {
		parsed, err := campaign.ParseTemplate(text)
		if err != nil || strings.ContainsAny(name, "\"\r\n,") {
			return
		}
		c, err := campaign.Open([]string{file(t, "f.csv", "to,nume\n0712345678,"+name+"\n")}, campaign.Options{Text: parsed, Now: now})
		require.NoError(t, err)
		defer c.Close()
		rows, err := all(t, c)
		if err == nil && rows[0].Bad == nil && !strings.ContainsAny(text, "{}") {
			require.Equal(t, text, rows[0].Message.Text)
		}
	})
}
