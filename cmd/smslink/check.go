package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
)

// checkOptions are the flags of check.
type checkOptions struct {
	price float64
	fold  bool
	json  bool
}

func newCheckCommand(c console) *cobra.Command {
	var opts checkOptions
	cmd := &cobra.Command{
		Use:   "check [flags] FILE…",
		Short: "Check the messages of files and tell what they will cost, without sending",
		Long: `Check every row of FILE…, and tell what is wrong with the bad ones, how many SMS
the good ones make and what that costs, which characters make them dearer, what
--fold would save, and which receivers have more than one message.

` + inputHelp + `

A text has 160 characters in one SMS, or 153 in each of several; but 70 and 67
once it holds a character that the GSM alphabet lacks, such as ă or ș. No account
is needed, and nothing is sent. It remembers every receiver: a million take 170 MB
of memory.

Exit codes:
  0  every row is good
  1  some row is bad
  2  wrong usage
  3  a file can't be read, or not to its end`,
		Example: `  smslink check --price 0.04 campaign.csv
  smslink check --json campaign.csv | jq -r 'select(.alphabet == "UCS-2") | [.line, .foreign] | @tsv'`,
		Args: files,
		RunE: func(_ *cobra.Command, args []string) error {
			if opts.price < 0 || math.IsNaN(opts.price) || math.IsInf(opts.price, 0) {
				return errors.New("--price is not a number from 0 on")
			}
			return check(c, opts, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Float64Var(&opts.price, "price", 0, "of one SMS, in any currency")
	flags.BoolVar(&opts.fold, "fold", false, "check the texts as send --fold sends them")
	flags.BoolVar(&opts.json, "json", false, "write a JSON object for each row, and last one with the summary")
	return cmd
}

// checkup is all that check looks at.
type checkup struct {
	survey
	FoldedSegments int            `json:"folded_segments"` // were all texts folded
	Cost           float64        `json:"cost,omitempty"`
	Reasons        counts         `json:"bad_row_reasons"`
	Characters     []*foreignRune `json:"characters"` // that need UCS-2, the most frequent first
	Repeated       int            `json:"repeated_receivers"`

	characters map[rune]*foreignRune
	receivers  map[string]*receiver
}

// foreignRune is a character that makes messages dearer.
type foreignRune struct {
	Character string `json:"character"`
	Code      string `json:"code"`
	Messages  int    `json:"messages"`
	File      string `json:"file"` // where it is first met
	Line      int    `json:"line"`
	Folded    string `json:"folded"` // what --fold makes of it; itself where that has no near one
}

// receiver is a number that messages go to.
type receiver struct {
	messages int
	file     string // the first one's
	line     int
}

func check(c console, opts checkOptions, names []string) error {
	campaign, err := openCampaign(c, names, opts.fold)
	if err != nil {
		return &exitError{exitNotSent, err}
	}
	defer campaign.close()
	out := &checkedWriter{w: c.out}
	rows := json.NewEncoder(out)
	rows.SetEscapeHTML(false)
	bar := newProgress(c.err, -1, "checking", 100*time.Millisecond)
	u := &checkup{Reasons: counts{}, characters: map[rune]*foreignRune{}, receivers: map[string]*receiver{}}
	var broken, unwritten error
	write := func(v any) {
		if err := rows.Encode(v); err != nil && unwritten == nil {
			unwritten = fmt.Errorf("the output could not be written: %w", err)
		}
	}
	for row, err := range campaign.rows() {
		if err != nil {
			broken = err
			break
		}
		text := examine(row)
		u.add(row, text)
		bar.add(1)
		if opts.json {
			write(checked(row, text))
		} else if row.err != nil {
			bar.clear()
			fmt.Fprintf(c.err, "%s:%d: %v\n", row.file, row.line, row.err)
		}
	}
	bar.end()
	u.end(opts.price)
	if opts.json {
		write(map[string]any{"summary": u})
	} else if u.Rows > 0 {
		u.print(out, opts)
	}
	switch {
	case broken != nil:
		return &exitError{exitNotSent, fmt.Errorf("%w; what follows was not checked", broken)}
	case out.err != nil:
		return &exitError{exitSomeBad, out.err}
	case unwritten != nil:
		return &exitError{exitSomeBad, unwritten}
	case u.BadRows > 0:
		return &exitError{code: exitSomeBad}
	}
	return nil
}

// examined is what check finds out about the text of a good row.
type examined struct {
	foreign []rune // each character that needs UCS-2 once, by its code
	folded  int    // SMS, were it folded
}

func examine(r row) examined {
	if r.err != nil {
		return examined{}
	}
	var characters []rune
	for _, char := range gsm7.Foreign(r.sent) {
		characters = append(characters, char)
	}
	slices.Sort(characters)
	return examined{slices.Compact(characters), gsm7.Measure(gsm7.Fold(r.sent)).Segments}
}

func (u *checkup) add(r row, text examined) {
	u.survey.add(r)
	if r.err != nil {
		u.Reasons[r.err.Error()]++
		return
	}
	u.FoldedSegments += text.folded
	for _, char := range text.foreign {
		seen := u.characters[char]
		if seen == nil {
			seen = &foreignRune{named(char), fmt.Sprintf("U+%04X", char), 0, r.file, r.line, gsm7.Fold(string(char))}
			u.characters[char] = seen
		}
		seen.Messages++
	}
	number, _ := smslink.ParseReceiver(r.message.To)
	if romanian, ok := strings.CutPrefix(number, "07"); ok {
		number = "00407" + romanian
	}
	if u.receivers[number] == nil {
		u.receivers[number] = &receiver{0, r.file, r.line}
	}
	u.receivers[number].messages++
}

// named is the character, or its code where it can't be seen.
func named(char rune) string {
	switch {
	case unicode.IsPrint(char):
		return string(char)
	case char > 0xffff:
		return fmt.Sprintf("\\U%08x", char)
	}
	return fmt.Sprintf("\\u%04x", char)
}

func (u *checkup) end(price float64) {
	u.Cost = price * float64(u.Segments)
	u.Characters = slices.AppendSeq([]*foreignRune{}, maps.Values(u.characters)) // none is [] in JSON
	slices.SortFunc(u.Characters, func(a, b *foreignRune) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), strings.Compare(a.Code, b.Code))
	})
	for _, r := range u.receivers {
		if r.messages > 1 {
			u.Repeated++
		}
	}
}

