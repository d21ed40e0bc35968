package journal_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

func TestFile_resolvedDoubtSaysWhoAndWhy(t *testing.T) {
	path := filled(t) // 4 and 5 are in doubt
	j := open(t, path)
	began := time.Now().Add(-time.Second)
	require.NoError(t, j.Resolve([]smslink.Result{{ID: 4, RemoteID: "220000009", Status: smslink.StatusSuccess}}, []int64{5},
		" Ștefan;\n\"O'Neil\" ", "the account's report;\x1b[2J\u202e it says so"))
	want := journal.Resolution{
		By: `Ștefan; "O'Neil"`, Reason: "the account's report; [2J  it says so", Sent: []int64{4}, NotSent: []int64{5},
	}
	for range 2 {
		require.Empty(t, j.InDoubt())
		known, err := j.Known(background, []int64{4, 5})
		require.NoError(t, err)
		require.Equal(t, []smslink.Result{{ID: 4, RemoteID: "220000009", Status: smslink.StatusSuccess}}, known)
		require.Len(t, j.Resolutions(), 1)
		got := j.Resolutions()[0]
		require.WithinRange(t, got.Time, began, time.Now())
		got.Time = time.Time{}
		require.Equal(t, want, got)
		require.Equal(t, 1, j.Runs()[0].Accepted, "no run has accepted it")
		require.NoError(t, j.Close())
		j = open(t, path)
	}
	require.NoError(t, j.Intend(background, []int64{5}))
}

func TestFile_resolutionTellsSentFromFailed(t *testing.T) {
	path := filled(t) // 4 and 5 are in doubt
	j := open(t, path)
	require.NoError(t, j.Resolve([]smslink.Result{{ID: 4, Status: smslink.StatusSenderFailed}, {ID: 5}}, nil, "Ana", "a report"))
	for range 2 {
		got := j.Resolutions()[0]
		require.Equal(t, []int64{5}, got.Sent)
		require.Equal(t, []int64{4}, got.Failed)
		require.Empty(t, got.NotSent)
		require.NoError(t, j.Close())
		j = open(t, path)
	}
}

func TestFile_refusesResolutionsThatSayTooLittleOrTooMuch(t *testing.T) {
	path := filled(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	j := open(t, path)
	resolve := func(by, reason string, notSent ...int64) error { return j.Resolve(nil, notSent, by, reason) }
	require.ErrorContains(t, resolve("", "so", 4), "name is empty")
	require.ErrorContains(t, resolve("\x00\u2028 ", "so", 4), "name is empty")
	require.ErrorContains(t, resolve("Ana", "", 4), "reason is empty")
	require.ErrorContains(t, resolve(strings.Repeat("a", 201), "so", 4), "201 bytes; at most 200")
	require.ErrorContains(t, resolve("Ana", strings.Repeat("ă", 501), 4), "1002 bytes; at most 1000")
	require.ErrorIs(t, resolve("Ana", "so", 1), journal.ErrNotInDoubt)
	require.ErrorContains(t, resolve("Ana", "so", 4, 4), "message 4 comes twice")
	require.ErrorIs(t, resolve("Ana", "so", 4, 6), journal.ErrNotInDoubt)
	require.ErrorContains(t, j.SetCampaign(""), "campaign is empty")
	require.NoError(t, resolve("Ana", "so"), "there is nothing to resolve")
	require.Empty(t, j.Resolutions())
	require.Equal(t, []int64{4, 5}, inDoubt(j))
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after), "a failed call writes nothing")
}

