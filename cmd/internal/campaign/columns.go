package campaign

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/cmd/internal/xlsx"
	"github.com/go-smslink/smslink/gsm7"
)

// The columns of a campaign, as indexes of columnNames.
const (
	columnID = iota
	columnTo
	columnFrom
	columnText
	columnSendAt
	columnCount
	columnIgnored = -1
)

// columnNames are the names in a header and the keys of an object.
var columnNames = [columnCount]string{"id", "to", "from", "text", "send_at"}

// aliases are other names in a header, normalized.
var aliases = [columnCount][]string{
	columnID: {"idmesaj", "idlocal", "messageid", "localid"},
	columnTo: {
		"telefon", "tel", "nrtelefon", "nrtel", "numartelefon", "numartel", "numardetelefon", "nrdetelefon", "nrdetel",
		"telefonmobil", "telmobil", "numar", "mobil", "nrmobil", "numarmobil", "numardemobil", "nrdemobil",
		"gsm", "nrgsm", "numargsm", "telefongsm", "celular", "nrcelular", "telefoncelular", "destinatar",
		"phone", "phonenumber", "phoneno", "mobile", "mobilephone", "mobilenumber", "mobileno", "number",
		"receiver", "recipient", "msisdn", "cellphone", "cell",
	},
	columnFrom: {"expeditor", "expeditorul", "sender", "senderid", "sendername"},
	columnText: {
		"mesaj", "mesajul", "textmesaj", "textulmesajului", "textsms", "mesajsms", "smstext",
		"continut", "continutul", "continutmesaj", "continutulmesajului", "continutsms", //nolint:misspell // Romanian
		"message", "messagetext", "textmessage", "smsmessage", "messagebody", "body", "sms",
	},
	columnSendAt: {
		"data", "datatrimiterii", "programare", "programat", "trimitela", "date", "schedule", "scheduledat", "sendtime",
	},
}

// NameFor returns the campaign's column that a name in a header stands for, or "".
func NameFor(name string) string {
	for column, own := range columnNames {
		if n := normalized(name); n == normalized(own) || slices.Contains(aliases[column], n) {
			return own
		}
	}
	return ""
}

func allColumns() string { return strings.Join(columnNames[:], ", ") }

// Columns maps the columns of a file to those of a campaign.
type Columns struct {
	file  string // its name
	sheet string // of a workbook; empty otherwise

	names  []string         // as the header has them
	fields []int            // by the file's column: the campaign's, or columnIgnored
	of     [columnCount]int // by the campaign's column: the file's, or -1
	sheets int              // how many the workbook has
	hidden func(int) bool   // reports whether the sheet does not show a column of the file

	template *Template
	filled   []int // by the template's part: the file's column, or -1

	hiddenRows int  // rows that the sheet does not show
	skipHidden bool // these rows are left out
}

// RowIDs reports whether there is no id column, so that the number of a row's line is its id.
func (c *Columns) RowIDs() bool { return c != nil && c.of[columnID] < 0 }

// isSheet reports whether the columns are those of a workbook. JSON lines have none.
func (c *Columns) isSheet() bool { return c != nil && c.sheet != "" }

var errNoHeader = errors.New("there is no header with a known column")

