package journal_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
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
// requireWholeLines checks that what a crash has left is gone from the file.
// Some file systems make a file longer before they write into it.
// payloads is a file of these lines, each with its checksum.
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
