// Package xlsx reads the cells of .xlsx workbooks row by row, each with the kind of its value: a
// text, a number, a date. It refuses a workbook if a part that it reads is broken anywhere, and
// never takes the end of a broken part for the end of the rows. It also writes workbooks with one
// sheet.
package xlsx

import (
	"archive/zip"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"path"
	"slices"
	"strings"
)

// Book is a workbook. Goroutines must not share it.
type Book struct {
	parts     map[string]*zip.File
	sheets    []sheet
	texts     []string // that cells share
	styles    []Kind   // of numbers: Date, Digits or Number
	since1904 bool     // days are counted from 1904
	outdated  bool     // the results of formulas must be calculated again
	left      allowance
}

type sheet struct {
	name   string
	hidden bool
	part   string
}

// Open reads a workbook of size bytes, except its sheets. Its errors say what is wrong with the
// workbook, and what to do.
func Open(in io.ReaderAt, size int64) (*Book, error) {
	directory := &limitedReaderAt{in, maxDirectory}
	archive, err := zip.NewReader(directory, size)
	switch {
	case directory.left < 0:
		return nil, errTooManyParts
	case err != nil:
		return nil, fmt.Errorf("the workbook is damaged (%w)", err)
	}
	directory.left = 1 << 62
	b := &Book{parts: map[string]*zip.File{}, left: allowance{freeBytes + maxBytes*size, freeTokens + maxTokens*size}}
	for _, f := range archive.File {
		name := strings.ToLower(strings.TrimPrefix(f.Name, "/"))
		if b.parts[name] != nil {
			return nil, errors.New("the workbook is damaged (it has a part twice)")
		}
		b.parts[name] = f
	}
	if err := b.checkKind(); err != nil {
		return nil, err
	}
	if err := b.read(); err != nil {
		return nil, err
	}
	return b, nil
}

// limitedReaderAt fails once more than left bytes are read.
type limitedReaderAt struct {
	io.ReaderAt
	left int64
}

func (r *limitedReaderAt) ReadAt(p []byte, at int64) (int, error) {
	if r.left -= int64(len(p)); r.left < 0 {
		return 0, errTooManyParts
	}
	return r.ReaderAt.ReadAt(p, at)
}

// checkKind refuses archives of another kind, and names it.
func (b *Book) checkKind() error {
	switch {
	case b.parts["_rels/.rels"] != nil:
		return nil
	case b.parts["mimetype"] != nil:
		return errors.New("the file is an OpenDocument, such as .ods; open it in a spreadsheet program and save " +
			"it as .xlsx")
	case b.parts[`_rels\.rels`] != nil:
		return errors.New("the workbook's parts have names that only some programs read; open it in a spreadsheet " +
			"program and save it again")
	case b.parts["index/document.iwa"] != nil || b.parts["index.zip"] != nil:
		return errors.New("the file is an Apple Numbers document; export it as Excel (.xlsx) or CSV")
	}
	return errors.New("the file is a zip archive, not a workbook; unpack it, and name the file in it")
}

// relation is the kind and the name of a part that another part uses.
type relation struct{ kind, target string }

func (b *Book) read() error {
	_, top, err := b.relations("")
	if err != nil {
		return err
	}
	workbook := ""
	for _, r := range top {
		if r.kind == "officeDocument" {
			workbook = r.target
		}
	}
	switch {
	case strings.HasPrefix(workbook, "word/"):
		return errors.New("the file is a Word document; copy its table into a spreadsheet and save it as .xlsx")
	case strings.HasSuffix(workbook, ".bin"):
		return errors.New("the file is a binary workbook (.xlsb); save it as .xlsx")
	case b.parts[workbook] == nil || strings.HasPrefix(workbook, "ppt/"):
		return errors.New("the file is not an .xlsx workbook; save it as one, or as CSV")
	}
	byID, relations, err := b.relations(workbook)
	if err != nil {
		return err
	}
	if err := b.readWorkbook(workbook, byID); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, r := range relations {
		if r.kind != "sharedStrings" && r.kind != "styles" {
			continue
		}
		if seen[r.kind] {
			return errors.New("the workbook is damaged (it has two parts of strings or styles)")
		}
		seen[r.kind] = true
		if r.kind == "styles" {
			err = b.readStyles(r.target)
		} else {
			err = b.readStrings(r.target)
		}
		if err != nil {
			return err
		}
	}
	if len(b.styles) == 0 {
		b.styles = []Kind{Digits}
	}
	return nil
}

