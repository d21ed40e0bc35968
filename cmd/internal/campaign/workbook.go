package campaign

import (
	"fmt"
	"io"
	"math/big"
	"os"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/cmd/internal/xlsx"
)

// workbook is the rows of a sheet, which are read once and kept: unpacking them takes longer than
// all else.
type workbook struct {
	columns *Columns
	rows    []record
}

// newWorkbook reads the sheet, unless an earlier pass has.
func newWorkbook(f *file, opts Options) (source, error) {
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
	return &workbookSource{book: f.book}, nil
}

func readSheet(book *xlsx.Book, opts Options) (*workbook, error) {
	name, err := sheetName(book, opts.Sheet)
	if err != nil {
		return nil, err
	}
	rows, err := book.Rows(name)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	w := &workbook{}
	for rows.Next() {
		if w.columns == nil {
			if w.columns, err = newColumns(headerOf(rows.Cells()), opts); err != nil {
				return nil, fmt.Errorf("row %d: %w", rows.Number(), err)
			}
			w.columns.Sheet, w.columns.sheets = name, len(book.Sheets())
			continue
		}
		r, ok := w.columns.record(rows)
		if !ok {
			continue
		}
		w.rows = append(w.rows, r)
		if rows.Hidden() {
			w.columns.hidden++
		}
	}
	switch {
	case rows.Err() != nil:
		return nil, rows.Err()
	case w.columns == nil:
		return nil, fmt.Errorf("sheet '%s' is empty; give it a header with the columns to and text, or choose another with --sheet", terminal.Line(name))
	}
	return w, nil
}

func sheetName(book *xlsx.Book, chosen string) (string, error) {
	names := book.Sheets()
	if chosen == "" && len(names) > 0 {
		return names[0], nil
	}
	for _, name := range names {
		if strings.EqualFold(name, chosen) {
			return name, nil
		}
	}
	return "", fmt.Errorf("there is no sheet '%s'; the workbook has '%s'", terminal.Line(chosen), terminal.Line(strings.Join(names, "', '")))
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
func (c *Columns) record(rows *xlsx.Rows) (r record, ok bool) {
	r.line = rows.Number()
	for _, cell := range rows.Cells() {
		if cell.Kind == xlsx.Text && strings.TrimSpace(cell.Value) == "" {
			continue
		}
		if cell.Column >= len(c.fields) || strings.TrimSpace(c.names[cell.Column]) == "" {
			continue // beside the table
		}
		ok = true
		column := c.fields[cell.Column]
		if column == columnIgnored || r.bad != nil {
			continue
		}
		r.fields[column], r.bad = cellValue(column, cell)
	}
	return r, ok
}

// cellValue returns what a cell means in that column, if that is certain.
func cellValue(column int, cell xlsx.Cell) (string, *Refusal) {
	name := columnNames[column]
	switch cell.Kind {
	case xlsx.Text:
		return cell.Value, nil
	case xlsx.Boolean:
		return "", refuse(name, "is TRUE or FALSE and no text; format the column as text and type it again")
	case xlsx.Error:
		return "", refuse(name, "is an error of the spreadsheet, such as #N/A; mend its formula")
	case xlsx.Formula:
		return "", refuse(name, "is a formula without a result; open the file in the spreadsheet, save it and try again")
	case xlsx.Date:
		if column == columnSendAt {
			return "", refuse(name, "is a date of the spreadsheet, which has no time zone; write it as text, such as 2030-01-31T09:00:00+02:00")
		}
		return "", refuse(name, "is a date and no text; format the column as text and type it again")
	}
	digits, exact := wholeNumber(cell.Value)
	switch {
	case column == columnTo:
		return receiverOf(digits, exact)
	case column == columnSendAt && len(digits) < len("100000000"):
		return "", refuse(name, "is a number of days or a fraction, as spreadsheets keep a date; write it as text, such as 2030-01-31T09:00:00+02:00")
	case !exact:
		return "", refuse(name, "is a number with a fraction, or with more digits than a spreadsheet keeps; format the column as text and type it again")
	case cell.Kind != xlsx.Digits && column != columnID:
		return "", refuse(name, "is a number that the sheet shows in another way; format the column as text and type it again")
	}
	return digits, nil
}

// receiverOf returns the receiver that a spreadsheet has made a number of, and so taken the 0, the
// 00 or the + from it, if it can only have been that one.
func receiverOf(digits string, exact bool) (string, *Refusal) {
	switch {
	case !exact:
		return "", refuse("to", "is a number that the spreadsheet has rounded; format the column as text and type it again")
	case len(digits) == len("712345678") && digits[0] == '7':
		return "0" + digits, nil
	case len(digits) == len("40712345678") && strings.HasPrefix(digits, "407"):
		return "00" + digits, nil
	}
	return "", refuse("to", "is a number, of which the spreadsheet has dropped a + or the zeros in front; format the column as text and type it again")
}

// wholeNumber returns the digits of a number as a workbook writes it, which may have an exponent.
// It is not exact if it has a fraction or a sign, or more than the 15 digits that a spreadsheet
// keeps.
func wholeNumber(value string) (digits string, exact bool) {
	const keeps = 15
	if len(value) > 40 {
		return "", false
	}
	if mantissa, power, ok := strings.Cut(strings.ToLower(value), "e"); ok {
		if n, err := strconv.Atoi(power); err != nil || n < 0 || n > 30 || mantissa == "" {
			return "", false
		}
	}
	if strings.ContainsAny(value, ".eE") {
		number, ok := new(big.Rat).SetString(value)
		if !ok || !number.IsInt() || number.Num().BitLen() > 64 {
			return "", false
		}
		value = number.Num().String()
	}
	for i := range len(value) {
		if value[i] < '0' || value[i] > '9' {
			return "", false
		}
	}
	return value, value != "" && len(value) <= keeps
}

// workbookSource reads the rows of a workbook.
type workbookSource struct {
	book *workbook
	at   int
}

func (s *workbookSource) cols() *Columns { return s.book.columns }

func (s *workbookSource) next(r *record) error {
	if s.at == len(s.book.rows) {
		return io.EOF
	}
	*r = s.book.rows[s.at]
	if r.bad != nil {
		bad := *r.bad // the caller's to change
		r.bad = &bad
	}
	s.at++
	return nil
}
