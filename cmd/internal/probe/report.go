package probe

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// summary counts findings.
type summary struct {
	Holds      int `json:"holds"`
	Deviates   int `json:"deviates"`
	Unclear    int `json:"unclear"`
	Answered   int `json:"answered"`   // questions
	Unanswered int `json:"unanswered"` // questions
	ExitCode   int `json:"exit_code"`
}

// summarize counts the findings. Its exit code is the command's, unless the output fails.
func summarize(findings []finding) (s summary) {
	for _, f := range findings {
		switch {
		case f.Verdict == holds:
			s.Holds++
		case f.Verdict == deviates:
			s.Deviates++
		case f.Verdict == noted:
			s.Answered++
		case isQuestion(f.Fact):
			s.Unanswered++
		default:
			s.Unclear++
		}
	}
	if s.Deviates+s.Unclear > 0 {
		s.ExitCode = cli.ExitSomeBad
	}
	return s
}

// String returns the counts as a sentence.
func (s summary) String() string {
	return fmt.Sprintf("Assumptions: %d hold, %d deviate, %d unclear. Questions: %d answered, %d not.",
		s.Holds, s.Deviates, s.Unclear, s.Answered, s.Unanswered)
}

// writeTable writes the findings as a table for people, what was seen under what was assumed.
func writeTable(w io.Writer, findings []finding) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "VERDICT\tCHECK\tSOURCE\tASSUMED, SEEN")
	for _, f := range findings {
		fmt.Fprintf(t, "%s\t%s\t[%s]\t%s\n\t\t\t%s\n", f.Verdict, f.Check, f.Source, f.Fact, f.Seen)
	}
	_ = t.Flush() // w keeps its own error
}

// writeReport writes the findings in Markdown, ready for an issue. The text about says what was
// probed, and with what.
func writeReport(w io.Writer, about string, findings []finding) {
	fmt.Fprintf(w, "# What the gateway does\n\n%s\n\n%s\n\n", about, summarize(findings))
	fmt.Fprint(w, "| verdict | check | source | assumed | seen | time |\n|---|---|---|---|---|---|\n")
	cell := strings.NewReplacer("|", `\|`, "\r", " ", "\n", " ", "<", "&lt;")
	for _, f := range findings {
		fmt.Fprintf(w, "| %s | %s | [%s] | %s | %s | %.1f s |\n",
			f.Verdict, f.Check, f.Source, cell.Replace(f.Fact), cell.Replace(f.Seen), f.Elapsed.Seconds())
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
