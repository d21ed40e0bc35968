package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

const filesFolder = "../internal/campaign/testdata/files/"

// The columns that were found are shown before anything is sent.
func TestSend_columnsAreShown(t *testing.T) {
	gateway := newGateway(t, nil)
	file := filesFolder + "libreoffice-text.xlsx"
	got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, file)
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Equal(t, file+": to = column B 'Telefon', text = column C 'Mesaj'; there is no id column, so the row number of each row is its id; ignored: column A 'Nume', column D 'Oraș'\n"+
		"2 messages, 2 SMS (2 in UCS-2), 0 bad rows\n2 SMS; the account has 1000000 in Romania and 1000000 abroad\n", got.err)
	require.Len(t, gateway.Messages(), 2)
	require.EqualValues(t, 2, gateway.Messages()[0].ID, "the row's number")

	got = smslinkIn(nil, "", "check", "--column", "to=mobil", filesFolder+"two-phones.csv")
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Contains(t, got.err, "to = column C 'mobil'")
	got = smslinkIn(nil, "", "encode", "--reveal", "--sheet", "Ascunsă", filesFolder+"excel.xlsx")
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Contains(t, got.out, "2;0712345678;numeric;din a doua foaie;0\n")
}

// A refusal names the cell, and shows only as much of a number as identifies it.
func TestSend_refusalsNameTheCell(t *testing.T) {
	got := smslinkIn(nil, "", "send", "--sandbox", filesFolder+"excel.xlsx")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "excel.xlsx:B5: to is a number that the spreadsheet has rounded; format the column as text and type it again\n")
	got = smslinkIn(nil, "", "send", "--sandbox", filesFolder+"excel-rounded.csv")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "excel-rounded.csv:2, 4: 7,12…E+08: to is a number that a spreadsheet has rounded; format the column as text, type the number again and export it\n")
	for _, args := range [][]string{{"check", "--json"}, {"check"}, {"send", "--sandbox", "--json", "--on-bad-row", "skip"}, {"encode"}} {
		got = smslinkIn(nil, "", append(args, filesFolder+"excel-rounded.csv")...)
		require.NotContains(t, got.out+got.err, "12346")
	}
}

// Row numbers are not ids: a sent row is recognized by its contents.
func TestSend_rowNumbersAndTheJournal(t *testing.T) {
	gateway := newGateway(t, nil)
	folder := t.TempDir()
	file, journal := filepath.Join(folder, "a.csv"), filepath.Join(folder, "journal")
	write := func(rows string) {
		require.NoError(t, os.WriteFile(file, []byte("Nr. crt.,telefon,mesaj\n"+rows), 0o600))
	}
	send := func(args ...string) ran {
		return smslinkIn(accountOf(gateway), "telefon,mesaj\n0700000001,unu\n", append([]string{"send", "--endpoint", gateway.URL, "--journal", journal}, args...)...)
	}
	write("1,0700000001,unu\n2,0700000002,doi\n")
	require.Equal(t, cli.ExitAccepted, send(file).code)
	got := send(file)
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Contains(t, got.out, "nothing left to send: 2 were accepted on ")

	write("1,0700000003,trei\n2,0700000001,unu\n3,0700000002,doi\n")
	got = send(file)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "a.csv:2, "+file+":3, "+file+":4 are not as "+journal+" recorded them; add --same-campaign if rows of this campaign were corrected, added or moved, or name another folder for a new one; nothing was sent\n")
	got = send("--same-campaign", file)
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Contains(t, got.out, "This run: 1 accepted, 1 SMS. Before: 2; package ")
	got = send(file)
	require.Equal(t, cli.ExitNotSent, got.code, "its rows stand at other numbers still")
	require.Equal(t, cli.ExitAccepted, send("--same-campaign", file).code)
	require.Len(t, gateway.Messages(), 3)

	journal = filepath.Join(folder, "another")
	got = send("-")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "standard input: line 1: there is no id column, and a --journal can't tell the rows of one pipe from another's; add one")
	got = smslinkIn(nil, "", "check", file, file)
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "with several FILEs, each needs an id column, since row numbers are unique only within one file")
	require.Len(t, gateway.Messages(), 3)

	for name, want := range map[string]os.FileMode{"journal": 0o700, "journal/journal": 0o600, "journal/rows": 0o600} {
		requireMode(t, want, filepath.Join(folder, name))
	}
}

