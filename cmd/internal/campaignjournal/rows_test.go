package campaignjournal

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// However a crash cuts the last rows, those before them are kept, and others can be added.
func TestRowFile_cutAnywhere(t *testing.T) {
	name := filepath.Join(t.TempDir(), "rows")
	f, err := openRows(name)
	require.NoError(t, err)
	require.NoError(t, f.add([]recorded{{7, 70}, {3, 30}, {9, 90}}))
	require.NoError(t, f.add([]recorded{{3, 31}}))
	require.NoError(t, f.file.Close())
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	for n := range len(whole) + 1 {
		for _, tail := range []string{"", "\x00", string(make([]byte, 50))} {
			require.NoError(t, os.WriteFile(name, append(whole[:n:n], tail...), 0o600))
			f, err := openRows(name)
			if n < len(rowsHeader) && tail != "" {
				require.ErrorContains(t, err, "is not a part of a journal")
				continue
			}
			require.NoError(t, err)
			rows := max(0, n-len(rowsHeader)) / recordSize
			for i, r := range []recorded{{7, 70}, {3, 30}, {9, 90}} {
				d, ok := f.of(r.id)
				require.Equal(t, i < rows, ok)
				if ok && (r.id != 3 || rows < 4) {
					require.Equal(t, r.digest, d)
				}
			}
			require.NoError(t, f.add([]recorded{{5, 50}}))
			require.NoError(t, f.file.Close())
			f, err = openRows(name)
			require.NoError(t, err)
			d, ok := f.of(5)
			require.True(t, ok)
			require.Equal(t, digest(50), d)
			if d, _ := f.of(3); rows == 4 {
				require.Equal(t, digest(31), d, "the last one counts")
			}
			require.NoError(t, f.file.Close())
		}
	}
}
