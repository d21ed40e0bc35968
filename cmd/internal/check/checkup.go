package check

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/money"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/gsm7"
)

// checkup is what check finds.
type checkup struct {
	campaign.Survey
	FoldedSegments int            `json:"folded_segments"` // if all texts were folded
	Cost           float64        `json:"cost,omitempty"`
	Reasons        outcome.Counts `json:"bad_row_reasons"`
	Characters     []*foreignRune `json:"characters"`         // that need UCS-2, the most frequent first
	Receivers      int            `json:"repeated_receivers"` // of several messages

	characters map[rune]*foreignRune
	repeated   []campaign.Receiver
}

// foreignRune is a character that needs UCS-2, so that a message may take more SMS.
type foreignRune struct {
	Character string `json:"character"`
	Code      string `json:"code"`
	Messages  int    `json:"messages"`
	File      string `json:"file"` // of the first such message
	Line      int    `json:"line"`
	Folded    string `json:"folded"` // what --fold makes of it; the character itself if no similar one exists
}

// examined is what check finds in the text of a good row.
type examined struct {
	foreign []rune // the characters that need UCS-2, sorted, each once
	folded  int    // SMS that it would make if it were folded
}

func examine(r *campaign.Row) examined {
	switch {
	case r.Bad != nil:
		return examined{}
	case r.Size.Alphabet != gsm7.UCS2: // then nothing is foreign, and nothing to be folded
		return examined{folded: r.Size.Segments}
	}
	var characters []rune
	for _, char := range gsm7.Foreign(r.Text) {
		characters = append(characters, char)
	}
	slices.Sort(characters)
	return examined{slices.Compact(characters), gsm7.Measure(gsm7.Fold(r.Text)).Segments}
}

func (u *checkup) count(r *campaign.Row, text examined) {
	u.Add(r)
	if r.Bad != nil {
		u.Reasons[r.Bad.Error()]++
		return
	}
	u.FoldedSegments += text.folded
	for _, char := range text.foreign {
		seen := u.characters[char]
		if seen == nil {
			character := terminal.Visible(char)
			folded := strings.TrimPrefix(gsm7.Fold("1"+string(char)), "1") // a combining mark alone stays
			if folded == string(char) {
				folded = character
			}
			seen = &foreignRune{character, fmt.Sprintf("U+%04X", char), 0, r.File, r.Line, folded}
			u.characters[char] = seen
		}
		seen.Messages++
	}
}

func (u *checkup) end(price *money.Price) {
	u.Cost = price.Amount(u.Segments)
	u.Characters = slices.AppendSeq([]*foreignRune{}, maps.Values(u.characters)) // none is [] in JSON
	slices.SortFunc(u.Characters, func(a, b *foreignRune) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Code, b.Code))
	})
	u.repeated = u.Repeated.Receivers()
	u.Receivers = len(u.repeated)
}

func (u *checkup) print(out *cli.Output, opts checkOptions) {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, reason := range u.Reasons.Sorted() {
		fmt.Fprintf(table, "%s\t%d: %s\n", cli.Heading(i, "bad rows"), u.Reasons[reason], reason)
	}
	fmt.Fprintf(table, "messages\t%d\n", u.Messages)
	fmt.Fprintf(table, "billed as\t%s\n", opts.price.SMS(u.Segments))
	fmt.Fprintf(table, "in UCS-2\t%s\n", campaign.Plural(u.UCS2, "message"))
	if saved := u.Segments - u.FoldedSegments; saved > 0 {
		fmt.Fprintf(table, "with --fold\t%s (saves %s)\n", opts.price.SMS(u.FoldedSegments), opts.price.SMS(saved))
	}
	if opts.FillsTexts() && u.Messages > 0 {
		for i, row := range []*campaign.Row{u.Shortest, u.Longest} {
			fmt.Fprintf(table, "%s\t%s, %s:%s: %s\n", []string{"shortest", "longest"}[i],
				campaign.Plural(row.Size.Segments, "SMS"), row.File, row.At("text"), terminal.Line(row.Text))
		}
	}
	more := func(n int) {
		if n > shownLines {
			fmt.Fprintf(table, "\tand %d more\n", n-shownLines)
		}
	}
	for i, char := range u.Characters[:min(len(u.Characters), shownLines)] {
		folded := ", which --fold makes " + char.Folded
		switch {
		case opts.Fold: // what is left
			folded = ""
		case char.Folded == char.Character:
			folded = ", which --fold leaves"
		case char.Folded == "":
			folded = ", which --fold drops"
		case char.Folded == " ":
			folded = ", which --fold makes a space"
		case char.Folded == "\n":
			folded = ", which --fold makes a line end"
		}
		fmt.Fprintf(table, "%s\t%s %s in %s, first %s:%d%s\n", cli.Heading(i, "because of"),
			char.Character, char.Code, campaign.Plural(char.Messages, "message"), char.File, char.Line, folded)
	}
	more(len(u.Characters))
	for i, r := range u.repeated[:min(len(u.repeated), shownLines)] {
		fmt.Fprintf(table, "%s\t%s has %d messages: %s\n", cli.Heading(i, "same receiver"),
			redact.Number(r.Number), len(r.Rows), placesOf(r.Rows))
	}
	more(len(u.repeated))
	for i, warning := range u.Warnings() {
		fmt.Fprintf(table, "%s\t%s\n", cli.Heading(i, "look at"), warning)
	}
	table.Flush()
}

// shownLines bounds the lines of one kind in the table.
const shownLines = 20

// placesOf lists rows, and names a file once for those that follow one another.
func placesOf(rows []campaign.Place) string {
	var b strings.Builder
	file := ""
	for i, row := range rows {
		switch {
		case i == shownLines:
			fmt.Fprintf(&b, " and %d more", len(rows)-shownLines)
			return b.String()
		case row.File != file:
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%s:%d", row.File, row.Line)
		default:
			fmt.Fprintf(&b, ", %d", row.Line)
		}
		file = row.File
	}
	return b.String()
}

// checked returns the object of --json for a row.
func checked(r *campaign.Row, text examined) any {
	checked := struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		ID       string `json:"id"`
		Alphabet string `json:"alphabet,omitempty"`
		Segments int    `json:"segments,omitempty"`
		Folded   int    `json:"folded_segments,omitempty"`
		Foreign  string `json:"foreign,omitempty"` // the characters that need UCS-2
		Error    string `json:"error,omitempty"`
	}{File: r.File, Line: r.Line, ID: r.ID}
	if r.Bad != nil {
		checked.Error = r.Bad.Error()
		return checked
	}
	checked.Alphabet, checked.Segments = r.Size.Alphabet.String(), r.Size.Segments
	checked.Folded = text.folded
	checked.Foreign = string(text.foreign)
	return checked
}
