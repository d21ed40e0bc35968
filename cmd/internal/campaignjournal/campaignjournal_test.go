package campaignjournal

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// sentJournal returns a journal in which the rows of a file with these lines were accepted.
func sentJournal(t *testing.T, dir, lines string) *Journal {
	t.Helper()
	j, err := Open(dir, "")
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
