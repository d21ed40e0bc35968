package smslinktest

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// String returns the fault in the words that [ParseFault] reads, and "none" for the zero Fault. It
// is one line, unless a text given to the fault has line ends.
func (f Fault) String() string {
	switch {
	case f.words == "":
		return "none"
	case f.stage == beforeReading:
		return "before-reading " + f.words
	case f.stage == afterTaking && movable(f.words):
		return "after-taking " + f.words
	}
	return f.words
}

// movable reports whether the fault with these words happens before taking unless it is moved.
func movable(words string) bool {
	name, _, _ := strings.Cut(words, " ")
	return slices.Contains([]string{"hang-up", "reset", "answer", "refuse", "redirect"}, name)
}

// ParseFault parses a fault in words, for scripts and command lines:
//
//	none                  the upload goes through
//	lose-reply            [LoseReply]
//	hang-up               [HangUp]
//	reset                 [ResetConnection]
//	answer 503 BODY       [Answer]; the body may be left out
//	refuse 8 no credit    [Refuse]
//	redirect 302 URL      [Redirect]
//	delay 2s              [Delay]
//	trickle 10ms          [Trickle]
//	cut-reply 10          [CutReply]
//	endless-reply         [EndlessReply]
//	omit 1 2              [OmitEntries]
//	repeat 1 2            [RepeatEntries]
//	malform 1 2           [MalformEntries]
//	add 9:9:3 x           [AddEntries]
//	shuffle 1             [ShuffleEntries]
//
// Before hang-up, reset, answer, refuse and redirect, after-taking and before-reading mean
// [Fault.AfterTaking] and [Fault.BeforeReading]. The error names the word at fault.
func ParseFault(words string) (Fault, error) {
	words = strings.TrimSpace(words)
	stage, rest, _ := strings.Cut(words, " ")
	if stage != "after-taking" && stage != "before-reading" {
		return parseFault(words)
	}
	rest = strings.TrimSpace(rest)
	if !movable(rest) {
		return Fault{}, fmt.Errorf("smslinktest: %s goes with hang-up, reset, answer, refuse and redirect only", stage)
	}
	fault, err := parseFault(rest)
	if err != nil {
		return Fault{}, err
	}
	if stage == "after-taking" {
		return fault.AfterTaking(), nil
	}
	return fault.BeforeReading(), nil
}

func parseFault(words string) (Fault, error) {
	name, rest, _ := strings.Cut(words, " ")
	rest = strings.TrimSpace(rest)
	fault, err := faultNamed(name, rest)
	if err != nil {
		return Fault{}, fmt.Errorf("smslinktest: fault %q: %w", name, err)
	}
	return fault, nil
}

func faultNamed(name, rest string) (Fault, error) {
	switch name {
	case "none":
		return plainFault(Fault{}, rest)
	case "lose-reply":
		return plainFault(LoseReply(), rest)
	case "hang-up":
		return plainFault(HangUp(), rest)
	case "reset":
		return plainFault(ResetConnection(), rest)
	case "endless-reply":
		return plainFault(EndlessReply(), rest)
	case "answer", "redirect":
		return answerFault(name, rest)
	case "refuse":
		code, text, _ := strings.Cut(rest, " ")
		if code == "" || strings.Contains(rest, ";") {
			return Fault{}, errors.New("takes a code and a text without a semicolon, such as refuse 8 no credit")
		}
		return Refuse(code, strings.TrimSpace(text)), nil
	case "delay", "trickle":
		pause, err := time.ParseDuration(rest)
		if err != nil || pause < 0 {
			return Fault{}, fmt.Errorf("takes a time, such as %s 2s", name)
		}
		if name == "delay" {
			return Delay(pause), nil
		}
		return Trickle(pause), nil
	case "cut-reply":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return Fault{}, errors.New("takes a number of bytes, such as cut-reply 10")
		}
		return CutReply(n), nil
	case "shuffle":
		seed, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return Fault{}, errors.New("takes a seed, such as shuffle 1")
		}
		return ShuffleEntries(seed), nil
	case "omit", "repeat", "malform":
		return idsFault(name, strings.Fields(rest))
	case "add":
		if rest == "" {
			return Fault{}, errors.New("takes entries, such as add 9:9:3")
		}
		return AddEntries(strings.Fields(rest)...), nil
	}
	return Fault{}, errors.New("is not one of none, lose-reply, hang-up, reset, answer, refuse, redirect, delay, trickle, cut-reply, " +
		"endless-reply, omit, repeat, malform, add and shuffle")
}

func plainFault(fault Fault, rest string) (Fault, error) {
	if rest != "" {
		return Fault{}, errors.New("takes nothing after its name")
	}
	return fault, nil
}

func answerFault(name, rest string) (Fault, error) {
	lowest, highest := 200, 599
	if name == "redirect" {
		lowest, highest = 300, 399
	}
	code, text, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || status < lowest || status > highest {
		return Fault{}, fmt.Errorf("takes an HTTP status from %d to %d", lowest, highest)
	}
	if name == "redirect" {
		return Redirect(status, strings.TrimSpace(text)), nil
	}
	return Answer(status, strings.TrimSpace(text)), nil
}

func idsFault(name string, words []string) (Fault, error) {
	var ids []int64
	for _, word := range words {
		id, err := strconv.ParseInt(word, 10, 64)
		if err != nil {
			return Fault{}, errors.New("takes local message ids, separated by spaces")
		}
		ids = append(ids, id)
	}
	switch {
	case len(ids) == 0:
		return Fault{}, errors.New("takes local message ids, separated by spaces")
	case name == "omit":
		return OmitEntries(ids...), nil
	case name == "repeat":
		return RepeatEntries(ids...), nil
	}
	return MalformEntries(ids...), nil
}

// listed returns the values, each after a space.
func listed[T any](values []T) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprint(&b, " ", v)
	}
	return b.String()
}
