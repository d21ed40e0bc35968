package campaignjournal

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/journal"
)

// sentJournal returns a journal in which the rows of a file with these lines were accepted.
func sentJournal(t *testing.T, dir, lines string) *Journal {
	t.Helper()
	j, err := Open(dir, SandboxGateway)
	require.NoError(t, err)
	t.Cleanup(func() { _ = j.Close() })
	p := NewPlan(j, Options{})
	c, _ := openCampaign(t, lines)
	require.NoError(t, c.Each(t.Context(), p.Add))
	require.NoError(t, p.Compare(t.Context()))
	ids := p.ids
	require.NoError(t, p.Commit(j))
	require.NoError(t, j.Intend(t.Context(), ids))
	var results []smslink.Result
	for _, id := range ids {
		results = append(results, smslink.Result{ID: id, Status: smslink.StatusSuccess})
	}
	require.NoError(t, j.Record(t.Context(), results, nil))
	return j
}

func openCampaign(t *testing.T, lines string) (c *campaign.Campaign, name string) {
	t.Helper()
	name = filepath.Join(t.TempDir(), "june.csv")
	require.NoError(t, os.WriteFile(name, []byte(lines), 0o600))
	c, err := campaign.Open([]string{name}, campaign.Options{})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c, name
}

// A file that grows between the passes over its rows is an error.
func TestFileThatGrows(t *testing.T) {
	const rows = "id,to,text\n1,0712345671,a\n2,0712345672,b\n"
	j := sentJournal(t, t.TempDir(), rows)
	c, name := openCampaign(t, rows)
	var ids []int64
	err := j.EachRow(t.Context(), c, true, func(row *campaign.Row) {
		ids = append(ids, row.Message.ID)
		if row.Message.ID == 1 {
			f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
			require.NoError(t, err)
			_, err = f.WriteString("3,0712345673,c\n")
			require.NoError(t, err)
			require.NoError(t, f.Close())
		}
	})
	require.ErrorIs(t, err, errGrown)
	require.Equal(t, []int64{1, 2}, ids)

	p := NewPlan(j, Options{})
	require.NoError(t, p.Compare(t.Context()))
	past := &campaign.Row{Message: smslink.Message{ID: 3, SendAt: time.Unix(1, 0)}, Bad: &campaign.Refusal{Cause: campaign.ErrPast}}
	require.False(t, p.WasSent(t.Context(), past))
	_, _, err = p.Next(past)
	require.ErrorIs(t, err, errGrown)
}

// A message's name is that of one journal, also once that is opened again or for any gateway.
func TestName(t *testing.T) {
	folder := t.TempDir()
	open := func(dir, gateway string) *Journal {
		j, err := Open(filepath.Join(folder, dir), gateway)
		require.NoError(t, err)
		t.Cleanup(func() { _ = j.Close() })
		return j
	}
	june, july := open("june", "https://a.example"), open("july", "https://a.example")
	name := june.Name(7)
	require.NotEqual(t, name, july.Name(7))
	require.NoError(t, june.Close())
	for _, gateway := range []string{"https://a.example", ""} {
		again := open("june", gateway)
		id, ok := again.IDOf(name)
		require.True(t, ok)
		require.EqualValues(t, 7, id)
		for _, other := range []string{"", "-7", july.Name(7), name + "x", strings.TrimSuffix(name, "7"), "7"} {
			_, ok = again.IDOf(other)
			require.False(t, ok, other)
		}
		require.NoError(t, again.Close())
	}
	none := open("none", "")
	_, ok := none.IDOf(none.Name(7))
	require.False(t, ok, "a journal of no send has no name")
}

// A program need not name its campaign.
func TestOpen_journalOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	file, err := journal.Open(filepath.Join(dir, "journal"))
	require.NoError(t, err)
	require.NoError(t, file.Intend(t.Context(), []int64{1}))
	require.NoError(t, file.Close())
	before, err := os.ReadFile(filepath.Join(dir, "journal"))
	require.NoError(t, err)
	for _, gateway := range []string{SandboxGateway, ""} {
		_, err := Open(dir, gateway)
		require.ErrorContains(t, err, "belongs to another program")
	}
	after, err := os.ReadFile(filepath.Join(dir, "journal"))
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.NoFileExists(t, filepath.Join(dir, "rows"))
}

