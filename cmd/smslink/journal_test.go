package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/smslinktest"
)

// Two sends with the same new journal are started together. While the first one asks for the
// balance, the second one makes the journal and sends. The first one then sends nothing: it has not
// compared its rows with that journal.
func TestSend_journalThatAnotherSendBegan(t *testing.T) {
	for name, rows := range map[string]string{
		"of another campaign":   "id,to,text\n2,0712345672,doi\n3,0712345673,trei\n",
		"of the same campaign":  "to,text\n0712345670,zero\n0712345671,unu\n0712345672,doi\n",
		"with the very same":    "to,text\n0712345671,unu\n0712345672,doi\n",
		"which has other texts": "to,text\n0712345671,altul\n0712345672,altul\n",
	} {
		t.Run(name, func(t *testing.T) {
			gateway := newGateway(t, nil)
			folder := t.TempDir()
			journal, first, second := filepath.Join(folder, "june"), filepath.Join(folder, "first.csv"), filepath.Join(folder, "second.csv")
			require.NoError(t, os.WriteFile(first, []byte(rows), 0o600))
			require.NoError(t, os.WriteFile(second, []byte("to,text\n0712345671,unu\n0712345672,doi\n"), 0o600))
			var server *httptest.Server
			send := func(file string) ran {
				return smslinkIn(accountOf(gateway), "", "send", "--endpoint", server.URL+smslinktest.BulkPath, "--journal", journal, file)
			}
			var asked atomic.Bool
			server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "index.php") && asked.CompareAndSwap(false, true) {
					got := send(second)
					assert.Equal(t, cli.ExitAccepted, got.code, got.err)
				}
				gateway.ServeHTTP(w, r)
			}))
			defer server.Close()
			got := send(first)
			require.Equal(t, cli.ExitNotSent, got.code)
			require.Contains(t, got.err, "--journal: another send has begun "+journal+" since the rows were checked; run the same command again; nothing was sent\n")
			require.Len(t, gateway.Messages(), 2)
		})
	}
}

// A journal whose file rows has lost messages that a person resolved as sent is refused, whether
// all rows are lost or only the last ones.
func TestSend_journalThatLostResolvedRows(t *testing.T) {
	for packageSize, lose := range map[string]func(t *testing.T, rows string){
		"2": func(t *testing.T, rows string) { require.NoError(t, os.Remove(rows)) },
		"1": func(t *testing.T, rows string) {
			info, err := os.Stat(rows)
			require.NoError(t, err)
			require.NoError(t, os.Truncate(rows, info.Size()-20)) // the row of the message that was accepted
		},
	} {
		t.Run(packageSize, func(t *testing.T) {
			d := newDoubtful(t)
			d.file("june.csv", "id,to,text\n1,0712345671,unu\n2,0712345672,doi\n")
			d.gateway.Inject(smslinktest.LoseReply())
			d.send(cli.ExitInDoubt, "june", "june.csv", "--package-size", packageSize)
			got := smslinkIn(nil, "", "journal", "resolve", "--sent", "--all", "--by", "Ana", "--reason", "they have it", d.path("june"))
			require.Equal(t, cli.ExitAccepted, got.code, got.err)
			lose(t, d.path("june/rows"))
			d.file("june.csv", "id,to,text\n101,0712345671,unu\n102,0712345672,doi\n")
			d.send(cli.ExitNotSent, "june", "june.csv")
			d.send(cli.ExitNotSent, "june", "june.csv", "--same-campaign")
			got = smslinkIn(nil, "", "journal", "list", d.path("june"))
			require.Contains(t, got.err, "rows is damaged, and has lost rows that were sent; restore the folder\n")
			require.Len(t, d.gateway.Messages(), 2)
		})
	}
}

// A journal that has only failed messages is refused if all its rows are lost: one of status 4 may
// have been taken.
func TestSend_journalThatLostFailedRows(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(smslink.Message) smslink.Status {
		return smslink.StatusInternalOrBlacklisted
	}}})
	journal := filepath.Join(t.TempDir(), "june")
	send := func(rows string) ran {
		return smslinkIn(accountOf(gateway), rows, "send", "--endpoint", gateway.URL, "--journal", journal, "-")
	}
	require.Equal(t, cli.ExitSomeBad, send("id,to,text\n1,0712345671,unu\n").code)
	require.NoError(t, os.Remove(filepath.Join(journal, "rows")))
	got := send("id,to,text\n101,0712345671,unu\n")
	require.Equal(t, cli.ExitNotSent, got.code)
	require.Contains(t, got.err, "rows is damaged")
	require.Len(t, gateway.Messages(), 1)
}

// If the journal can't record results, it has messages in doubt that were accepted. The command
// says so, even if no later package shows it.
func TestSend_resultsThatAreNotRecorded(t *testing.T) {
	for _, size := range []string{"2", "1"} { // of a package
		folder := t.TempDir()
		journal := filepath.Join(folder, "june")
		gateway := newGateway(t, &smslinktest.Options{Fault: func(int) smslinktest.Fault {
			f, err := os.OpenFile(filepath.Join(journal, "journal"), os.O_APPEND|os.O_WRONLY, 0)
			if assert.NoError(t, err) {
				_, err = f.WriteString(" ") // after which no line can be added
				assert.NoError(t, err)
				assert.NoError(t, f.Close())
			}
			return smslinktest.Fault{}
		}})
		file := filepath.Join(folder, "june.csv")
		require.NoError(t, os.WriteFile(file, []byte("id,to,text\n1,0712345671,unu\n2,0712345672,doi\n"), 0o600))
		got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", gateway.URL, "--journal", journal, "--package-size", size, file)
		require.Equal(t, cli.ExitSomeBad, got.code)
		require.Contains(t, got.out, size+" accepted")
		require.Contains(t, got.out+got.err, "the journal: another program has changed the journal")
		require.Contains(t, got.err, "the journal has more messages in doubt, such as those whose results it could not record; smslink journal show "+journal+" lists them\n")
	}
}

// show of a journal with messages in doubt has that exit code even if its reader closes the pipe,
// as head does. A disk that is full is an error.
func TestJournal_showThatCannotBeWritten(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.Inject(smslinktest.LoseReply())
	journal := filepath.Join(t.TempDir(), "june")
	got := smslinkIn(accountOf(gateway), "id,to,text\n1,0712345671,unu\n", "send", "--endpoint", gateway.URL, "--journal", journal, "-")
	require.Equal(t, cli.ExitInDoubt, got.code, got.err)
	show := func(out io.Writer) (code int, text string) {
		var errOut bytes.Buffer
		console := cli.Console{In: strings.NewReader(""), Out: out, Err: &errOut, Getenv: func(string) string { return "" }}
		code = cli.Run(t.Context(), console, newCommand, []string{"journal", "show", journal})
		return code, errOut.String()
	}
	code, text := show(brokenPipe{})
	require.Equal(t, cli.ExitInDoubt, code)
	require.Contains(t, text, "1 message is in doubt")
	code, text = show(fullDisk{})
	require.Equal(t, cli.ExitNotSent, code)
	require.Contains(t, text, "the output could not be written: no space left on device")
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
