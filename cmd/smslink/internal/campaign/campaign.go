// Package campaign reads the messages of files as people and programs write them: CSV, JSON lines
// and spreadsheets.
package campaign

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Options are the settings of a Campaign.
type Options struct {
	// Stdin is what the name "-" stands for.
	Stdin io.Reader

	// Fold replaces characters that make an SMS dearer by near ones, as smslink.Package does.
	Fold bool

	// OnColumns is called with the columns of each file once they are known. Nil means no call.
	OnColumns func(Columns)
}

// Campaign is the files that a command was given. It is read a row at a time, and as often as
// wanted unless one of them is standard input or a pipe. Goroutines must not share it.
type Campaign struct {
	opts   Options
	files  []*file
	passed bool // a whole pass found every row good
}

type file struct {
	name string
	in   io.Reader
	info fs.FileInfo // of a regular file when it was opened; nil for any other
	told bool        // OnColumns was called
}

// Open opens all files, so that a wrong name stops a command before it begins.
func Open(names []string, opts Options) (*Campaign, error) {
	c := &Campaign{opts: opts}
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
		return &file{name: name, in: f, info: info}, nil
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

// rewind goes back to the start of all files that have one.
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

// Digest returns what tells this campaign from another one, or "" if it can't be read twice.
func (c *Campaign) Digest() (string, error) {
	if !c.Rereadable() {
		return "", nil
	}
	if err := c.rewind(); err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, f := range c.files {
		if _, err := io.Copy(sum, f.in); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(sum.Sum(nil)), c.Unchanged()
}
