package campaign

import (
	"errors"
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
	ID      string // as it stands in the file
	Message smslink.Message
	Bad     *Refusal // nil if the row is good

	Text string           // as it is sent; empty if the row is bad
	Size gsm7.Measurement // of Text
}

// Refusal says what is wrong with a row. It quotes nothing of the file, except in Shown.
type Refusal struct {
	Column string // id, to, from, text or send_at; empty if it is about the row
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
	bad     *Refusal
	unended bool // a CSV row without a line end, the last one: it may have been cut off
}

// source reads the records of one file. Its error is io.EOF at the end; any other ends the file,
// since no later record can be trusted, and names the line.
type source interface {
	next(*record) error
	cols() *Columns // nil if the file has no header
}

// row returns the message that the record holds.
func (r *record) row(file string) Row {
	row := Row{File: file, Line: r.line, ID: r.fields[columnID], Bad: r.bad}
	if row.Bad != nil {
		return row
	}
	id, err := strconv.ParseInt(strings.TrimSpace(row.ID), 10, 64)
	if err != nil || id < 0 {
		row.Bad = refuse("id", "is not a whole number from 0 on")
		return row
	}
	at, err := parseTime(strings.TrimSpace(r.fields[columnSendAt]))
	if err != nil {
		row.Bad = &Refusal{Column: "send_at", Cause: err}
		return row
	}
	if row.Bad = checkSpreadsheetNumber(r.fields[columnTo]); row.Bad != nil {
		return row
	}
	row.Message = smslink.Message{ID: id, To: r.fields[columnTo], From: r.fields[columnFrom], Text: r.fields[columnText], SendAt: at}
	return row
}

func parseTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if seconds, err := strconv.ParseInt(s, 10, 64); err == nil {
		return checkTime(time.Unix(seconds, 0).UTC())
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, errors.New("is neither RFC 3339 with its zone, such as 2030-01-31T09:00:00+02:00, nor Unix seconds")
	}
	return checkTime(at)
}

// checkTime refuses what no campaign means.
func checkTime(at time.Time) (time.Time, error) {
	if at.Year() < 1970 || at.Year() >= 2100 {
		return time.Time{}, errors.New("lies before 1970 or after 2099; as a number it is Unix seconds, not milliseconds")
	}
	return at, nil
}

// exponent is a number as a spreadsheet writes it that has too many digits for its cell.
var exponent = regexp.MustCompile(`^\s*([0-9][.,]?[0-9]?[0-9]?)[0-9]*(E\+[0-9]+)\s*$`)

// checkSpreadsheetNumber refuses a receiver that a spreadsheet has made a number of and rounded,
// and shows as much of it as makes it out.
func checkSpreadsheetNumber(to string) *Refusal {
	if strings.IndexByte(to, 'E') < 0 { // nearly all
		return nil
	}
	m := exponent.FindStringSubmatch(to)
	if m == nil {
		return nil
	}
	return &Refusal{Column: "to", Shown: m[1] + "…" + m[2], Cause: errors.New("is a number that a spreadsheet has rounded; format the column as text, type the number again and export it")}
}

// Receiver returns the number of a good row in one form, however it is written.
func (r *Row) Receiver() string {
	number, _ := smslink.ParseReceiver(r.Message.To)
	if romanian, ok := strings.CutPrefix(number, "07"); ok {
		number = "00407" + romanian
	}
	return number
}
