package campaign_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// open opens a campaign of one file with that content.
func open(t testing.TB, content string) *campaign.Campaign {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
	c, err := campaign.Open([]string{file}, campaign.Options{})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

// all reads all rows.
func all(t testing.TB, c *campaign.Campaign) ([]campaign.Row, error) {
	t.Helper()
	rows, err := c.Rows()
	require.NoError(t, err)
	defer rows.Close()
	var read []campaign.Row
	for rows.Next(t.Context()) {
		read = append(read, *rows.Row())
	}
	return read, rows.Err()
}

func rowsOf(t testing.TB, content string) ([]campaign.Row, error) {
	t.Helper()
	return all(t, open(t, content))
}

// piped reads the rows of standard input.
func piped(in io.Reader) (*campaign.Rows, error) {
	c, err := campaign.Open([]string{"-"}, campaign.Options{Stdin: in})
	if err != nil {
		return nil, err
	}
	return c.Rows()
}

// refused requires that the row is bad, and returns why.
func refused(t testing.TB, row campaign.Row) string {
	t.Helper()
	require.NotNil(t, row.Bad)
	return row.Bad.Error()
}

func TestRows_everyForm(t *testing.T) {
	at := time.Date(2030, 1, 31, 7, 0, 0, 0, time.UTC)
	want := []smslink.Message{
		{ID: 1, To: "0712345678", From: "numeric", Text: "linia unu\nlinia doi; \"da\"", SendAt: at},
		{ID: 9223372036854775807, To: "+40712345678", Text: "așa"},
	}
	for name, file := range map[string]string{
		"CSV":                     "id,to,from,text,send_at\n1,0712345678,numeric,\"linia unu\nlinia doi; \"\"da\"\"\",2030-01-31T09:00:00+02:00\n9223372036854775807,+40712345678,,așa,\n",
		"CSV with CRLF and a BOM": "\ufeffid,to,from,text,send_at\r\n1,0712345678,numeric,\"linia unu\r\nlinia doi; \"\"da\"\"\",2030-01-31T09:00:00+02:00\r\n9223372036854775807,+40712345678,,așa,\r\n",
		"CSV with semicolons":     "id;to;from;text;send_at\n1;0712345678;numeric;\"linia unu\nlinia doi; \"\"da\"\"\";1896073200\n9223372036854775807;+40712345678;;așa;\n",
		"CSV in another order":    " Text ,ID,To,SEND_AT,from\n\"linia unu\nlinia doi; \"\"da\"\"\",1,0712345678,1896073200,numeric\n\nașa,9223372036854775807,+40712345678,,\n",
		"CSV with tabs":           "id\tto\tfrom\ttext\tsend_at\n1\t0712345678\tnumeric\t\"linia unu\nlinia doi; \"\"da\"\"\"\t1896073200\n9223372036854775807\t+40712345678\t\tașa\t\n",
		"JSON lines":              `{"id":1,"to":"0712345678","from":"numeric","text":"linia unu\nlinia doi; \"da\"","send_at":"2030-01-31T09:00:00+02:00"}` + "\n\n" + `{"to":"+40712345678","text":"a\u0219a","id":"9223372036854775807"}`,
		"JSON lines with numbers": ` {"id":1,"to":"0712345678","from":"numeric","text":"linia unu\nlinia doi; \"da\"","send_at":1896073200}` + "\r\n" + `{"to":"+40712345678","from":null,"text":"așa","id":9223372036854775807,"send_at":null}` + "\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows, err := rowsOf(t, file)
			require.NoError(t, err)
			require.Len(t, rows, 2)
			for i, row := range rows {
				require.Nil(t, row.Bad)
				row.Message.SendAt = row.Message.SendAt.UTC()
				if row.Message.SendAt.Unix() < 0 {
					row.Message.SendAt = time.Time{}
				}
				require.Equal(t, want[i], row.Message)
			}
		})
	}
}

