package journal_test

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

// A file that ends anywhere in its last write opens as it was before that write. If it ends in the
// first line, before the part that only journals have, it is left unchanged.
func TestOpen_survivesATornLastLine(t *testing.T) {
	path := filled(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range raw {
		require.NoError(t, os.WriteFile(path, raw[:n], 0o600))
		j, err := journal.Open(path)
		if n > 0 && n < len("00000000 smslink journal ") {
			require.ErrorIs(t, err, journal.ErrNotJournal, "%d bytes", n)
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, raw[:n], after)
			continue
		}
		require.NoError(t, err, "%d bytes", n)
		requireWholeLines(t, path)
		lines := bytes.Count(raw[:n], []byte("\n"))
		if raw[n] == '\n' {
			lines++ // nothing but the end of the line is missing
		}
		known, err := j.Known(background, []int64{1, 2, 3, 4, 5})
		require.NoError(t, err)
		require.Len(t, known, map[int]int{0: 0, 1: 0, 2: 2, 3: 3, 4: 3, 5: 5, 6: 4}[min(lines, 6)], "%d bytes", n)
		require.NoError(t, j.Intend(background, []int64{9}))
		require.NoError(t, j.Close())
		j, err = journal.Open(path)
		require.NoError(t, err, "%d bytes", n)
		require.Contains(t, inDoubt(j), int64(9))
		require.NoError(t, j.Close())
	}
}

func TestOpen_refusesEveryOtherChange(t *testing.T) {
	path := filled(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := range raw {
		changed := bytes.Clone(raw)
		changed[i] ^= 1
		require.NoError(t, os.WriteFile(path, changed, 0o600))
		_, err := journal.Open(path)
		if name := i >= 9 && i < len("00000000 smslink journal 3;"); name {
			require.ErrorIs(t, err, journal.ErrNotJournal, "byte %d", i)
		} else {
			require.ErrorIs(t, err, journal.ErrCorrupt, "byte %d", i)
		}
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, changed, after, "it is left as it was")
	}
	lines := bytes.SplitAfter(raw, []byte("\n")) // the last one is empty
	for i := range len(lines) - 2 {
		gone := bytes.Join(slices.Concat(lines[:i], lines[i+1:]), nil)
		doubled := bytes.Join(slices.Concat(lines[:i+1], lines[i:]), nil)
		for _, changed := range [][]byte{gone, doubled} {
			require.NoError(t, os.WriteFile(path, changed, 0o600))
			_, err := journal.Open(path)
			if i == 0 && len(changed) < len(raw) {
				require.ErrorIs(t, err, journal.ErrNotJournal, "without its first line")
			} else {
				require.ErrorIs(t, err, journal.ErrCorrupt, "line %d", i+1)
			}
		}
	}
}

// requireWholeLines checks that the file has only complete lines.
func requireWholeLines(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for _, line := range bytes.SplitAfter(raw, []byte("\n")) {
		require.True(t, len(line) == 0 || bytes.HasSuffix(line, []byte(";\n")), "%q", line)
	}
}

// Some file systems make a file longer before they write into it.
func TestOpen_survivesNULsAtTheEnd(t *testing.T) {
	path := filled(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	first := bytes.IndexByte(raw, '\n') + 1
	open := func(content []byte) map[int64]bool {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		j, err := journal.Open(path)
		require.NoError(t, err, "%q", content)
		defer func() { require.NoError(t, j.Close()) }()
		requireWholeLines(t, path)
		known, err := j.Known(background, []int64{1, 2, 3, 4, 5})
		require.NoError(t, err)
		ids := map[int64]bool{}
		for _, result := range known {
			ids[result.ID] = true
		}
		require.NoError(t, j.Intend(background, []int64{9}))
		return ids
	}
	for n := first; n <= len(raw); n++ {
		cut := open(raw[:n])
		require.Equal(t, cut, open(append(bytes.Clone(raw[:n]), make([]byte, 4096)...)), "cut at %d", n)
	}
	for n := range first {
		if n == 0 || n >= len("00000000 smslink journal ") {
			require.Empty(t, open(append(bytes.Clone(raw[:n]), make([]byte, first-n)...)), "a new file of %d bytes", n)
		}
	}
}

// payloads returns a file of these lines, each with its checksum.
func payloads(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	var sum uint32
	var file bytes.Buffer
	for _, line := range lines {
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), []byte(line))
		fmt.Fprintf(&file, "%08x %s;\n", sum, line)
	}
	require.NoError(t, os.WriteFile(path, file.Bytes(), 0o600))
	return path
}

