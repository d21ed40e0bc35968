//go:build unix

package reports

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// If a broken line can't be taken back, the next one begins after it.
func TestLineWriter(t *testing.T) {
	full := errors.New("no space left")
	out := &shortWriter{err: full}
	w := lineWriter{out: out}
	write := func(line string, room int) error {
		out.room = room
		return w.write([]byte(line))
	}
	require.NoError(t, write("1", 10))
	require.ErrorIs(t, write("222222", 3), full)
	require.ErrorIs(t, write("333333", 0), full)
	require.NoError(t, write("4", 10))
	require.ErrorIs(t, write("555555", 2), full)
	require.ErrorIs(t, write("666666", 1), full, "the line end alone")
	require.NoError(t, write("7", 10))
	require.NoError(t, write("8", 10))
	require.Equal(t, "1\n222\n4\n55\n7\n8\n", string(out.written))
}

// shortWriter writes up to room bytes of a line, and then fails.
type shortWriter struct {
	written []byte
	room    int
	err     error
}

func (w *shortWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.room)
	w.written = append(w.written, p[:n]...)
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

// A file that another process has written to since is not cut.
func TestTakeBack_onlyTheEnd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reports")
	ours, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	require.NoError(t, err)
	defer ours.Close()
	_, err = ours.WriteString("first\nsec")
	require.NoError(t, err)
	theirs, err := os.OpenFile(file, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	defer theirs.Close()
	_, err = theirs.WriteString("theirs\n")
	require.NoError(t, err)
	require.False(t, takeBack(ours, 3))
	_, err = ours.WriteString("third\nfou")
	require.NoError(t, err)
	require.True(t, takeBack(ours, 3))
	_, err = ours.WriteString("fifth\n")
	require.NoError(t, err)
	raw, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "first\nsectheirs\nthird\nfifth\n", string(raw))
}