// A slow producer's rows come as it writes them.
func TestRows_asTheyCome(t *testing.T) {
	for name, lines := range map[string][]string{
		"CSV":        {"id;to;text\n", "1;0712345678;a\n", "2;0712345678;b\n"},
		"JSON lines": {"\n", `{"id":1,"to":"0712345678","text":"a"}` + "\n", `{"id":2,"to":"0712345678","text":"b"}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			in, out := io.Pipe()
			came := make(chan campaign.Row)
			go func() {
				defer close(came)
				rows, _ := piped(in)
				for rows.Next(context.Background()) {
					came <- *rows.Row()
				}
			}()
			_, err := io.WriteString(out, lines[0])
			require.NoError(t, err)
			for i, line := range lines[1:] {
				_, err := io.WriteString(out, line)
				require.NoError(t, err)
				select {
				case row := <-came:
					require.Nil(t, row.Bad)
					require.EqualValues(t, i+1, row.Message.ID)
				case <-time.After(time.Minute):
					require.Fail(t, "the row waits for more")
				}
			}
			require.NoError(t, out.Close())
			_, more := <-came
			require.False(t, more)
		})
	}
}

func TestRows_unended(t *testing.T) {
	for file, want := range map[string][]bool{
		"id,to,text\n1,0712345678,a\n2,0712345678,b\n":           {false, false},
		"id,to,text\r\n1,0712345678,a\r\n2,0712345678,b\r\n\r\n": {false, false},
		"id,to,text\n1,0712345678,a\n2,0712345678,b":             {false, true},
		"id,to,text\n1,0712345678,a\n2,0712345678,\"b\nc\"":      {false, true},
		"id,to,text\n1,0712345678,a\n2,0712345678,\"b\nc\"\n":    {false, false},
		`{"id":1,"to":"0712345678","text":"a"}`:                  {false}, // its brace ends it
	} {
		rows, err := piped(strings.NewReader(file))
		require.NoError(t, err)
		var unended []bool
		for rows.Next(t.Context()) {
			unended = append(unended, rows.Row().Bad != nil)
			if bad := rows.Row().Bad; bad != nil {
				require.EqualError(t, bad, "has no line end: the input may have been cut off")
			}
		}
		require.NoError(t, rows.Err())
		require.Equal(t, want, unended, file)
		all, err := rowsOf(t, file) // a file has its end
		require.NoError(t, err)
		for _, row := range all {
			require.Nil(t, row.Bad)
		}
	}
}

// A row that is too long is refused before the rest of the file is read.
func TestRows_longRow(t *testing.T) {
	for _, c := range []struct {
		name, start, end string
		line             int
	}{
		{"CSV", "id,to,text\n1,0712345678,\"a\nb\"\n2,0712345678,", "\n", 4},
		{"a quote in CSV", "id,to,text\n1,0712345678,a\n2,0712345678,\"\n", "\"\n", 3},
		{"JSON lines", `{"id":1,"to":"0712345678","text":"a"}` + "\n" + `{"id":2,"to":"0712345678","text":"`, "\"}\n", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			began := 0
			for range c.line - 1 {
				began += strings.IndexByte(c.start[began:], '\n') + 1
			}
			fits := 1<<20 - len(c.start) + began - len(c.end)
			rows, err := rowsOf(t, c.start+strings.Repeat("a", fits)+c.end)
			require.NoError(t, err)
			require.Nil(t, rows[1].Bad)
			_, err = rowsOf(t, c.start+strings.Repeat("a", fits+1)+c.end)
			require.ErrorContains(t, err, fmt.Sprintf("file: line %d: the row has more than 1 MiB; is a quote not closed?", c.line))

			endless := &countingReader{in: io.MultiReader(strings.NewReader(c.start), endlessReader{})}
			read, err := piped(endless)
			require.NoError(t, err)
			for read.Next(t.Context()) {
			}
			require.ErrorContains(t, read.Err(), "the row has more than 1 MiB")
			require.Less(t, endless.read, 1<<20+16<<10)
		})
	}
}

type endlessReader struct{}

func (endlessReader) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

type countingReader struct {
	in   io.Reader
	read int
}

func (r *countingReader) Read(p []byte) (int, error) {
	n, err := r.in.Read(p)
	r.read += n
	return n, err
}

func TestRows_aRowInsideAField(t *testing.T) {
	for _, c := range []struct {
		name, file string
		swallowed  bool
	}{
		{"the id first", "id,to,text\n1,0712345678,\"Comanda\n2,0723456789,Salut\"\n", true},
		{"the number first", "to,id,text\n0712345678,1,\"Comanda\n0723456789,2,Salut\"\n", true},
		{"the text first", "text,id,to\n\"Comanda,1,0712345678\nSalut,2,+40 723 456 789\",1,0712345678\n", true},
		{"the third line", "to;id;text\r\n0712345678;1;\"a\r\nb\r\n0723.456.789;2;c\"\r\n", true},
		{"tabs and quotes", "to\tid\ttext\n0712345678\t1\t\"a\n\"\"0723456789\"\"\t2\tc\"\n", true},
		{"cut after the number", "text,to,id\n\"a\nb,0723456789\",0712345678,1\n", true},
		{"a number on a line of its own", "id,to,text\n1,0712345678,\"Sunați la\n0721.123.456\"\n", false},
		{"a number in a sentence", "id,to,text\n1,0712345678,\"Bună,\nsunați la 0721123456, vă rugăm\"\n", false},
		{"another separator", "id;to;text\n1;0712345678;\"Sunați:\nAna, 0721123456\"\n", false},
		{"one line", "id,to,text\n1,0712345678,\"Ana, 0721123456\"\n", false},
		{"a list", "id,to,text\n1,0712345678,\"Aveți:\n2, 3, 4 bucăți\"\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := rowsOf(t, c.file)
			require.NoError(t, err)
			require.Len(t, rows, 1)
			if c.swallowed {
				require.Equal(t, "text holds what looks like the next row: a quote before it is not closed; if this is intended, write JSON lines", refused(t, rows[0]))
			} else {
				require.Nil(t, rows[0].Bad)
			}
		})
	}
}

