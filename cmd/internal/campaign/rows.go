package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
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
	source   source // nil before
	count    int    // records of that file
	bad      bool   // a row was
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

// ErrNoRows means that a file has nothing but a header.
var ErrNoRows = errors.New("line 1: no messages follow the header; add one on each line")

// Rows begins to read the campaign, from its start unless it can't be read twice.
func (c *Campaign) Rows() (*Rows, error) {
	if err := c.rewind(); err != nil {
		return nil, err
	}
	return &Rows{campaign: c, checker: newChecker(&c.opts, c.passed)}, nil
}

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

// readAhead reads in a goroutine, which ends with the process if the input never does.
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

// Row returns the row that Next has read. It is the caller's until the next call of Next.
func (r *Rows) Row() *Row { return &r.row }

// Err returns why Next returned false: nil at the end, the cause of its context, or an error that
// names the file and the line. Then what follows in the file was not read.
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

// take makes a row of the record.
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
