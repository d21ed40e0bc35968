package main

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
)

// While up to 1000 rows come from a slow pipe, others can write to SQLite's file.
func TestEnqueue_fromASlowPipe(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	in, rows := io.Pipe() // a Write to it waits until all of it is read
	var out, errOut strings.Builder
	cmd := outboxcmd.NewCommand(cli.Console{
		In: in, Out: &out, Err: &errOut, Getenv: func(name string) string { return s.env[name] },
	})
	cmd.SetArgs([]string{"enqueue", "--campaign", "june", "-"})
	ended := make(chan error, 1)
	go func() {
		ended <- cmd.ExecuteContext(t.Context())
		_ = in.Close()
	}()
	_, err := io.WriteString(rows, "id,to,text\n")
	require.NoError(t, err)
	for id := range 10 {
		_, err := fmt.Fprintf(rows, "%d,071234567%d,a\n", id, id)
		require.NoError(t, err)
	}

	other := s.file("other.csv", "id,to,text\n1,0712345678,a\n")
	require.Equal(t, "1 of 1 messages queued\n", s.must("enqueue", "--campaign", "other", other))

	require.NoError(t, rows.Close())
	require.NoError(t, <-ended, errOut.String())
	require.Equal(t, "10 of 10 messages queued\n", out.String())
}