// readWorkbook reads the list of sheets, and how the workbook calculates.
func (b *Book) readWorkbook(name string, relations map[string]relation) error {
	return b.readPart(name, "workbook", func(p *part, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			b.since1904 = isTrue(attribute(e, "date1904"))
		case "calcPr":
			completed := attribute(e, "calcCompleted")
			b.outdated = isTrue(attribute(e, "fullCalcOnLoad")) || completed == "0" || completed == "false"
		case "sheets":
			return p.each(func(e xml.StartElement) error {
				r := relations[attribute(e, "id")]
				if e.Name.Local == "sheet" && r.kind == "worksheet" { // not a chart
					state := attribute(e, "state")
					isHidden := state != "" && state != "visible"
					b.sheets = append(b.sheets, sheet{attribute(e, "name"), isHidden, r.target})
				}
				if len(b.sheets) > maxSheets {
					return errTooMany
				}
				return p.skip()
			})
		}
		return p.skip()
	})
}

// relations returns the parts that a part uses, by their ids and in their order.
func (b *Book) relations(name string) (byID map[string]relation, list []relation, err error) {
	folder, file := path.Split(name)
	byID = map[string]relation{}
	err = b.readPart(folder+"_rels/"+file+".rels", "Relationships", func(p *part, e xml.StartElement) error {
		kind, target := attribute(e, "Type"), attribute(e, "Target")
		if !strings.HasPrefix(target, "/") {
			target = path.Join(folder, target)
		}
		r := relation{kind[strings.LastIndex(kind, "/")+1:], strings.ToLower(strings.TrimPrefix(target, "/"))}
		byID[attribute(e, "Id")] = r
		if list = append(list, r); len(list) > maxSheets {
			return errTooManyParts
		}
		return p.skip()
	})
	return byID, list, err
}

// readPart reads a whole part, whose outermost element is root, and calls use with each element
// inside that.
func (b *Book) readPart(name, root string, use func(*part, xml.StartElement) error) error {
	f := b.parts[strings.ToLower(name)]
	if f == nil {
		return fmt.Errorf("the workbook is damaged (it lacks a part: %s)", path.Base(name))
	}
	file, err := f.Open()
	if err != nil {
		return errXML
	}
	defer file.Close()
	in := &input{unpacked: file, buffer: make([]byte, 32<<10), allowance: &b.left}
	p := &part{xml: xml.NewDecoder(in), in: in, root: root}
	return p.all(func(e xml.StartElement) error { return use(p, e) })
}

// readStrings reads the texts that cells share.
func (b *Book) readStrings(name string) error {
	size := 0
	return b.readPart(name, "sst", func(p *part, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return p.skip()
		}
		text, err := p.richText()
		if err != nil {
			return err
		}
		const overhead = 16 // bytes
		if size += len(text) + overhead; size > maxStrings {
			return errTooLarge
		}
		b.texts = append(b.texts, text)
		return nil
	})
}

// Sheets returns the names of the sheets, the hidden ones last.
func (b *Book) Sheets() []string {
	var shown, hidden []string
	for _, s := range b.sheets {
		if s.hidden {
			hidden = append(hidden, s.name)
		} else {
			shown = append(shown, s.name)
		}
	}
	return append(shown, hidden...)
}

// errStopped ends the reading of a sheet once the caller of Rows has stopped.
const errStopped fault = "no more rows are wanted"

// Rows yields the rows of the named sheet that hold a cell. A row is valid until the next one. An
// error is the last element.
func (b *Book) Rows(name string) iter.Seq2[*Row, error] {
	return func(yield func(*Row, error) bool) {
		at := slices.IndexFunc(b.sheets, func(s sheet) bool { return s.name == name })
		if at < 0 {
			yield(nil, errors.New("the workbook has no such sheet"))
			return
		}
		s := &sheetReader{book: b}
		s.row.sheet = s
		err := b.readPart(b.sheets[at].part, "worksheet", func(p *part, e xml.StartElement) error {
			s.part = p
			return s.read(e, yield)
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	}
}

// Since1904 reports whether dates are counted in days from 1904 instead of 1900.
func (b *Book) Since1904() bool { return b.since1904 }
