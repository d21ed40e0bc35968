package inbox

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// The most characters that the page shows of a string in an upload.
const (
	textShown    = 2000 // of a message in its conversation
	snippetShown = 160  // of a message in a list
	fieldShown   = 300  // of anything else
)

// notice says what a button did.
type notice struct {
	Text   string
	Failed bool
}

// notices are the last ones, by their numbers from 1. They are kept here and not in a link, so that
// a link can't put text into the page.
type notices struct {
	last int
	ring [32]notice
}

func (n *notices) add(added notice) int {
	added.Text = clipped(added.Text, fieldShown)
	n.last++
	n.ring[n.last%len(n.ring)] = added
	return n.last
}

func (n *notices) get(number int) notice {
	if number < 1 || number > n.last || number <= n.last-len(n.ring) {
		return notice{}
	}
	return n.ring[number%len(n.ring)]
}

// page is what a page shows: a list, and beside it the tab's main pane.
type page struct {
	Title  string
	Tab    string // inbox, uploads or controls
	Detail bool   // the pane beside the list was asked for, and a narrow page shows that alone
	Gone   bool   // there is no such phone or upload

	Filter       filter
	Choices      []choice
	AllPackages  string // link that shows the messages of every package
	Back         string // link to the list
	Rows         []row
	UploadRows   []uploadView
	Newer, Older string // links to more of the list
	Hits         string // how many were found; empty if nothing was searched for
	OnlyNewest   bool   // the search looked at the newest messages only

	Messages, Uploads, Phones int
	Credit                    string
	NoCredit                  bool
	Faults                    []string // the first ones
	MoreFaults                int
	Usage                     Usage
	Notice                    notice

	Overview       []total // of the tab
	Conversation   *conversation
	Upload         *uploadView
	FaultProposals []proposal
}

// row is a phone in the list, with its last message, or a message that was found.
type row struct {
	Number  string
	Count   int // of the phone's messages; 0 for a message that was found
	Message messageView
	Link    string
	Current bool
}

// total is a line of an overview.
type total struct {
	Label string
	Count string
	Link  string // may be empty
}

type conversation struct {
	Number       string
	Total        int
	Unsubscribed bool          // and on the blacklist
	Messages     []messageView // the oldest first
	Newer, Older string
}

// messageView is a message with its strings cut to what is shown.
type messageView struct {
	smslinktest.Message
	Number string // of its phone
	Link   string // to its phone
	State  state
	Upload int // from 1
	Long   int // bytes of its text if it was cut, else 0
}

// state is the state of a message, as a mark and as text.
type state struct {
	Class, Mark, Label string
	Why                string // explains the state; may be empty
	Reportable         bool
}

func viewMessage(l *ledger, m *smslinktest.Message, longest int) messageView {
	number := numberOf(m.To)
	v := messageView{
		Message: *m, Number: number, Link: (&url.URL{Path: "/phones/" + number}).EscapedPath(), State: stateOf(m),
	}
	if p := l.packages[m.PackageID]; p != nil {
		v.Upload = p.upload + 1
	}
	v.To, v.From, v.Text = clipped(m.To, fieldShown), clipped(m.From, fieldShown), clipped(m.Text, longest)
	if v.Text != m.Text {
		v.Long = len(m.Text)
	}
	return v
}

func stateOf(m *smslinktest.Message) state {
	switch {
	case isInDoubt(m.Status):
		return state{Class: "failed", Mark: "?", Label: "in doubt: " + m.Status.String(), Why: whyOf(m.Status)}
	case m.Status != smslink.StatusSuccess:
		return state{Class: "failed", Mark: "✕", Label: m.Status.String(), Why: whyOf(m.Status)}
	case m.Test:
		return state{
			Class: "test", Mark: "○", Label: "test mode", Why: "checked; a live gateway would send and bill nothing",
		}
	case m.Delivery == nil && m.SendAt.After(time.Now()):
		return state{Class: "accepted", Mark: "✓", Label: "accepted for later", Reportable: true}
	case m.Delivery == nil:
		return state{Class: "accepted", Mark: "✓", Label: "accepted", Reportable: true}
	}
	s := state{Class: "delivered", Mark: "✓✓", Label: "delivered", Reportable: true}
	if !m.Delivery.Delivered {
		s.Class, s.Mark, s.Label = "undelivered", "✕", "not delivered"
	}
	if m.Delivery.Err != nil {
		s.Why = clipped(strings.TrimPrefix(m.Delivery.Err.Error(), "smslink: test gateway: "), fieldShown)
	}
	return s
}

// whyOf returns what the library says about a status other than success.
func whyOf(s smslink.Status) string { return errors.Unwrap(smslink.Result{Status: s}.Err()).Error() }

