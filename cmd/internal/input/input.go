// Package input holds the flags that say how a campaign's files are read, and what is reported of
// their bad rows.
package input

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // for --zone, on systems that lack it
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
)

// Help is the part of a command's help about FILEs.
const Help = `FILE is a workbook (.xlsx), CSV or JSON lines, one object a line. "-" is
standard input. A CSV is separated by commas, semicolons, tabs or |, in UTF-8 or
UTF-16.

The columns are
  id       a whole number of at least 0, unique among all FILEs; without an id
           column, each row's line number is its id (Nr. crt. is not an id)
  to       the receiver: 07xyzzzzzz, or + or 00 and the country code
  from     the sender: numeric or an approved name; empty = numeric
  text     the message, unless --text writes it for all rows
  send_at  such as 2030-01-31T09:00:00+02:00, or Unix seconds; with --zone, also
           31.01.2030 09:00 and the dates of a workbook; empty = now
id, from and send_at may be left out. The header may also say telefon, mobil or
phone for to, mesaj or message for text, expeditor or sender for from, and data
or programare for send_at. Use --column for any other name. Columns that are
found under other names are shown; the rest is ignored. JSON lines have the
first names as their keys, and no others; they can't leave out id.`

// Flags are the flags that say how FILEs are read.
type Flags struct {
	Fold    bool
	columns ColumnNames
	sheet   string
	zone    *time.Location // nil if none was given
	at      string
	sendAt  time.Time          // what at says
	text    *campaign.Template // nil if none was given

	hiddenRows   string // include or skip; empty if the flag is not given
	restoreZeros bool
}

// AddTo adds the flags to a command.
func (o *Flags) AddTo(cmd *cobra.Command) {
	cmd.Flags().Var(&o.columns, "column", "a column's name in the header, such as to=destinatar; "+
		"send_at= leaves it out; may be repeated")
	cmd.Flags().StringVar(&o.sheet, "sheet", "", "the `NAME` of the workbook's sheet, instead of the first one")
	cmd.Flags().Var(&cli.Value{Kind: "include|skip", Read: o.setHiddenRows}, "hidden-rows", "what to do with rows "+
		"that a workbook's sheet hides, for example with a filter")
	cmd.Flags().BoolVar(&o.restoreZeros, "restore-zeros", false, "read receivers such as 712345678 and 40712345678 "+
		"as 0712345678 and 0040712345678; a workbook's numbers are always read so")
	cmd.Flags().Var(&cli.Value{Kind: "ZONE", Read: o.setZone}, "zone", "the time zone of times that are written without "+
		"one, such as Europe/Bucharest")
	cmd.Flags().StringVar(&o.at, "at", "", "the `TIME` at which rows without one are sent, "+
		"written as in send_at; without it, now")
	cmd.Flags().Var(&cli.Value{Kind: "TEXT", Read: o.setText}, "text", "the text of every row, with columns to fill in, "+
		"such as 'Bună, {prenume|client}!'; {{ is a brace")
	cmd.Flags().Var(&cli.Value{Kind: "FILE", Read: o.readText}, "text-file", "the same, from a file in UTF-8")
	cmd.PreRunE = func(*cobra.Command, []string) error { return o.check() }
	cmd.ValidArgsFunction = cli.CompleteFiles
	cli.CompleteWith(cmd, "hidden-rows", "include", "skip")
	cli.CompleteWith(cmd, "zone", "Europe/Bucharest", "UTC")
	var columns []string
	for _, name := range campaign.Names() {
		columns = append(columns, name+"=")
	}
	_ = cmd.RegisterFlagCompletionFunc("column", cobra.FixedCompletions(columns,
		cobra.ShellCompDirectiveNoSpace|cobra.ShellCompDirectiveNoFileComp))
}

// check refuses flags that contradict each other, and parses --at in the zone of --zone.
func (o *Flags) check() (err error) {
	if _, given := o.columns["text"]; given && o.text != nil {
		return errors.New("--text and --column text contradict each other; leave one out")
	}
	if o.sendAt, err = campaign.ParseTime(o.at, o.zone); err != nil {
		return fmt.Errorf("--at %w", err)
	}
	return nil
}