// newColumns finds the columns by the names in a header. hidden reports whether the sheet does not
// show a column. No error quotes a name that may be a phone number.
func newColumns(names []string, opts *Options, hidden func(int) bool) (*Columns, error) {
	chosen := opts.Columns
	c := &Columns{names: slices.Clone(names), fields: make([]int, len(names)), hidden: hidden}
	isKnown := func(name string) bool { return NameFor(name) != "" }
	if len(chosen) == 0 && !slices.ContainsFunc(names, isKnown) {
		remedy := opts.nameColumns("name its columns")
		if opts.reads(columnID) { // it is a campaign
			remedy += ", or " + opts.wantHeader()
		}
		return nil, fmt.Errorf("%w; %s", errNoHeader, remedy)
	}
	for i, name := range names {
		c.fields[i] = columnIgnored
		if digits(name) >= 7 {
			return nil, fmt.Errorf("the name of column %s is a number; "+
				"is the header missing? %s", xlsx.ColumnName(i), opts.wantHeader())
		}
	}
	for column, name := range columnNames {
		called, given := chosen[name]
		if !opts.reads(column) || given && called == "" {
			c.of[column] = -1
			continue
		}
		at, err := c.find(column, called, opts)
		if err != nil {
			return nil, err
		}
		if c.of[column] = at; at >= 0 {
			if c.fields[at] != columnIgnored {
				return nil, fmt.Errorf("%s can't be both %s and %s", c.quoted(at), columnNames[c.fields[at]], name)
			}
			c.fields[at] = column
		}
	}
	if opts.Text != nil {
		if err := c.bind(opts.Text); err != nil {
			return nil, err
		}
	}
	for _, column := range []int{columnTo, columnText} {
		if c.of[column] < 0 && opts.reads(column) {
			name := columnNames[column]
			return nil, fmt.Errorf("column %s is missing; %s; the file has %s",
				name, opts.remedy("add it, or say which it is", name), c.list(c.named()))
		}
	}
	return c, nil
}

// find returns the file's column for a column of the campaign, or -1 if it has none. chosen is the
// name that Options.Columns has for it, or empty.
func (c *Columns) find(column int, chosen string, opts *Options) (int, error) {
	name := columnNames[column]
	if chosen != "" {
		return c.only(c.shownFirst(normalized(chosen)), strconv.Quote(chosen), opts.columnFlag())
	}
	for _, hidden := range []bool{false, true} { // what a person sees comes first
		found := c.which(hidden, normalized(name))
		if len(found) > 1 {
			return 0, fmt.Errorf("column %s appears twice; take one out", name)
		}
		if len(found) == 0 {
			found = c.which(hidden, aliases[column]...)
		}
		switch len(found) {
		case 0:
		case 1:
			return found[0], nil
		default:
			return 0, fmt.Errorf("each of %s may be %s; %s", c.list(found), name, opts.remedy("say which", name))
		}
	}
	return -1, nil
}

// only returns the column that was found, if it is a single one. Its errors name the flag.
func (c *Columns) only(found []int, name, flag string) (int, error) {
	switch len(found) {
	case 0:
		return 0, fmt.Errorf("%s names %s, but the file has no such column; it has %s", flag, name, c.list(c.named()))
	case 1:
		return found[0], nil
	}
	return 0, fmt.Errorf("%s names %s, but the file has several: %s; rename one", flag, name, c.list(found))
}

// shownFirst returns the shown columns with a normalized name or, if there are none, the hidden
// ones.
func (c *Columns) shownFirst(name string) []int {
	if shown := c.which(false, name); len(shown) > 0 {
		return shown
	}
	return c.which(true, name)
}

// which returns the columns with one of these normalized names, either the hidden or the shown
// ones.
func (c *Columns) which(hidden bool, names ...string) (found []int) {
	for i, name := range c.names {
		if n := normalized(name); n != "" && slices.Contains(names, n) && c.hidden(i) == hidden {
			found = append(found, i)
		}
	}
	return found
}

// normalized returns a name's letters and digits, in lower case and without diacritics.
func normalized(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFD.String(gsm7.Fold(name)))
}

