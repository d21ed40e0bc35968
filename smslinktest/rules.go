package smslinktest

import (
	"fmt"
	"slices"

	"github.com/go-smslink/smslink"
)

// Rule returns the status of a message of a package that is taken: [smslink.StatusSuccess] to
// accept it, or another status from 1 to 999. [smslink.StatusUnreported] leaves the message out of
// the reply. The message is as the gateway reads it: the receiver in digits, the text decoded, the
// time in UTC. Rules are called concurrently.
type Rule func(m smslink.Message) smslink.Status

// UnknownNumbers returns a rule that fails these receivers with [smslink.StatusNumberFailed], in
// whichever form a message has them.
func UnknownNumbers(receivers ...string) Rule {
	return failing(receivers, smslink.StatusNumberFailed)
}

// BlacklistedNumbers returns a rule that fails these receivers with
// [smslink.StatusInternalOrBlacklisted], in whichever form a message has them. It puts no number on
// the blacklist that the Live Update API and [Gateway.Blacklist] return: see [Gateway.Unsubscribe].
func BlacklistedNumbers(receivers ...string) Rule {
	return failing(receivers, smslink.StatusInternalOrBlacklisted)
}

func failing(receivers []string, status smslink.Status) Rule {
	failing := map[string]bool{}
	for _, receiver := range receivers {
		failing[phone(receiver)] = true
	}
	return func(m smslink.Message) smslink.Status {
		if failing[phone(m.To)] {
			return status
		}
		return smslink.StatusSuccess
	}
}

// phone returns a receiver in E.164 form, or unchanged if [smslink.E164] does not take it.
func phone(receiver string) string {
	if number, err := smslink.E164(receiver); err == nil {
		return number
	}
	return receiver
}

// statusOf returns the status of a message, before the credit is considered.
func (g *Gateway) statusOf(m *Message) smslink.Status {
	read := smslink.Message{ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt}
	for _, rule := range g.opts.Rules {
		switch status := rule(read); {
		case status < 0 || status > 999:
			panic(fmt.Sprintf("smslink: test gateway: a Rule returned status %d; a reply can hold 1 to 999",
				int(status)))
		case status != smslink.StatusSuccess:
			return status
		}
	}
	approves := func(sender string) bool { return sender == m.From || sender == AnySender }
	isCommon := m.From == smslink.SenderNumeric || m.From == smslink.SenderTest
	if !isCommon && !slices.ContainsFunc(g.opts.Senders, approves) {
		return smslink.StatusSenderFailed
	}
	number, err := smslink.E164(m.To)
	if err != nil {
		return smslink.StatusNumberFailed
	}
	if g.isBlacklisted(number) {
		return smslink.StatusInternalOrBlacklisted
	}
	return smslink.StatusSuccess
}
