package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
)

// Rows reads the rows of a Campaign, one after another:
//
//	rows, err := c.Rows()
//	…
//	defer rows.Close()
//	for rows.Next(ctx) {
//		row := rows.Row()
//		…
//	}
//	err = rows.Err()
type Rows struct {
	campaign *Campaign
	checker  checker
	file     int    // the index of the one that is being read
	source   source // of that file; nil before it was opened
	count    int    // its records
	bad      bool   // a row was bad
	record   record
	row      Row
	err      error

	items chan item          // of a campaign that may block; nil otherwise
	stop  context.CancelFunc // of the goroutine that fills items
}

type item struct {
	row Row
	err error
}

// ErrNoRows means that a file has a header and no rows, except hidden ones that are skipped.
var ErrNoRows = errors.New("there are no messages below the header; add a row for each")

// Next reads the next row, and reports whether there is one. If reading may block, Next returns
// false once ctx is done; otherwise it does not look at ctx.
func (r *Rows) Next(ctx context.Context) bool {
	if r.err != nil {
		return false
	}
	if r.campaign.Rereadable() {
		r.err = r.read()
		return r.err == nil
	}
	if r.items == nil {
		r.readAhead()
	}
	select {
	case i := <-r.items:
		r.row, r.err = i.row, i.err
	case <-ctx.Done():
		r.err = context.Cause(ctx)
	}
	return r.err == nil
}

// readAhead reads in a goroutine. If the input blocks for ever, so does the goroutine.
func (r *Rows) readAhead() {
	ctx, cancel := context.WithCancel(context.Background())
	r.items, r.stop = make(chan item), cancel
	ahead := &Rows{campaign: r.campaign, checker: r.checker}
	go func() {
		for {
			err := ahead.read()
			select {
			case r.items <- item{ahead.row, err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
}

// Row returns the row that Next has read. It is valid until the next call to Next.
func (r *Rows) Row() *Row { return &r.row }

// Err returns why Next returned false: nil at the end, the cause of its context, or an error that
// names the file and the line. After such an error the rest was not read.
func (r *Rows) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

// Close ends the reading. The files stay open.
func (r *Rows) Close() {
	if r.stop != nil {
		r.stop()
	}
}

// read reads a row into r.row. It returns io.EOF at the end of the last file.
func (r *Rows) read() error {
	for ; r.file < len(r.campaign.files); r.file, r.source = r.file+1, nil {
		f := r.campaign.files[r.file]
		switch err := r.readFrom(f); {
		case err == nil:
			return nil
		case !errors.Is(err, io.EOF):
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if !r.bad {
		r.campaign.passed = r.campaign.Rereadable()
	}
	return io.EOF
}

func (r *Rows) readFrom(f *file) error {
	if r.source == nil {
		source, err := newSource(f, &r.campaign.opts)
		if err != nil {
			return err
		}
		if err := r.campaign.begin(f, source.cols()); err != nil {
			return err
		}
		r.source, r.count = source, 0
	}
	r.record = record{}
	err := r.source.next(&r.record)
	switch {
	case err == nil:
		r.count++
		r.take(f)
	case errors.Is(err, io.EOF) && r.count == 0:
		return ErrNoRows
	}
	return err
}

// take sets r.row from r.record.
func (r *Rows) take(f *file) {
	columns := r.source.cols()
	if r.record.bad == nil && r.record.unended && f.info == nil {
		r.record.bad = refuse("", "has no line end: the input may have been cut off")
	}
	if columns.RowIDs() {
		r.record.fields[columnID] = strconv.Itoa(r.record.line)
	}
	now := r.campaign.now
	if !r.campaign.Rereadable() {
		now = r.campaign.opts.Now()
	}
	r.row = r.record.row(f.name, columns, &r.campaign.opts, now)
	r.checker.check(&r.row)
	if bad := r.row.Bad; bad != nil {
		r.bad = true
		bad.addRemedy(columns)
		if columns.isSheet() && bad.Cell == "" {
			bad.Cell = columns.cell(bad.Column, r.row.Line)
		}
	}
}

// checker refuses rows that a package would refuse and rows with the id of an earlier one, and
// measures the others.
type checker struct {
	fold   bool
	braces bool // texts may have braces, since their template has some
	passed bool // every row was checked in an earlier pass, and is good
	pkg    *smslink.Package
	ids    idSet

	text string // the last one
	odd  Oddity // of it
}

func newChecker(opts *Options, passed bool) checker {
	braces := opts.Text != nil && opts.Text.placeholders
	return checker{fold: opts.Fold, braces: braces, passed: passed, pkg: new(smslink.Package), ids: idSet{}}
}

var errRepeatedID = errors.New("stands in an earlier row; each message needs its own")

func (c *checker) check(r *Row) {
	if r.Bad != nil {
		return
	}
	if c.fold {
		r.Message.Text = gsm7.FoldIfFewer(r.Message.Text)
	}
	asItStands := isSentAsItStands(r.Message.Text)
	if !c.passed || !asItStands {
		c.pkg.Reset()
		if err := c.pkg.Add(r.Message); err != nil {
			r.Bad = refusalOf(r.Message, err)
			return
		}
	}
	if !c.passed && !c.ids.add(r.Message.ID) {
		r.Bad = &Refusal{Column: "id", Cause: errRepeatedID}
		return
	}
	r.Text = r.Message.Text
	if !asItStands {
		for m := range c.pkg.Messages() {
			r.Text = m.Text
		}
	}
	r.Size = gsm7.Measure(r.Text)
	switch {
	case c.passed:
	case r.Text == c.text: // as all do in some campaigns
		r.Odd = c.odd
	default:
		r.Odd = oddityOf(r.Text)
		if c.braces {
			r.Odd &^= Placeholder
		}
		c.text, c.odd = r.Text, r.Odd
	}
	if r.past {
		cause := ErrPast
		if r.pastAt {
			cause = fmt.Errorf("is that of --at, which %w", ErrPast)
		}
		r.Bad = &Refusal{Column: "send_at", Shown: r.Message.SendAt.Format(time.RFC3339), Cause: cause}
	}
}

// isSentAsItStands reports whether a package that accepts a text leaves it unchanged.
func isSentAsItStands(text string) bool {
	const trimmed = " \t\n\r\x00\v"
	return text != "" && !strings.ContainsAny(text, "\t\r") &&
		!strings.Contains(trimmed, text[:1]) && !strings.Contains(trimmed, text[len(text)-1:])
}

// refusalOf describes a refusal by the library with the campaign's name for the field.
func refusalOf(m smslink.Message, err error) *Refusal {
	var refusal *smslink.MessageError
	if !errors.As(err, &refusal) {
		return &Refusal{Cause: err}
	}
	column := strings.ToLower(refusal.Field)
	if column == "sendat" {
		column = "send_at"
	}
	if column == "text" && !utf8.ValidString(m.Text) || column == "from" && !utf8.ValidString(m.From) {
		return refuse(column, "is not in UTF-8; save the file as CSV UTF-8")
	}
	return &Refusal{Column: column, Cause: refusal.Err}
}

// idSet holds ids from 0, 64 in a word. An id takes less than a byte if ids lie close together, and
// about 40 bytes at the most. It repeats the SDK's idset, since only the SDK imports its own
// internal packages.
type idSet map[int64]uint64

// add adds an id, and reports whether it is new.
func (s idSet) add(id int64) bool {
	bit := uint64(1) << (id & 63)
	word := s[id>>6]
	s[id>>6] = word | bit
	return word&bit == 0
}
