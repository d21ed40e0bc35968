package outcome_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/outcome"
)

// The names and ids of a results file are read as they were, whatever was quoted in them.
func TestLines_readWhatResultsWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "results.csv")
	results, err := outcome.CreateResults(name, outcome.ResultsOptions{Price: func(int) string { return "" }})
	require.NoError(t, err)
	texts := []string{
		"7", "a.csv", "+5", " +5", "=1+1", "'=1+1", "''-1", "a;-b.csv", "a;'-b.csv", ";\"=;  @", "a'-b", "-", "'", `"quoted", -1`,
	}
	for _, text := range texts {
		require.NoError(t, results.Add(outcome.Row{File: text, ID: text, To: text, RemoteID: text, Journal: "ABC-7"}))
	}
	require.NoError(t, results.Close(true))
	written, err := os.ReadFile(name)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(written)), "\n")[1:]
	require.Len(t, lines, len(texts))
	var parser outcome.Lines
	for i, text := range texts {
		row, err := parser.Parse(lines[i])
		require.NoError(t, err)
		require.Equal(t, outcome.Row{File: text, ID: text, To: text, RemoteID: text, Journal: "ABC-7"}, row)
	}
}
