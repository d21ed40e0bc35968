// Package campaign reads messages from files as people and programs write them: CSV, JSON lines and
// spreadsheets.
package campaign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// Options are the settings of a Campaign.
type Options struct {
	// Stdin is what the name "-" stands for.
	Stdin io.Reader

	// Fold folds texts as gsm7.FoldIfFewer does: only if that saves an SMS.
	Fold bool

	// Columns maps the campaign's columns, such as send_at, to the names that the file has for
	// them. An empty name leaves the column out. Other columns are found by their names.
	Columns map[string]string

	// Text is the text of all rows, with columns to fill in. If nil, a column has the texts.
	Text *Template

	// RestoreZeros reads receivers such as 712345678 and 40712345678, from which a spreadsheet has
	// dropped the 0 or the +, as 0712345678 and 0040712345678. Numbers of a workbook are always
	// read so.
	RestoreZeros bool

	// Zone is the time zone of times without an offset. If nil, they are refused.
	Zone *time.Location

	// At is the time of rows that have none. Zero means now.
	At time.Time

	// SkipHidden leaves out the rows that a workbook's sheet does not show.
	SkipHidden bool

	// Now returns the time. Nil means time.Now.
	Now func() time.Time

	// TextsOnly ignores all columns except to and text, as for a report of what was sent. JSON
	// lines need their usual keys. It is an error if a workbook has more than one sheet, since the
	// others would be left out.
	TextsOnly bool

	// ReceiversOnly does the same as TextsOnly, and ignores the column text as well, as for a list
	// of numbers.
	ReceiversOnly bool

	// Sheet is the sheet of a workbook; empty means the first one.
	Sheet string

	// OnColumns is called with the columns of each file once they are known. If it returns an
	// error, the reading ends. It may be called in another goroutine than that of Next. Nil means
	// no call.
	OnColumns func(*Campaign, *Columns) error
}

// reads reports whether a column of the campaign is looked for.
func (o *Options) reads(column int) bool {
	switch column {
	case columnTo:
		return true
	case columnText:
		return !o.ReceiversOnly && o.Text == nil
	}
	return !o.ReceiversOnly && !o.TextsOnly
}

// remedy returns begin and the flags that name columns, such as "say which with --column to=NAME".
// A list of numbers has no such flag, so a person has to change its header.
func (o *Options) remedy(begin string, columns ...string) string {
	if o.ReceiversOnly {
		return "give the column of the numbers the header to"
	}
	var flags []string
	for _, column := range columns {
		flags = append(flags, o.columnFlag()+" "+column+"=NAME")
	}
	return begin + " with " + strings.Join(flags, " and ")
}

// nameColumns returns how a person names the columns of a file that has none with a known name.
func (o *Options) nameColumns(begin string) string {
	if o.Text != nil { // which --column text=NAME would contradict
		return o.remedy(begin, "to")
	}
	return o.remedy(begin, "to", "text")
}

// wantHeader returns what to do about a file without a header.
func (o *Options) wantHeader() string {
	switch {
	case o.ReceiversOnly:
		return o.remedy("")
	case o.TextsOnly:
		return "export it again with its header"
	case o.Text != nil:
		return "start the file with a header, such as to and the columns that the text names"
	}
	return "start the file with the header id,to,from,text,send_at, or write JSON lines"
}

// columnFlag returns the flag of Columns.
func (o *Options) columnFlag() string {
	if o.TextsOnly {
		return "--report-column"
	}
	return "--column"
}

// Names returns the names of the campaign's own columns.
func Names() []string { return columnNames[:] }

// Campaign is the files that a command was given. It can be read more than once, unless one of them
// is standard input or a pipe. Goroutines must not share it.
type Campaign struct {
	opts   Options
	files  []*file
	now    time.Time   // when it was opened, for all passes over files
	passed bool        // a whole pass found every row good
	rowIDs atomic.Bool // a file has no id column; a goroutine that reads ahead may set it
}