func TestRows_linesAreCountedFromTheRowsStart(t *testing.T) {
	rows, err := rowsOf(t, "id,to,text\n\n1,07,\"a\nb\nc\"\n2,07,d\n")
	require.NoError(t, err)
	require.Equal(t, 3, rows[0].Line)
	require.Equal(t, 6, rows[1].Line)
	rows, err = rowsOf(t, "{\"id\":1}\n\n{\"id\":2}\n")
	require.NoError(t, err)
	require.Equal(t, 1, rows[0].Line)
	require.Equal(t, 3, rows[1].Line)
}

func TestRows_badRows(t *testing.T) {
	for _, c := range []struct{ name, file, says string }{
		{"too few fields", "id,to,text\n1,0712345678\n", "has 2 fields, the header 3; a separator or line end inside a field needs quotes around it"},
		{"too many fields", "id,to,text\n1,0712345678,a,b\n", "has 4 fields, the header 3"},
		{"a row swallowed by a quote", "id,to,text\n1,0712345678,\"a\n2,0723456789,b\"\n", "text holds what looks like the next row: a quote before it is not closed"},
		{"a negative id", "id,to,text\n-1,0712345678,a\n", "id is not a whole number of at least 0"},
		{"an id with a fraction", "id,to,text\n1.5,07,a\n", "id is not a whole number of at least 0"},
		{"an id too large", "id,to,text\n9223372036854775808,07,a\n", "id is not a whole number of at least 0"},
		{"no id", "id,to,text\n,07,a\n", "id is not a whole number of at least 0"},
		{"a word for a time", "id,to,text,send_at\n1,0712345678,a,mâine\n", "send_at is not a time, such as"},
		{"a time without a zone", "id,to,text,send_at\n1,0712345678,a,2030-01-31T09:00:00\n", "send_at has no time zone; add --zone Europe/Bucharest"},
		{"the year 1", "id,to,text,send_at\n1,0712345678,a,0001-01-01T00:00:00Z\n", "send_at lies before 1970 or after 2099"},
		{"milliseconds", "id,to,text,send_at\n1,0712345678,a,1898702100000\n", "not milliseconds"},
		{"two numbers", "id,to,text\n1,0712345678 / 0723456789,a\n", "to holds more than one number, or an extension; give each message one"},
		{"two numbers and a space", "id,to,text\n1,0712345678 0723456789,a\n", "to has too many digits for one number"},
		{"a number with a fraction", "id,to,text\n1,712345678.0,a\n", "to is a number with a fraction, such as .00, as a spreadsheet writes it"},
		{"a negative number", "id,to,text\n1,-40712345678,a\n", "to lacks its +"},
		{"two pluses", "id,to,text\n1,++40712345678,a\n", "to holds more than one number"},
		{"a JSON number", "{\"id\":1,\"to\":712345678,\"text\":\"a\"}\n", "key to is a number; put it in quotes"},
		{"a letter in a number", "id,to,text\n1,O712345678,a\n", "to holds something other than the digits"},
		{"a spreadsheet's number", "id,to,text\n1,7.12346E+08,a\n", "to is a number that a spreadsheet has rounded; format the column as text"},
		{"a spreadsheet's number with a comma", "id;to;text\n1;7,12346E+08;a\n", "to is a number that a spreadsheet has rounded; format the column as text"},
		{"a plus inside a number", "id,to,text\n1,07+12,a\n", "to holds more than one number"},
		{"a number and a name", "id,to,text\n1,0712345678 (Ana 2),a\n", "to holds something other than the digits"},
		{"a negative time", "id,to,text,send_at\n1,0712345678,a,-62135596800\n", "send_at lies before 1970 or after 2099"},
		{"not JSON", "{\"id\":1,\n", "is not one JSON object with the keys id, to, from, text, send_at"},
		{"cut JSON", "{\"id\":1,\"to\"\n", "is not one JSON object"},
		{"a JSON array", "{}\n[1]\n", "is not one JSON object"},
		{"two objects", "{\"id\":1} {\"id\":2}\n", "holds more than one JSON object"},
		{"an unknown key", "{\"id\":1,\"phone\":2}\n", "has an unknown key"},
		{"a key twice", "{\"id\":1,\"text\":\"a\",\"text\":\"b\"}\n", "key text appears twice"},
		{"a nested value", "{\"id\":1,\"text\":{\"a\":1}}\n", "key text is neither a string nor a number"},
		{"a number as text", "{\"id\":1,\"text\":1e3}\n", "key text is a number; put it in quotes"},
		{"a fraction as id", "{\"id\":1.0,\"to\":\"07\",\"text\":\"a\"}\n", "id is not a whole number of at least 0"},
		{"a missing key", "{\"id\":1,\"text\":\"a\"}\n", "key to is missing"},
		{"a lost character", "{\"id\":1,\"to\":\"07\",\"text\":\"\\ufffd\"}\n", "text holds U+FFFD"},
		{"half a surrogate pair", "{\"id\":1,\"to\":\"07\",\"text\":\"a\\ud83d\"}\n", "key text holds half of a surrogate pair"},
		{"half a pair after a U+FFFD", "{\"id\":1,\"to\":\"07\",\"text\":\"\\ufffd \\ud83d\"}\n", "key text holds half of a surrogate pair"},
		{"half a pair after a backslash", "{\"id\":1,\"to\":\"07\",\"text\":\"\\\\ufffd \\udc4b\"}\n", "key text holds half of a surrogate pair"},
		{"two first halves", "{\"id\":1,\"to\":\"07\",\"text\":\"\\ud83d\\ud83d\"}\n", "key text holds half of a surrogate pair"},
		{"broken UTF-8", "{\"id\":1,\"to\":\"07\",\"text\":\"a\xff\"}\n", "is not valid UTF-8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rows, err := rowsOf(t, c.file)
			require.NoError(t, err)
			require.NotEmpty(t, rows)
			require.Contains(t, refused(t, rows[len(rows)-1]), c.says)
		})
	}
}

