package inbox

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/fault"
	"github.com/go-smslink/smslink/smslinktest"
)

// notice says what a button did.
type notice struct {
	Words  string
	Failed bool
}

// notices are the last ones, by their numbers from 1. They are kept here and not in a link, so that
// a link can't put text into the page.
type notices struct {
	last  int
	words [32]notice
}

func (n *notices) add(words notice) int {
	words.Words = clipped(words.Words, fieldShown)
	n.last++
	n.words[n.last%len(n.words)] = words
	return n.last
}

func (n *notices) numbered(number int) notice {
	if number < 1 || number > n.last || number <= n.last-len(n.words) {
		return notice{}
	}
	return n.words[number%len(n.words)]
}

// done redirects to the page that the button is on, which shows the notice.
func (h *Handler) done(w http.ResponseWriter, r *http.Request, words string, err error) {
	said := notice{Words: words}
	if err != nil {
		said = notice{strings.TrimPrefix(err.Error(), "smslink: test gateway: "), true}
	}
	h.mu.Lock()
	number := h.notices.add(said)
	h.mu.Unlock()
	back := &url.URL{Path: "/controls"}
	// Only a path of our own: whoever posts the form chooses the field's value.
	if asked, err := url.Parse(r.PostFormValue("back")); err == nil && strings.HasPrefix(asked.Path, "/") && !strings.HasPrefix(asked.Path, "//") {
		back = &url.URL{Path: asked.Path, RawQuery: asked.RawQuery}
	}
	query := back.Query()
	query.Set("notice", strconv.Itoa(number))
	back.RawQuery = query.Encode()
	http.Redirect(w, r, back.String(), http.StatusSeeOther)
}

func (h *Handler) deliver(delivered bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		words := "reported as delivered"
		if !delivered {
			words = "reported as not delivered"
		}
		remoteID := r.PathValue("remote")
		err := h.gateway.Deliver(r.Context(), remoteID, delivered)
		h.done(w, r, fmt.Sprintf("Message %s %s.", remoteID, words), err)
	}
}

// receive is a message that the phone sends: a reply, or a wish to get no more messages.
func (h *Handler) receive(w http.ResponseWriter, r *http.Request) {
	number, text := r.PathValue("number"), strings.TrimSpace(r.PostFormValue("text"))
	if r.PostFormValue("do") == "unsubscribe" {
		err := h.gateway.Unsubscribe(r.Context(), number, cmp.Or(text, "STOP"))
		words := "unsubscribed: further messages fail with status 4"
		if h.usage.Unsubscriptions == "" {
			words += "; no program was told, since there is no --unsubscribe-callback"
		}
		h.done(w, r, shownNumber(number)+" "+words+".", err)
		return
	}
	if h.usage.Replies == "" {
		h.done(w, r, "", errors.New("no program takes replies; start the sandbox with --reply-callback URL"))
		return
	}
	answer, err := h.gateway.Reply(r.Context(), number, text)
	words := "The reply was taken, and answered with an empty body."
	if answer != "" {
		words = "The reply was taken. The live gateway may send the body of the answer back as an SMS, and bill it: " + answer
	}
	h.done(w, r, words, err)
}

func (h *Handler) setCredit(w http.ResponseWriter, r *http.Request) {
	what := r.PostFormValue("do")
	if what == "unlimited" {
		h.gateway.SetCredit(smslinktest.Unlimited)
		h.done(w, r, "The credit is unlimited.", nil)
		return
	}
	n, err := strconv.Atoi(strings.TrimSpace(r.PostFormValue("credit")))
	if err != nil || n < 0 || n > math.MaxInt32 {
		h.done(w, r, "", fmt.Errorf("a credit is a whole number from 0 to %s", grouped(math.MaxInt32)))
		return
	}
	if now := h.gateway.Credit(); what == "add" {
		if now == smslinktest.Unlimited {
			h.done(w, r, "The credit is unlimited already.", nil)
			return
		}
		n += now
	}
	h.gateway.SetCredit(n)
	h.done(w, r, "The credit is "+grouped(n)+" now.", nil)
}

func (h *Handler) injectFault(w http.ResponseWriter, r *http.Request) {
	words := strings.TrimSpace(r.PostFormValue("words"))
	if words == "" {
		words = r.PostFormValue("fault")
	}
	next, err := fault.Parse(words)
	if err == nil {
		h.gateway.Inject(next)
	}
	h.done(w, r, "The next upload meets "+faultName(next)+".", err)
}

// clear empties the gateway and the page's index of it together.
func (h *Handler) clear(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.gateway.Reset()
	h.ledger = newLedger()
	h.mu.Unlock()
	h.done(w, r, "Everything is cleared.", nil)
}