// A campaign was sent with --on-bad-row skip. Then a row of its file was removed and another one
// added, so that all other rows have other numbers.
func TestSend_rowNumbersThatMoved(t *testing.T) {
	for _, header := range []string{"Nr. crt.", "#", "No.", "id"} {
		t.Run(header, func(t *testing.T) {
			gateway := newGateway(t, nil)
			folder := t.TempDir()
			file := filepath.Join(folder, "june.csv")
			send := func(args ...string) ran {
				return smslinkIn(accountOf(gateway), "", append([]string{"send", "--endpoint", gateway.URL, "--journal", filepath.Join(folder, "june"), file}, args...)...)
			}
			require.NoError(t, os.WriteFile(file, []byte(header+";Telefon;Mesaj\n1;0712000001;Buna A\n2;071200000;Buna B\n3;0712000003;Buna C\n4;0712000004;Buna D\n5;0712000005;Buna E\n"), 0o600))
			require.Equal(t, cli.ExitSomeBad, send("--on-bad-row", "skip").code)
			require.NoError(t, os.WriteFile(file, []byte(header+";Telefon;Mesaj\n1;0712000001;Buna A\n2;0712000003;Buna C\n3;0712000004;Buna D\n4;0712000005;Buna E\n5;0712000009;Buna NOU\n"), 0o600))
			require.Equal(t, cli.ExitNotSent, send().code)
			got := send("--same-campaign")
			require.Equal(t, cli.ExitAccepted, got.code, got.err)
			var texts []string
			for _, m := range gateway.Messages() {
				texts = append(texts, m.Text)
			}
			require.Equal(t, []string{"Buna A", "Buna C", "Buna D", "Buna E", "Buna NOU"}, texts)
		})
	}
}

// A workbook is the same campaign after it was opened and saved.
func TestSend_workbookSavedAgain(t *testing.T) {
	gateway := newGateway(t, nil)
	journal := filepath.Join(t.TempDir(), "june")
	for _, file := range []string{"resaved-before.xlsx", "resaved-after.xlsx"} {
		got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", journal, filesFolder+file)
		require.Equal(t, cli.ExitAccepted, got.code, got.err)
	}
	require.Len(t, gateway.Uploads(), 1)
}

// Rows are moved, added, removed and corrected between runs that meet faults. No message is sent
// twice, and none of the last file is lost.
func TestSend_sameCampaignWhateverMoves(t *testing.T) {
	random := rand.New(rand.NewPCG(20261130, 25))
	refused, sent := 0, 0
	for round := range unlessLong(12, 100) {
		var faults atomic.Bool
		faults.Store(true)
		gateway := newGateway(t, &smslinktest.Options{Fault: func(upload int) smslinktest.Fault {
			switch kind := rand.New(rand.NewPCG(uint64(round), uint64(upload))).IntN(4); {
			case faults.Load() && kind == 0:
				return smslinktest.LoseReply()
			case faults.Load() && kind == 1:
				return smslinktest.Reject("8", "no credit")
			}
			return smslinktest.Fault{}
		}})
		folder := t.TempDir()
		file := filepath.Join(folder, "june.csv")
		var texts []string
		next := 0
		add := func() string { next++; return fmt.Sprintf("textul %d", next) }
		for range 3 + random.IntN(8) {
			texts = append(texts, add())
		}
		header := []string{"Nr. crt.", "id"}[round%2]
		run := func() ran {
			rows := header + ",telefon,mesaj\n"
			for i, text := range texts {
				rows += fmt.Sprintf("%d,0712345678,%s\n", i+1, text)
			}
			require.NoError(t, os.WriteFile(file, []byte(rows), 0o600))
			return smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", filepath.Join(folder, "june"), "--same-campaign", "--attempts", "1", "--package-size", "2", "--json", file)
		}
		run()
		for range 4 {
			before := slices.Clone(texts)
			switch random.IntN(5) {
			case 0:
				random.Shuffle(len(texts), func(i, j int) { texts[i], texts[j] = texts[j], texts[i] })
			case 1:
				texts = slices.Insert(texts, random.IntN(len(texts)+1), add())
			case 2:
				if len(texts) > 1 {
					i := random.IntN(len(texts))
					texts = slices.Delete(texts, i, i+1)
				}
			case 3:
				texts[random.IntN(len(texts))] = add()
			}
			got := run()
			if strings.Contains(got.err, "which are gone") {
				refused++
				texts = before
			}
		}
		faults.Store(false)
		got := run()
		require.Contains(t, []int{cli.ExitAccepted, cli.ExitInDoubt}, got.code, "round %d: %s", round, got.err)
		taken := map[string]int{}
		for _, m := range gateway.Messages() {
			taken[m.Text]++
			require.Equal(t, 1, taken[m.Text], "round %d: %s was sent twice", round, m.Text)
		}
		for _, text := range texts {
			require.Equal(t, 1, taken[text], "round %d: %s is lost", round, text)
			sent++
		}
	}
	require.Positive(t, refused)
	t.Logf("%d messages, %d refusals of rows in the place of others", sent, refused)
}