func (u *checkup) print(out *checkedWriter, opts checkOptions) {
	money := func(segments int) string {
		if opts.price == 0 {
			return ""
		}
		return fmt.Sprintf(", %.2f", float64(segments)*opts.price)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for i, reason := range u.Reasons.sorted() {
		fmt.Fprintf(table, "%s\t%d: %s\n", heading(i, "bad rows"), u.Reasons[reason], reason)
	}
	fmt.Fprintf(table, "messages\t%d\n", u.Messages)
	fmt.Fprintf(table, "SMS\t%d%s\n", u.Segments, money(u.Segments))
	fmt.Fprintf(table, "in UCS-2\t%s\n", plural(u.UCS2, "message"))
	if saved := u.Segments - u.FoldedSegments; saved > 0 {
		fmt.Fprintf(table, "with --fold\t%d SMS%s: %d fewer%s\n", u.FoldedSegments, money(u.FoldedSegments), saved, money(saved))
	}
	for i, char := range u.Characters {
		folded := ", which --fold makes " + char.Folded
		switch {
		case opts.fold: // what is left
			folded = ""
		case char.Folded == char.Character:
			folded = ", which --fold leaves"
		case char.Folded == "":
			folded = ", which --fold drops"
		}
		if i == shownRows {
			fmt.Fprintf(table, "\tand %d more\n", len(u.Characters)-shownRows)
			break
		}
		fmt.Fprintf(table, "%s\t%s %s in %s, first %s:%d%s\n", heading(i, "because of"), char.Character, char.Code, plural(char.Messages, "message"), char.File, char.Line, folded)
	}
	for i, r := range u.repeated() {
		if i == shownRows {
			fmt.Fprintf(table, "\tand %d more\n", u.Repeated-shownRows)
			break
		}
		fmt.Fprintf(table, "%s\t%s has %d messages, the first %s:%d\n", heading(i, "same receiver"), masked(r.number), r.messages, r.file, r.line)
	}
	table.Flush()
}

// heading stands in the first row of several.
func heading(i int, words string) string {
	if i > 0 {
		return ""
	}
	return words
}

type repeatedReceiver struct {
	number string
	*receiver
}

// repeated are the receivers with more than one message, as the files have them.
func (u *checkup) repeated() []repeatedReceiver {
	var repeated []repeatedReceiver
	for number, r := range u.receivers {
		if r.messages > 1 {
			repeated = append(repeated, repeatedReceiver{number, r})
		}
	}
	slices.SortFunc(repeated, func(a, b repeatedReceiver) int {
		return cmp.Or(cmp.Compare(b.messages, a.messages), strings.Compare(a.file, b.file), cmp.Compare(a.line, b.line))
	})
	return repeated
}

// checked is what machines read of one row.
func checked(r row, text examined) any {
	checked := struct {
		File     string `json:"file"`
		Line     int    `json:"line"`
		ID       string `json:"id"`
		Alphabet string `json:"alphabet,omitempty"`
		Segments int    `json:"segments,omitempty"`
		Folded   int    `json:"folded_segments,omitempty"`
		Foreign  string `json:"foreign,omitempty"` // the characters that need UCS-2
		Error    string `json:"error,omitempty"`
	}{File: r.file, Line: r.line, ID: r.id}
	if r.err != nil {
		checked.Error = r.err.Error()
		return checked
	}
	checked.Alphabet, checked.Segments = r.size.Alphabet.String(), r.size.Segments
	checked.Folded = text.folded
	checked.Foreign = string(text.foreign)
	return checked
}
