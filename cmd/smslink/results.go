package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/go-smslink/smslink"
)

// results is the file that keeps what became of each row. Nil keeps nothing.
type results struct {
	file    *os.File
	created bool
}

// createResults opens the file before anything is sent, so that a name that can't
// be written costs nothing. It does not write over a file that holds something:
// remote ids can't be had again.
func createResults(name string) (*results, error) {
	switch name {
	case "":
		return nil, nil
	case "-":
		return nil, errors.New("takes the name of a file; the table stands on standard output anyway")
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		return &results{f, true}, nil
	}
	if !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if f, err = os.OpenFile(name, os.O_WRONLY, 0); err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Mode().IsRegular() && info.Size() > 0 {
		f.Close()
		return nil, fmt.Errorf("%s is not empty; name a new file", name)
	}
	return &results{f, false}, nil
}

// finish writes a line a row and closes the file. Where nothing was sent there is
// nothing to keep, and the same command can be run again.
func (r *results) finish(report *report) error {
	if r == nil {
		return nil
	}
	if report.exitCode() == exitNotSent {
		r.file.Close()
		if r.created {
			return os.Remove(r.file.Name())
		}
		return nil
	}
	err := r.write(report)
	if closeErr := r.file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("--results: %w", err)
	}
	return nil
}

func (r *results) write(report *report) error {
	out := csv.NewWriter(r.file)
	_ = out.Write([]string{"line", "id", "status", "status_text", "remote_id", "error"}) // Error tells
	report.fates(func(row row, result *smslink.Result) {
		record := []string{strconv.Itoa(row.line), row.id, "", "", "", ""}
		switch {
		case row.err != nil:
			record[3], record[5] = "bad row", row.err.Error()
		case result != nil:
			record[2], record[3], record[4] = strconv.Itoa(int(result.Status)), result.Status.String(), result.RemoteID
			if err := result.Err(); err != nil {
				record[5] = unprefixed(err).Error()
			}
		default:
			record[3], record[5] = smslink.OutcomeOf(report.sendErr).String(), unprefixed(report.sendErr).Error()
		}
		_ = out.Write(record)
	})
	out.Flush()
	return out.Error()
}
