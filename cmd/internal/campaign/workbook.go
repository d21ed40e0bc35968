package campaign

import (
	"cmp"
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

// workbook holds the rows of a sheet. They are read once and kept, since unpacking them takes
// longer than everything else.
type workbook struct {
	columns *Columns
	blocks  [][]record // of rowsInBlock each, so that no record is moved as more are added
}

const rowsInBlock = 1024

// newWorkbook reads the sheet, unless an earlier pass has read it.
func newWorkbook(f *file, opts *Options) (source, error) {
	if f.book == nil {
		book, err := xlsx.Open(f.in.(*os.File), f.info.Size())
		if err != nil {
			return nil, err
		}
		if f.book, err = readSheet(book, opts); err != nil {
			return nil, err
		}
		f.book.columns.file = f.name
	}
	return &workbookSource{book: f.book, skipHidden: opts.SkipHidden}, nil
}

func readSheet(book *xlsx.Book, opts *Options) (*workbook, error) {
	name, err := sheetName(book, opts.Sheet)
	if err != nil {
		return nil, err
	}
	if sheets := book.Sheets(); (opts.TextsOnly || opts.ReceiversOnly) && len(sheets) > 1 {
		return nil, fmt.Errorf("the workbook has %d sheets: %s; copy all rows into one sheet, and take the others out",
			len(sheets), quotedList(sheets))
	}
	w := &workbook{}
	in := cellReader{zone: opts.Zone, since1904: book.Since1904()}
	others := otherSheets(book, name)
	for row, err := range book.Rows(name) {
		switch {
		case err != nil:
			return nil, err
		case w.columns != nil:
			if r, ok := in.record(row); ok {
				w.add(r)
			}
		case !isBlankRow(row.Cells):
			w.columns, err = newColumns(headerOf(row.Cells), opts, row.HiddenColumn)
			switch {
			case errors.Is(err, errNoHeader) && others != "":
				return nil, fmt.Errorf("sheet '%s' has no header with a known column%s, or %s",
					terminal.Line(name), others, opts.nameColumns("name the columns"))
			case err != nil:
				return nil, fmt.Errorf("sheet '%s', row %d: %w", terminal.Line(name), row.Number, err)
			}
			in.columns, in.values = w.columns, make([]string, len(w.columns.fields))
			w.columns.sheet, w.columns.sheets, w.columns.skipHidden = name, len(book.Sheets()), opts.SkipHidden
		}
	}
	if w.columns == nil {
		return nil, fmt.Errorf("sheet '%s' is empty; give it a header with the columns to "+
			"and text%s", terminal.Line(name), others)
	}
	return w, nil
}

func (w *workbook) add(r record) {
	if r.hidden {
		w.columns.hiddenRows++
	}
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

// otherSheets names the other sheets and says how to choose one. It returns "" if there are none.
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

// quotedList returns the first names in quotes.
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

// cellReader turns the rows of a sheet into records.
type cellReader struct {
	columns   *Columns
	zone      *time.Location
	since1904 bool     // days are counted from 1904
	values    []string // that fill the text of a row, by column
}

// record returns the row's record. It is not ok if all columns that have a name are blank.
func (c *cellReader) record(row *xlsx.Row) (r record, ok bool) {
	r.line, r.hidden = row.Number, row.Hidden
	clear(c.values)
	for _, cell := range row.Cells {
		if cell.Kind == xlsx.Text && strings.TrimSpace(cell.Value) == "" {
			continue
		}
		if cell.Column >= len(c.columns.fields) || !c.columns.hasName(cell.Column) {
			continue // beside the table
		}
		ok = true
		if r.bad == nil {
			c.take(&r, cell)
		}
	}
	if ok && r.bad == nil && c.columns.template != nil {
		r.fields[columnText], r.bad = c.columns.fill(c.values)
	}
	return r, ok
}

// take puts the value of a cell into the record.
func (c *cellReader) take(r *record, cell xlsx.Cell) {
	if c.columns.fills(cell.Column) {
		if c.values[cell.Column], r.bad = c.value(columnText, cell); r.bad != nil {
			r.bad.Cell = xlsx.ColumnName(cell.Column) + strconv.Itoa(r.line)
			return
		}
	}
	column := c.columns.fields[cell.Column]
	if column == columnIgnored {
		return
	}
	r.fields[column], r.bad = c.value(column, cell)
	if to := r.fields[column]; column == columnTo && to != cell.Value && cell.Kind != xlsx.Text {
		r.written = strings.TrimLeft(to, "0") // the number that the sheet holds
	}
}

const asText = "; format the column as text and type it again"

// value returns the value of a cell in a column. It refuses a cell whose meaning is not certain.
func (c *cellReader) value(column int, cell xlsx.Cell) (string, *Refusal) {
	name := columnNames[column]
	switch cell.Kind {
	case xlsx.Text:
		return cell.Value, nil
	case xlsx.Boolean:
		return "", refuse(name, "is TRUE or FALSE, not text"+asText)
	case xlsx.Error:
		return "", refuse(name, isError)
	case xlsx.NoResult:
		return "", refuse(name, "is a formula without a result; open the file in a spreadsheet program and save it")
	case xlsx.Outdated:
		return "", refuse(name, "is a formula that was not calculated when the file was written; "+
			"open the file in a spreadsheet program and save it, or paste the values")
	case xlsx.Date, xlsx.ISODate:
		if column != columnSendAt {
			return "", refuse(name, "is a date, not text"+asText)
		}
		return c.time(cell)
	}
	digits, exact := wholeNumber(cell.Value)
	switch {
	case column == columnTo:
		return receiverOf(digits, exact)
	case cell.Formula && strings.Trim(digits, "0") == "" && exact && column != columnID:
		return "", refuse(name, "is a formula with the result 0, as written by programs that can't calculate; "+
			"open the file in a spreadsheet program and save it, or paste the values")
	case column == columnSendAt && len(digits) < fewestSeconds:
		return "", refuse(name, isDays)
	case !exact:
		return "", refuse(name, "is a number with a fraction, or with more digits than a spreadsheet keeps"+asText)
	case cell.Kind != xlsx.Digits && column != columnID:
		return "", refuse(name, "is a number that the sheet shows in another way"+asText)
	}
	return digits, nil
}

// time returns a date of the workbook in RFC 3339.
func (c *cellReader) time(cell xlsx.Cell) (string, *Refusal) {
	if cell.Kind == xlsx.ISODate {
		return cell.Value, nil
	}
	wall, hasTime, ok := fromSerial(cell.Value, c.since1904)
	switch {
	case !ok:
		return "", refuse("send_at", isDays)
	case !hasTime:
		return "", refuse("send_at", lacksTime)
	case c.zone == nil:
		return "", refuse("send_at", "is a date of the spreadsheet, which has no time zone; "+
			"add --zone Europe/Bucharest, or write it as text, such as "+exampleTime)
	}
	at, bad := inZone(wall, c.zone)
	return at.Format(time.RFC3339), bad
}

// receiverOf restores the 0, 00 or + of a receiver that a spreadsheet has turned into a number. It
// refuses a number that may have been another receiver.
func receiverOf(digits string, exact bool) (string, *Refusal) {
	switch {
	case !exact:
		return "", refuse("to", "is a number that the spreadsheet has rounded"+asText)
	case len(digits) == len("712345678") && digits[0] == '7':
		return "0" + digits, nil
	case len(digits) == len("40712345678") && strings.HasPrefix(digits, "407"):
		return "00" + digits, nil
	}
	return "", refuse("to", "is a number from which the spreadsheet has dropped the leading + or zeros"+asText)
}

// wholeNumber returns the digits of a number as a workbook writes it, perhaps with an exponent.
// They are not exact if it has a fraction, a sign or more than the 15 digits that a spreadsheet
// keeps.
func wholeNumber(value string) (digits string, exact bool) {
	const keeps = 15
	if len(value) > 40 {
		return "", false
	}
	mantissa, power, hasPower := strings.Cut(strings.ToUpper(value), "E")
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
	isNumber := whole != "" && strings.Trim(whole+fraction, "0123456789") == ""
	if !isNumber || len(fraction) > shift || hasPower && power == "" {
		return "", false
	}
	digits = strings.TrimLeft(whole+fraction+strings.Repeat("0", shift-len(fraction)), "0")
	return cmp.Or(digits, "0"), len(digits) <= keeps
}

// workbookSource reads the rows of a workbook.
type workbookSource struct {
	book       *workbook
	block, row int // of the next record
	skipHidden bool
}

func (s *workbookSource) cols() *Columns { return s.book.columns }

func (s *workbookSource) next(r *record) error {
	for s.block < len(s.book.blocks) {
		block := s.book.blocks[s.block]
		if s.row == len(block) {
			s.block, s.row = s.block+1, 0
			continue
		}
		*r = block[s.row]
		s.row++
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
