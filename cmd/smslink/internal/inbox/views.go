package inbox

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// page is what a page shows: a list, and beside it a conversation, an upload or the
// controls.
type page struct {
	Title  string
	Tab    string // inbox, uploads or controls
	Detail bool   // what stands beside the list was asked for, and a narrow page shows that alone

	Query         string
	Rows          []row
	UploadRows    []uploadView
	Newer, Older  string // links to more of the list
	OnlyNewest    bool   // the search looked at the newest messages only
	Messages      int
	Uploads       int
	Phones        int
	Credit        string
	Faults        []string
	Usage         Usage
	Notice        notice
	Conversation  *conversation
	Upload        *uploadView
	FaultProposal []proposal
}

// row is a phone in the list, with its last message or the one that was searched.
type row struct {
	Number  string
	Count   int
	Message messageView
	Link    string
	Current bool
}

type conversation struct {
	Number       string
	Total        int
	Messages     []messageView // the oldest first
	Newer, Older string
}

type messageView struct {
	smslinktest.Message
	Number string // of its phone
	Link   string // to its phone
	State  state
	Upload int // from 1
}

// state is what became of a message, for the eye and in words.
type state struct {
	Class, Mark, Words string
	Why                string // what to do about it; may be empty
	Reportable         bool
}

func (l *ledger) view(m smslinktest.Message) messageView {
	number := numberOf(m.To)
	return messageView{
		Message: m, Number: number, Link: (&url.URL{Path: "/phones/" + number}).EscapedPath(),
		State: stateOf(m), Upload: l.packages[m.PackageID].upload + 1,
	}
}

func stateOf(m smslinktest.Message) state {
	switch {
	case m.Status != smslink.StatusSuccess:
		return state{Class: "failed", Mark: "✕", Words: m.Status.String(), Why: m.Status.Advice()}
	case m.Test:
		return state{Class: "test", Mark: "○", Words: "test mode", Why: "checked; a live gateway would send and bill nothing"}
	case m.Delivery == nil:
		return state{Class: "accepted", Mark: "✓", Words: "accepted", Reportable: true}
	}
	s := state{Class: "delivered", Mark: "✓✓", Words: "delivered", Reportable: true}
	if !m.Delivery.Delivered {
		s.Class, s.Mark, s.Words = "undelivered", "✕", "not delivered"
	}
	if m.Delivery.Err != nil {
		s.Why = strings.TrimPrefix(m.Delivery.Err.Error(), "smslinktest: ")
	}
	return s
}

type uploadView struct {
	smslinktest.Upload
	Number   int // from 1
	Link     string
	Current  bool
	Codec    string
	Ratio    int // SizeCompressed of SizePlain, in percent
	Code     string
	Words    string        // the refusal's
	Messages []messageView // its first ones
}

func viewUpload(u smslinktest.Upload, number int) uploadView {
	v := uploadView{Upload: u, Number: number, Link: "/uploads/" + strconv.Itoa(number)}
	if codecs := []string{"none", "zlib", "bzip2", "LZF"}; u.Compression >= 0 && u.Compression < len(codecs) {
		v.Codec = codecs[u.Compression]
	}
	if u.SizePlain > 0 {
		v.Ratio = int(float64(u.SizeCompressed) / float64(u.SizePlain) * 100)
	}
	v.Code, v.Words, _ = strings.Cut(u.Refusal, ";")
	return v
}

// proposal is a fault that the form proposes.
type proposal struct{ Words, Says string }

func proposals() []proposal {
	return []proposal{
		{"lose-reply", "Take the package, lose the reply"},
		{"hang-up", "Hang up before taking it"},
		{"reset", "Reset the connection"},
		{"answer 503", "Answer HTTP 503"},
		{"refuse 8 no credit", "Refuse: ERROR 8, no credit"},
		{"refuse 7 wrong password", "Refuse: ERROR 7, wrong password"},
		{"delay 5s", "Take it, reply after 5 seconds"},
		{"cut-reply 10", "Cut the reply after 10 bytes"},
		{"answer 200 <h1>It works</h1>", "Answer HTML in place of a reply"},
		{"none", "Nothing: let one upload through"},
	}
}

func clock(t time.Time) string { return t.Local().Format("15:04:05") }
func date(t time.Time) string  { return t.Local().Format("2 Jan 2006, 15:04 MST") }
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// grouped is a number with its thousands apart.
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
