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

// UnknownNumbers returns a rule that fails these receivers with [smslink.StatusNumberFailed]. They
// are given as the gateway reads them, such as 0712345678 or 0040712345678.
func UnknownNumbers(receivers ...string) Rule {
	return failing(receivers, smslink.StatusNumberFailed)
}

// Blacklist returns a rule that fails these receivers with [smslink.StatusInternalOrBlacklisted].
// They are given as the gateway reads them, such as 0712345678 or 0040712345678.
func Blacklist(receivers ...string) Rule {
	return failing(receivers, smslink.StatusInternalOrBlacklisted)
}

func failing(receivers []string, status smslink.Status) Rule {
	receivers = slices.Clone(receivers)
	return func(m smslink.Message) smslink.Status {
		if slices.Contains(receivers, m.To) {
			return status
		}
		return smslink.StatusSuccess
	}
}

// ApprovedSenders returns a rule that fails all other senders with [smslink.StatusSenderFailed].
// [smslink.SenderNumeric] and [smslink.SenderTest] are always approved.
func ApprovedSenders(senders ...string) Rule {
	senders = append([]string{smslink.SenderNumeric, smslink.SenderTest}, senders...)
	return func(m smslink.Message) smslink.Status {
		if slices.Contains(senders, m.From) {
			return smslink.StatusSuccess
		}
		return smslink.StatusSenderFailed
	}
}

// judge returns the status that the rules give a message.
func (g *Gateway) judge(m smslink.Message) smslink.Status {
	for _, rule := range g.opts.Rules {
		switch status := rule(m); {
		case status < 0 || status > 999:
			panic(fmt.Sprintf("smslinktest: a Rule returned status %d; a reply can hold 1 to 999", int(status)))
		case status != smslink.StatusSuccess:
			return status
		}
	}
	return smslink.StatusSuccess
}