func TestFile_saysWhenItsRunsWere(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	began := time.Now().Add(-time.Second)
	j := open(t, path)
	require.Empty(t, j.Runs())
	require.NoError(t, j.SetCampaign("november"))
	require.NoError(t, j.Close())
	for run := range int64(2) {
		j = open(t, path)
		require.Len(t, j.Runs(), int(run), "an Open and a Close alone are not a run")
		ids := []int64{10 * run, 10*run + 1, 10*run + 2}
		require.NoError(t, j.Intend(background, ids))
		require.NoError(t, j.Intend(background, []int64{10*run + 3}))
		require.NoError(t, j.Record(background, []smslink.Result{
			{ID: ids[0], Status: smslink.StatusSuccess}, {ID: ids[1], Status: smslink.StatusNumberFailed}, {ID: ids[2], Status: smslink.StatusSuccess},
		}, []int64{10*run + 3}))
		require.NoError(t, j.Close())
	}
	j = open(t, path)
	require.Len(t, j.Runs(), 2)
	for _, run := range j.Runs() {
		require.WithinRange(t, run.Start, began, time.Now())
		require.WithinRange(t, run.End, run.Start, time.Now())
		run.Start, run.End = time.Time{}, time.Time{}
		require.Equal(t, journal.Run{Accepted: 2, Failed: 1}, run)
	}
}

// A run ends with its last Intend or Record. What a person resolves later, and a Forget, do not
// make it longer.
func TestFile_saysWhenARunEnded(t *testing.T) {
	const day, next = `2026-11-24T`, `2026-11-25T`
	j, err := journal.Open(payloads(t, `smslink journal 3`,
		day+`17:40:09Z run intend=1`, day+`17:40:11Z intend=2`, day+`17:41:30Z result=1 status=2 remote=0`,
		next+`08:00:00Z by="Ana" reason="so" not-sent=2`, next+`08:01:00Z forget=1`))
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	require.Equal(t, []journal.Run{{
		Start:  time.Date(2026, 11, 24, 17, 40, 9, 0, time.UTC),
		End:    time.Date(2026, 11, 24, 17, 41, 30, 0, time.UTC),
		Failed: 1,
	}}, j.Runs())
}

func TestFile_saysSinceWhenAMessageIsInDoubt(t *testing.T) {
	// 2 was sent twice, the second time the next day.
	const at, next = `2026-11-24T17:40:09Z `, `2026-11-25T08:00:00Z `
	j, err := journal.Open(payloads(t, `smslink journal 3`, at+`run intend=3-1x2`, at+`not-sent=2`, next+`run intend=2`))
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	day := time.Date(2026, 11, 24, 17, 40, 9, 0, time.UTC)
	require.Equal(t, []journal.Doubt{
		{ID: 1, Since: day}, {ID: 2, Since: time.Date(2026, 11, 25, 8, 0, 0, 0, time.UTC)}, {ID: 3, Since: day},
	}, j.InDoubt())
}

func TestFile_keepsItsCampaign(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal")
	j := open(t, path)
	require.Empty(t, j.Campaign())
	require.NoError(t, j.SetCampaign("https://gateway.example 9f86d081"))
	require.NoError(t, j.SetCampaign("https://gateway.example 60303ae2"))
	require.NoError(t, j.Close())
	j = open(t, path)
	require.Equal(t, "https://gateway.example 60303ae2", j.Campaign())
	require.NoError(t, j.SetCampaign(" june\u00ad\tșă\xff"+strings.Repeat("\n", 200)), "invisible and invalid characters, and white space")
	require.Equal(t, "june  șă", j.Campaign())
	require.NoError(t, j.Close())
	require.Equal(t, "june  șă", open(t, path).Campaign())
}

func TestFile_recordsNothingIfNothingHappens(t *testing.T) {
	path := filled(t)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	j := open(t, path)
	require.NoError(t, j.Intend(background, nil))
	require.NoError(t, j.Record(background, nil, nil))
	require.NoError(t, j.Forget(nil))
	require.NoError(t, j.Close())
	require.Error(t, j.Intend(background, nil), "it is closed")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestFile_boundsWhatIsRecordedTogether(t *testing.T) {
	j := open(t, filepath.Join(t.TempDir(), "journal"))
	ids := make([]int64, 1<<20+1)
	for i := range ids {
		ids[i] = int64(i)
	}
	require.ErrorContains(t, j.Intend(background, ids), "at most 1048576")
	require.NoError(t, j.Intend(background, ids[1:]))
}