// A row is the one that was sent although its text was folded, or has lost white space, which is
// never sent. Another row has come to stand in its place.
func TestSend_textThatIsSentTheSame(t *testing.T) {
	const long = "Bună ziua! Comanda dumneavoastră a fost expediată și ajunge mâine între orele 10 și 14."
	for name, c := range map[string]struct{ text, later, flag, laterFlag string }{
		"folded before":   {long, long, "--fold", "--fold=false"},
		"folded since":    {long, long, "--fold=false", "--fold"},
		"space at an end": {"\" doi \"", "doi", "--fold=false", "--fold=false"},
		"tab":             {"\"do\ti\"", "doi", "--fold=false", "--fold=false"},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoubtful(t)
			d.file("june.csv", "to,text\n0712345671,unu\n0712345672,"+c.text+"\n0712345673,trei\n")
			d.send(cli.ExitAccepted, "june", "june.csv", c.flag)
			d.file("june.csv", "to,text\n0712345670,zero\n0712345671,unu\n0712345672,"+c.later+"\n0712345673,trei\n")
			d.send(cli.ExitAccepted, "june", "june.csv", c.laterFlag, "--same-campaign")
			sent := map[string]int{}
			for _, m := range d.gateway.Messages() {
				sent[m.To]++
			}
			require.Equal(t, map[string]int{"0712345670": 1, "0712345671": 1, "0712345672": 1, "0712345673": 1}, sent)
		})
	}
}

// A row that needs a new id gets one, even if the highest id is taken.
func TestSend_highestID(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", "id,to,text\n1,0712345671,unu\n9223372036854775807,0712345672,doi\n")
	d.send(cli.ExitAccepted, "june", "june.csv")
	d.file("june.csv", "id,to,text\n1,0712345673,trei\n2,0712345671,unu\n9223372036854775807,0712345672,doi\n")
	for range 2 {
		d.send(cli.ExitAccepted, "june", "june.csv", "--same-campaign")
		require.Equal(t, 3, d.accepted())
	}
}

// A pipe's rows come again under other ids. They are refused, and with --same-campaign they are the
// messages that an earlier run has sent: one that failed is not sent again, either.
func TestSend_pipeUnderOtherIDs(t *testing.T) {
	for name, failing := range map[string]bool{"accepted": false, "failed": true} {
		t.Run(name, func(t *testing.T) {
			d := newDoubtful(t)
			d.failing.Store(failing)
			code := map[bool]int{false: cli.ExitAccepted, true: cli.ExitSomeBad}[failing]
			send := func(rows string, args ...string) ran {
				args = append([]string{"send", "--endpoint", d.gateway.URL, "--journal", d.path("june"), "-"}, args...)
				return smslinkIn(accountOf(d.gateway), rows, args...)
			}
			require.Equal(t, code, send("id,to,text\n41,0712345671,unu\n42,0712345672,doi\n").code)
			const again = "id,to,text\n141,0712345671,unu\n142,0712345672,doi\n"
			got := send(again)
			require.Equal(t, cli.ExitNotSent, got.code, got.out)
			require.Contains(t, got.err, "standard input:2: the row with id 141 is the one that "+d.path("june")+" has recorded under id 41; "+
				"if it is the same message, add --same-campaign; for a new campaign, name another folder; ")
			require.Equal(t, code, send(again, "--same-campaign").code)
			require.Len(t, d.gateway.Messages(), 2)
		})
	}
}

func TestCheck_price(t *testing.T) {
	for price, billed := range map[string]string{"0,05": "342 SMS × 0,05 = 17,10", "0.05": "342 SMS × 0.05 = 17.10", "5e-2": "342 SMS × 5e-2 = 17.10"} {
		got := smslinkIn(nil, "", "check", "--price", price, campaignFile)
		require.Equal(t, cli.ExitAccepted, got.code, got.err)
		require.Contains(t, got.out, "billed as    "+billed+"\n")
	}
	for _, price := range []string{"1.000,50", "-1", "0,04 lei", "NaN", "+Inf", "1,000,000"} {
		got := smslinkIn(nil, "", "check", "--price", price, campaignFile)
		require.Equal(t, cli.ExitUsage, got.code)
		require.Contains(t, got.err, "such as 0.04 or 0,04")
	}
}

