package campaign_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// A CSV means the same with any separator, quotes, encoding and line end.
func TestCSV_forms(t *testing.T) {
	plain := "Nume;Telefon;Mesaj\nAna;0712345678;Bună\nIon;+40723456789;a și b\n"
	replace := func(old, with string) string { return strings.ReplaceAll(plain, old, with) }
	quoted := func(separator string) string {
		var b strings.Builder
		for line := range strings.Lines(plain) {
			b.WriteString(`"` + strings.Join(strings.Split(strings.TrimSpace(line), ";"), `"`+separator+`"`) + "\"\r\n")
		}
		return b.String()
	}
	wide := func(little bool) string {
		bytes := []byte{}
		for _, unit := range utf16.Encode([]rune("\ufeff" + plain)) {
			if little {
				bytes = append(bytes, byte(unit), byte(unit>>8))
			} else {
				bytes = append(bytes, byte(unit>>8), byte(unit))
			}
		}
		return string(bytes)
	}
	for name, content := range map[string]string{
		"semicolons": plain, "commas": replace(";", ","), "tabs": replace(";", "\t"), "bars": replace(";", "|"),
		"CRLF": replace("\n", "\r\n"), "CR CRLF": replace("\n", "\r\r\n"), "a BOM": "\ufeff" + plain, "no last line end": strings.TrimSpace(plain),
		"declared": "sep=;\r\n" + plain, "declared bars": "\"sep=|\"\n" + replace(";", "|"), "declared, with blank lines": "sep=;\n\n" + plain,
		"quoted semicolons": quoted(";"), "quoted commas": quoted(","), "quoted tabs": quoted("\t"),
		"UTF-16 LE": wide(true), "UTF-16 BE": wide(false),
		"blank lines before": "\n \n\t\r\n" + plain, "blank rows before": ";;\n" + plain, "blank rows after": plain + ";;\n;;\n\n",
		"formulas that keep texts":        replace("0712345678", `="0712345678"`),
		"quoted formulas that keep texts": replace("0712345678", `"=""0712345678"""`),
		"blank lines without end":         strings.Repeat("\n", 9000) + plain,
		"2 MiB of blank lines":            strings.Replace(plain, "\nIon", strings.Repeat("\r\n", 1<<20)+"\nIon", 1),
		"2 MiB of spaces before":          strings.Repeat(" ", 2<<20) + "\n" + plain,
	} {
		t.Run(name, func(t *testing.T) {
			rows, _, err := survey(t, file(t, "f.csv", content), campaign.Options{})
			require.NoError(t, err)
			require.Len(t, rows, 2)
			for i, want := range []string{"0712345678 Bună", "+40723456789 a și b"} {
				_, row, _ := strings.Cut(rows[i], " ")
				require.Equal(t, want, strings.TrimRight(row, "\r"))
			}
		})
	}
	for name, content := range map[string]string{
		"lines end in CR alone": replace("\n", "\r"), "perhaps in Windows-1250": inWindows1250(t, replace("Mesaj", "Conținut")),
	} {
		_, _, err := survey(t, file(t, "f.csv", content), campaign.Options{})
		require.ErrorContains(t, err, name)
	}
	rows, _, err := survey(t, file(t, "f.csv", inWindows1250(t, plain)), campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, "2: text is not in UTF-8; save the file as CSV UTF-8", rows[0])
}

// Half of a surrogate pair, or half of a character at the end, is refused.
func TestCSV_brokenUTF16(t *testing.T) {
	const head = "\xff\xfet\x00o\x00,\x00t\x00e\x00x\x00t\x00\n\x000\x007\x001\x002\x003\x004\x005\x006\x007\x008\x00,\x00a\x00"
	for _, end := range []string{"\x00\xd8", "\x00\xd8b\x00\n\x00", "\x00\xdcb\x00\n\x00", "\x00\xdc", "b"} {
		rows, _, err := survey(t, file(t, "f.txt", head+end), campaign.Options{})
		require.NoError(t, err)
		require.Equal(t, []string{"2: text holds U+FFFD, which stands for a character that was lost; export the file as CSV UTF-8 again"}, rows, "%q", end)
	}
}