func TestOpen_refusesNonsenseWithAGoodChecksum(t *testing.T) {
	const (
		first  = `smslink journal 3`
		at     = `2026-11-24T17:40:09Z `
		intend = at + `run intend=1`
	)
	j, err := journal.Open(payloads(t, first, at+`campaign="a \x3b b"`, intend, at+`result=1 status=4 remote=0`, at+`forget=1`))
	require.NoError(t, err)
	require.Equal(t, "a ; b", j.Campaign())
	require.NoError(t, j.Close())
	for _, lines := range [][]string{
		{first, first},
		{first, ``},
		{first, at},
		{first, `2026-11-24T17:40:09Z`},
		{first, at + `run`},
		{first, at + `intend=1`},
		{first, at + `run intend=1 intend=2`},
		{first, at + `run intend=1+1x1048575 intend=2+1x18446744073709551615`},
		{first, at + `intend=1 run`},
		{first, at + `run  intend=1`},
		{first, at + `run intend=1 `},
		{first, at + `run intend=01`},
		{first, at + `run intend=`},
		{first, at + `run intend=1+`},
		{first, at + `run intend=1+1x1`},
		{first, at + `run intend=1+1+1`},
		{first, at + `run intend=1*1`},
		{first, at + `run intend=-1`},
		{first, at + `run intend=0-1`},
		{first, at + `run intend=9223372036854775808`},
		{first, at + `run intend=18446744073709551617`},
		{first, at + `run intend=1+0`},
		{first, at + `run intend=1+1x99999999999`},
		{first, at + `run intend=1+1x18446744073709551615`},
		{first, `2026-11-24T17:40:09.5Z run intend=1`},
		{first, `2026-11-24T17:40:09+00:00 run intend=1`},
		{first, `2026-02-30T17:40:09Z run intend=1`},
		{first, at + `campaign=x`},
		{first, at + `campaign=""`},
		{first, at + `campaign="x`},
		{first, at + `campaign="ă"`},
		{first, at + `campaign="a b" campaign="c"`},
		{first, at + `campaign="a" run intend=1`},
		{first, intend, at + `result=1 status=3`},
		{first, intend, at + `status=3 remote=7`},
		{first, intend, at + `result=1 status=3+0 remote=7`},
		{first, intend, at + `result=1 status=0 remote=0`},
		{first, intend, at + `result=1 status=6 remote=0`},
		{first, intend, at + `result=1 status=1000 remote=0`},
		{first, intend, at + `result=1 status=18446744073709551607 remote=0`},
		{first, intend, at + `result=1 status=4294967299 remote=0`},
		{first, intend, at + `result=1+0 status=3-1 remote=0+0`},
		{first, intend, at + `result=1 status=3 remote=0 not-sent=1`},
		{first, intend, at + `run result=1 status=3 remote=0`},
		{first, intend, at + `forget=1`},
		{first, intend, at + `by="Ana" not-sent=1`},
		{first, intend, at + `reason="so" not-sent=1`},
		{first, intend, at + `by="Ana" reason="so"`},
		{first, intend, at + `intend=1`},
		{first, intend, at + `intend=2 not-sent=1`},
		{first, at + `hold=1`},
	} {
		_, err := journal.Open(payloads(t, lines...))
		require.ErrorIs(t, err, journal.ErrCorrupt, "%s", lines)
	}
}

