package input

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestComplaints(t *testing.T) {
	var c Complaints
	c.Add("a.csv", "2", "", "id is bad")
	c.Add("a.csv", "3", "", "to is bad")
	for line := range 1000 {
		c.Add("a.csv", strconv.Itoa(4+line), "", "text is empty")
	}
	c.Add("a.csv", "2000", "", "to is bad")
	c.Add("b.csv", "2", "", "to is bad")
	var out strings.Builder
	c.Print(&out, 3, "look elsewhere")
	require.Equal(t, "a.csv:2: id is bad\na.csv:3, 2000 and 1 more: to is bad\na.csv:4, 5, 6 and 997 more: text is empty\nlook elsewhere\n", out.String())

	var few strings.Builder
	c = Complaints{}
	c.Add("a.csv", "2", "", "id is bad")
	c.Print(&few, 3, "look elsewhere")
	require.Equal(t, "a.csv:2: id is bad\n", few.String())

	// Only the places in the first file are shown, so one may be left out of two.
	c.Add("b.csv", "2", "", "id is bad")
	few.Reset()
	c.Print(&few, 3, "look elsewhere")
	require.Equal(t, "a.csv:2 and 1 more: id is bad\nlook elsewhere\n", few.String())
}

// The memory for complaints is bounded, even if all are different.
func TestComplaints_manyReasons(t *testing.T) {
	var c Complaints
	for line := range 10_000 {
		c.Add("a.csv", strconv.Itoa(line), "", strings.Repeat("x", line))
	}
	var out strings.Builder
	c.Print(&out, 3, "")
	require.Equal(t, keptComplaints+1, strings.Count(out.String(), "\n"))
	require.Contains(t, out.String(), "a.csv:100, 101, 102 and 9897 more: other reasons\n")
}
