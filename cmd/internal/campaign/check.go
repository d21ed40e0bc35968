package campaign

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
)

// checker finds what a package would refuse, and ids that came before.
type checker struct {
	fold   bool
	braces bool // texts may have braces: their template has some
	passed bool // every row was checked in an earlier pass, and is good
	pkg    *smslink.Package
	ids    idSet

	text string // the last one
	odd  Oddity // of it
}

func newChecker(opts *Options, passed bool) checker {
	return checker{fold: opts.Fold, braces: opts.Text != nil && !opts.Text.plain, passed: passed, pkg: new(smslink.Package), ids: idSet{}}
}

var errRepeatedID = errors.New("stands in an earlier row; each message needs its own")

func (c *checker) check(r *Row) {
	if r.Bad != nil {
		return
	}
	if c.fold {
		r.Message.Text = gsm7.FoldIfFewer(r.Message.Text)
	}
	asItStands := isSentAsItStands(r.Message.Text)
	if !c.passed || !asItStands {
		c.pkg.Reset()
		if err := c.pkg.Add(r.Message); err != nil {
			r.Bad = refusalOf(r.Message, err)
			return
		}
	}
	if !c.passed && !c.ids.add(r.Message.ID) {
		r.Bad = &Refusal{Column: "id", Cause: errRepeatedID}
		return
	}
	r.Text = r.Message.Text
	if !asItStands {
		for m := range c.pkg.Messages() {
			r.Text = m.Text
		}
	}
	r.Size = gsm7.Measure(r.Text)
	switch {
	case c.passed:
	case r.Text == c.text: // as all do in some campaigns
		r.Odd = c.odd
	default:
		r.Odd = oddityOf(r.Text)
		if c.braces {
			r.Odd &^= Placeholder
		}
		c.text, c.odd = r.Text, r.Odd
	}
	if r.past {
		r.Bad = &Refusal{Column: "send_at", Shown: r.Message.SendAt.Format(time.RFC3339), Cause: ErrPast}
	}
}

// isSentAsItStands reports whether a package changes nothing in a text that it takes.
func isSentAsItStands(text string) bool {
	const trimmed = " \t\n\r\x00\v"
	return text != "" && !strings.ContainsAny(text, "\t\r") &&
		!strings.Contains(trimmed, text[:1]) && !strings.Contains(trimmed, text[len(text)-1:])
}

// refusalOf describes a refusal of the library by the file's own name for the field.
func refusalOf(m smslink.Message, err error) *Refusal {
	var refusal *smslink.MessageError
	if !errors.As(err, &refusal) {
		return &Refusal{Cause: err}
	}
	column := strings.ToLower(refusal.Field)
	if column == "sendat" {
		column = "send_at"
	}
	if column == "text" && !utf8.ValidString(m.Text) || column == "from" && !utf8.ValidString(m.From) {
		return refuse(column, "is not in UTF-8; save the file as CSV UTF-8")
	}
	return &Refusal{Column: column, Cause: refusal.Err}
}

// idSet holds ids from 0 on, 64 in a word: less than a byte for each if they lie close together,
// and about 40 at the most.
type idSet map[int64]uint64

// add adds an id, and reports whether it is new.
func (s idSet) add(id int64) bool {
	bit := uint64(1) << (id & 63)
	word := s[id>>6]
	s[id>>6] = word | bit
	return word&bit == 0
}
