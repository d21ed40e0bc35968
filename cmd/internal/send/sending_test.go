package send

import (
	"context"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
)

// A file that grows or shrinks after its rows were checked is an error. No row that was not checked
// is sent, and none that was is lost in silence.
func TestMessages_ofAFileThatChanges(t *testing.T) {
	row := func(id string) string { // too long to be read together with the next one
		return id + ",071234567" + id + ",Bună," + strings.Repeat("x", 10_000) + "\n"
	}
	header := "id,to,text,note\n"
	for change, c := range map[string]struct {
		change func(file string) error
		sent   []int64
		unsent int
		err    string
	}{
		"growth": {func(file string) error {
			f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			defer f.Close()
			_, err = f.WriteString(row("4") + row("5"))
			return err
		}, []int64{1, 2, 3}, 2, "june.csv:5: the file has grown since its rows were checked; it and what follows was not sent"},
		"loss of the last row": {func(file string) error {
			return os.Truncate(file, int64(len(header+row("1")+row("2"))))
		}, []int64{1, 2}, 0, "june.csv was changed while this command was reading it; some rows may not have been sent"},
	} {
		t.Run(change, func(t *testing.T) {
			t.Chdir(t.TempDir())
			require.NoError(t, os.WriteFile("june.csv", []byte(header+row("1")+row("2")+row("3")), 0o600))
			s := newSending(cli.Console{Out: io.Discard, Err: io.Discard}, options{onBadRow: "stop", packageSize: 1, journal: "june"})
			defer s.close()
			require.NoError(t, s.open(t.Context(), []string{"june.csv"}))
			require.NoError(t, s.surveyRows(t.Context()))
			s.halting, s.halt = context.WithCancelCause(t.Context())
			rows, err := s.campaign.Rows()
			require.NoError(t, err)
			s.rows = rows

			var ids []int64
			for m, err := range s.messages() {
				if err != nil {
					s.streamErr = err // as the stream does
					break
				}
				ids = append(ids, m.ID)
				if m.ID == 1 {
					require.NoError(t, c.change("june.csv"))
				}
			}
			s.recordUnread(t.Context())
			require.Equal(t, c.unsent, s.tally.Count(outcome.NotSent))
			require.EqualError(t, s.inputErr, c.err)
			require.Equal(t, c.sent, ids)
		})
	}
}

// Signals halt the stream and break it off even while no one reads standard error.
func TestObeySignals_whileStandardErrorIsBlocked(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a process can't send itself a signal")
	}
	reader, writer := io.Pipe() // a Write to it waits for a reader
	s := newSending(cli.Console{Err: writer}, options{})
	ctx, cancel := context.WithCancel(t.Context())
	s.halting, s.halt = context.WithCancelCause(ctx)
	stop := s.obeySignals(cancel)
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	for _, done := range []<-chan struct{}{s.halting.Done(), ctx.Done()} {
		require.NoError(t, self.Signal(syscall.SIGTERM))
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("a signal has no effect")
		}
	}
	require.ErrorIs(t, context.Cause(s.halting), errInterrupted)

	said := make([]byte, 1<<10)
	n, err := reader.Read(said)
	require.NoError(t, err)
	require.Contains(t, string(said[:n]), "smslink: interrupted: waiting for the packages that are being uploaded")
	stop()
}