// FillsTexts reports whether the texts are filled in from columns, so that their lengths may
// differ.
func (o *Flags) FillsTexts() bool { return o.text != nil && o.text.Fills() }

// Zone returns the zone of --zone, or nil.
func (o *Flags) Zone() *time.Location { return o.zone }

// Open opens the FILEs, and shows the columns of each once they are known. If needIDs is not nil,
// and the FILEs can't be read twice, a FILE without an id column is refused with needIDs.
func (o *Flags) Open(c cli.Console, names []string, needIDs error) (*campaign.Campaign, error) {
	return campaign.Open(names, campaign.Options{
		Stdin: c.In, Now: c.Now, Fold: o.Fold, Columns: o.columns, Sheet: o.sheet,
		Zone: o.zone, Text: o.text, At: o.sendAt, SkipHidden: o.hiddenRows == "skip", RestoreZeros: o.restoreZeros,
		OnColumns: func(opened *campaign.Campaign, columns *campaign.Columns) error {
			if columns.RowIDs() && needIDs != nil && !opened.Rereadable() {
				return needIDs
			}
			if text := columns.String(); text != "" {
				fmt.Fprintln(c.Err, text)
			}
			return nil
		},
	})
}

// CheckHidden returns an error if a number of rows are hidden, and --hidden-rows is not given.
func (o *Flags) CheckHidden(rows int) error {
	if rows == 0 || o.hiddenRows != "" {
		return nil
	}
	return fmt.Errorf("%s hidden, perhaps by a filter; add --hidden-rows include to send them, too, "+
		"or --hidden-rows skip", campaign.Count(rows, "row is", "rows are"))
}

func (o *Flags) setHiddenRows(given string) error {
	if given != "include" && given != "skip" {
		return errors.New("it is neither include nor skip")
	}
	o.hiddenRows = given
	return nil
}

func (o *Flags) setZone(name string) error {
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return errors.New("there is no such time zone; name one such as Europe/Bucharest")
	}
	o.zone = zone
	return nil
}

func (o *Flags) setText(text string) (err error) {
	if o.text != nil {
		return errors.New("give either --text or --text-file, not both")
	}
	o.text, err = campaign.ParseTemplate(text)
	return err
}

// readText sets the text from a file.
func (o *Flags) readText(name string) error {
	text, err := safefile.Text(name)
	switch {
	case err != nil:
		return err
	case !utf8.ValidString(text):
		return errors.New("it is not in UTF-8; save it as UTF-8")
	}
	return o.setText(strings.TrimRight(text, "\r\n"))
}

// ColumnNames is the value of --column and of --report-column. It maps the columns of a campaign to
// names in a header.
type ColumnNames map[string]string

var _ pflag.Value = (*ColumnNames)(nil)

// String returns the value as it was given, in any order.
func (n *ColumnNames) String() string {
	var text []string
	for column, name := range *n {
		text = append(text, column+"="+name)
	}
	return strings.Join(text, ",")
}

// Collects says that the flag may be repeated.
func (n *ColumnNames) Collects() {}

// Type is what help calls the value.
func (n *ColumnNames) Type() string { return "COLUMN=NAME" }

// Set adds a name.
func (n *ColumnNames) Set(text string) error {
	column, name, ok := strings.Cut(text, "=")
	if !ok {
		return errors.New("it is not of the form COLUMN=NAME, such as to=telefon")
	}
	if names := campaign.Names(); !slices.Contains(names, column) {
		switch meant := campaign.NameFor(column); {
		case slices.Contains(names, name):
			return fmt.Errorf("write %s=%s", name, column)
		case meant != "":
			return fmt.Errorf("write %s=%s", meant, name)
		}
		return fmt.Errorf("the columns are %s", strings.Join(names, ", "))
	}
	if strings.TrimSpace(name) == "" && (column == "to" || column == "text") {
		return fmt.Errorf("column %s can't be left out", column)
	}
	if _, given := (*n)[column]; given {
		return fmt.Errorf("column %s was given before", column)
	}
	if *n == nil {
		*n = ColumnNames{}
	}
	(*n)[column] = strings.TrimSpace(name)
	return nil
}
