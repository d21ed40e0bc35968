package reports

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/outcome"
)

// Rows added to a results file are read, and the whole file if it was replaced.
func TestResultRows(t *testing.T) {
	folder := t.TempDir()
	name := filepath.Join(folder, "results.csv")
	header := strings.Join(outcome.ResultsHeader, ",") + "\n"
	line := func(n int, remoteID string) string {
		return fmt.Sprintf("a.csv,%d,1,3,success,%s,1,,,,,,\n", n, remoteID)
	}
	log := &strings.Builder{}
	rows := newResultRows([]string{name}, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, rows.load(), "it is not there")
	write := func(file string) {
		require.NoError(t, os.WriteFile(name+".new", []byte(file), 0o600))
		require.NoError(t, os.Rename(name+".new", name))
	}
	grow := func(more string) {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		require.NoError(t, err)
		_, err = f.WriteString(more)
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	lineOf := func(remoteID string) int {
		row := rows.find(remoteID)
		if row == nil {
			return 0
		}
		return row.Line
	}

	grow("")
	require.NoError(t, rows.load(), "it is empty")
	grow(header[:10])
	require.NoError(t, rows.load(), "its header is being written")
	grow(header[10:] + line(2, "100") + `a.csv,3,"1`)
	require.Equal(t, 2, lineOf("100"))
	require.Zero(t, lineOf("101"))
	grow(`",3,success,101,1,,,,,,` + "\n")
	require.Equal(t, 3, lineOf("101"), "its line has come")
	require.EqualValues(t, len(header)+len(line(2, "100"))+len(line(3, "101"))+2, rows.files[0].read)
	require.Empty(t, log.String())

	grow(`a.csv,4,"broken` + "\nshort,5\n" + line(6, "102") +
		"'=a.csv,7,'+8,3,success,'-103,1,,,,,,\n" + "'a.csv,8,',3,success,104,1,,,,,,\n")
	require.Equal(t, 6, lineOf("102"))
	require.Equal(t, 2, strings.Count(log.String(), "level=WARN"))
	require.Contains(t, log.String(), "line=4")
	require.Contains(t, log.String(), "line=5")
	require.NotContains(t, log.String(), "short")
	require.Equal(t, &reportedRow{File: "=a.csv", Line: 7, ID: "+8"}, rows.find("-103"))
	require.Equal(t, &reportedRow{File: "'a.csv", Line: 8, ID: "'"}, rows.find("104"))

	grow("a.csv,9,9,3,success,105,1,,,,,ABC-7,2026-06-01T10:00:00Z\n")
	require.Equal(t, &reportedRow{File: "a.csv", Line: 9, ID: "9",
		Answered: time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC), Journal: "ABC-7"}, rows.find("105"))

	write(header + line(2, "200"))
	require.Equal(t, 2, lineOf("200"), "it is shorter")
	write(header + line(2, "201"))
	require.Equal(t, 2, lineOf("201"), "it is another, of the same size")
	write(header + line(2, "202") + line(3, "203"))
	require.Equal(t, 2, lineOf("202"), "it is another, and longer")
	require.Equal(t, 3, lineOf("203"))

	write("id,to,text\n")
	require.ErrorContains(t, rows.load(), "is not a results file of send")
	require.Equal(t, 2, lineOf("100"), "what is known stays known")
	require.NoError(t, os.Remove(name))
	require.Zero(t, lineOf("300"))
	write(header + line(9, "300"))
	require.Equal(t, 9, lineOf("300"), "it is back")
}
