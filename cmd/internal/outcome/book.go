package outcome

import (
	"encoding/csv"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/xlsx"
)

// bookComment marks a workbook that a run has written, so that a later run may replace it.
const bookComment = "results of smslink send"

// IsBook reports whether a results file of that name is a workbook.
func IsBook(name string) bool { return strings.EqualFold(filepath.Ext(name), ".xlsx") }

// writeBook makes a workbook of a results file in CSV. It writes a file beside name, and renames it
// once it is whole.
func writeBook(name, fromCSV string) (err error) {
	in, err := os.Open(fromCSV)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // which its owner alone can read
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = out.Close()
			_ = os.Remove(out.Name())
		}
	}()
	book, err := xlsx.NewWriter(out, bookComment)
	if err != nil {
		return err
	}
	records := csv.NewReader(in)
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		for i, field := range record {
			record[i] = plainCell(field) // a cell of a workbook is no formula
		}
		if err := book.Row(record, isCount); err != nil {
			return err
		}
	}
	if err := errors.Join(book.Close(), out.Close()); err != nil {
		return err
	}
	return os.Rename(out.Name(), name)
}

// isCount reports whether a column holds numbers and no texts.
func isCount(column int) bool {
	return slices.Contains([]string{"line", "status", "segments"}, ResultsHeader[column])
}

// rowsOfBook yields the rows of a workbook that a run has written.
func rowsOfBook(in io.ReaderAt, size int64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		book, err := xlsx.Open(in, size)
		if err != nil {
			yield(Row{}, err)
			return
		}
		for row, err := range book.Rows("Results") {
			if err != nil {
				yield(Row{}, err)
				return
			}
			record := make([]string, len(ResultsHeader))
			for _, cell := range row.Cells {
				if cell.Column < len(record) {
					record[cell.Column] = cell.Value
				}
			}
			if row.Number > 1 && !yield(rowOf(record), nil) { // the first is the header
				return
			}
		}
	}
}
