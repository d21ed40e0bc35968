package campaign

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/cmd/internal/xlsx"
)

// workbook is the rows of a sheet, which are read once and kept: unpacking them takes longer than
// all else.
type workbook struct {
	columns *Columns
	blocks  [][]record // of rowsInBlock, so that none is moved as their number grows

	zone     *time.Location
	since    bool                 // days are counted from 1904 on
	refusals map[Refusal]*Refusal // one of each, since all rows may have it
	values   map[int]string       // of a row, by column, that fill its text
}

// newWorkbook reads the sheet, unless an earlier pass has.
func newWorkbook(f *file, opts *Options) (source, error) {
	if f.book == nil {
		book, err := xlsx.Open(f.in.(*os.File), f.info.Size())
		if err != nil {
			return nil, err
		}
		if f.book, err = readSheet(book, opts); err != nil {
			return nil, err
		}
		f.book.columns.File = f.name
	}
	return &workbookSource{book: f.book, skipHidden: opts.SkipHidden}, nil
}

func readSheet(book *xlsx.Book, opts *Options) (*workbook, error) {
	name, err := sheetName(book, opts.Sheet)
	if err != nil {
		return nil, err
	}
	rows, err := book.Rows(name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	w := &workbook{zone: opts.Zone, since: book.Since1904(), refusals: map[Refusal]*Refusal{}, values: map[int]string{}}
	others := otherSheets(book, name)
	for rows.Next() {
		if w.columns == nil {
			if isBlankRow(rows.Cells()) {
				continue
			}
			if w.columns, err = newColumns(headerOf(rows.Cells()), opts, rows.HiddenColumn); err != nil {
				if errors.Is(err, errNoHeader) && others != "" {
					return nil, fmt.Errorf("sheet '%s' has no header with a known column%s, or name the columns with --column to=NAME and --column text=NAME", terminal.Line(name), others)
				}
				return nil, fmt.Errorf("sheet '%s', row %d: %w", terminal.Line(name), rows.Number(), err)
			}
			w.columns.Sheet, w.columns.sheets, w.columns.skipHidden = name, len(book.Sheets()), opts.SkipHidden
			continue
		}
		r, ok := w.record(rows)
		if !ok {
			continue
		}
		if r.hidden = rows.Hidden(); r.hidden {
			w.columns.HiddenRows++
		}
		w.add(r)
	}
	switch {
	case rows.Err() != nil:
		return nil, rows.Err()
	case w.columns == nil:
		return nil, fmt.Errorf("sheet '%s' is empty; give it a header with the columns to and text%s", terminal.Line(name), others)
	}
	w.refusals, w.values = nil, nil
	return w, nil
}

const rowsInBlock = 1024

func (w *workbook) add(r record) {
	last := len(w.blocks) - 1
	if last < 0 || len(w.blocks[last]) == rowsInBlock {
		w.blocks = append(w.blocks, make([]record, 0, rowsInBlock))
		last++
	}
	w.blocks[last] = append(w.blocks[last], r)
}

func sheetName(book *xlsx.Book, chosen string) (string, error) {
	names := book.Sheets()
	if len(names) == 0 {
		return "", errors.New("the workbook has no sheet of cells")
	}
	if chosen == "" {
		return names[0], nil
	}
	for _, name := range names {
		if strings.EqualFold(name, chosen) {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no sheet '%s'; the workbook has %s", terminal.Line(chosen), quotedList(names))
}

// otherSheets says which sheets there are besides one, and how to choose one of them.
func otherSheets(book *xlsx.Book, name string) string {
	others := slices.DeleteFunc(book.Sheets(), func(other string) bool { return other == name })
	switch len(others) {
	case 0:
		return ""
	case 1:
		return "; the other sheet is " + quotedList(others) + ": choose it with --sheet"
	}
	return "; the other sheets are " + quotedList(others) + ": choose one with --sheet"
}

// quotedList returns the first names of a list.
func quotedList(names []string) string {
	const longest = 10
	var quoted []string
	for _, name := range names[:min(len(names), longest+1)] {
		quoted = append(quoted, "'"+terminal.Line(name)+"'")
	}
	return strings.Join(shorten(quoted, longest, len(names)), ", ")
}

func isBlankRow(cells []xlsx.Cell) bool {
	return !slices.ContainsFunc(cells, func(cell xlsx.Cell) bool { return strings.TrimSpace(cell.Value) != "" })
}

func headerOf(cells []xlsx.Cell) (names []string) {
	for _, cell := range cells {
		for len(names) <= cell.Column {
			names = append(names, "")
		}
		names[cell.Column] = cell.Value
	}
	return names
}

// record returns the row's record, unless all its columns that have a name are blank.
func (w *workbook) record(rows *xlsx.Rows) (r record, ok bool) {
	r.line = rows.Number()
	c := w.columns
	clear(w.values)
	for _, cell := range rows.Cells() {
		if cell.Kind == xlsx.Text && strings.TrimSpace(cell.Value) == "" {
			continue
		}
		if cell.Column >= len(c.fields) || strings.TrimSpace(c.names[cell.Column]) == "" {
			continue // beside the table
		}
		ok = true
		column := c.fields[cell.Column]
		if fills := c.fills(cell.Column); column == columnIgnored && !fills || r.bad != nil {
			continue
		} else if fills {
			value, bad := w.value(columnText, cell)
			if bad != nil {
				r.bad = w.one(&Refusal{Column: "text", Cell: xlsx.ColumnName(cell.Column) + strconv.Itoa(r.line), Cause: bad.Cause})
				continue
			}
			w.values[cell.Column] = value
		}
		if column == columnIgnored {
			continue
		}
		value, bad := w.value(column, cell)
		if bad != nil {
			r.bad = w.one(bad)
			continue
		}
		if column == columnTo && value != cell.Value && cell.Kind != xlsx.Text {
			r.written = value[len(value)-len(strings.TrimLeft(value, "0")):] // the number that was kept
		}
		r.fields[column] = value
	}
	if ok && r.bad == nil && c.template != nil {
		r.fields[columnText], r.bad = c.fill(func(column int) string { return w.values[column] })
	}
	return r, ok
}

// one returns a refusal that is kept for all rows that have the same.
func (w *workbook) one(bad *Refusal) *Refusal {
	kept := w.refusals[*bad]
	if kept == nil {
		kept = bad
		w.refusals[*bad] = kept
	}
	return kept
}

// value returns what a cell means in that column, if that is certain.
func (w *workbook) value(column int, cell xlsx.Cell) (string, *Refusal) {
	name := columnNames[column]
	switch cell.Kind {
	case xlsx.Text:
		return cell.Value, nil
	case xlsx.Boolean:
		return "", because(name, errBoolean)
	case xlsx.Error:
		return "", because(name, errSpreadsheetError)
	case xlsx.NoResult:
		return "", because(name, errNoResult)
	case xlsx.Outdated:
		return "", because(name, errOutdated)
	case xlsx.Date, xlsx.ISODate:
		if column != columnSendAt {
			return "", because(name, errDate)
		}
		return w.time(cell)
	}
	digits, exact := wholeNumber(cell.Value)
	switch {
	case column == columnTo:
		return receiverOf(digits, exact)
	case cell.Formula && strings.Trim(digits, "0") == "" && exact && column != columnID:
		return "", because(name, errZero)
	case column == columnSendAt && len(digits) < len("100000000"):
		return "", because(name, errDays)
	case !exact:
		return "", because(name, errInexact)
	case cell.Kind != xlsx.Digits && column != columnID:
		return "", because(name, errFormatted)
	}
	return digits, nil
}

// time returns the time that a date of the workbook means, in RFC 3339.
func (w *workbook) time(cell xlsx.Cell) (string, *Refusal) {
	if cell.Kind == xlsx.ISODate {
		return cell.Value, nil
	}
	wall, hasTime, ok := fromSerial(cell.Value, w.since)
	switch {
	case !ok:
		return "", because("send_at", errDays)
	case !hasTime:
		return "", because("send_at", errNoTime)
	case w.zone == nil:
		return "", because("send_at", errNoZone)
	}
	at, bad := inZone(wall, w.zone)
	return at.Format(time.RFC3339), bad
}

// The causes of refusals of cells.
var (
	errBoolean          = errors.New("is TRUE or FALSE and no text; format the column as text and type it again")
	errSpreadsheetError = errors.New("is an error of the spreadsheet, such as #N/A; mend its formula")
	errNoResult         = errors.New("is a formula without a result; open the file in a spreadsheet program and save it")
	errOutdated         = errors.New("is a formula that was not calculated when the file was written; open the file in a spreadsheet program and save it, or paste the values")
	errZero             = errors.New("is a formula with the result 0, as programs write it that can't calculate; open the file in a spreadsheet program and save it, or paste the values")
	errDate             = errors.New("is a date and no text; format the column as text and type it again")
	errDays             = errors.New("is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as " + exampleTime)
	errNoTime           = errors.New("is a date without a time of day; write both, such as " + exampleTime)
	errNoZone           = errors.New("is a date of the spreadsheet, which has no time zone; add --zone Europe/Bucharest, or write it as text, such as " + exampleTime)
	errInexact          = errors.New("is a number with a fraction, or with more digits than a spreadsheet keeps; format the column as text and type it again")
	errFormatted        = errors.New("is a number that the sheet shows in another way; format the column as text and type it again")
	errRounded          = errors.New("is a number that the spreadsheet has rounded; format the column as text and type it again")
	errLostZeros        = errors.New("is a number from which the spreadsheet has dropped the leading + or zeros; format the column as text and type it again")
)

func because(column string, cause error) *Refusal { return &Refusal{Column: column, Cause: cause} }

// receiverOf returns the receiver that a spreadsheet has made a number of, and so taken the 0, the
// 00 or the + from it, if it can only have been that one.
func receiverOf(digits string, exact bool) (string, *Refusal) {
	switch {
	case !exact:
		return "", because("to", errRounded)
	case len(digits) == len("712345678") && digits[0] == '7':
		return "0" + digits, nil
	case len(digits) == len("40712345678") && strings.HasPrefix(digits, "407"):
		return "00" + digits, nil
	}
	return "", because("to", errLostZeros)
}

// wholeNumber returns the digits of a number as a workbook writes it, which may have an exponent.
// It is not exact if it has a fraction or a sign, or more than the 15 digits that a spreadsheet
// keeps.
func wholeNumber(value string) (digits string, exact bool) {
	const keeps = 15
	if len(value) > 40 {
		return "", false
	}
	mantissa, power, _ := strings.Cut(strings.ToUpper(value), "E")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	shift := 0
	if power != "" {
		n, err := strconv.Atoi(power)
		if err != nil || n < 0 || n > 30 {
			return "", false
		}
		shift = n
	}
	fraction = strings.TrimRight(fraction, "0")
	if len(fraction) > shift || whole == "" || !areDigits(whole+fraction) || strings.HasSuffix(strings.ToUpper(value), "E") {
		return "", false
	}
	digits = whole + fraction + strings.Repeat("0", shift-len(fraction))
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		digits = "0"
	}
	return digits, len(digits) <= keeps
}

func areDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// workbookSource reads the rows of a workbook.
type workbookSource struct {
	book       *workbook
	at         int
	skipHidden bool
}

func (s *workbookSource) cols() *Columns { return s.book.columns }

func (s *workbookSource) next(r *record) error {
	for block := s.at / rowsInBlock; block < len(s.book.blocks) && s.at%rowsInBlock < len(s.book.blocks[block]); block = s.at / rowsInBlock {
		*r = s.book.blocks[block][s.at%rowsInBlock]
		s.at++
		if r.hidden && s.skipHidden {
			continue
		}
		if r.bad != nil {
			bad := *r.bad // the caller's to change
			r.bad = &bad
		}
		return nil
	}
	return io.EOF
}
