package campaign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The columns of a campaign. Their names stand in columnNames.
const (
	columnID = iota
	columnTo
	columnFrom
	columnText
	columnSendAt
	columnCount
)

// columnNames are the names that a header may hold and an object's keys may be.
var columnNames = [columnCount]string{"id", "to", "from", "text", "send_at"}

// needed are the columns that a file must have.
var needed = []int{columnID, columnTo, columnText}

const wantHeader = "start the file with the header id,to,from,text,send_at, or write JSON lines"

func allColumns() string { return strings.Join(columnNames[:], ", ") }

// Columns says which columns a file has.
type Columns struct{}

// parseHeader returns which column of the campaign each field of a row is.
func parseHeader(fields []string) ([]int, error) {
	header := make([]int, len(fields))
	known := 0
	for i, name := range fields {
		header[i] = slices.Index(columnNames[:], strings.ToLower(strings.TrimSpace(name)))
		if header[i] >= 0 {
			known++
		}
	}
	if known == 0 {
		return nil, errors.New("there is no header with a known column; " + wantHeader)
	}
	for i, column := range header {
		switch {
		case column < 0:
			return nil, fmt.Errorf("column %d is not known; the columns are %s; take it out or rename it", i+1, allColumns())
		case slices.Contains(header[:i], column):
			return nil, fmt.Errorf("column %s appears twice; take one out", columnNames[column])
		}
	}
	for _, column := range needed {
		if !slices.Contains(header, column) {
			return nil, fmt.Errorf("column %s is missing; add it", columnNames[column])
		}
	}
	return header, nil
}