func isInDoubt(s smslink.Status) bool { return s.Outcome() == smslink.OutcomeInDoubt }

// uploadView is an upload with its strings cut to what is shown.
type uploadView struct {
	smslinktest.Upload
	Number  int // from 1
	Link    string
	Current bool

	Codec string
	Ratio string // SizeCompressed of SizePlain, such as "28%"
	Part  int    // the same in percent, 100 at the most
	Grown bool   // SizeCompressed is the larger one

	Code   string // of the rejection
	Reason string // of the rejection

	Accepted, Failed, InDoubt             int
	AcceptedLink, FailedLink, InDoubtLink string // to its messages
	AllLink                               string
	Messages                              []messageView // its first ones
}

func viewUpload(l *ledger, u *smslinktest.Upload, number int) uploadView {
	v := uploadView{Upload: *u, Number: number, Link: "/uploads/" + strconv.Itoa(number)}
	if codecs := []string{"none", "zlib", "bzip2", "LZF"}; u.Compression >= 0 && u.Compression < len(codecs) {
		v.Codec = codecs[u.Compression]
	}
	if u.SizePlain > 0 {
		percent := 100 * float64(u.SizeCompressed) / float64(u.SizePlain)
		v.Ratio, v.Part, v.Grown = "under 1%", min(int(math.Round(percent)), 100), u.SizeCompressed > u.SizePlain
		if percent >= 1 {
			v.Ratio = fmt.Sprintf("%.0f%%", percent)
		}
	}
	v.Rejection, v.Fault = clipped(u.Rejection, fieldShown), clipped(u.Fault, fieldShown)
	v.Code, v.Reason, _ = strings.Cut(v.Rejection, ";")
	v.Fields = nil
	for _, field := range u.Fields {
		field.Name, field.Value = clipped(field.Name, fieldShown), clipped(field.Value, fieldShown)
		v.Fields = append(v.Fields, field)
	}
	if p := l.packages[u.PackageID]; p != nil {
		v.Accepted, v.Failed, v.InDoubt = p.accepted, p.failed, p.inDoubt
		v.AcceptedLink, v.FailedLink = packageLink(u.PackageID, "accepted"), packageLink(u.PackageID, "failed")
		v.InDoubtLink, v.AllLink = packageLink(u.PackageID, "doubt"), packageLink(u.PackageID, "")
	}
	return v
}

// proposal is a fault that the form proposes.
type proposal struct{ Fault, Label string }

var proposals = []proposal{
	{"lose-reply", "Take the package, lose the reply"},
	{"hang-up", "Hang up before taking it"},
	{"reset", "Reset the connection"},
	{"answer 503", "Answer HTTP 503"},
	{"reject 8 no credit", "Reject: ERROR 8, no credit"},
	{"reject 7 wrong password", "Reject: ERROR 7, wrong password"},
	{"delay 5s", "Take it, reply after 5 seconds"},
	{"cut-reply 10", "Cut the reply after 10 bytes"},
	{"answer 200 <h1>It works</h1>", "Answer HTML instead of a reply"},
	{"none", "Nothing: let one upload through"},
}

// faultName returns a fault's name, and "none" for one that lets an upload through.
func faultName(f smslinktest.Fault) string { return cmp.Or(f.Name, "none") }

// clipped returns the first most characters of s, with an ellipsis if there are more.
func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	count := 0
	for at := range s {
		if count == most {
			return s[:at] + "…"
		}
		count++
	}
	return s
}

// numberOf returns a phone's number in digits. A Romanian one is in its national form, so that
// 0040712345678 and 0712345678 are one phone. What is past the longest number is cut off.
func numberOf(receiver string) string {
	const longest = 40
	cut := len(receiver) > longest
	var digits strings.Builder
	for _, r := range receiver[:min(len(receiver), longest)] {
		switch {
		case r == '+':
			digits.WriteString("00")
		case '0' <= r && r <= '9':
			digits.WriteRune(r)
		}
	}
	if cut {
		digits.WriteString("…")
	}
	if national, ok := strings.CutPrefix(digits.String(), "0040"); ok && national != "" {
		return "0" + national
	}
	return digits.String()
}

// shownNumber groups a number's digits for reading.
func shownNumber(number string) string {
	switch {
	case len(number) == 10 && number[0] == '0' && number[1] != '0':
		return number[:4] + " " + number[4:7] + " " + number[7:]
	case strings.HasPrefix(number, "00") && len(number) > 6:
		return "+" + number[2:4] + " " + number[4:]
	}
	return number
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }
func date(t time.Time) string  { return t.Local().Format("2 Jan 2006, 15:04 MST") }
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// grouped returns a number with its thousands apart.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", grouped(n), noun)
}