func inWindows1250(t *testing.T, text string) string {
	t.Helper()
	encoded, err := charmap.Windows1250.NewEncoder().String(strings.NewReplacer("ș", "ş", "ț", "ţ").Replace(text))
	require.NoError(t, err)
	return encoded
}

// Lines are counted from the first one of the file, whatever stands before the header.
func TestCSV_lines(t *testing.T) {
	rows, err := rowsOf(t, "\n\nsep=;\n\nto;text\n\n0712345678;\"a\nb\"\n0712345678;c\n")
	require.NoError(t, err)
	require.Equal(t, 7, rows[0].Line)
	require.Equal(t, 9, rows[1].Line)
}

// A row that a quote or a CR has put into a field is not sent to the receiver before it.
func TestCSV_swallowedRows(t *testing.T) {
	for _, separator := range []string{",", ";", "\t", "|"} {
		for _, next := range []string{
			"0723456789;Pa", "723456789;Pa", "40723456789;Pa", "+40 723 456 789;Pa", "7,23E+08;Pa", "7.23457E+08;Pa", "0040723456789;Pa", "0723.456.789;Pa", "Pa;0723456789",
			"00491511234567;Pa", "4915112345678;Pa", "2;0723456789;Pa",
		} {
			if strings.Contains(next, separator) && separator != ";" {
				continue
			}
			next = strings.ReplaceAll(next, ";", separator)
			content := "telefon" + separator + "mesaj\n0712345678" + separator + "\"Salut\n" + next + "\"\n0734567890" + separator + "Hei\n"
			rows, _, err := survey(t, file(t, "f.csv", content), campaign.Options{})
			require.NoError(t, err)
			require.Equal(t, []string{"2: text holds what looks like the next row: a quote before it is not closed; if this is intended, write JSON lines", "4 0734567890 Hei"}, rows, content)
			rows, _, err = survey(t, file(t, "f.csv", strings.Replace(content, "Salut\n", "Salut\r", 1)), campaign.Options{})
			require.NoError(t, err)
			require.Contains(t, rows[0], "2: text holds what looks like the next row", content)
		}
	}
	for _, c := range []struct{ file, want string }{
		{"nume,telefon,mesaj,a,b\nAna,0712345678,Salut\rIon,0723456789,Pa\n", "2: holds what looks like the next row: a line of it ends in CR alone; save the file as CSV UTF-8 again"},
		{"to,text\n0712345678,\"Program:\nluni 10-12, marți 14-16\"\n", "2 0712345678 Program:\nluni 10-12, marți 14-16"},
		{"to,text\n0712345678,\"Programare\n2026-12-01, ora 10\"\n", "2 0712345678 Programare\n2026-12-01, ora 10"},
		{"to,text\n0712345678,\"unu\rdoi\"\n", "2 0712345678 unu\rdoi"},
	} {
		rows, _, err := survey(t, file(t, "f.csv", c.file), campaign.Options{})
		require.NoError(t, err)
		require.Equal(t, c.want, rows[0])
	}
	// Each such row is refused, however many are read at once.
	const swallowed = "holds what looks like the next row: a line of it ends in CR alone; save the file as CSV UTF-8 again"
	for _, n := range []int{2, 1000} {
		var content strings.Builder
		content.WriteString("nume,telefon,mesaj,a,b\n")
		for range n {
			content.WriteString("Ana,0712345678,Salut\rIon,0723456789,Pa\nDan,0734567890,Hei,,\n")
		}
		rows, _, err := survey(t, file(t, "f.csv", content.String()), campaign.Options{})
		require.NoError(t, err)
		require.Len(t, rows, 2*n)
		for i := range n {
			require.Equal(t, fmt.Sprintf("%d: %s", 2*i+2, swallowed), rows[2*i])
			require.Equal(t, fmt.Sprintf("%d 0734567890 Hei", 2*i+3), rows[2*i+1])
		}
	}
}