func TestOpen_refusesAnotherVersionByName(t *testing.T) {
	const v1, v2 = "c4e6e3b5 {\"smslink-journal\":1}\n", "482622a9 smslink journal 2;\n"
	for _, content := range []string{v1, v2, v2[:26], v2 + "9ab552f1 2026-11-24T17:40:09Z run intend=1+1x9999;\n", "12345678 smslink journal 4;\n12345678 x"} {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := journal.Open(path)
		require.ErrorIs(t, err, journal.ErrNotJournal)
		require.ErrorContains(t, err, "of this version of smslink; open it with the version that wrote it")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(after))
	}
}

// A file that is not a journal is left unchanged, however short it is. The error does not say that
// it is corrupt.
func TestOpen_leavesOtherFilesAsTheyWere(t *testing.T) {
	raw, err := os.ReadFile(filled(t))
	require.NoError(t, err)
	for _, content := range []string{
		"4", "48", string(raw[:8]), string(raw[:9]), string(raw[:9]) + "sms", "4\x00\x00", string(raw[1:]), "a letter", "\n", " ",
		"id,to,text\n1,0712345678,Salut\n", strings.Repeat("\x00", 32), "PK\x03\x04", "%PDF-1.7\n",
	} {
		path := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := journal.Open(path)
		require.ErrorIs(t, err, journal.ErrNotJournal, "%q", content)
		require.EqualError(t, err, "smslink: "+path+": not a journal, and left as it was; name another file")
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, content, string(after))
	}
}

// A crash may leave a file that is longer than its lines, and a person may name any file. Neither
// is read into memory.
func TestOpen_readsNoLargeTailIntoMemory(t *testing.T) {
	raw, err := os.ReadFile(filled(t))
	require.NoError(t, err)
	const large = 64 << 20 // a hole, which takes no room on the disk
	for name, c := range map[string]struct {
		start string
		want  error
	}{
		"nothing before it":         {"", journal.ErrNotJournal},
		"a letter":                  {"a letter", journal.ErrNotJournal},
		"a journal":                 {string(raw), nil},
		"a journal and half a line": {string(raw[:len(raw)-20]), nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "journal")
			require.NoError(t, os.WriteFile(path, []byte(c.start), 0o600))
			require.NoError(t, os.Truncate(path, large))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			j, err := journal.Open(path)
			runtime.ReadMemStats(&after)
			require.ErrorIs(t, err, c.want)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
			if err == nil {
				requireWholeLines(t, path)
				require.NoError(t, j.Close())
			}
		})
	}
}

func TestOpen_refusesAFolderOrADevice(t *testing.T) {
	_, err := journal.Open(t.TempDir())
	require.Error(t, err)
	if runtime.GOOS == "linux" {
		_, err = journal.Open("/dev/full")
		require.ErrorIs(t, err, journal.ErrNotJournal)
	}
}

// The file in the package's comment is a journal.
func TestOpen_readsTheFileOfThePackageComment(t *testing.T) {
	source, err := os.ReadFile("journal.go")
	require.NoError(t, err)
	var file []byte
	for line := range strings.Lines(string(source)) {
		if line, ok := strings.CutPrefix(line, "//\t"); ok {
			file = append(file, line...)
		}
	}
	path := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(path, file, 0o600))
	j := open(t, path)
	require.Equal(t, []int64{10_005}, inDoubt(j))
	known, err := j.Known(background, []int64{1, 10_000, 10_001, 10_002})
	require.NoError(t, err)
	require.Equal(t, []smslink.Result{
		{ID: 1, RemoteID: "220000001", Status: smslink.StatusSuccess}, {ID: 10_000, RemoteID: "220010000", Status: smslink.StatusSuccess},
		{ID: 10_001, Status: smslink.StatusSuccess},
	}, known)
	require.Equal(t, "Ana", j.Resolutions()[0].By)
}
