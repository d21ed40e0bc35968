package campaignjournal

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
)

// Plan says which rows of a campaign's files an earlier run has sent, and under which ids. Add all
// rows to it that may be sent, in their order, and then call Compare.
type Plan struct {
	// These count rows.
	Accepted, InDoubt, Failed int
	Repeats                   int // rows that are left out, since they repeat a number
	Rest                      int // rows that are to be sent

	RestSegments int // SMS of the rest
	RestAbroad   int // SMS of the rest to other countries

	journal *Journal // nil if there is none yet
	opts    Options

	// These have an element for each row, in the order of Add.
	ids      []int64
	digests  []digest
	segments []uint16
	numbers  []uint64 // only with Options.OnePerNumber
	repeats  []bool   // the row repeats a number; only with Options.OnePerNumber

	rows    int      // how many Add has added
	next    int      // the index of the row for Next
	changed []int    // indexes of rows that are not the recorded ones
	places  []string // where the first of the changed rows stand
	added   int      // how many changed rows have an id that is not recorded
	forget  []int64  // ids of messages that are sent again

	// These are set by match and number.
	inUse      map[int64]bool           // ids that a row of the files has
	sent       map[int64]smslink.Result // results of recorded ids that no unchanged row has
	highest    int64                    // the highest id, or the last one of newID
	renumbered bool                     // a row has an id other than the one in its file

	// These are for WasSent.
	answers   []bool         // of the first pass; the second one takes them from the front
	compared  bool           // the first pass is over
	elsewhere map[digest]int // how many rows were sent with these contents, less those that were found
	found     []found        // rows that were found under another id
}

// found is a row that WasSent has found by its contents.
type found struct {
	row  int // its index
	file string
	line int
}

// Options are the settings of a Plan.
type Options struct {
	SameCampaign bool // rows may have been added, corrected or moved
	ResendFailed bool // messages whose number or sender failed are sent again
	OnePerNumber bool // one row of each number is sent, and none if one of them was sent before
	NoJournal    bool // there is no journal, and none will be made
}

// NewPlan begins a plan. The journal is nil if there is none yet.
func NewPlan(j *Journal, opts Options) *Plan { return &Plan{journal: j, opts: opts} }

// shownPlaces is how many rows an error names.
const shownPlaces = 3

// WasSent reports whether an earlier run has sent a row, and this one does not send it again. Ask
// it about rows whose time has passed or is not allowed, and then Add those that were sent. In the
// second pass over the rows it gives the answers of the first.
func (p *Plan) WasSent(ctx context.Context, row *campaign.Row) bool {
	if p == nil || p.journal == nil {
		return false
	}
	if p.compared {
		if len(p.answers) == 0 {
			return false // Next refuses the row
		}
		answer := p.answers[0]
		p.answers = p.answers[1:]
		return answer
	}
	answer := p.wasSent(ctx, row)
	p.answers = append(p.answers, answer)
	return answer
}

func (p *Plan) wasSent(ctx context.Context, row *campaign.Row) bool {
	id, d := row.Message.ID, digestOf(row)
	if p.elsewhere == nil && p.opts.SameCampaign {
		p.elsewhere = map[digest]int{}
		_ = p.journal.each(ctx, func(r recorded, result smslink.Result, known bool) { // Compare returns its error
			if known && !p.isSentAgain(result) {
				p.elsewhere[r.digest]++
			}
		})
	}
	if before, ok := p.journal.rows.of(id); ok && before == d {
		known, err := p.journal.Results(ctx, []int64{id})
		result, ok := known[id]
		if err != nil || !ok || p.isSentAgain(result) {
			return false
		}
		if p.opts.SameCampaign {
			p.elsewhere[d]--
		}
		return true
	}
	if p.elsewhere[d] <= 0 {
		return false
	}
	p.elsewhere[d]--
	p.found = append(p.found, found{p.rows, row.File, row.Line})
	return true
}