// An error that a spreadsheet writes into a cell is not a text, a sender or a receiver.
func TestRows_spreadsheetErrors(t *testing.T) {
	for _, value := range []string{
		"#N/A", "#REF!", "#DIV/0!", "#NAME?", "#NUME?", "#VALUE!", "#VALOARE!", "#NULL!", "#NUM!", "#SPILL!", "#CALC!", "#FIELD!", "#GETTING_DATA", "#ERROR!", "Err:502", "Err:508", "###", "########", " #N/A ", "#n/a",
	} {
		for column, row := range map[string]string{"text": "0712345678," + value + ",", "from": "0712345678,a," + value, "to": value + ",a,"} {
			rows, err := rowsOf(t, "to,text,from\n"+row+"\n")
			require.NoError(t, err)
			require.Equal(t, column+" is an error of the spreadsheet, such as #N/A; fix its formula", refused(t, rows[0]))
		}
		rows, err := rowsOf(t, fmt.Sprintf(`{"id":1,"to":"0712345678","text":%q}`, value))
		require.NoError(t, err)
		require.Contains(t, refused(t, rows[0]), "is an error of the spreadsheet")
	}
	for _, value := range []string{"#1 la pizza", "#reducere", "Error 502", "E gata", "# 12"} {
		rows, err := rowsOf(t, "to,text\n0712345678,"+value+"\n")
		require.NoError(t, err)
		require.Nil(t, rows[0].Bad, value)
	}
}

// Odd texts are named in a warning, usual ones are not.
func TestRows_oddTexts(t *testing.T) {
	for is, texts := range map[campaign.Oddity][]string{
		campaign.Placeholder: {
			"Buna {nume}!", "Buna {{nume}}!", "Buna {{ nume }}!", "Buna ${nume}!", "Buna {0}!", "Buna {}!", "{% nume %} buna", "Buna <nume>!", "Buna <<Nume Client>>!", "Buna «Nume»!", "Buna %nume%!", "Buna %%nume%%!", "Buna [nume]!", "Buna [[nume]]!", "Buna #nume#!", "a<br>b",
			"Bună <prenume_client>", "Cod: {cod-client}",
		},
		campaign.Mojibake: {
			"BunÄƒ ziua", "aÈ™a", "aÈ›i", "aÅŸa", "Å£ara", "Ã®n", "cÃ¢nd", "ÃŽn", "È˜i", "Èšara", "Buná È™", "BunĂ˘", "Č™i", "Č›i", "Ĺźi", "ĹŁara", "Ă®n", "â€žcitatâ€ś", "5 â€“ 6", "preÈ›ul e 5â‚¬", "Â\u00a0", "20Â°C", "cafÃ©", "ðŸ˜€", "buna ziuaÄ\u0083", "Bun─â ziua", "╚Öi", "FrÃ¼hling", "Ã„rzte",
		},
		campaign.LostCharacter:    {"Bun? ziua, domnule", "expediat?a", "A?tept?m", "?tefan vine", "vine ?tefan", "Te a?tept"},
		campaign.NoValue:          {"nan", "NaN", "None", "NULL", "null", "undefined", "N/A", "Buna None, comanda", "Buna undefined!", "Buna [object Object]"},
		campaign.SpreadsheetError: {"Total: #N/A lei", "Comanda #REF!", "Suma #VALOARE! lei"},
		campaign.Short:            {"DA", "x", "ă", "👍"},
		0: {
			"Bună ziua! Vă așteptăm mâine, între 10 și 14. Mulțumim: 20% reducere la 2 haine și 30% la 3.", "ȚARA ÎN CARE TRĂIM", "CINĂ” și „CÂNTĂ”", "CINĂ…", "RAMĂ—", "Ești gata? Sună-ne!", "Vii? Da.", "De ce? Pentru că.", "https://magazin.ro/?a=b", "x.ro/p?id=5 acum", "Ana <3 Ion", "5 < 6 > 4", "[PROMO] Reduceri", "Nannini",
			"C# și F#, „Â”", "100% bumbac, 50% ieftin", "São Paulo", "Über Größe", "café", "İstanbul", "€ 5", "Привет, 😀", "CA FÂ", "NOUĂ ÎNCEPUTURI", "ÎNCĂ O ZI",
		},
	} {
		for _, text := range texts {
			rows, err := rowsOf(t, "to\ttext\n0712345678\t\""+strings.ReplaceAll(text, `"`, `""`)+"\"\n")
			require.NoError(t, err)
			require.Nil(t, rows[0].Bad, text)
			if is == 0 {
				require.Zero(t, rows[0].Odd, text)
			} else {
				require.NotZero(t, rows[0].Odd&is, text)
			}
		}
	}
}

