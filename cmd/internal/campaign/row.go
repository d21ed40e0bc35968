package campaign

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
)

// Row is one message of a file, or what is wrong with it.
type Row struct {
	File    string
	Line    int    // where it starts, from 1
	ID      string // as it stands in the file, or Line
	To      string // the receiver as it stands in the file
	Hidden  bool   // the sheet does not show the row
	Message smslink.Message
	Bad     *Refusal // nil if the row is good

	Text string           // as it is sent; empty if the row is bad, except with ErrPast
	Size gsm7.Measurement // of Text
	Odd  Oddity           // what looks odd about Text; 0 in a later pass over good files

	past    bool     // its time has passed
	pastAt  bool     // and is that of --at
	columns *Columns // nil if the file has no header
}

// ErrPast is the cause of refusing a row whose time has passed. Its Message, Text and Size are set
// as in a good row, since an earlier run may have sent it.
var ErrPast = errors.New("lies in the past; remove it to send now")

// At returns where a column of the campaign stands in the file: a cell of a workbook, or else the
// row's line.
func (r *Row) At(column string) string {
	if r.columns.isSheet() {
		return r.columns.cell(column, r.Line)
	}
	return strconv.Itoa(r.Line)
}

// clone returns a copy, which reading the next row does not change.
func (r *Row) clone() *Row {
	copied := *r
	return &copied
}

// Refusal says what is wrong with a row. It quotes nothing of the file except names of columns and
// what Shown holds.
type Refusal struct {
	Column string // such as send_at, or column C if it is ignored; empty if it is about the row
	Cell   string // in a workbook, such as B17; empty otherwise
	Shown  string // what stands there, as far as it may be shown; may be empty
	Cause  error
}

// Error returns the column and the cause.
func (r *Refusal) Error() string {
	if r.Column == "" {
		return r.Cause.Error()
	}
	return r.Column + " " + r.Cause.Error()
}

// Unwrap returns the cause.
func (r *Refusal) Unwrap() error { return r.Cause }

func refuse(column, cause string) *Refusal {
	return &Refusal{Column: column, Cause: errors.New(cause)}
}

// record is the fields of a row as they stand in a file.
type record struct {
	line    int
	fields  [columnCount]string
	written string // the receiver, if fields has it restored
	bad     *Refusal
	hidden  bool // the sheet does not show it
	unended bool // the last row of a CSV, without a line end: it may have been cut off
}

// row returns the Row of the record.
func (r *record) row(file string, columns *Columns, opts *Options, now time.Time) Row {
	row := Row{
		File: file, Line: r.line, ID: r.fields[columnID], To: cmp.Or(r.written, r.fields[columnTo]), Hidden: r.hidden,
		Bad: r.bad, columns: columns,
	}
	if row.Bad == nil {
		row.Bad = row.parse(r, opts, now)
	}
	return row
}

// parse sets the message from the record's fields, or returns what is wrong with one.
func (r *Row) parse(record *record, opts *Options, now time.Time) *Refusal {
	if opts.ReceiversOnly {
		record.fields[columnText] = "x" // which every message needs
	}
	if bad := record.checkFields(); bad != nil {
		return bad
	}
	id, err := strconv.ParseInt(strings.TrimSpace(r.ID), 10, 64)
	if err != nil || id < 0 {
		return refuse("id", "is not a whole number of at least 0")
	}
	at, bad := parseTime(strings.TrimSpace(record.fields[columnSendAt]), opts.Zone)
	if bad != nil {
		return bad
	}
	to := record.fields[columnTo]
	if restored := restoreZeros(to); restored != to {
		if !opts.RestoreZeros {
			return refuse("to", "lacks its 0 or +, which a spreadsheet drops from numbers; "+
				"format the column as text, or add --restore-zeros")
		}
		to = restored
	}
	if bad := checkSpreadsheetNumber(to); bad != nil {
		return bad
	}
	r.pastAt = at.IsZero()
	if r.pastAt {
		at = opts.At
	}
	r.past = !at.IsZero() && at.Before(now)
	r.Message = smslink.Message{
		ID: id, To: to, From: strings.TrimSpace(record.fields[columnFrom]), Text: record.fields[columnText], SendAt: at,
	}
	return nil
}

