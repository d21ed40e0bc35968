package reports

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
)

// reportedRow is a row of a results file.
type reportedRow struct {
	File string `json:"file"`
	Line int    `json:"line"`
	ID   string `json:"id"`

	Answered time.Time `json:"time,omitzero"`     // when send had the gateway's answer
	Journal  string    `json:"journal,omitempty"` // the message's name in its journal
}

// resultRows finds rows by their remote ids. Goroutines must not share it.
type resultRows struct {
	files  []*resultsFile
	rows   map[string]reportedRow
	logger *slog.Logger
	said   string // the last error of find, which is logged once
}

// resultsFile is a results file as it was when it was last read.
type resultsFile struct {
	name  string
	info  fs.FileInfo // nil if it was not read yet
	read  int64       // bytes, up to the end of the last whole line
	lines int         // whole lines
}

func newResultRows(names []string, logger *slog.Logger) *resultRows {
	r := &resultRows{rows: map[string]reportedRow{}, logger: logger}
	for _, name := range names {
		r.files = append(r.files, &resultsFile{name: name})
	}
	return r
}

// find returns the row of a message, or nil. It reads what was added to the files if it has to.
func (r *resultRows) find(remoteID string) *reportedRow {
	row, ok := r.rows[remoteID]
	if !ok {
		if err := r.load(); err != nil && err.Error() != r.said {
			r.said = err.Error()
			r.logger.Warn("smslink: a results file can't be read", "error", err)
		}
		row, ok = r.rows[remoteID]
	}
	if !ok {
		return nil
	}
	return &row
}

// load reads what was added to the files. It reads the others if one can't be read.
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
	in, info, err := safefile.Regular(f.name)
	if err != nil {
		return err
	}
	defer in.Close()
	isSame := f.info != nil && os.SameFile(info, f.info)
	if isSame && info.Size() == f.info.Size() && info.ModTime().Equal(f.info.ModTime()) {
		return nil
	}
	if !isSame || info.Size() <= f.info.Size() { // another file, or rewritten
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

// longestLine is far more than a line of a results file has.
const longestLine = 64 << 10

// read reads whole lines. A line that is still being written is read the next time.
func (r *resultRows) read(in io.Reader, f *resultsFile) error {
	lines, parser := bufio.NewReaderSize(in, longestLine), outcome.Lines{}
	for {
		raw, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("%s is not a results file of send: line %d is longer than %d KiB",
				f.name, f.lines+1, longestLine>>10)
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		line, whole := string(raw), err == nil
		if f.lines == 0 && !isHeader(line, whole) {
			return fmt.Errorf("%s is not a results file of send", f.name)
		}
		if !whole {
			return nil
		}
		f.read += int64(len(line))
		f.lines++
		if f.lines == 1 {
			continue
		}
		row, err := parser.Parse(line)
		if err != nil {
			r.logger.Warn("smslink: a broken line of a results file is skipped", "file", f.name, "line", f.lines)
			continue
		}
		if row.RemoteID != "" {
			r.rows[row.RemoteID] = reportedRow{row.File, row.Line, row.ID, row.Answered, row.Journal}
		}
	}
}

// isHeader reports whether a line is the header of a results file, or the start of it.
func isHeader(line string, whole bool) bool {
	return outcome.IsHeader(line) || !whole && strings.HasPrefix(strings.Join(outcome.ResultsHeader, ","), line)
}