// A column of row numbers is not used as ids, whatever it is called.
func TestColumns_rowNumbersAreNotIDs(t *testing.T) {
	for _, name := range []string{"Nr. crt.", "Nr.crt", "NR CRT", "#", "No.", "No", "Nr", "Nr.", "Poziție", "Row", "Index"} {
		rows, err := rowsOf(t, name+",to,text\n7,0712345678,a\n7,0712345679,b\n")
		require.NoError(t, err)
		require.Nil(t, rows[0].Bad, name)
		require.Nil(t, rows[1].Bad, name)
		require.EqualValues(t, 2, rows[0].Message.ID)
		require.EqualValues(t, 3, rows[1].Message.ID)
	}
}

// The headers of Romanian exports are recognized.
func TestColumns_names(t *testing.T) {
	for _, name := range []string{"Nr. mobil", "Număr mobil", "NUMĂR MOBIL", "Numar de mobil", "Nr. telefon", "Nr. de tel.", "GSM", "Nr. GSM", "Celular", "Telefon mobil", "Tel. mobil", "telefon", "Mobile No.", "Phone number", "Destinatar"} {
		rows, err := rowsOf(t, "\""+name+"\",Mesaj SMS\n0712345678,salut\n")
		require.NoError(t, err, name)
		require.Equal(t, "0712345678", rows[0].Message.To)
	}
	for _, name := range []string{"Mesaj SMS", "Conținut mesaj", "Conţinut mesaj", "CONȚINUT", "Text SMS", "Textul mesajului", "SMS text", "Message"} {
		rows, err := rowsOf(t, "GSM;"+name+"\n0712345678;salut\n")
		require.NoError(t, err, name)
		require.Equal(t, "salut", rows[0].Message.Text)
	}
}

// A time is read as people write it, unless it is ambiguous.
func TestRows_times(t *testing.T) {
	bucharest, err := time.LoadLocation("Europe/Bucharest")
	require.NoError(t, err)
	const (
		noDay  = "is a date without a time of day"
		order  = "is ambiguous; write the day first, with points and four digits of the year"
		noTime = "is not a time, such as"
		days   = "is a number of days or a fraction"
	)
	for value, want := range map[string]string{
		"2026-12-01 09:00": "2026-12-01T07:00:00Z", "2026-12-01T09:00": "2026-12-01T07:00:00Z", "2026-12-01 09:00:30": "2026-12-01T07:00:30Z", "2026-12-1 9:00": "2026-12-01T07:00:00Z",
		"01.12.2026 09:00": "2026-12-01T07:00:00Z", "1.12.2026 9:05": "2026-12-01T07:05:00Z", "01.12.2026, 09:00": "2026-12-01T07:00:00Z", "01.12.2026 09:00:01": "2026-12-01T07:00:01Z",
		"01.07.2027 09:00": "2027-07-01T06:00:00Z", "2026-12-01T09:00:00+02:00": "2026-12-01T07:00:00Z", "2026-12-01T09:00:00Z": "2026-12-01T09:00:00Z", "1896073200": "2030-01-31T07:00:00Z",
		"2026-12-01": noDay, "01.12.2026": noDay, "20300131": noDay, "1.12.26": noDay, "01/12/2026": noDay,
		"01/12/2026 09:00": order, "12/31/2026 09:00": order, "01-12-2026 09:00": order, "1/12/26 9:00": order,
		"46023": days, "46023.375": days, "46023,375": days, "15": days, "0": days, "4.6E+04": days, "-5": days, "12345678": days,
		"mâine": noTime, "9:00": noTime, "31.02.2027 09:00": noTime, "01.13.2026 09:00": noTime, "2026-12-01 25:00": noTime, "2026-12-01 09": noTime,
		"1896073200000": "lies before 1970 or after 2099; as a number it is Unix seconds, not milliseconds", "99999999999999999999": "lies before 1970 or after 2099",
		"2030013109": "may be the digits of a date and a time", "3001310900": "may be the digits of a date and a time", "01.12.2126 09:00": "lies before 1970 or after 2099",
		"30.11.2026 13:00": "lies in the past", "2026-11-30T11:59:59Z": "lies in the past", "1600000000": "lies in the past",
		"28.03.2027 03:30": "is skipped when the clocks of Europe/Bucharest change; write 2027-03-28T03:30:00+02:00 or 2027-03-28T03:30:00+03:00",
		"31.10.2027 03:30": "comes twice when the clocks of Europe/Bucharest change; write 2027-10-31T03:30:00+03:00 or 2027-10-31T03:30:00+02:00",
		"28.03.2027 02:59": "2027-03-28T00:59:00Z", "28.03.2027 04:00": "2027-03-28T01:00:00Z", "31.10.2027 02:59": "2027-10-30T23:59:00Z", "31.10.2027 04:00": "2027-10-31T02:00:00Z",
	} {
		rows, _, err := survey(t, file(t, "f.csv", "to;text;send_at\n0712345678;abc;"+value+"\n"), campaign.Options{Zone: bucharest})
		require.NoError(t, err)
		if strings.HasSuffix(want, "Z") {
			require.Equal(t, "2 0712345678 abc "+want, rows[0], value)
		} else {
			require.Contains(t, rows[0], "send_at "+want, value)
		}
	}
	rows, _, err := survey(t, file(t, "f.csv", "to;text;send_at\n0712345678;abc;01.12.2026 09:00\n"), campaign.Options{})
	require.NoError(t, err)
	require.Equal(t, "2: send_at has no time zone; add --zone Europe/Bucharest, or write it as 2030-01-31T09:00:00+02:00", rows[0])
}