// addRemedy adds how to leave out a column that may not be meant as send_at.
func (r *Refusal) addRemedy(columns *Columns) {
	if r.Column == "send_at" && columns != nil && columns.isAlias(columnSendAt) {
		r.Cause = fmt.Errorf("%w; if %s is not meant as the time to send, add --column send_at=",
			r.Cause, columns.quoted(columns.of[columnSendAt]))
	}
}

// checkFields refuses what a spreadsheet or an export writes in place of a value.
func (r *record) checkFields() *Refusal {
	for column, field := range r.fields {
		switch {
		case isSpreadsheetError(field):
			return refuse(columnNames[column], isError)
		case strings.Contains(field, "\ufffd"):
			return refuse(columnNames[column], "holds U+FFFD, which stands for a character that was lost; "+
				"export the file as CSV UTF-8 again")
		}
	}
	return nil
}

const isError = "is an error of the spreadsheet, such as #N/A; fix its formula"

// isSpreadsheetError reports whether a field is nothing but an error, as Excel in English or
// Romanian, LibreOffice and Google Sheets write it, or the # signs of a column that is too narrow.
func isSpreadsheetError(field string) bool {
	field = strings.TrimSpace(field)
	if len(field) < 3 || field[0] != '#' && field[0] != 'E' {
		return false
	}
	switch name := strings.ToUpper(strings.TrimRight(field, "!?")); name {
	case "#N/A", "#N/D", "#REF", "#DIV/0", "#NAME", "#NUME", "#VALUE", "#VALOARE", "#NUM", "#NULL", "#NUL",
		"#SPILL", "#CALC", "#FIELD", "#BLOCKED", "#CONNECT", "#BUSY", "#UNKNOWN", "#EXTERNAL", "#PYTHON",
		"#GETTING_DATA", "#ERROR", "#EROARE", "#CIRCULAR":
		return true
	default:
		return strings.Trim(name, "#") == "" || len(name) == len("ERR:502") && strings.HasPrefix(name, "ERR:5")
	}
}

// fraction matches a number with one or two decimals. Read as a receiver, it would have too many
// digits.
var fraction = regexp.MustCompile(`^\s*[0-9]+[.,][0-9]{1,2}\s*$`)

// exponent matches a number that a spreadsheet has shortened to fit its cell, such as 7,12346E+08.
var exponent = regexp.MustCompile(`^\s*([0-9][.,]?[0-9]?[0-9]?)[0-9]*([Ee]\+[0-9]+)\s*$`)

// checkSpreadsheetNumber refuses a receiver that a spreadsheet has turned into a number and
// rounded. The refusal shows only as much of it as a person needs to find it.
func checkSpreadsheetNumber(to string) *Refusal {
	if !strings.ContainsAny(to, "Ee.,") { // nearly all
		return nil
	}
	if fraction.MatchString(to) {
		return refuse("to", "is a number with a fraction, such as .00, as a spreadsheet writes it; "+
			"format the column as text and export it again")
	}
	m := exponent.FindStringSubmatch(to)
	if m == nil {
		return nil
	}
	return &Refusal{Column: "to", Shown: m[1] + "…" + m[2], Cause: errors.New("is a number that a spreadsheet has " +
		"rounded; format the column as text, type the number again and export it")}
}

// E164 returns the receiver of a good row in E.164, such as +40712345678.
func (r *Row) E164() string {
	number, _ := smslink.E164(r.Message.To)
	return number
}

// Number returns E164 without its +.
func (r *Row) Number() uint64 {
	number, _ := strconv.ParseUint(strings.TrimPrefix(r.E164(), "+"), 10, 64)
	return number
}

// restoreZeros returns a receiver with the 0 or the + that a spreadsheet has dropped from it, or
// unchanged.
func restoreZeros(to string) string {
	digits := strings.TrimSpace(to)
	if !strings.HasPrefix(digits, "7") && !strings.HasPrefix(digits, "40") || strings.Trim(digits, "0123456789") != "" {
		return to
	}
	if restored, bad := receiverOf(digits, true); bad == nil {
		return restored
	}
	return to
}