// isSentAgain reports whether a message with this result is sent again.
func (p *Plan) isSentAgain(result smslink.Result) bool {
	hasFailed := result.Status == smslink.StatusSenderFailed || result.Status == smslink.StatusNumberFailed
	return hasFailed && p.opts.ResendFailed
}

// Add adds a row.
func (p *Plan) Add(row *campaign.Row) {
	p.rows++
	p.segments = append(p.segments, segmentsOf(row))
	if p.opts.OnePerNumber {
		p.numbers = append(p.numbers, row.Number())
	}
	if p.opts.NoJournal {
		return
	}
	d := digestOf(row)
	p.ids, p.digests = append(p.ids, row.Message.ID), append(p.digests, d)
	if p.journal == nil || len(p.journal.rows.recorded) == 0 {
		return
	}
	before, ok := p.journal.rows.of(row.Message.ID)
	if ok && before == d {
		return
	}
	if !ok {
		p.added++
	}
	p.changed = append(p.changed, len(p.ids)-1)
	if len(p.places) < shownPlaces {
		p.places = append(p.places, fmt.Sprintf("%s:%d", row.File, row.Line))
	}
}

// abroad is the bit of Plan.segments that is set if the row's number is not Romanian.
const abroad = 1 << 15

func segmentsOf(row *campaign.Row) uint16 {
	segments := uint16(min(row.Size.Segments, abroad-1))
	if !strings.HasPrefix(row.E164(), "+40") {
		segments |= abroad
	}
	return segments
}

// Compare compares the rows with the recorded ones. Its error names rows that are not those that
// were recorded under their ids.
func (p *Plan) Compare(ctx context.Context) error {
	p.compared, p.elsewhere = true, nil
	if len(p.changed) > 0 {
		if !p.opts.SameCampaign {
			return p.refusal()
		}
		if err := p.match(ctx); err != nil {
			return err
		}
		if err := p.number(); err != nil {
			return err
		}
	}
	wasSent := make([]bool, len(p.segments))
	if p.journal != nil {
		if err := p.findSent(ctx, wasSent); err != nil {
			return err
		}
	}
	for _, f := range p.found { // a later row may have the id that was sent
		if !wasSent[f.row] {
			return fmt.Errorf("%s:%d has the contents of a row that was sent, which the files have, too; "+
				"its time has passed or is outside the hours; correct it, or remove it", f.file, f.line)
		}
	}
	if p.opts.OnePerNumber {
		p.findRepeats(wasSent)
	}
	for i, segments := range p.segments {
		if !wasSent[i] && !p.isRepeat(i) {
			p.Rest++
			p.RestSegments += int(segments &^ abroad)
			if segments&abroad != 0 {
				p.RestAbroad += int(segments &^ abroad)
			}
		}
	}
	p.segments = nil
	return nil
}

func (p *Plan) refusal() error {
	dir, n := p.journal.dir, len(p.changed)
	are, them := "are", "them"
	if n == 1 {
		are, them = "is", "it"
	}
	switch {
	case n == len(p.ids) && !p.anyMoved():
		return fmt.Errorf("%s belongs to another campaign: it has none of these rows; name another folder for a new "+
			"campaign, or add --same-campaign if it is the same", dir)
	case n == p.added:
		return fmt.Errorf("%s %s not in %s; add --same-campaign if rows were added to the campaign, or name another "+
			"folder for a new one", firstOf(p.places, n), are, dir)
	}
	return fmt.Errorf("%s %s not as %s recorded %s; add --same-campaign if rows of this campaign were corrected, "+
		"added or moved, or name another folder for a new one", firstOf(p.places, n), are, dir, them)
}

