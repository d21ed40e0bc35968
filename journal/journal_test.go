package journal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
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

// filled returns the path of a journal of three packages: one with results, one that was not sent
// and one in doubt.
func filled(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	require.NoError(t, j.Intend(background, []int64{1, 2}))
	require.NoError(t, j.Intend(background, []int64{3}))
	require.NoError(t, j.Record(background, []smslink.Result{
		{ID: 1, RemoteID: "220000001", Status: smslink.StatusSuccess}, {ID: 2, RemoteID: "0040712345678", Status: smslink.StatusNumberFailed},
	}, nil))
	require.NoError(t, j.Intend(background, []int64{4, 5}))
	require.NoError(t, j.Record(background, nil, []int64{3}))
	require.NoError(t, j.Close())
	return path
}

var whole = []smslink.Result{
	{ID: 1, RemoteID: "220000001", Status: smslink.StatusSuccess}, {ID: 2, Status: smslink.StatusNumberFailed}, {ID: 4}, {ID: 5},
}

func TestFile_keepsItsRecords(t *testing.T) {
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

func TestFile_doubtsCanBeRecordedLater(t *testing.T) {
	j := open(t, filled(t))
	require.NoError(t, j.Record(background, []smslink.Result{{ID: 4, Status: smslink.StatusSuccess}}, []int64{5}))
	require.Empty(t, j.InDoubt())
	require.NoError(t, j.Intend(background, []int64{5}))
}

func TestFile_refusesWhatWouldSendTwice(t *testing.T) {
	j := open(t, filled(t))
	for _, id := range []int64{1, 2, 4} {
		require.ErrorContains(t, j.Intend(background, []int64{100, id}), "is in the journal already")
	}
	known, err := j.Known(background, []int64{100})
	require.NoError(t, err)
	require.Empty(t, known, "all or none")
	require.ErrorIs(t, j.Record(background, nil, []int64{1}), journal.ErrNotInDoubt)
	require.ErrorIs(t, j.Record(background, nil, []int64{6}), journal.ErrNotInDoubt)
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

// On Windows, neither an open file nor its folder can be moved.
func skipOnWindows(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file can't be moved")
	}
}

func TestFile_noticesThatItWasMoved(t *testing.T) {
	skipOnWindows(t)
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
			require.NoError(t, move(path))
			require.ErrorIs(t, j.Intend(background, []int64{100}), journal.ErrMoved)
			require.ErrorIs(t, j.Record(background, nil, []int64{4}), journal.ErrMoved, "it stays so")
			_, err := j.Known(background, []int64{1})
			require.ErrorIs(t, err, journal.ErrMoved)
		})
	}
}

// A file server is down for a moment, so the journal can't check the file's path. The messages of
// that Intend are not sent. Later calls work.
func TestFile_anErrorThatPassesIsNotKept(t *testing.T) {
	skipOnWindows(t)
	path := filled(t)
	j := open(t, path)
	folder := filepath.Dir(path)
	require.NoError(t, os.Rename(folder, folder+".away"))
	require.NoError(t, os.WriteFile(folder, nil, 0o600))
	require.ErrorIs(t, j.Intend(background, []int64{100}), syscall.ENOTDIR)

	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 100})
	require.NoError(t, err)
	require.Equal(t, whole, known)
	require.NoError(t, j.Record(background, []smslink.Result{{ID: 4, Status: smslink.StatusSuccess}}, nil))
	require.NoError(t, os.Remove(folder))
	require.NoError(t, os.Rename(folder+".away", folder))
	require.NoError(t, j.Intend(background, []int64{100}))
	require.NoError(t, j.Close())
	require.Equal(t, []int64{5, 100}, inDoubt(open(t, path)))
}

// Another program, such as a shell with >, changes the length of the open file. The next record
// would come after a hole, so nothing is recorded.
func TestFile_noticesThatItsLengthWasChanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"emptied":  func(path string) error { return os.Truncate(path, 0) },
		"cut":      func(path string) error { return os.Truncate(path, 60) },
		"replaced": func(path string) error { return os.WriteFile(path, []byte("a letter"), 0o600) },
		"appended to": func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = file.WriteString("a letter")
			return errors.Join(err, file.Close())
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filled(t)
			j := open(t, path)
			require.NoError(t, change(path))
			changed, err := os.ReadFile(path)
			require.NoError(t, err)
			for range 2 {
				require.ErrorContains(t, j.Intend(background, []int64{100}), "another program has changed the journal")
				require.ErrorContains(t, j.Record(background, nil, []int64{4}), "another program has changed the journal")
			}
			known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 100})
			require.NoError(t, err)
			require.Equal(t, whole, known, "it still answers")
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, string(changed), string(after))
		})
	}
}

