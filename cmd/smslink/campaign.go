package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
	"github.com/go-smslink/smslink/internal/idset"
)

// campaign is the files that a command was given, read a row at a time, and as
// often as wanted where none of them is standard input or a pipe.
type campaign struct {
	files []file
	fold  bool
}

type file struct {
	name string
	in   io.Reader
	info fs.FileInfo // of a regular file when it was opened; nil for any other
}

// openCampaign opens all files, so that a name that is wrong stops a command before it begins.
func openCampaign(c console, names []string, fold bool) (*campaign, error) {
	opened := &campaign{fold: fold}
	for _, name := range names {
		f, err := openFile(c, name)
		if err != nil {
			opened.close()
			return nil, err
		}
		opened.files = append(opened.files, f)
	}
	return opened, nil
}

func openFile(c console, name string) (file, error) {
	if name == "-" {
		return file{name: "standard input", in: c.in}, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return file{}, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
		f.Close()
		return file{}, err
	case info.Mode().IsRegular():
		return file{name, f, info}, nil
	default:
		return file{name: name, in: f}, nil
	}
}

func (c *campaign) close() {
	for _, f := range c.files {
		if closer, ok := f.in.(*os.File); ok {
			closer.Close()
		}
	}
}

// rereadable tells whether all rows can be had more than once.
func (c *campaign) rereadable() bool {
	for _, f := range c.files {
		if f.info == nil {
			return false
		}
	}
	return true
}

// unchanged is an error where a file has changed since it was opened.
func (c *campaign) unchanged() error {
	for _, f := range c.files {
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

// rewind goes back to the first row.
func (c *campaign) rewind() error {
	for _, f := range c.files {
		if _, err := f.in.(*os.File).Seek(0, io.SeekStart); err != nil {
			return err
		}
	}
	return c.unchanged()
}

// pull reads the rows one by one. Where reading may block it ends, without an error, once ctx is done.
func (c *campaign) pull(ctx context.Context) (next func() (row, error, bool), stop func()) {
	if c.rereadable() {
		return iter.Pull2(c.rows())
	}
	type item struct {
		row row
		err error
	}
	ctx, cancel := context.WithCancel(ctx)
	items := make(chan item)
	go func() { // which ends with the process, if its input never does
		defer close(items)
		for row, err := range c.rows() {
			select {
			case items <- item{row, err}:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() (row, error, bool) {
		select {
		case i, ok := <-items:
			return i.row, i.err, ok
		case <-ctx.Done():
			return row{}, nil, false
		}
	}, cancel
}

// rows are the rows of all files, each as it would be sent or with what is wrong with it. An error is
// a file's, and ends them.
func (c *campaign) rows() iter.Seq2[row, error] {
	return func(yield func(row, error) bool) {
		screen := screen{pkg: smslink.Package{Fold: c.fold, StrictReceivers: true}, ids: idset.Set{}}
		for _, f := range c.files {
			n := 0
			for row, err := range readRows(f.in) {
				row.file = f.name
				if err != nil {
					yield(row, fmt.Errorf("%s: %w", f.name, err))
					return
				}
				n++
				if row.err == nil && row.unended && f.info == nil {
					row.err = errors.New("has no line end: the input may have been cut off")
				}
				screen.check(&row)
				if !yield(row, nil) {
					return
				}
			}
			if n == 0 {
				yield(row{file: f.name}, fmt.Errorf("%s: line 1: no messages follow the header; add one on each line", f.name))
				return
			}
		}
	}
}

// screen finds what a package would refuse, and ids that came before.
type screen struct {
	pkg smslink.Package
	ids idset.Set
}

var errRepeatedID = errors.New("id stands in an earlier row; each message needs its own")

func (s *screen) check(r *row) {
	if r.err != nil {
		return
	}
	s.pkg.Reset()
	if err := s.pkg.Add(r.message); err != nil {
		r.err = columnError(err)
		return
	}
	if !s.ids.Add(r.message.ID) {
		r.err = errRepeatedID
		return
	}
	for m := range s.pkg.Messages() {
		r.sent = m.Text
		r.size = gsm7.Measure(m.Text)
	}
}

// columnError words a refusal by the file's own name for the field.
func columnError(err error) error {
	var refusal *smslink.MessageError
	if !errors.As(err, &refusal) {
		return err
	}
	column := strings.ToLower(refusal.Field)
	if column == "sendat" {
		column = "send_at"
	}
	return fmt.Errorf("%s %w", column, refusal.Err)
}
