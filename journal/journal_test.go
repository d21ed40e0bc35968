package journal_test

import (
	"bytes"
	"context"
	"errors"
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
	"github.com/go-smslink/smslink/smslinktest"
)

var background = context.Background()

func open(t testing.TB, path string) *journal.File {
	t.Helper()
	j, err := journal.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	return j
}

func inDoubt(j *journal.File) (ids []int64) {
	for _, doubt := range j.InDoubt() {
		ids = append(ids, doubt.ID)
	}
	return ids
}

// filled is the path of a journal of three packages: one judged, one forgotten and
// one in doubt.
func filled(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	require.NoError(t, j.Intend(background, []int64{1, 2}))
	require.NoError(t, j.Intend(background, []int64{3}))
	require.NoError(t, j.Settle(background, []smslink.Result{
		{ID: 1, RemoteID: "220000001", Status: smslink.StatusSuccess}, {ID: 2, RemoteID: "0040712345678", Status: smslink.StatusNumberFailed},
	}, nil))
	require.NoError(t, j.Intend(background, []int64{4, 5}))
	require.NoError(t, j.Settle(background, nil, []int64{3}))
	require.NoError(t, j.Close())
	return path
}

var whole = []smslink.Result{
	{ID: 1, RemoteID: "220000001", Status: smslink.StatusSuccess}, {ID: 2, Status: smslink.StatusNumberFailed}, {ID: 4}, {ID: 5},
}

func TestFile_keepsWhatItWasTold(t *testing.T) {
	path := filled(t)
	j := open(t, path)
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 6})
	require.NoError(t, err)
	require.Equal(t, whole, known)
	require.Equal(t, []int64{4, 5}, inDoubt(j))
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(raw), "40712345678", "a remote id that may be a receiver")
}

func TestFile_doubtsCanBeSettledByHand(t *testing.T) {
	j := open(t, filled(t))
	require.NoError(t, j.Settle(background, []smslink.Result{{ID: 4, Status: smslink.StatusSuccess}}, []int64{5}))
	require.Empty(t, j.InDoubt())
	require.NoError(t, j.Intend(background, []int64{5}))
}

func TestFile_refusesWhatWouldSendTwice(t *testing.T) {
	j := open(t, filled(t))
	for _, id := range []int64{1, 2, 4} {
		require.ErrorIs(t, j.Intend(background, []int64{100, id}), journal.ErrKnown)
	}
	known, err := j.Known(background, []int64{100})
	require.NoError(t, err)
	require.Empty(t, known, "all or none")
	require.ErrorIs(t, j.Settle(background, nil, []int64{1}), journal.ErrNotInDoubt)
	require.ErrorIs(t, j.Settle(background, nil, []int64{6}), journal.ErrNotInDoubt)
}

func TestOpen_whatIsOpenAlready(t *testing.T) {
	path := filled(t)
	j := open(t, path)
	_, err := journal.Open(path)
	require.ErrorIs(t, err, journal.ErrLocked)
	require.NoError(t, j.Close())
	open(t, path)
	_, err = j.Known(background, nil)
	require.Error(t, err, "it is closed")
}

// A file that ends anywhere in its last write opens as it was before that write, and
// goes on from there.
func TestOpen_survivesATornLastLine(t *testing.T) {
	path := filled(t)
	raw, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := range raw {
		require.NoError(t, os.WriteFile(path, raw[:n], 0o600))
		j, err := journal.Open(path)
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
		require.ErrorIs(t, err, journal.ErrCorrupt, "byte %d", i)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, changed, after, "it is left as it is")
	}
	lines := bytes.SplitAfter(raw, []byte("\n")) // of which the last is empty
	for i := range len(lines) - 2 {
		gone := bytes.Join(slices.Concat(lines[:i], lines[i+1:]), nil)
		doubled := bytes.Join(slices.Concat(lines[:i+1], lines[i:]), nil)
		for _, changed := range [][]byte{gone, doubled} {
			require.NoError(t, os.WriteFile(path, changed, 0o600))
			_, err := journal.Open(path)
			require.ErrorIs(t, err, journal.ErrCorrupt, "line %d", i+1)
		}
	}
	for _, other := range []string{"a letter", string(raw[1:]), strings.Repeat("\x00", 32), string(raw[:31]) + "x\n"} {
		require.NoError(t, os.WriteFile(path, []byte(other), 0o600))
		_, err = journal.Open(path)
		require.ErrorIs(t, err, journal.ErrCorrupt, "%q", other)
	}
}

