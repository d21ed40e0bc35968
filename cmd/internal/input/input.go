// Package input holds the flags that say how a campaign's files are read, and what is told of their
// bad rows.
package input

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// Help is the part of a command's help about FILEs.
const Help = `FILE is a workbook (.xlsx), CSV or JSON lines, one object a line. "-" is standard
input. A CSV is separated by commas, semicolons or tabs, in UTF-8 or UTF-16.

The columns are
  id       a whole number from 0, unique among all FILEs; if there is no such
           column, it is the row's number
  to       the receiver: 07xyzzzzzz, or + or 00 and the country code
  from     the sender: numeric or an approved name; empty = numeric
  text     the message
  send_at  RFC 3339, such as 2030-01-31T09:00:00+02:00, or Unix seconds; empty = now
from and send_at may be left out. The header may also say telefon, mobil or phone
for to, mesaj or message for text, expeditor or sender for from, and data or
programare for send_at. Use --column for any other name. The columns that are
found are shown; others are ignored.`

// Flags are the flags that say how FILEs are read.
type Flags struct {
	Fold    bool
	columns ColumnNames
	sheet   string
}

// AddTo adds the flags to a command.
func (o *Flags) AddTo(cmd *cobra.Command) {
	cmd.Flags().Var(&o.columns, "column", "a column's name in the header, such as to=destinatar; may be repeated")
	cmd.Flags().StringVar(&o.sheet, "sheet", "", "the `NAME` of the workbook's sheet, instead of the first one")
	cmd.ValidArgsFunction = cli.CompleteFiles
	cli.Complete(cmd, "column", func() (values []string, _ cobra.ShellCompDirective) {
		for _, name := range campaign.Names() {
			values = append(values, name+"=")
		}
		return values, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// Open opens the FILEs, and shows the columns of each once they are known. If they can't be read
// twice, one without an id column is refused with needIDs, unless that is nil.
func (o *Flags) Open(c cli.Console, names []string, needIDs error) (opened *campaign.Campaign, err error) {
	opened, err = campaign.Open(names, campaign.Options{
		Stdin: c.In, Fold: o.Fold, Columns: o.columns, Sheet: o.sheet,
		OnColumns: func(columns *campaign.Columns) error {
			if columns.RowIDs() && needIDs != nil && !opened.Rereadable() {
				return needIDs
			}
			if words := columns.String(); words != "" {
				fmt.Fprintln(c.Err, words)
			}
			return nil
		},
	})
	return opened, err
}

// ColumnNames is the value of --column: the campaign's columns and what a header calls them.
type ColumnNames map[string]string

var _ pflag.Value = (*ColumnNames)(nil)

// String returns the value as it was given, in any order.
func (n *ColumnNames) String() string {
	var words []string
	for column, name := range *n {
		words = append(words, column+"="+name)
	}
	return strings.Join(words, ",")
}

// Type is what help calls the value.
func (n *ColumnNames) Type() string { return "COLUMN=NAME" }

// Set adds a name.
func (n *ColumnNames) Set(words string) error {
	column, name, ok := strings.Cut(words, "=")
	switch {
	case !ok || strings.TrimSpace(name) == "":
		return errors.New("it is not of the form COLUMN=NAME, such as to=telefon")
	case !slices.Contains(campaign.Names(), column):
		return fmt.Errorf("the columns are %s", strings.Join(campaign.Names(), ", "))
	case (*n)[column] != "":
		return fmt.Errorf("column %s was given before", column)
	}
	if *n == nil {
		*n = ColumnNames{}
	}
	(*n)[column] = name
	return nil
}
