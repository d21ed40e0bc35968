// Package fault parses faults of the test gateway, as the sandbox's flags, files and page write
// them.
package fault

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/smslinktest"
)

// Parse parses a fault:
//
//	none                  the upload goes through
//	lose-reply            [smslinktest.LoseReply]
//	hang-up               [smslinktest.HangUp]
//	reset                 [smslinktest.ResetConnection]
//	answer 503 BODY       [smslinktest.Answer]; the body may be left out
//	reject 8 no credit    [smslinktest.Reject]
//	redirect 302 URL      [smslinktest.Redirect]
//	delay 2s              [smslinktest.Delay]
//	trickle 10ms          [smslinktest.Trickle]
//	cut-reply 10          [smslinktest.CutReply]
//	endless-reply         [smslinktest.EndlessReply]
//	omit 1 2              [smslinktest.OmitEntries]
//	add 9:9:3 x           [smslinktest.AddEntries]
//	shuffle 1             [smslinktest.ShuffleEntries]
//
// Before hang-up, reset, answer, reject and redirect, after-taking and before-reading mean
// [smslinktest.Fault.AfterTaking] and [smslinktest.Fault.BeforeReading]. The fault's
// Name is its text; none has no name. The error names the word at fault.
func Parse(text string) (smslinktest.Fault, error) {
	name, rest, _ := strings.Cut(strings.TrimSpace(text), " ")
	stage := ""
	if name == "after-taking" || name == "before-reading" {
		stage = name
		name, rest, _ = strings.Cut(strings.TrimSpace(rest), " ")
		if !slices.Contains([]string{"hang-up", "reset", "answer", "reject", "redirect"}, name) {
			return smslinktest.Fault{}, fmt.Errorf("%s goes with hang-up, reset, answer, reject and redirect only", stage)
		}
	}
	fault, err := named(name, strings.TrimSpace(rest))
	if err != nil {
		return smslinktest.Fault{}, fmt.Errorf("fault %q %w", name, err)
	}
	switch stage {
	case "":
		return fault, nil
	case "after-taking":
		fault = fault.AfterTaking()
	default:
		fault = fault.BeforeReading()
	}
	fault.Name = stage + " " + fault.Name
	return fault, nil
}

// named returns the fault of that name. Its errors are predicates of the fault.
func named(name, rest string) (smslinktest.Fault, error) {
	plain := map[string]smslinktest.Fault{
		"none":          {},
		"lose-reply":    smslinktest.LoseReply(),
		"hang-up":       smslinktest.HangUp(),
		"reset":         smslinktest.ResetConnection(),
		"endless-reply": smslinktest.EndlessReply(),
	}
	if fault, ok := plain[name]; ok {
		if rest != "" {
			return smslinktest.Fault{}, errors.New("takes nothing after its name")
		}
		return fault, nil
	}
	switch name {
	case "answer", "redirect":
		return answer(name, rest)
	case "reject":
		code, text, _ := strings.Cut(rest, " ")
		if code == "" || strings.Contains(rest, ";") {
			return smslinktest.Fault{}, errors.New("takes a code and a text without a semicolon, such as reject 8 no credit")
		}
		return smslinktest.Reject(code, strings.TrimSpace(text)), nil
	case "delay", "trickle":
		pause, err := time.ParseDuration(rest)
		if err != nil || pause < 0 {
			return smslinktest.Fault{}, fmt.Errorf("takes a time, such as %s 2s", name)
		}
		if name == "delay" {
			return smslinktest.Delay(pause), nil
		}
		return smslinktest.Trickle(pause), nil
	case "cut-reply":
		n, err := strconv.Atoi(rest)
		if err != nil || n < 0 {
			return smslinktest.Fault{}, errors.New("takes a number of bytes, such as cut-reply 10")
		}
		return smslinktest.CutReply(n), nil
	case "shuffle":
		seed, err := strconv.ParseUint(rest, 10, 64)
		if err != nil {
			return smslinktest.Fault{}, errors.New("takes a seed, such as shuffle 1")
		}
		return smslinktest.ShuffleEntries(seed), nil
	case "omit":
		return omit(strings.Fields(rest))
	case "add":
		if rest == "" {
			return smslinktest.Fault{}, errors.New("takes entries, such as add 9:9:3")
		}
		return smslinktest.AddEntries(strings.Fields(rest)...), nil
	}
	return smslinktest.Fault{}, errors.New("is unknown; the faults are none, lose-reply, hang-up, reset, " +
		"answer, reject, redirect, delay, trickle, cut-reply, endless-reply, omit, add and shuffle")
}

func answer(name, rest string) (smslinktest.Fault, error) {
	lowest, highest := 200, 599
	if name == "redirect" {
		lowest, highest = 300, 399
	}
	code, text, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || status < lowest || status > highest {
		return smslinktest.Fault{}, fmt.Errorf("takes an HTTP status from %d to %d", lowest, highest)
	}
	if name == "redirect" {
		return smslinktest.Redirect(status, strings.TrimSpace(text)), nil
	}
	return smslinktest.Answer(status, strings.TrimSpace(text)), nil
}

func omit(fields []string) (smslinktest.Fault, error) {
	bad := len(fields) == 0
	ids := make([]int64, len(fields))
	for i, field := range fields {
		var err error
		ids[i], err = strconv.ParseInt(field, 10, 64)
		bad = bad || err != nil
	}
	if bad {
		return smslinktest.Fault{}, errors.New("takes local message ids, separated by spaces")
	}
	return smslinktest.OmitEntries(ids...), nil
}
