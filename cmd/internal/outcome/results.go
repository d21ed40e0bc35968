package outcome

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/cmd/internal/xlsx"
)

// ResultsHeader is the first line of a results file.
var ResultsHeader = []string{
	"file", "line", "id", "status", "status_text", "remote_id", "segments", "note", "to", "category", "price",
	"journal", "time", // a line that is cut short has no time, and no part of a name
}

// Results is the CSV file that keeps the outcome of each row. Nil keeps nothing.
type Results struct {
	name    string
	file    *os.File // under another name while it replaces one of an earlier run
	csv     *csv.Writer
	created bool // by this run, which may remove or rename it
	price   func(segments int) string

	inFile, fileCell string // the last row's file, and its cell
}

// ResultsOptions are the settings of a results file.
type ResultsOptions struct {
	Resuming bool                      // a journal has the results of earlier runs
	Tell     func(string)              // is called with a note if others could read the file
	Price    func(segments int) string // returns what the segments cost, or ""
}

// CreateResults opens the file before anything is sent, so that a name that can't be written costs
// nothing.
//
//   - A file with rows is refused, since its remote ids can't be recovered. But if a journal has
//     them, a results file of an earlier run is replaced when this run ends. Until then the new one
//     is NAME.partial. It lacks rows that were not read, such as those of a pipe after Ctrl-C. The
//     next run adds them.
//   - A workbook (.xlsx) is made of NAME.partial, a CSV, at the end. If a sheet can't have so many
//     rows, the CSV stays.
//   - A symbolic link is refused: someone else may have put it there.
//   - Only the owner can read the file.
func CreateResults(name string, opts ResultsOptions) (*Results, error) {
	if name == "" {
		return nil, nil
	}
	r := &Results{name: name, price: opts.Price}
	var err error
	switch info, statErr := os.Lstat(name); {
	case IsBook(name):
		r.created = true
		switch {
		case errors.Is(statErr, fs.ErrNotExist):
		case statErr != nil:
			err = statErr
		case !opts.Resuming || !info.Mode().IsRegular() || !xlsx.HasComment(name, bookComment):
			err = fmt.Errorf("%s already exists; name a new file", name)
		}
		if err == nil {
			r.file, err = openPartial(name+".partial", opts.Resuming)
		}
	case errors.Is(statErr, fs.ErrNotExist):
		r.created = true
		r.file, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	case statErr == nil && info.Mode().IsRegular() && (opts.Resuming || hasNoRow(info)) && isResults(name):
		r.created = true
		r.file, err = openPartial(name+".partial", opts.Resuming)
	default:
		r.file, err = safefile.NoFollow(name, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := r.prepare(opts.Tell); err != nil {
		r.file.Close()
		return nil, err
	}
	r.csv = csv.NewWriter(r.file)
	_ = r.csv.Write(ResultsHeader) // Flush returns its error
	if err := r.Flush(); err != nil {
		_ = r.Close(false) // with the same error
		return nil, err
	}
	return r, nil
}

// openPartial opens a new file, or the one that a run left when it was killed. If that has rows, it
// is refused unless a journal has their results.
func openPartial(name string, resuming bool) (*os.File, error) {
	f, err := safefile.NoFollow(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular() || info.Size() > 0 && !startsAsResults(f):
		err = fmt.Errorf("%s is not what an earlier run has left; rename it", name)
	case info.Size() > 0 && !hasNoRow(info) && !resuming:
		err = fmt.Errorf("%s has results of an earlier run; rename it", name)
	default:
		_, err = f.Seek(0, io.SeekStart)
		err = errors.Join(err, f.Truncate(0))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// prepare refuses a file that is not empty, and keeps others from reading it.
func (r *Results) prepare(tell func(string)) error {
	info, err := r.file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil // such as a pipe
	case info.Size() > 0:
		return fmt.Errorf("%s is not empty; name a new file", r.name)
	case runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0:
		return nil
	}
	if err := r.file.Chmod(0o600); err != nil {
		return fmt.Errorf("others can read %s, and that can't be changed (%w); name a new file", r.name, err)
	}
	tell(fmt.Sprintf("others could read %s; now only you can", r.name))
	return nil
}

// hasNoRow reports whether a results file has only the header, as a run leaves it that is killed
// before it sends anything.
func hasNoRow(info fs.FileInfo) bool {
	return info.Size() == int64(len(strings.Join(ResultsHeader, ","))+len("\n"))
}

// isResults reports whether a file starts as one of ours does.
func isResults(name string) bool {
	f, _, err := safefile.Regular(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return startsAsResults(f)
}

func startsAsResults(in io.Reader) bool {
	line, err := safefile.Line(in, 1<<10)
	return err == nil && IsHeader(line)
}

// IsHeader reports whether a line is the first one of a results file.
func IsHeader(line string) bool {
	return strings.TrimRight(line, "\r\n") == strings.Join(ResultsHeader, ",")
}

// Add adds a row. It may stay in memory until Flush.
func (r *Results) Add(row Row) error {
	if r == nil {
		return nil
	}
	if row.File != r.inFile {
		r.inFile, r.fileCell = row.File, cell(row.File)
	}
	status, segments, price, answered := "", "", "", ""
	if row.Status > 0 {
		status = strconv.Itoa(int(row.Status))
	}
	if row.Segments > 0 {
		segments = strconv.Itoa(row.Segments)
	}
	if row.Kind == Accepted {
		price = r.price(row.Segments)
	}
	if !row.Answered.IsZero() {
		answered = row.Answered.UTC().Format(time.RFC3339)
	}
	return r.csv.Write([]string{
		r.fileCell, strconv.Itoa(row.Line), cell(row.ID), status, row.Text, cell(row.RemoteID), segments, cell(row.Note),
		cell(row.To), row.Kind.category(), price, row.Journal, answered,
	})
}

// cell returns a text as one line without control characters, with an apostrophe where a
// spreadsheet would take it for a formula, even one that splits the file at semicolons.
func cell(text string) string {
	if strings.Trim(text, "0123456789") == "" { // nearly all
		return text
	}
	return formula.ReplaceAllString(terminal.Line(text), "${1}'${2}")
}

// formula matches what may begin a formula, and apostrophes before it.
var formula = regexp.MustCompile(`(^|;)('*[ "]*[=+\-@])`)

// plainCell returns the text that cell has quoted.
func plainCell(cell string) string {
	if !strings.Contains(cell, "'") {
		return cell
	}
	return quoted.ReplaceAllString(cell, "${1}${2}")
}

var quoted = regexp.MustCompile(`(^|;)'('*[ "]*[=+\-@])`)

// Lines parses the lines of a results file, each as a record of its own. No field has a line end in
// it, so a broken line does not affect the others. The zero value is ready to use.
type Lines struct {
	line strings.Reader
	csv  *csv.Reader
}

// Parse returns the row of a line, with the fields that name its message and tell its outcome.
func (l *Lines) Parse(line string) (Row, error) {
	if l.csv == nil {
		l.csv = csv.NewReader(&l.line)
		l.csv.FieldsPerRecord = len(ResultsHeader)
	}
	l.line.Reset(line)
	record, err := l.csv.Read()
	if err != nil {
		return Row{}, err
	}
	row := Row{
		File: plainCell(record[0]), ID: plainCell(record[2]), RemoteID: plainCell(record[5]), Note: record[7],
		To: plainCell(record[8]), Journal: record[11],
	}
	row.Line, _ = strconv.Atoi(record[1])
	status, _ := strconv.Atoi(record[3]) // 0 if there is no status
	row.Status = smslink.Status(status)
	row.Answered, _ = time.Parse(time.RFC3339, record[12]) // zero if there is no time
	return row, nil
}

// Flush writes the rows that were added. If the process is killed after that, they are in the file;
// if the power fails, they may be lost.
func (r *Results) Flush() error {
	if r == nil {
		return nil
	}
	r.csv.Flush()
	return r.csv.Error()
}

// Close closes the file. If keep is false, it removes a file that it has made, so that the same
// command can be run again.
func (r *Results) Close(keep bool) error {
	if r == nil {
		return nil
	}
	err := r.Flush()
	if closeErr := r.file.Close(); err == nil {
		err = closeErr
	}
	switch written := r.file.Name(); {
	case !keep && r.created:
		return errors.Join(err, os.Remove(written))
	case err != nil:
		return fmt.Errorf("%w; the file lacks rows", err)
	case IsBook(r.name):
		if err := writeBook(r.name, written); err != nil {
			return fmt.Errorf("%w; all results are in %s", err, written)
		}
		return os.Remove(written)
	case written != r.name && r.created:
		if err := os.Rename(written, r.name); err != nil {
			return fmt.Errorf("%w; all results are in %s", err, written)
		}
	}
	return nil
}
