package journal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-smslink/smslink"
)

// Doubt is a message that may have been sent. Times in this package are in UTC and in whole
// seconds.
type Doubt struct {
	ID    int64
	Since time.Time // when it was intended
}

// Run is a stretch of time in which a program had the journal open and sent messages. Opening a
// journal without sending anything does not make a run.
type Run struct {
	Start, End       time.Time // the first Intend, and the last Intend or Settle
	Accepted, Failed int       // how many messages were judged as StatusSuccess, and as anything else
}

func (r *Run) count(change *record) {
	r.End = change.at
	for _, status := range change.status {
		if status == smslink.StatusSuccess {
			r.Accepted++
		} else {
			r.Failed++
		}
	}
}

// Resolution is what a person said of messages in doubt; see [File.Resolve].
type Resolution struct {
	Time              time.Time
	By, Reason        string
	Judged, Forgotten []int64 // ids
}

// InDoubt returns the messages that were intended and not settled, in ascending order of their ids.
// They may have been sent.
func (j *File) InDoubt() []Doubt {
	j.mu.Lock()
	defer j.mu.Unlock()
	doubts := make([]Doubt, 0, j.states.doubt.Len())
	for id, since := range j.states.doubt.All() {
		doubts = append(doubts, Doubt{id, time.Unix(int64(since), 0).UTC()})
	}
	slices.SortFunc(doubts, func(a, b Doubt) int { return cmp.Compare(a.ID, b.ID) })
	return doubts
}

// Runs returns the runs so far, the first one first.
func (j *File) Runs() []Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.states.runs)
}

// Resolve records what became of messages in doubt, as a person has found out, for example from the
// account's reports. The judged ones were sent, or refused for good. The forgotten ones were not
// sent, and may be sent again. Both lists have at most 1,048,576 ids. Do not call Resolve while a
// stream uses the journal: what is on its way is in doubt, too.
//
// The journal keeps by, the person's name, of 1 to 200 bytes, and reason, of 1 to 1,000 bytes.
// Control characters in them become spaces. Write no phone number and no message into them.
//
// The error matches [ErrNotInDoubt], and nothing is changed, if one of the ids is not in doubt or
// comes twice.
func (j *File) Resolve(judged []smslink.Result, forgotten []int64, by, reason string) error {
	by, err := words("name", by, 200)
	if err != nil {
		return err
	}
	reason, err = words("reason", reason, 1000)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(judged)+len(forgotten) == 0 {
		return j.err
	}
	r := settlement(judged, forgotten)
	r.by, r.reason = by, reason
	return j.change(r)
}

// Resolutions returns what was given to [File.Resolve] so far, the first one first.
func (j *File) Resolutions() []Resolution {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.states.resolutions)
}

// Campaign returns what was last given to [File.SetCampaign], or "".
func (j *File) Campaign() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.states.campaign
}

// SetCampaign records what the journal belongs to, such as the digest of a campaign's file, in 1 to
// 200 bytes. A program can then refuse to use the journal for another campaign; the File itself
// compares nothing. Control characters become spaces.
func (j *File) SetCampaign(campaign string) error {
	campaign, err := words("campaign", campaign, 200)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.change(&record{campaign: campaign})
}

// words makes one line of what a person wrote.
func words(what, text string, most int) (string, error) {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, text))
	switch {
	case text == "":
		return "", errors.New("journal: the " + what + " is empty")
	case len(text) > most:
		return "", fmt.Errorf("journal: the %s has %d bytes; at most %d are kept", what, len(text), most)
	}
	return text, nil
}