type file struct {
	name string
	in   io.Reader
	info fs.FileInfo // of a regular file when it was opened; nil for any other

	isWorkbook   bool      // it is a regular file that begins as a workbook does
	book         *workbook // as it was read; nil before that, and for any other file
	knowsColumns bool      // OnColumns was called
}

// Open opens all files, so that a wrong name stops a command before it begins.
func Open(names []string, opts Options) (*Campaign, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	c := &Campaign{opts: opts, now: opts.Now()}
	for _, name := range names {
		f, err := openFile(name, opts.Stdin)
		if err != nil {
			c.Close()
			return nil, err
		}
		c.files = append(c.files, f)
	}
	return c, nil
}

func openFile(name string, stdin io.Reader) (*file, error) {
	if name == "-" {
		return &file{name: "standard input", in: stdin}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return nil, err
	case info.Mode().IsRegular():
		start := make([]byte, len(workbookMagic))
		_, _ = f.ReadAt(start, 0) // reading the rows returns its error
		return &file{name: name, in: f, info: info, isWorkbook: string(start) == workbookMagic}, nil
	default:
		return &file{name: name, in: f}, nil
	}
}

// Close closes the files.
func (c *Campaign) Close() {
	for _, f := range c.files {
		if closer, ok := f.in.(*os.File); ok {
			closer.Close()
		}
	}
}

// Rereadable reports whether all rows can be read more than once.
func (c *Campaign) Rereadable() bool {
	for _, f := range c.files {
		if f.info == nil {
			return false
		}
	}
	return true
}

// RowIDs reports whether a file that was read has no id column, so that its line numbers are the
// ids.
func (c *Campaign) RowIDs() bool { return c.rowIDs.Load() }

// begin is called with the columns of a file that is about to be read.
func (c *Campaign) begin(f *file, columns *Columns) error {
	if columns == nil || f.knowsColumns {
		return nil
	}
	f.knowsColumns = true
	if columns.RowIDs() {
		c.rowIDs.Store(true)
	}
	if c.rowIDs.Load() && len(c.files) > 1 {
		return errors.New("with several FILEs, each needs an id column, since row numbers are unique only within one file")
	}
	if c.opts.OnColumns != nil {
		return c.opts.OnColumns(c, columns)
	}
	return nil
}

// Rows starts to read the rows: from the first one, unless the campaign can't be read twice.
func (c *Campaign) Rows() (*Rows, error) {
	if err := c.rewind(); err != nil {
		return nil, err
	}
	return &Rows{campaign: c, checker: newChecker(&c.opts, c.passed)}, nil
}

// Each calls use for every row, good or bad. A row is valid until use returns.
func (c *Campaign) Each(ctx context.Context, use func(*Row)) error {
	rows, err := c.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next(ctx) {
		use(rows.Row())
	}
	return rows.Err()
}

// Unchanged returns an error if a file has changed since it was opened.
func (c *Campaign) Unchanged() error {
	for _, f := range c.files {
		if f.info == nil {
			continue
		}
		info, err := f.in.(*os.File).Stat()
		if err != nil {
			return err
		}
		if info.Size() != f.info.Size() || !info.ModTime().Equal(f.info.ModTime()) {
			return fmt.Errorf("%s was changed while this command was reading it", f.name)
		}
	}
	return nil
}

// rewind goes back to the start of every regular file.
func (c *Campaign) rewind() error {
	for _, f := range c.files {
		if f.info == nil {
			continue
		}
		if _, err := f.in.(*os.File).Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	return c.Unchanged()
}

// Position returns how many bytes of the files were read, and how many there are. Both are 0 if
// that is not known: for a pipe or a workbook.
func (c *Campaign) Position() (read, size int64) {
	for _, f := range c.files {
		if f.info == nil || f.isWorkbook {
			return 0, 0
		}
		at, err := f.in.(*os.File).Seek(0, io.SeekCurrent)
		if err != nil {
			return 0, 0
		}
		read, size = read+at, size+f.info.Size()
	}
	return read, size
}