// A refused time is shown only if it is one: other fields may hold numbers, names or line ends.
func TestRows_timesThatAreShown(t *testing.T) {
	for value, want := range map[string]string{
		"01/02/2030 09:00":                     "2: 01/02/2030: ",
		"31.01.30 09:00":                       "2: 31.01.30: ",
		"01/02/2030 Ion 0712345678":            "2: 01/02/2030: ",
		"\"01/02/2030\njune.csv:9: all fine\"": "2: 01/02/2030: ",
		"46023.375":                            "2: 46023…: ",
		"20300131":                             "2: 20300131: ",
		"07123456":                             "2: ********: ",
		"0712345678.0":                         "2: 0712****78…: ",
		"0712.345678":                          "2: 0712…: ",
		"0712,345678":                          "2: 0712…: ",
		"+40712.345678":                        "2: +40712…: ",
		"7.12345678E+08":                       "2: 7…: ",
	} {
		rows, _, err := survey(t, file(t, "f.csv", "to;text;send_at\n0712345678;abc;"+value+"\n"), campaign.Options{})
		require.NoError(t, err)
		require.Len(t, rows, 1)
		shown, _, _ := strings.Cut(rows[0], "send_at")
		require.Equal(t, want, shown, value)
	}
}

// Receivers that a spreadsheet has changed are refused, or restored with --restore-zeros.
func TestRows_changedReceivers(t *testing.T) {
	for to, want := range map[string]string{"712345678": "0712345678", "40712345678": "0040712345678", "0712345678": "0712345678", "+40712345678": "+40712345678"} {
		rows, _, err := survey(t, file(t, "f.csv", "to,text\n"+to+",abc\n"), campaign.Options{RestoreZeros: true})
		require.NoError(t, err)
		require.Equal(t, []string{"2 " + want + " abc"}, rows)
	}
	for to, says := range map[string]string{
		"712345678": "--restore-zeros", "40712345678": "--restore-zeros", "07123456.00": "is a number with a fraction", "712345678.0": "is a number with a fraction", "712345678,00": "is a number with a fraction",
		"7,23E+08": "a spreadsheet has rounded", "7.23457e+08": "a spreadsheet has rounded", "7E+08": "a spreadsheet has rounded",
	} {
		rows, _, err := survey(t, file(t, "f.csv", "to;text\n"+to+";abc\n"), campaign.Options{})
		require.NoError(t, err)
		require.Contains(t, rows[0], says, to)
	}
}
