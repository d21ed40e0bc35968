// Package xlsx reads the cells of .xlsx workbooks a row at a time, with what kind of value each
// holds: a text, a number, a date. It refuses a workbook that is broken anywhere; it never takes a
// broken part's end for the end of the rows.
package xlsx

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// Book is a workbook. Goroutines must not share it.
type Book struct {
	parts   map[string]*zip.File
	sheets  []sheet
	strings []string // that cells share
	dates   []bool   // by style: whether a number is a date
	general []bool   // by style: whether a whole number is shown as its digits
}

type sheet struct {
	Name   string `xml:"name,attr"`
	ID     string `xml:"id,attr"`
	Hidden string `xml:"state,attr"` // empty or visible if it is not
	part   string
}

func (s sheet) isHidden() bool { return s.Hidden != "" && s.Hidden != "visible" }

// Open reads a workbook of that size, except its sheets. The error says what is wrong with it.
func Open(in io.ReaderAt, size int64) (*Book, error) {
	archive, err := zip.NewReader(in, size)
	if err != nil {
		return nil, fmt.Errorf("the workbook is damaged (%w)", err)
	}
	b := &Book{parts: map[string]*zip.File{}}
	for _, f := range archive.File {
		b.parts[strings.ToLower(strings.TrimPrefix(f.Name, "/"))] = f
	}
	if b.parts["mimetype"] != nil {
		return nil, errors.New("the file is an OpenDocument; save it as .xlsx or as CSV")
	}
	if err := b.read(); err != nil {
		return nil, err
	}
	return b, nil
}

// relation leads from one part to another.
type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

func (b *Book) read() error {
	top, err := b.relations("")
	if err != nil {
		return err
	}
	workbook := ""
	for _, r := range top {
		if strings.HasSuffix(r.Type, "/officeDocument") {
			workbook = r.Target
		}
	}
	if b.parts[workbook] == nil {
		return errors.New("the file is no .xlsx workbook; save it as one, or as CSV")
	}
	var content struct {
		Sheets []sheet `xml:"sheets>sheet"`
	}
	if err := b.unmarshal(workbook, &content); err != nil {
		return err
	}
	relations, err := b.relations(workbook)
	if err != nil {
		return err
	}
	for _, s := range content.Sheets {
		for _, r := range relations {
			if r.ID == s.ID && strings.HasSuffix(r.Type, "/worksheet") { // and no chart
				s.part = r.Target
				b.sheets = append(b.sheets, s)
			}
		}
	}
	for _, r := range relations {
		switch r.Type[strings.LastIndex(r.Type, "/")+1:] {
		case "sharedStrings":
			err = b.readStrings(r.Target)
		case "styles":
			err = b.readStyles(r.Target)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// relations returns where a part leads to, with the names of parts.
func (b *Book) relations(part string) ([]relation, error) {
	folder, file := path.Split(part)
	var content struct {
		Relations []relation `xml:"Relationship"`
	}
	if err := b.unmarshal(folder+"_rels/"+file+".rels", &content); err != nil {
		return nil, err
	}
	for i, r := range content.Relations {
		target := path.Join(folder, r.Target)
		if strings.HasPrefix(r.Target, "/") {
			target = r.Target[1:]
		}
		content.Relations[i].Target = strings.ToLower(target)
	}
	return content.Relations, nil
}

// unmarshal reads a small part whole.
func (b *Book) unmarshal(name string, into any) error {
	file, err := b.open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	limited := io.LimitReader(file, maxElement+1).(*io.LimitedReader)
	if err := xml.NewDecoder(limited).Decode(into); err != nil {
		if limited.N <= 0 {
			err = errTooLong
		}
		return damaged(err)
	}
	return nil
}

// Sheets returns the names of the sheets that are not hidden, and then of those that are.
func (b *Book) Sheets() []string {
	var shown, hidden []string
	for _, s := range b.sheets {
		if s.isHidden() {
			hidden = append(hidden, s.Name)
		} else {
			shown = append(shown, s.Name)
		}
	}
	return append(shown, hidden...)
}

// open opens a part of the workbook.
func (b *Book) open(name string) (io.ReadCloser, error) {
	f := b.parts[strings.ToLower(name)]
	if f == nil {
		return nil, fmt.Errorf("the workbook is damaged (it lacks a part: %s)", path.Base(name))
	}
	file, err := f.Open()
	if err != nil {
		return nil, damaged(err)
	}
	return file, nil
}

// damaged words an error in a part's XML or in its archive.
func damaged(err error) error {
	if errors.Is(err, errTooLong) {
		return err
	}
	return errors.New("the workbook is damaged (its XML or its archive is broken)")
}

// maxElement bounds what one row, string or small part may take, so that a file made to burst
// takes no memory. Excel keeps 32,767 characters in a cell, and 16,384 cells in a row.
const maxElement = 16 << 20

var errTooLong = errors.New("a row, a cell or a part of the workbook has more than 16 MiB")
