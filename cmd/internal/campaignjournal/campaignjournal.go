// Package campaignjournal keeps the journal of one campaign at one gateway: which messages were
// sent, and a digest of each message's row. The digests find the rows again in files that were
// saved again, exported again, sorted or corrected since.
package campaignjournal

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/journal"
)

// Journal is a smslink.Journal in a folder that belongs to one campaign.
type Journal struct {
	*journal.File
	dir      string
	identity string // random; empty if the journal has none yet
	rows     *rowFile

	mu      sync.Mutex
	pending map[int64]digest // rows of a pipe that Admit has let pass and Intend has not recorded

	// These are for Admit.
	earlier map[digest][]int64 // see earlierRows; without the ids that rows of this run have
	lent    map[int64]int64    // an id that another row of this run has, to that row's own
}

var _ smslink.Journal = (*Journal)(nil)

// SandboxGateway stands for the test gateway of --sandbox.
const SandboxGateway = "sandbox"

// Exists reports whether the folder has a journal.
func Exists(dir string) (bool, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return false, fmt.Errorf("%s is a file; name a folder", dir)
	}
	_, err := os.Stat(filepath.Join(dir, "journal"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// Open opens the journal in a folder, or makes both. A journal belongs to one gateway, since no
// other gateway has its messages. An empty gateway stands for any.
func Open(dir, gateway string) (*Journal, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := safefile.NotLink(filepath.Join(dir, "journal")); err != nil {
		return nil, err
	}
	file, err := journal.Open(filepath.Join(dir, "journal"))
	if errors.Is(err, journal.ErrLocked) {
		return nil, fmt.Errorf("another smslink command is using %s", dir)
	}
	if err != nil {
		return nil, terminal.Error(err)
	}
	j := &Journal{File: file, dir: dir, pending: map[int64]digest{}, lent: map[int64]int64{}}
	if err := j.own(gateway); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if j.rows, err = openRows(filepath.Join(dir, "rows")); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if err := j.checkRows(context.Background()); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	if len(file.Runs()) == 0 { // none of the recorded rows was sent
		if err := j.rows.clear(); err != nil {
			return nil, errors.Join(err, j.Close())
		}
	}
	return j, nil
}

// own refuses a journal of another program or gateway, and gives a new one its identity.
func (j *Journal) own(gateway string) error {
	const mark, of = "smslink-send id=", " gateway="
	if gateway != SandboxGateway && gateway != "" { // a URL may hold a secret
		sum := sha256.Sum256([]byte(gateway))
		gateway = hex.EncodeToString(sum[:8])
	}
	kept, isOurs := strings.CutPrefix(j.Campaign(), mark)
	identity, itsGateway, _ := strings.Cut(kept, of)
	switch {
	case j.Campaign() == "" && len(j.Runs()) > 0, j.Campaign() != "" && !isOurs:
		return fmt.Errorf("%s belongs to another program; name another folder", j.dir)
	case j.Campaign() == "" && gateway == "":
		return nil
	case j.Campaign() == "":
		j.identity = rand.Text()[:16]
		return j.SetCampaign(mark + j.identity + of + gateway)
	case gateway != "" && gateway != itsGateway:
		return fmt.Errorf("%s belongs to another gateway, to which its messages were sent; name another folder", j.dir)
	}
	j.identity = identity
	return nil
}

// Name returns the name of a message, which no other journal has.
func (j *Journal) Name(id int64) string { return j.identity + "-" + strconv.FormatInt(id, 10) }

// IDOf returns the id of a message. ok is false if the name is not one of this journal.
func (j *Journal) IDOf(name string) (id int64, ok bool) {
	identity, number, _ := strings.Cut(name, "-")
	id, err := strconv.ParseInt(number, 10, 64)
	return id, err == nil && identity == j.identity && identity != ""
}

// checkRows refuses a journal that has lost rows of messages that were accepted or are in doubt, or
// all of its rows.
func (j *Journal) checkRows(ctx context.Context) error {
	lost, err := j.Known(ctx, j.rows.broken)
	if err != nil {
		return err
	}
	missing := len(j.InDoubt())
	for _, run := range j.Runs() {
		missing += run.Accepted
	}
	for _, resolution := range j.Resolutions() {
		missing += len(resolution.Sent)
	}
	err = j.each(ctx, func(_ recorded, result smslink.Result, known bool) {
		if known && result.Status.Outcome() != smslink.OutcomeFailed {
			missing--
		}
	})
	if err != nil {
		return err
	}
	lostAll := len(j.Runs()) > 0 && len(j.rows.recorded) == 0
	if len(lost) > 0 || missing > 0 || lostAll {
		return fmt.Errorf("%s is damaged, and has lost rows that were sent; restore the folder", j.rows.file.Name())
	}
	return nil
}

// Close closes the journal.
func (j *Journal) Close() error { return errors.Join(j.rows.file.Close(), j.File.Close()) }

// Intend records the rows that came from a pipe, and then the ids as about to be uploaded.
func (j *Journal) Intend(ctx context.Context, ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var rows []recorded
	for _, id := range ids {
		if d, ok := j.pending[id]; ok {
			rows = append(rows, recorded{id, d})
			delete(j.pending, id)
		}
	}
	if err := j.rows.add(rows); err != nil {
		return err
	}
	return j.File.Intend(ctx, ids)
}

// Results returns the recorded results of ids, by id. A result without a status is in doubt.
func (j *Journal) Results(ctx context.Context, ids []int64) (map[int64]smslink.Result, error) {
	results, err := j.Known(ctx, ids)
	known := make(map[int64]smslink.Result, len(results))
	for _, result := range results {
		known[result.ID] = result
	}
	return known, err
}

// Admit compares a row that can't be read twice with the one that is recorded under its id. It
// returns the id to send it under: its own, the one under which an earlier run has sent it or, if
// another row of this run has its own, the one that this other row left free. It is an error if the
// row is not the one that was sent. Without sameCampaign, it is also an error if the row is not the
// one that is recorded.
func (j *Journal) Admit(ctx context.Context, row *campaign.Row, sameCampaign bool) (id int64, err error) {
	id, d := row.Message.ID, digestOf(row)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.earlier == nil {
		if j.earlier, err = j.earlierRows(ctx); err != nil {
			return 0, err
		}
	}
	before, ok := j.rows.of(id)
	other, isLent := j.lent[id]
	if ok && before == d && !isLent {
		j.takeEarlier(d, id)
		return id, nil
	}
	for ; isLent; other, isLent = j.lent[id] { // this row takes the id of the one that took its own
		delete(j.lent, id)
		id = other
		before, ok = j.rows.of(id)
	}
	if ids := j.earlier[d]; len(ids) > 0 {
		if !sameCampaign {
			return 0, fmt.Errorf("the row with id %d is the one that %s has recorded under id %d; if it is the same "+
				"message, add --same-campaign; for a new campaign, name another folder", id, j.dir, ids[0])
		}
		j.takeEarlier(d, ids[0])
		j.lent[ids[0]] = id
		return ids[0], nil
	}
	known, err := j.Results(ctx, []int64{id})
	if err != nil {
		return 0, err
	}
	result, wasSent := known[id]
	switch {
	case wasSent && !ok:
		return 0, j.lacks(id)
	case ok && !sameCampaign:
		return 0, fmt.Errorf("the row with id %d is not the one that %s has recorded; for a new campaign, name "+
			"another folder; if rows were corrected, add --same-campaign", id, j.dir)
	case wasSent && !correctable(result):
		return 0, fmt.Errorf("the row with id %d is not the one that was sent; put it back as it was, and give a new "+
			"message a new id", id)
	case wasSent:
		if err := j.Forget([]int64{id}); err != nil {
			return 0, err
		}
		j.takeEarlier(before, id)
	}
	j.pending[id] = d
	return id, nil
}

func (j *Journal) lacks(id int64) error {
	return fmt.Errorf("%s lacks the row of id %d, which was sent; restore the folder", j.dir, id)
}

// earlierRows returns the ids of the recorded rows with a result, by the rows' digests. Those that
// certainly were not sent come last.
func (j *Journal) earlierRows(ctx context.Context) (map[digest][]int64, error) {
	earlier, unsent := map[digest][]int64{}, map[digest][]int64{}
	err := j.each(ctx, func(r recorded, result smslink.Result, known bool) {
		switch {
		case known && correctable(result):
			unsent[r.digest] = append(unsent[r.digest], r.id)
		case known:
			earlier[r.digest] = append(earlier[r.digest], r.id)
		}
	})
	for d, ids := range unsent {
		earlier[d] = append(earlier[d], ids...)
	}
	return earlier, err
}

// takeEarlier removes an id from j.earlier: a row of this run has it.
func (j *Journal) takeEarlier(d digest, id int64) {
	ids := j.earlier[d]
	if i := slices.Index(ids, id); i >= 0 {
		copy(ids[1:], ids[:i]) // nearly always nothing
		j.earlier[d] = ids[1:]
	}
}

// EachRemoteID calls use with each remote id that is recorded, and the id of its message.
func (j *Journal) EachRemoteID(ctx context.Context, use func(id int64, remoteID string)) error {
	return j.each(ctx, func(r recorded, result smslink.Result, _ bool) {
		if result.RemoteID != "" {
			use(r.id, result.RemoteID)
		}
	})
}

// each calls use for every recorded row. known reports whether the journal has a result for it; a
// result without a status is in doubt.
func (j *Journal) each(ctx context.Context, use func(r recorded, result smslink.Result, known bool)) error {
	const batch = 10_000
	ids := make([]int64, 0, batch)
	for some := range slices.Chunk(j.rows.recorded, batch) {
		ids = ids[:0]
		for _, r := range some {
			ids = append(ids, r.id)
		}
		known, err := j.Results(ctx, ids)
		if err != nil {
			return err
		}
		for _, r := range some {
			result, ok := known[r.id]
			use(r, result, ok)
		}
	}
	return nil
}

// correctable reports whether the message of a result was certainly not sent, so that a corrected
// row may be sent in its place.
func correctable(r smslink.Result) bool { return smslink.SafeToResend(r.Err()) }

// EachRow calls use with the rows of a campaign's files that the journal has, each with the id that
// the journal knows it by: good rows, and those that are bad only because their time has passed. It
// is an error if the files can't be read twice, or if the journal has none of their rows. If whole
// is set, it is also an error if the files lack a row that has a result or is in doubt, or have it
// corrected.
func (j *Journal) EachRow(ctx context.Context, c *campaign.Campaign, whole bool, use func(*campaign.Row)) error {
	if !c.Rereadable() {
		return errors.New("name files, which can be read twice; write the rows of a pipe to a file first")
	}
	p := NewPlan(j, Options{SameCampaign: true})
	bad, err := eachGood(ctx, c, p.Add)
	if err != nil {
		return err
	}
	if err := p.match(ctx); err != nil {
		return err
	}
	remedy := "name all FILEs of the campaign, with the flags that send had, such as --zone, --at and --text"
	if bad > 0 {
		remedy = campaign.Count(bad, "row is bad", "rows are bad") + "; " + remedy
	}
	if len(p.ids)+bad > 0 && len(p.changed) == len(p.ids) {
		return fmt.Errorf("the journal has none of the rows of the FILEs; %s", remedy)
	}
	var gone []int64
	for id := range p.sent {
		if whole && !p.inUse[id] {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		slices.Sort(gone)
		return fmt.Errorf("the FILEs lack rows as they were sent, with the ids %s; %s; "+
			"if failed rows were corrected, send them first with --same-campaign", firstIDs(gone), remedy)
	}
	for _, i := range p.changed {
		p.ids[i] = -1
	}
	var grown error
	_, err = eachGood(ctx, c, func(row *campaign.Row) {
		id, _, err := p.Next(row)
		switch {
		case err != nil:
			grown = err
		case id >= 0:
			row.Message.ID = id
			use(row)
		}
	})
	return cmp.Or(err, grown)
}

// eachGood calls use for every row that is good, or bad only because its time has passed. It
// returns how many others there are.
func eachGood(ctx context.Context, c *campaign.Campaign, use func(*campaign.Row)) (bad int, err error) {
	err = c.Each(ctx, func(row *campaign.Row) {
		if row.Bad == nil || errors.Is(row.Bad, campaign.ErrPast) {
			use(row)
		} else {
			bad++
		}
	})
	return bad, err
}