// Rows that were sent and can't be read are never cut off: they could be examined.
func TestOpen_damagedRows(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "rows")
	require.NoError(t, sentJournal(t, dir, "id,to,text\n1,0712345671,a\n2,0712345672,b\n3,0712345673,c\n").Close())
	whole, err := os.ReadFile(name)
	require.NoError(t, err)
	require.Len(t, whole, len(rowsHeader)+3*recordSize)
	damage := func(at int) []byte {
		raw := slices.Clone(whole)
		raw[at] ^= 1
		return raw
	}
	for at := len(rowsHeader); at < len(whole); at++ {
		require.NoError(t, os.WriteFile(name, damage(at), 0o600))
		_, err := Open(dir, SandboxGateway)
		require.ErrorContains(t, err, "rows is damaged", at)
		left, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, damage(at), left)
	}

	for size := range whole { // 0 as if it was deleted
		require.NoError(t, os.WriteFile(name, whole[:size], 0o600))
		_, err := Open(dir, SandboxGateway)
		require.ErrorContains(t, err, "rows is damaged", size)
	}
	require.NoError(t, os.Remove(name))
	_, err = Open(dir, SandboxGateway)
	require.ErrorContains(t, err, "rows is damaged")

	// A crash leaves a part of rows that were not sent. It is cut off before the next rows are
	// sent.
	torn := binary.BigEndian.AppendUint64(slices.Clone(whole), 4)
	torn = append(torn, make([]byte, 12+recordSize)...)
	torn = binary.BigEndian.AppendUint64(torn, 6)
	require.NoError(t, os.WriteFile(name, torn, 0o600))
	j, err := Open(dir, SandboxGateway)
	require.NoError(t, err)
	require.NoError(t, j.rows.add([]recorded{{5, 50}}))
	require.NoError(t, j.Close())
	j, err = Open(dir, SandboxGateway)
	require.NoError(t, err)
	defer func() { require.NoError(t, j.Close()) }()
	require.Len(t, j.rows.recorded, 4)
}

// A pipe's rows are added, moved and repeated after a run. No two get the same id, and of rows with
// the same contents only as many are new as there are more of them than before. In every other
// round some have failed, so that other rows may be sent in their place.
func TestAdmit_sameCampaignWhateverMoves(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 0))
		oneOfThree := func() string { return []string{"a", "b", "c"}[random.IntN(3)] }
		row := func(id int, text string) *campaign.Row {
			return &campaign.Row{Message: smslink.Message{ID: int64(id), To: "0712345678"}, Text: text}
		}
		dir := t.TempDir()
		j, err := Open(dir, SandboxGateway)
		require.NoError(t, err)
		sentAs, sent := map[int64]string{}, map[string]int{}
		var results []smslink.Result
		for id := range 1 + random.IntN(6) {
			text := oneOfThree()
			admitted, err := j.Admit(t.Context(), row(id, text), false)
			require.NoError(t, err)
			sentAs[admitted] = text
			sent[text]++
			status := smslink.StatusSuccess
			if seed%2 == 1 && random.IntN(2) == 0 {
				status = smslink.StatusNumberFailed
			}
			results = append(results, smslink.Result{ID: admitted, Status: status})
		}
		require.NoError(t, j.Intend(t.Context(), slices.Collect(maps.Keys(sentAs))))
		require.NoError(t, j.Record(t.Context(), results, nil))
		require.NoError(t, j.Close())

		j, err = Open(dir, SandboxGateway)
		require.NoError(t, err)
		used, admitted, isNew := map[int64]bool{}, map[string]int{}, map[string]int{}
		for _, id := range random.Perm(10)[:1+random.IntN(9)] {
			text := oneOfThree()
			if before, ok := sentAs[int64(id)]; ok && random.IntN(2) == 0 {
				text = before
			}
			id, err := j.Admit(t.Context(), row(id, text), true)
			if err != nil {
				require.ErrorContains(t, err, "is not the one that was sent")
				continue
			}
			require.False(t, used[id], "seed %d: two rows have id %d", seed, id)
			used[id] = true
			admitted[text]++
			result, err := j.Results(t.Context(), []int64{id})
			require.NoError(t, err)
			if before, ok := sentAs[id]; ok && result[id].Status != 0 { // not forgotten
				require.Equal(t, before, text)
			} else {
				isNew[text]++
			}
		}
		for text, n := range admitted {
			if seed%2 == 1 { // a row may be corrected before one with its earlier contents comes
				require.GreaterOrEqual(t, isNew[text], max(0, n-sent[text]), "seed %d", seed)
				continue
			}
			require.Equal(t, max(0, n-sent[text]), isNew[text], "seed %d", seed)
		}
		require.NoError(t, j.Close())
	}
}
