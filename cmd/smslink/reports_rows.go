package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/cmd/smslink/internal/outcome"
)

// reportedRow is a row of a results file.
type reportedRow struct {
	File string `json:"file"`
	Line int    `json:"line"`
	ID   string `json:"id"`
}

// resultRows finds rows by their remote ids. Its caller sees to it that one goroutine
// at a time uses it.
type resultRows struct {
	files  []*resultsFile
	rows   map[string]reportedRow
	logger *slog.Logger
}

// resultsFile is a results file as it was when it was last read.
type resultsFile struct {
	name  string
	info  fs.FileInfo // nil before
	read  int64       // up to the end of its last whole line
	lines int         // until there
}

func newResultRows(names []string, logger *slog.Logger) *resultRows {
	r := &resultRows{rows: map[string]reportedRow{}, logger: logger}
	for _, name := range names {
		r.files = append(r.files, &resultsFile{name: name})
	}
	return r
}

func (r *resultRows) find(remoteID string) *reportedRow {
	row, ok := r.rows[remoteID]
	if !ok {
		if err := r.load(); err != nil {
			r.logger.Debug("smslink: a results file can't be read", "error", err)
		}
		row, ok = r.rows[remoteID]
	}
	if !ok {
		return nil
	}
	return &row
}

// load reads what the files have got since. A file that can't be read keeps none of the others back.
func (r *resultRows) load() error {
	var errs []error
	for _, f := range r.files {
		err := r.loadFile(f)
		if errors.Is(err, fs.ErrNotExist) { // send has not begun
			*f, err = resultsFile{name: f.name}, nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (r *resultRows) loadFile(f *resultsFile) error {
	info, err := os.Stat(f.name)
	if err != nil || f.info != nil && os.SameFile(info, f.info) && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return err
	}
	in, err := os.Open(f.name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err = in.Stat() // of this one, were it replaced just now
	if err != nil {
		return err
	}
	if f.info == nil || !os.SameFile(info, f.info) || info.Size() <= f.info.Size() { // it is another, or was written anew
		*f = resultsFile{name: f.name}
	}
	if _, err := in.Seek(f.read, io.SeekStart); err != nil {
		return err
	}
	if err := r.read(in, f); err != nil {
		return err
	}
	f.info = info
	return nil
}

// read reads whole lines. One that is being written is read when the file has grown. No row that
// was sent has a line end in it, so that a line is a record, and a broken one breaks no other.
func (r *resultRows) read(in io.Reader, f *resultsFile) error {
	lines, one := bufio.NewReader(in), strings.NewReader("")
	records := csv.NewReader(one)
	records.FieldsPerRecord = len(outcome.ResultsHeader)
	for {
		line, err := lines.ReadString('\n')
		whole := err == nil
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if f.lines == 0 && !isHeader(line, whole) {
			return fmt.Errorf("%s is no results file of send", f.name)
		}
		if !whole {
			return nil
		}
		f.read += int64(len(line))
		f.lines++
		if f.lines == 1 {
			continue
		}
		one.Reset(line)
		record, err := records.Read()
		if err != nil {
			r.logger.Warn("smslink: a broken line of a results file is passed over", "file", f.name, "line", f.lines)
			continue
		}
		if remoteID := outcome.PlainCell(record[5]); remoteID != "" {
			line, _ := strconv.Atoi(record[1])
			r.rows[remoteID] = reportedRow{outcome.PlainCell(record[0]), line, outcome.PlainCell(record[2])}
		}
	}
}

// isHeader tells whether a line is the first one of a results file, or the start of it.
func isHeader(line string, whole bool) bool {
	header := strings.Join(outcome.ResultsHeader, ",")
	if whole {
		return strings.TrimRight(line, "\r\n") == header
	}
	return strings.HasPrefix(header, line)
}
