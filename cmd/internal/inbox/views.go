package inbox

import (
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

// page is what a page shows: a list, and beside it the tab's main pane.
type page struct {
	Title  string
	Tab    string // inbox, uploads or controls
	Detail bool   // what stands beside the list was asked for, and a narrow page shows that alone
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

	Overview      []total // of the tab
	Conversation  *conversation
	Upload        *uploadView
	FaultProposal []proposal
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
	Words string
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
	Class, Mark, Words string
	Why                string // what to do about it; may be empty
	Reportable         bool
}

func (l *ledger) view(m *smslinktest.Message, textShown int) messageView {
	number := numberOf(m.To)
	v := messageView{
		Message: *m, Number: number, Link: (&url.URL{Path: "/phones/" + number}).EscapedPath(), State: stateOf(m),
	}
	if p := l.packages[m.PackageID]; p != nil {
		v.Upload = p.upload + 1
	}
	v.To, v.From, v.Text = clipped(m.To, fieldShown), clipped(m.From, fieldShown), clipped(m.Text, textShown)
	if v.Text != m.Text {
		v.Long = len(m.Text)
	}
	return v
}

func stateOf(m *smslinktest.Message) state {
	switch {
	case isInDoubt(m.Status):
		return state{Class: "failed", Mark: "?", Words: "in doubt: " + m.Status.String(), Why: whyOf(m.Status)}
	case m.Status != smslink.StatusSuccess:
		return state{Class: "failed", Mark: "✕", Words: m.Status.String(), Why: whyOf(m.Status)}
	case m.Test:
		return state{Class: "test", Mark: "○", Words: "test mode", Why: "checked; a live gateway would send and bill nothing"}
	case m.Delivery == nil && m.SendAt.After(time.Now()):
		return state{Class: "accepted", Mark: "✓", Words: "accepted for later", Reportable: true}
	case m.Delivery == nil:
		return state{Class: "accepted", Mark: "✓", Words: "accepted", Reportable: true}
	}
	s := state{Class: "delivered", Mark: "✓✓", Words: "delivered", Reportable: true}
	if !m.Delivery.Delivered {
		s.Class, s.Mark, s.Words = "undelivered", "✕", "not delivered"
	}
	if m.Delivery.Err != nil {
		s.Why = clipped(strings.TrimPrefix(m.Delivery.Err.Error(), "smslink: test gateway: "), fieldShown)
	}
	return s
}

// whyOf returns what the library says of a status other than success.
func whyOf(s smslink.Status) string { return errors.Unwrap(smslink.Result{Status: s}.Err()).Error() }

func isInDoubt(s smslink.Status) bool { return s.Outcome() == smslink.OutcomeInDoubt }

// uploadView is an upload with its strings cut to what is shown.
type uploadView struct {
	smslinktest.Upload
	Number  int // from 1
	Link    string
	Current bool

	Codec string
	Ratio string // SizeCompressed of SizePlain, such as "28 %"
	Part  int    // the same in percent, 100 at the most
	Grown bool   // SizeCompressed is the larger one

	Code  string // of the rejection
	Words string // of the rejection

	Accepted, Failed, InDoubt             int
	AcceptedLink, FailedLink, InDoubtLink string // to its messages
	AllLink                               string
	Messages                              []messageView // its first ones
}

func (l *ledger) viewUpload(u *smslinktest.Upload, number int) uploadView {
	v := uploadView{Upload: *u, Number: number, Link: "/uploads/" + strconv.Itoa(number)}
	if codecs := []string{"none", "zlib", "bzip2", "LZF"}; u.Compression >= 0 && u.Compression < len(codecs) {
		v.Codec = codecs[u.Compression]
	}
	if u.SizePlain > 0 {
		percent := 100 * float64(u.SizeCompressed) / float64(u.SizePlain)
		v.Ratio, v.Part, v.Grown = "under 1 %", min(int(math.Round(percent)), 100), u.SizeCompressed > u.SizePlain
		if percent >= 1 {
			v.Ratio = fmt.Sprintf("%.0f %%", percent)
		}
	}
	v.Rejection, v.Fault = clipped(u.Rejection, fieldShown), clipped(u.Fault, fieldShown)
	v.Code, v.Words, _ = strings.Cut(v.Rejection, ";")
	v.Fields = nil
	for _, field := range u.Fields {
		v.Fields = append(v.Fields, smslinktest.Field{Name: clipped(field.Name, fieldShown), Value: clipped(field.Value, fieldShown)})
	}
	if p := l.packages[u.PackageID]; p != nil {
		v.Accepted, v.Failed, v.InDoubt = p.accepted, p.failed, p.inDoubt
		v.AcceptedLink, v.FailedLink = packageLink(u.PackageID, "accepted"), packageLink(u.PackageID, "failed")
		v.InDoubtLink, v.AllLink = packageLink(u.PackageID, "doubt"), packageLink(u.PackageID, "")
	}
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
		{"reject 8 no credit", "Reject: ERROR 8, no credit"},
		{"reject 7 wrong password", "Reject: ERROR 7, wrong password"},
		{"delay 5s", "Take it, reply after 5 seconds"},
		{"cut-reply 10", "Cut the reply after 10 bytes"},
		{"answer 200 <h1>It works</h1>", "Answer HTML instead of a reply"},
		{"none", "Nothing: let one upload through"},
	}
}