// requireWholeLines checks that what a crash has left is gone from the file.
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
		require.Empty(t, open(append(bytes.Clone(raw[:n]), make([]byte, first-n)...)), "a new file of %d bytes", n)
	}
}

// payloads is a file of these lines, each with its checksum.
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
		first  = `smslink journal 2`
		at     = `2026-11-24T17:40:09Z `
		intend = at + `run intend=1`
	)
	j, err := journal.Open(payloads(t, first, at+`campaign="a \x3b b"`, intend, at+`judge=1 status=999 remote=0`, at+`again=1`))
	require.NoError(t, err)
	require.Equal(t, "a ; b", j.Campaign())
	require.NoError(t, j.Close())
	for _, lines := range [][]string{
		{`smslink journal 1`},
		{`smslink journal 3`},
		{`smslink journal 2 run intend=7`},
		{first, first},
		{first, ``},
		{first, at},
		{first, `2026-11-24T17:40:09Z`},
		{first, at + `run`},
		{first, at + `intend=1`},
		{first, at + `run intend=1 intend=2`},
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
		{first, intend, at + `judge=1 status=3`},
		{first, intend, at + `status=3 remote=7`},
		{first, intend, at + `judge=1 status=3+0 remote=7`},
		{first, intend, at + `judge=1 status=0 remote=0`},
		{first, intend, at + `judge=1 status=1000 remote=0`},
		{first, intend, at + `judge=1 status=18446744073709551607 remote=0`},
		{first, intend, at + `judge=1 status=4294967299 remote=0`},
		{first, intend, at + `judge=1+0 status=3-1 remote=0+0`},
		{first, intend, at + `judge=1 status=3 remote=0 forget=1`},
		{first, intend, at + `run judge=1 status=3 remote=0`},
		{first, intend, at + `again=1`},
		{first, intend, at + `by="Ana" forget=1`},
		{first, intend, at + `reason="so" forget=1`},
		{first, intend, at + `by="Ana" reason="so"`},
		{first, intend, at + `intend=1`},
		{first, intend, at + `intend=2 forget=1`},
		{first, at + `hold=1`},
	} {
		_, err := journal.Open(payloads(t, lines...))
		require.ErrorIs(t, err, journal.ErrCorrupt, "%s", lines)
	}
}

func TestOpen_saysThatAFileIsOfAnotherVersion(t *testing.T) {
	for _, content := range []string{"c4e6e3b5 {\"smslink-journal\":1}\n", "12345678 smslink journal 3;\n12345678 x"} {
		path := filepath.Join(t.TempDir(), "journal")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		_, err := journal.Open(path)
		require.ErrorIs(t, err, journal.ErrCorrupt)
		require.ErrorContains(t, err, "another version")
	}
}

func TestOpen_refusesALargeStrangerWithoutReadingIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Truncate(path, 300<<20)) // a hole
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := journal.Open(path)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, journal.ErrCorrupt)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20))
}

func TestOpen_refusesWhatIsNoFile(t *testing.T) {
	_, err := journal.Open(t.TempDir())
	require.Error(t, err)
	if runtime.GOOS == "linux" {
		_, err = journal.Open("/dev/full")
		require.ErrorIs(t, err, journal.ErrCorrupt)
	}
}

func TestFile_noticesThatItWasMoved(t *testing.T) {
	for name, move := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
		"deleted": os.Remove,
		"replaced": func(path string) error {
			raw, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path+".new", raw, 0o600), os.Rename(path+".new", path))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			j := open(t, path)
			if err := move(path); err != nil {
				t.Skip(err) // Windows lets no open file be moved
			}
			require.ErrorIs(t, j.Intend(background, []int64{100}), journal.ErrMoved)
			require.ErrorIs(t, j.Settle(background, nil, []int64{4}), journal.ErrMoved, "it stays so")
			_, err := j.Known(background, []int64{1})
			require.ErrorIs(t, err, journal.ErrMoved)
		})
	}
}