func TestRun_suggestions(t *testing.T) {
	for _, c := range []struct{ args, says string }{
		{"sned x", `smslink: unknown command "sned"; did you mean send?`},
		{"chek", `smslink: unknown command "chek"; did you mean check?`},
		{"repotrs", `; did you mean reports?`},
		{"fly", "smslink: unknown command \"fly\"\nSee 'smslink --help'."},
		{"send --jurnal x y", "smslink: unknown flag: --jurnal; did you mean --journal?\nSee 'smslink send --help'."},
		{"send --on-bad-rows skip y", "; did you mean --on-bad-row?"},
		{"send -sandbox y", "in -sandbox; did you mean --sandbox?"},
		{"check --prices 1 y", "; did you mean --price?"},
		{"send --zzz y", "smslink: unknown flag: --zzz\n"},
		{"send --column y=z y", `smslink: --column "y=z": the columns are id, to, from, text, send_at`},
		{"send --column telefon=Telefon y", ": write to=Telefon\n"},
		{"send --column Telefon=to y", ": write to=Telefon\n"},
		{"help sned", `smslink: unknown command "sned"; did you mean send?`},
		{"help journal shwo", `smslink: unknown command "shwo"; did you mean show?`},
		{"balance", "smslink: set SMSLINK_CONNECTION_ID and SMSLINK_PASSWORD to your account's\nSee 'smslink balance --help'."},
		{"send --column to y", `is not of the form COLUMN=NAME, such as to=telefon`},
		{"send --column to=a --column to=b y", `column to was given before`},
	} {
		got := smslinkIn(nil, "", strings.Fields(c.args)...)
		require.Equal(t, cli.ExitUsage, got.code)
		require.Contains(t, got.err, c.says)
	}
}

func TestRun_completions(t *testing.T) {
	for args, want := range map[string]string{
		"send --codec":      "none\nzlib\nbzip2\nlzf\n:4\n",
		"send --on-bad-row": "stop\nskip\n:4\n",
		"check --column":    "id=\nto=\nfrom=\ntext=\nsend_at=\n:6\n",
		"send --journal":    ":16\n",
		"send":              "csv\nxlsx\njsonl\nndjson\ntxt\n:8\n",
	} {
		got := smslinkIn(nil, "", append(append([]string{"__complete"}, strings.Fields(args)...), "")...)
		require.Equal(t, cli.ExitAccepted, got.code)
		require.Equal(t, want, got.out)
	}
}

// It is not an error if a reader such as head closes the pipe early.
func TestCheck_closedPipe(t *testing.T) {
	for _, command := range []string{"check --json", "encode --reveal", "encode --json", "send --help"} {
		p := exec.CommandContext(t.Context(), "smslink", append(strings.Fields(command), campaignFile)...)
		var errOut strings.Builder
		p.Stderr = &errOut
		out, err := p.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, p.Start())
		if strings.HasPrefix(command, "check") {
			_, err = bufio.NewReaderSize(out, 16).ReadByte()
			require.NoError(t, err)
		}
		require.NoError(t, out.Close())
		_ = p.Wait() // the last command of the pipe has the exit code
		require.Empty(t, errOut.String(), command)
	}
}

// A thousand rows with the same complaint are one line.
func TestCheck_equalComplaintsAreOneLine(t *testing.T) {
	var rows strings.Builder
	rows.WriteString("id,to,text\n")
	for i := range 1000 {
		fmt.Fprintf(&rows, "%d,0700000001,\n", i)
	}
	got := smslinkIn(nil, rows.String(), "send", "--sandbox", "--on-bad-row", "skip", "-")
	require.Contains(t, got.err, "standard input:2, 3, 4 and 997 more: text is empty")
	require.Equal(t, 1, strings.Count(got.err, "text is empty"))
	got = smslinkIn(nil, rows.String(), "check", "-")
	require.Equal(t, 1, strings.Count(got.err, "text is empty"))
	require.Contains(t, got.err, " and 980 more: ")
	require.Contains(t, got.err, "--json shows every row\n")
}
