package probe

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Summary counts findings.
type Summary struct {
	Holds      int `json:"holds"`
	Deviates   int `json:"deviates"`
	Unclear    int `json:"unclear"`
	Answered   int `json:"answered"`   // questions
	Unanswered int `json:"unanswered"` // questions
}

// Summarize counts the findings.
func Summarize(findings []Finding) (s Summary) {
	for _, f := range findings {
		switch {
		case f.Verdict == Holds:
			s.Holds++
		case f.Verdict == Deviates:
			s.Deviates++
		case f.Verdict == Noted:
			s.Answered++
		case f.IsQuestion():
			s.Unanswered++
		default:
			s.Unclear++
		}
	}
	return s
}

// AllHold reports whether every assumption was seen to hold.
func (s Summary) AllHold() bool { return s.Deviates == 0 && s.Unclear == 0 }

// String returns the counts as a sentence.
func (s Summary) String() string {
	return fmt.Sprintf("Assumptions: %d hold, %d deviate, %d unclear. Questions: %d answered, %d not.", s.Holds, s.Deviates, s.Unclear, s.Answered, s.Unanswered)
}

// WriteTable writes the findings as a table for people, what was seen under what was assumed.
func WriteTable(w io.Writer, findings []Finding) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VERDICT\tCHECK\tSOURCE\tASSUMED, SEEN")
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t[%s]\t%s\n\t\t\t%s\n", f.Verdict, f.Check, f.Source, f.Fact, f.Seen)
	}
	_ = t.Flush() // w keeps its own error
}

// WriteReport writes the findings in Markdown, to be pasted into an issue. About says what was
// probed, and with what.
func WriteReport(w io.Writer, about string, findings []Finding) {
	fmt.Fprintf(w, "# What the gateway does\n\n%s\n\n%s\n\n", about, Summarize(findings))
	fmt.Fprint(w, "| verdict | check | source | assumed | seen | time |\n|---|---|---|---|---|---|\n")
	cell := strings.NewReplacer("|", `\|`, "\r", " ", "\n", " ", "<", "&lt;")
	for _, f := range findings {
		fmt.Fprintf(w, "| %s | %s | [%s] | %s | %s | %.1f s |\n", f.Verdict, f.Check, f.Source, cell.Replace(f.Fact), cell.Replace(f.Seen), f.Elapsed.Seconds())
	}
	fmt.Fprint(w, "\n## How the answers began\n")
	for _, f := range findings {
		if f.Reply == "" {
			continue
		}
		fmt.Fprintf(w, "\n%s:\n\n", f.Check)
		for line := range strings.Lines(f.Reply) { // indented, so that no answer can end the block
			fmt.Fprintf(w, "    %s\n", strings.TrimRight(line, "\r\n"))
		}
	}
}
