package outcome

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
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
	name     string
	file     *os.File // under another name while it replaces one of an earlier run
	csv      *csv.Writer
	created  bool        // by this run, which may remove or rename it
	replaced *os.File    // the file of an earlier run, which is locked; or nil
	before   fs.FileInfo // of the file of an earlier run; or nil
	price    func(segments int) string

	inFile, fileCell string // the last row's file, and its cell
}

// ResultsOptions are the settings of a results file.
type ResultsOptions struct {
	Tell  func(string)              // is called with a note if others could read the file
	Price func(segments int) string // returns what the segments cost, or ""

	// Has reports whether a journal has the results of these rows of an earlier run. It is nil if
	// no journal has results.
	Has func(rows []Row) (bool, error)
}

// CreateResults opens the file before anything is sent, so that a name that can't be written costs
// nothing.
//
//   - A file with rows is refused, since its remote ids can't be recovered. But if a journal has
//     all of them, a results file of an earlier run is replaced when this run ends. Until then the
//     new one is NAME.partial. It lacks rows that were not read, such as those of a pipe after
//     Ctrl-C. The next run adds them.
//   - A file that another run is writing is refused.
//   - A workbook (.xlsx) is made of NAME.partial, a CSV, at the end. If a sheet can't have so many
//     rows, the CSV stays.
//   - A symbolic link is refused: someone else may have put it there.
//   - Only the owner can read the file.
func CreateResults(name string, opts ResultsOptions) (*Results, error) {
	if name == "" {
		return nil, nil
	}
	r := &Results{name: name, price: opts.Price}
	err := r.open(opts)
	if err == nil {
		err = r.prepare(opts.Tell)
	}
	if errors.Is(err, safefile.ErrLocked) {
		err = fmt.Errorf("another smslink command is writing %s; name a new file", name)
	}
	if err != nil {
		_ = r.file.Close() // which may be nil
		_ = r.replaced.Close()
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

// open opens the file to write, and locks it and the one that it will replace.
func (r *Results) open(opts ResultsOptions) error {
	info, err := os.Lstat(r.name)
	isNew := errors.Is(err, fs.ErrNotExist)
	if err != nil && !isNew {
		return err
	}
	r.created = true
	switch {
	case IsBook(r.name):
		if !isNew {
			if opts.Has == nil || !info.Mode().IsRegular() || !xlsx.HasComment(r.name, bookComment) {
				return fmt.Errorf("%s already exists; name a new file", r.name)
			}
			if err := r.replace(opts); err != nil {
				return err
			}
		}
		return r.openPartial(opts)
	case isNew:
		if r.file, err = os.OpenFile(r.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600); err != nil {
			return err
		}
		return safefile.Lock(r.file)
	case info.Mode().IsRegular() && (opts.Has != nil || hasNoRow(info)) && isResults(r.name):
		if err := r.replace(opts); err != nil {
			return err
		}
		return r.openPartial(opts)
	}
	r.created = false
	if r.file, err = safefile.NoFollow(r.name, os.O_WRONLY, 0); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return safefile.Lock(r.file)
}

// replace locks the file of an earlier run. It is an error if the file has results that the journal
// lacks.
func (r *Results) replace(opts ResultsOptions) (err error) {
	if r.replaced, err = safefile.NoFollow(r.name, os.O_RDONLY, 0); err != nil {
		return err
	}
	if err := safefile.Lock(r.replaced); err != nil {
		return err
	}
	if r.before, err = os.Lstat(r.name); err != nil { // since another run may have replaced it before the lock
		return err
	}
	switch ok, err := mayReplace(r.replaced, opts); {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%s has results that the journal lacks; keep it, and name a new file", r.name)
	}
	return nil
}

// openPartial opens a new file, or the one that a run left when it was killed. If that has results,
// it is refused unless a journal has them.
func (r *Results) openPartial(opts ResultsOptions) (err error) {
	name := r.name + ".partial"
	if r.file, err = safefile.NoFollow(name, os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return err
	}
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not what an earlier run has left; rename it", name)
	}
	if err := safefile.Lock(r.file); err != nil {
		return err
	}
	if now, err := os.Lstat(name); err != nil || !os.SameFile(info, now) { // its run has ended before the lock
		return safefile.ErrLocked
	}
	if info, err = r.file.Stat(); err != nil || info.Size() == 0 {
		return err
	}
	if !startsAsResults(r.file) {
		return fmt.Errorf("%s is not what an earlier run has left; rename it", name)
	}
	switch ok, err := mayReplace(r.file, opts); {
	case err != nil:
		return err
	case !ok:
		return fmt.Errorf("%s has results of an earlier run; rename it", name)
	}
	_, err = r.file.Seek(0, io.SeekStart)
	return errors.Join(err, r.file.Truncate(0))
}

// mayReplace reports whether a results file has no result that the journal lacks. Without a journal
// it may have only the header.
func mayReplace(f *os.File, opts ResultsOptions) (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	if opts.Has == nil {
		return hasNoRow(info), nil
	}
	rows := rowsOfLines(io.NewSectionReader(f, 0, info.Size()))
	if IsBook(f.Name()) {
		rows = rowsOfBook(f, info.Size())
	}
	const batch = 10_000
	var answered []Row
	for row, err := range rows {
		if err != nil {
			return false, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if row.Status != 0 || row.RemoteID != "" {
			answered = append(answered, row)
		}
		if len(answered) == batch {
			if ok, err := opts.Has(answered); !ok || err != nil {
				return false, err
			}
			answered = answered[:0]
		}
	}
	return opts.Has(answered)
}

// rowsOfLines yields the rows of a results file. It leaves out lines that can't be parsed, such as
// a last one that a killed run has cut short.
func rowsOfLines(in io.Reader) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var parser Lines
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, 1<<20)
		lines.Scan() // the header
		for lines.Scan() {
			if row, err := parser.Parse(lines.Text()); err == nil && !yield(row, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Row{}, err)
		}
	}
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
	return rowOf(record), nil
}

// rowOf returns the row of a record with the fields of ResultsHeader.
func rowOf(record []string) Row {
	row := Row{
		File: plainCell(record[0]), ID: plainCell(record[2]), RemoteID: plainCell(record[5]), Note: record[7],
		To: plainCell(record[8]), Journal: record[11],
	}
	row.Line, _ = strconv.Atoi(record[1])
	status, _ := strconv.Atoi(record[3]) // 0 if there is no status
	row.Status = smslink.Status(status)
	row.Answered, _ = time.Parse(time.RFC3339, record[12]) // zero if there is no time
	return row
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
	_ = r.replaced.Close() // Windows replaces no open file
	switch written := r.file.Name(); {
	case !keep && r.created:
		return errors.Join(err, os.Remove(written))
	case err != nil:
		return fmt.Errorf("%w; the file lacks rows", err)
	case written != r.name && !r.isAsBefore():
		return fmt.Errorf("another program has changed %s; all results are in %s", r.name, written)
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

// isAsBefore reports whether the file to replace is as it was when this run began.
func (r *Results) isAsBefore() bool {
	now, err := os.Lstat(r.name)
	if r.before == nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return err == nil && os.SameFile(r.before, now) &&
		r.before.Size() == now.Size() && r.before.ModTime().Equal(now.ModTime())
}