func digits(name string) (n int) {
	for _, r := range name {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// isAlias reports whether the file has another name than the campaign's for a column.
func (c *Columns) isAlias(column int) bool {
	return c.of[column] >= 0 && normalized(c.names[c.of[column]]) != normalized(columnNames[column])
}

// named returns the columns that have a name.
func (c *Columns) named() (named []int) {
	for i := range c.names {
		if c.hasName(i) {
			named = append(named, i)
		}
	}
	return named
}

func (c *Columns) list(columns []int) string {
	const longest = 10
	var list []string
	for _, i := range columns[:min(len(columns), longest+1)] {
		list = append(list, c.quoted(i))
	}
	return strings.Join(shorten(list, longest, len(columns)), ", ")
}

// quoted returns what a person calls a column, such as column B 'telefon'.
func (c *Columns) quoted(i int) string {
	const longest = 40
	name := []rune(strings.TrimSpace(c.names[i]))
	if len(name) > longest {
		name = append(name[:longest], '…')
	}
	return fmt.Sprintf("column %s '%s'", xlsx.ColumnName(i), terminal.Line(string(name)))
}

// bind finds the columns that the template names.
func (c *Columns) bind(t *Template) error {
	c.template = t
	for _, p := range t.parts {
		at := -1
		if p.name != "" {
			found := c.shownFirst(normalized(p.name))
			var err error
			if at, err = c.only(found, "{"+strings.TrimSpace(p.name)+"}", "--text"); err != nil {
				return err
			}
		}
		c.filled = append(c.filled, at)
	}
	return nil
}

// fills reports whether a column of the file is in the template.
func (c *Columns) fills(i int) bool { return slices.Contains(c.filled, i) }

// uses reports whether the campaign uses a column of the file.
func (c *Columns) uses(i int) bool { return c.fields[i] != columnIgnored || c.fills(i) }

func (c *Columns) hasName(i int) bool { return strings.TrimSpace(c.names[i]) != "" }

// fill returns the text of a row. values are the row's, by the file's column.
func (c *Columns) fill(values []string) (string, *Refusal) {
	var b strings.Builder
	b.Grow(c.template.size)
	for i, p := range c.template.parts {
		at := c.filled[i]
		if at < 0 {
			b.WriteString(p.literal)
			continue
		}
		filled := strings.TrimSpace(values[at])
		switch {
		case isSpreadsheetError(filled):
			return "", refuse("text", "is filled from "+c.quoted(at)+", which holds an error of the spreadsheet, "+
				"such as #N/A; fix its formula")
		case filled == "" && !p.optional:
			return "", refuse("text", "is filled from "+c.quoted(at)+", which is empty; give the name a fallback in the "+
				"text, such as {"+strings.TrimSpace(p.name)+"|…}")
		case filled == "":
			filled = p.fallback
		}
		b.WriteString(filled)
	}
	return b.String(), nil
}

// String returns what a person may not expect: columns with other names, line numbers that serve as
// ids, ignored columns, hidden rows. It returns "" if there is nothing to say.
func (c *Columns) String() string {
	var used []string
	plain := true
	for column, i := range c.of {
		if i < 0 {
			continue
		}
		quoted := c.quoted(i)
		if c.hidden(i) {
			quoted += ", which is hidden"
		}
		used = append(used, columnNames[column]+" = "+quoted)
		plain = plain && !c.isAlias(column) && !c.hidden(i)
	}
	var ignored []int
	for _, i := range c.named() {
		if !c.uses(i) {
			ignored = append(ignored, i)
		}
	}
	var say []string
	if c.sheets > 1 {
		say = append(say, fmt.Sprintf("sheet '%s' of %d", terminal.Line(c.sheet), c.sheets))
	}
	if !plain || len(ignored) > 0 {
		say = append(say, strings.Join(used, ", "))
	}
	filled := slices.Compact(slices.Sorted(slices.Values(c.filled)))
	filled = slices.DeleteFunc(filled, func(i int) bool { return i < 0 })
	if len(filled) > 0 {
		text := "the text is filled from " + c.list(filled)
		if slices.ContainsFunc(filled, c.hidden) {
			text += ", not all of them shown"
		}
		say = append(say, text)
	}
	if c.RowIDs() {
		number := "line number"
		if c.isSheet() {
			number = "row number"
		}
		say = append(say, "there is no id column, so the "+number+" of each row is its id")
	}
	if len(ignored) > 0 {
		say = append(say, "ignored: "+c.list(ignored))
	}
	if c.hiddenRows > 0 {
		text := Plural(c.hiddenRows, "hidden row")
		if c.skipHidden {
			text += " left out"
		}
		say = append(say, text)
	}
	if len(say) == 0 {
		return ""
	}
	return c.file + ": " + strings.Join(say, "; ")
}

// cell returns the cell of a workbook's row that holds a column of the campaign, such as B17, or
// only the row's number if the sheet has no such column.
func (c *Columns) cell(column string, row int) string {
	name := strconv.Itoa(row)
	if at := slices.Index(columnNames[:], column); at >= 0 && c.of[at] >= 0 {
		name = xlsx.ColumnName(c.of[at]) + name
	}
	return name
}