func TestRows_escapesInJSON(t *testing.T) {
	for escaped, want := range map[string]string{
		`\ud83d\udc4b`: "👋", `\\ud83d`: `\ud83d`, `\u0219 \"da\" \n\u00e9`: "ș \"da\" \né",
	} {
		rows, err := rowsOf(t, `{"id":1,"to":"0712345678","text":"`+escaped+`"}`)
		require.NoError(t, err)
		require.Nil(t, rows[0].Bad)
		require.Equal(t, want, rows[0].Message.Text)
	}
}

func TestRows_waysToWriteANumber(t *testing.T) {
	for _, to := range []string{"0712345678", "0712/345678", "+40712345678", "0040712345678", "0712 345 678", "(+40) 712-345-678", "+40.712.345.678", " 0712345678 ", "+(40)712345678"} {
		rows, err := rowsOf(t, "id,to,text\n1,"+to+",a\n")
		require.NoError(t, err)
		require.Nil(t, rows[0].Bad, to)
		require.Equal(t, to, rows[0].Message.To)
	}
}

// A row costs few allocations: the record's fields, and nothing more in a second pass.
func TestRows_allocations(t *testing.T) {
	const n = 1000
	var file strings.Builder
	file.WriteString("id,to,text\n")
	for i := range n {
		fmt.Fprintf(&file, "%d,07%08d,Codul este %d.\n", i, i, i)
	}
	c := open(t, file.String())
	for _, limit := range []float64{2.2, 1.2} {
		rows, err := c.Rows()
		require.NoError(t, err)
		var stats [2]runtime.MemStats
		runtime.ReadMemStats(&stats[0])
		for rows.Next(t.Context()) {
		}
		runtime.ReadMemStats(&stats[1])
		require.NoError(t, rows.Err())
		require.Less(t, float64(stats[1].Mallocs-stats[0].Mallocs)/n, limit)
	}
}

// No file causes a panic, and each row is a message or has an error.
func FuzzRows(f *testing.F) {
	f.Add("id,to,from,text,send_at\n1,0712345678,numeric,\"a\nb\",2030-01-31T09:00:00+02:00\n")
	f.Add("\ufeffid;to;text\n1;07;a\n")
	f.Add(`{"id":1,"to":"07","text":"\ud83d"}` + "\n[]\n{")
	f.Fuzz(func(t *testing.T, file string) {
		pkg := smslink.Package{}
		rows, _ := rowsOf(t, file)
		for _, row := range rows {
			require.Positive(t, row.Line)
			if row.Bad == nil {
				require.NoError(t, pkg.Add(row.Message))
			}
		}
	})
}