func TestFile_isWhereALinkLeads(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("links need a privilege")
	}
	target := filled(t)
	link := filepath.Join(t.TempDir(), "link")
	require.NoError(t, os.Symlink(target, link))
	j := open(t, link)
	require.Equal(t, []int64{4, 5}, inDoubt(j))
	require.NoError(t, j.Intend(background, []int64{100}))
	t.Chdir(t.TempDir())
	require.NoError(t, j.Intend(background, []int64{101}))
	require.NoError(t, os.Remove(link))
	require.NoError(t, os.Symlink(filled(t), link))
	require.ErrorIs(t, j.Intend(background, []int64{102}), journal.ErrMoved)
}

// A relative path is relative to the working directory at the time of Open.
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
	require.ErrorContains(t, j.Record(background, []smslink.Result{success}, []int64{4}), "message 4 comes twice")
	require.ErrorContains(t, j.Record(background, []smslink.Result{success, failure}, nil), "message 4 comes twice")
	require.ErrorContains(t, j.Record(background, nil, []int64{5, 4, 5}), "message 5 comes twice")
	for _, status := range []smslink.Status{smslink.StatusUnreported, -1, 6, 999, 1000} {
		require.ErrorContains(t, j.Record(background, []smslink.Result{{ID: 4, Status: status}}, nil), "leaves it in doubt")
	}
	require.ErrorContains(t, j.Intend(background, []int64{8, 7, 8}), "message 8 comes twice")
	require.ErrorContains(t, j.Intend(background, []int64{-1}), "message -1: the id is negative")
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 7, 8})
	require.NoError(t, err)
	require.Equal(t, whole, known)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "a failed call writes nothing")
}

func TestFile_forgetsWhatFailed(t *testing.T) {
	path := filled(t) // 1 was accepted, 2 failed, 4 is in doubt, 6 is new
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
}

// A report may list an earlier attempt of a message that failed or was not sent, also if a person
// has resolved it as not sent: the account may list it as failed for want of credit.
func TestFile_failedBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	ids := []int64{1, 2, 3, 4, 5}
	require.NoError(t, j.Intend(background, ids))
	require.NoError(t, j.Record(background, []smslink.Result{
		{ID: 1, Status: smslink.StatusSenderFailed}, {ID: 2, Status: smslink.StatusSenderFailed},
	}, []int64{3}))
	require.NoError(t, j.Resolve(nil, []int64{4}, "Ana", "not in the account"))
	require.NoError(t, j.Forget([]int64{1}))
	require.NoError(t, j.Intend(background, []int64{1, 3, 4}))
	require.NoError(t, j.Record(background, []smslink.Result{{ID: 1, Status: smslink.StatusSuccess}}, nil))
	require.NoError(t, j.Close())
	j = open(t, path)
	for _, id := range ids {
		require.Equal(t, id == 1 || id == 3 || id == 4, j.FailedBefore(id), id)
	}
}

// A sender is approved, and the next stream sends the messages that failed before.
func TestFile_forgottenIsSentByTheNextStream(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	gateway.Inject(smslinktest.Answer(200, "MESSAGE;1;ok;77;0:1:1,1:2:3"))
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	send := func() (earlier []smslink.Result) {
		source := func(yield func(smslink.Message, error) bool) {
			_ = yield(smslink.Message{ID: 0, To: "0712345678", Text: "a"}, nil) && yield(smslink.Message{ID: 1, To: "0712345678", Text: "a"}, nil)
		}
		for b := range gateway.Client().Stream(source, &smslink.StreamOptions{Journal: j}).Batches(background) {
			require.NoError(t, b.Err)
			earlier = append(earlier, b.Earlier...)
		}
		return earlier
	}
	require.Empty(t, send())
	require.Len(t, send(), 2)
	require.NoError(t, j.Forget([]int64{0}))
	require.Equal(t, []smslink.Result{{ID: 1, RemoteID: "2", Status: smslink.StatusSuccess}}, send())
	require.Len(t, gateway.Messages(), 1)
	require.Len(t, send(), 2)
}