// firstOf joins the first elements of all, and says how many more there are.
func firstOf(list []string, all int) string {
	text := strings.Join(list, ", ")
	if more := all - len(list); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// anyMoved reports whether a changed row is recorded under another id.
func (p *Plan) anyMoved() bool {
	digests := make(map[digest]bool, len(p.changed))
	for _, i := range p.changed {
		digests[p.digests[i]] = true
	}
	return slices.ContainsFunc(p.journal.rows.recorded, func(r recorded) bool { return digests[r.digest] })
}

// match finds the changed rows among the recorded ones by their contents. One that was recorded
// under another id gets that id, and p.changed keeps the others. If several were recorded with the
// same contents, those that were sent come first.
func (p *Plan) match(ctx context.Context) error {
	isChanged := make(map[int]bool, len(p.changed))
	wanted := make(map[digest]bool, len(p.changed))
	for _, i := range p.changed {
		isChanged[i], wanted[p.digests[i]] = true, true
	}
	p.inUse = make(map[int64]bool, len(p.ids))
	for i, id := range p.ids {
		p.highest = max(p.highest, id)
		if !isChanged[i] {
			p.inUse[id] = true
		}
	}
	moved := map[digest][]int64{} // recorded ids that no unchanged row has
	p.sent = map[int64]smslink.Result{}
	err := p.journal.each(ctx, func(r recorded, result smslink.Result, known bool) {
		p.highest = max(p.highest, r.id)
		if p.inUse[r.id] {
			return
		}
		if known {
			p.sent[r.id] = result
		}
		if wanted[r.digest] {
			moved[r.digest] = append(moved[r.digest], r.id)
		}
	})
	if err != nil {
		return err
	}
	// rank is 2 for an id that was or may have been sent, 1 for one that certainly was not, and 0
	// for one that has no result.
	rank := func(id int64) int {
		switch result, known := p.sent[id]; {
		case known && !correctable(result):
			return 2
		case known:
			return 1
		}
		return 0
	}
	for _, ids := range moved {
		slices.SortStableFunc(ids, func(a, b int64) int { return rank(b) - rank(a) })
	}
	others := p.changed[:0]
	for _, i := range p.changed {
		ids := moved[p.digests[i]]
		if len(ids) == 0 {
			others = append(others, i)
			continue
		}
		p.ids[i], p.inUse[ids[0]], p.renumbered = ids[0], true, true
		moved[p.digests[i]] = ids[1:]
	}
	p.changed = others
	return nil
}

// number gives ids to the rows that are not recorded:
//   - A row whose id another row has gets a new id.
//   - A row with the id of a message that certainly was not sent is sent in its place.
//   - A row is refused if it has the id of a message that was sent, and whose row is gone.
func (p *Plan) number() error {
	var gone []int64
	for _, i := range p.changed {
		id := p.ids[i]
		result, wasSent := p.sent[id]
		switch {
		case p.inUse[id]:
			p.ids[i], p.renumbered = p.newID(), true
		case wasSent && !correctable(result):
			gone = append(gone, id)
		case wasSent:
			p.forget = append(p.forget, id)
		}
		p.inUse[p.ids[i]] = true
	}
	if len(gone) > 0 {
		return fmt.Errorf("the rows with id %s are not those that were sent, which are gone; "+
			"put them back as they were, and add new messages as rows with new ids "+
			"at the end", firstIDs(gone))
	}
	return nil
}

// firstIDs lists the first ids, and says how many more there are.
func firstIDs(ids []int64) string {
	var list []string
	for _, id := range ids[:min(len(ids), shownPlaces)] {
		list = append(list, strconv.FormatInt(id, 10))
	}
	return firstOf(list, len(ids))
}

// newID returns an id that no row has, above all others if there is one.
func (p *Plan) newID() int64 {
	for {
		if p.highest == math.MaxInt64 {
			p.highest = 0
		}
		p.highest++
		if _, isRecorded := p.journal.rows.of(p.highest); !isRecorded && !p.inUse[p.highest] {
			return p.highest
		}
	}
}

// findSent marks and counts the rows that the journal knows as sent.
func (p *Plan) findSent(ctx context.Context, wasSent []bool) error {
	const batch = 10_000
	forgotten := make(map[int64]bool, len(p.forget))
	for _, id := range p.forget {
		forgotten[id] = true
	}
	for start := 0; start < len(p.ids); start += batch {
		ids := p.ids[start:min(start+batch, len(p.ids))]
		known, err := p.journal.Results(ctx, ids)
		if err != nil {
			return err
		}
		for i, id := range ids {
			result, ok := known[id]
			if !ok || forgotten[id] {
				continue
			}
			if _, isRecorded := p.journal.rows.of(id); !isRecorded {
				return p.journal.lacks(id)
			}
			if p.isSentAgain(result) {
				p.forget = append(p.forget, id)
				continue
			}
			wasSent[start+i] = true
			switch result.Status.Outcome() {
			case smslink.OutcomeAccepted:
				p.Accepted++
			case smslink.OutcomeInDoubt:
				p.InDoubt++
			default:
				p.Failed++
			}
		}
	}
	return nil
}

// findRepeats finds the rows that repeat the number of a row that was sent, or of an earlier row.
func (p *Plan) findRepeats(wasSent []bool) {
	var taken numberSet
	for i, number := range p.numbers {
		if wasSent[i] {
			taken.add(number)
		}
	}
	p.repeats = make([]bool, len(p.numbers))
	for i, number := range p.numbers {
		if !wasSent[i] && !taken.add(number) {
			p.repeats[i] = true
			p.Repeats++
		}
	}
	p.numbers = nil
}

func (p *Plan) isRepeat(i int) bool { return p.repeats != nil && p.repeats[i] }

// numberSet holds numbers in E.164, without the +: Romanian mobile numbers as bits, in 12.5 MB for
// all of them, and others in a map. Its zero value is empty.
type numberSet struct {
	mobile []uint64
	others map[uint64]bool
}

// add adds a number, and reports whether it is new.
func (s *numberSet) add(number uint64) bool {
	const first, all = 40_700_000_000, 100_000_000
	if s.others == nil {
		s.mobile, s.others = make([]uint64, all/64), map[uint64]bool{}
	}
	n := number - first
	if number < first || n >= all {
		isNew := !s.others[number]
		s.others[number] = true
		return isNew
	}
	word, bit := &s.mobile[n/64], uint64(1)<<(n%64)
	isNew := *word&bit == 0
	*word |= bit
	return isNew
}

// Commit records the rows in the journal, before the first of them is sent. It is an error if there
// was no journal at Compare, and another send has used this one since.
func (p *Plan) Commit(j *Journal) error {
	if p.journal == nil && len(j.Runs()) > 0 {
		return fmt.Errorf("another send has begun %s since the rows were checked; run the same command again", j.dir)
	}
	const most = 1_000_000 // that one call of Forget takes
	for ids := range slices.Chunk(p.forget, most) {
		if err := j.Forget(ids); err != nil {
			return err
		}
	}
	const batch = 50_000
	rows := make([]recorded, 0, min(batch, len(p.ids)))
	for i, id := range p.ids {
		if before, ok := j.rows.of(id); !ok || before != p.digests[i] {
			rows = append(rows, recorded{id, p.digests[i]})
		}
		if len(rows) == batch || i == len(p.ids)-1 {
			if err := j.rows.add(rows); err != nil {
				return err
			}
			rows = rows[:0]
		}
	}
	p.digests = nil
	if !p.renumbered {
		p.ids = nil // Next returns each row's own
	}
	return nil
}

// errGrown means that the second pass over the rows has met more rows than the first.
var errGrown = errors.New("the file has grown since its rows were checked")

// Next returns the id to send the next row under, and whether it is left out since it repeats a
// number. The rows must come in the order of Add. It is an error if there are more of them.
func (p *Plan) Next(row *campaign.Row) (id int64, repeats bool, err error) {
	i := p.next
	p.next++
	switch {
	case i >= p.rows:
		return 0, false, errGrown
	case p.ids == nil:
		return row.Message.ID, p.isRepeat(i), nil
	}
	return p.ids[i], p.isRepeat(i), nil
}