func TestFile_isWhereALinkLeads(t *testing.T) {
	target := filled(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(target, link); err != nil {
		t.Skip(err)
	}
	held, err := os.Stat(target)
	require.NoError(t, err)
	if there, err := os.Stat(link); err != nil || !os.SameFile(held, there) {
		t.Skip("links lead nowhere here, as under Wine")
	}
	j := open(t, link)
	require.Equal(t, []int64{4, 5}, inDoubt(j))
	require.NoError(t, j.Intend(background, []int64{100}))
	t.Chdir(t.TempDir())
	require.NoError(t, j.Intend(background, []int64{101}))
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(filled(t), link))
	require.ErrorIs(t, j.Intend(background, []int64{102}), journal.ErrMoved)
}

// A path is that of the folder it was opened in.
func TestFile_staysWhereItIsWhenTheProgramMoves(t *testing.T) {
	t.Chdir(t.TempDir())
	j := open(t, "journal")
	t.Chdir(t.TempDir())
	require.NoError(t, j.Intend(background, []int64{1}))
}

func TestFile_refusesContradictions(t *testing.T) {
	path := filled(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	j := open(t, path)
	success, failure := smslink.Result{ID: 4, Status: smslink.StatusSuccess}, smslink.Result{ID: 4, Status: smslink.StatusNumberFailed}
	require.ErrorIs(t, j.Settle(background, []smslink.Result{success}, []int64{4}), journal.ErrNotInDoubt)
	require.ErrorIs(t, j.Settle(background, []smslink.Result{success, failure}, nil), journal.ErrNotInDoubt)
	require.ErrorIs(t, j.Settle(background, nil, []int64{5, 4, 5}), journal.ErrNotInDoubt)
	require.Error(t, j.Settle(background, []smslink.Result{{ID: 4}}, nil), "unreported is no judgement")
	require.Error(t, j.Settle(background, []smslink.Result{{ID: 4, Status: 1000}}, nil))
	require.ErrorIs(t, j.Intend(background, []int64{8, 7, 8}), journal.ErrKnown)
	require.Error(t, j.Intend(background, []int64{-1}))
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 7, 8})
	require.NoError(t, err)
	require.Equal(t, whole, known)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "what is refused is not written")
}

func TestFile_forgetsWhatWasRefused(t *testing.T) {
	path := filled(t) // 1 is a success, 2 a failure, 4 in doubt, 6 unknown
	j := open(t, path)
	for _, ids := range [][]int64{{1}, {2, 1}, {2, 4}, {2, 6}, {2, 2}} {
		require.Error(t, j.Forget(ids), "%v", ids)
	}
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5})
	require.NoError(t, err)
	require.Equal(t, whole, known, "all or none")

	before, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, j.Forget([]int64{2}))
	require.NoError(t, j.Close())
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	for n := len(before); n <= len(after); n++ { // the program is killed in the middle of it
		require.NoError(t, os.WriteFile(path, after[:n], 0o600))
		j = open(t, path)
		known, err := j.Known(background, []int64{2})
		require.NoError(t, err)
		if forgotten := n >= len(after)-1; forgotten {
			require.Empty(t, known)
			require.NoError(t, j.Intend(background, []int64{2}))
		} else {
			require.Equal(t, whole[1:2], known)
		}
		require.NoError(t, j.Close())
	}
	require.Contains(t, inDoubt(open(t, path)), int64(2))
}

// A sender is approved, and the next stream sends what was refused for it.
func TestFile_forgottenIsSentByTheNextStream(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Answer(200, "MESSAGE;1;ok;77;0:1:1,1:2:3"))
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	send := func() (judged []smslink.Result) {
		source := func(yield func(smslink.Message, error) bool) {
			_ = yield(smslink.Message{ID: 0, To: "0712345678", Text: "a"}, nil) && yield(smslink.Message{ID: 1, To: "0712345678", Text: "a"}, nil)
		}
		for b := range gateway.Client().Stream(source, &smslink.StreamOptions{Journal: j}).Batches(background) {
			require.NoError(t, b.Err)
			judged = append(judged, b.Earlier...)
		}
		return judged
	}
	require.Empty(t, send())
	require.Len(t, send(), 2)
	require.NoError(t, j.Forget([]int64{0}))
	require.Equal(t, []smslink.Result{{ID: 1, RemoteID: "2", Status: smslink.StatusSuccess}}, send())
	require.Len(t, gateway.Messages(), 1)
	require.Len(t, send(), 2)
}

// The file that the package's comment shows is a journal.
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
