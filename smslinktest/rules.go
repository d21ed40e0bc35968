package smslinktest

import (
	"fmt"
	"slices"

	"github.com/go-smslink/smslink"
)

// Rule says what becomes of a message of a package that is taken: [smslink.StatusSuccess]
// where it has nothing against it, else the status that the reply shall hold, from
// 1 to 999. [smslink.StatusUnreported] leaves the message out of the reply. The
// message is as the gateway reads it: receiver in digits, text decoded, time in UTC.
// Goroutines call a rule concurrently.
type Rule func(m smslink.Message) smslink.Status

// UnknownNumbers fails these receivers with [smslink.StatusNumberFailed]. They are given
// as the gateway reads them, such as 0712345678 or 0040712345678.
func UnknownNumbers(receivers ...string) Rule {
	return failing(receivers, smslink.StatusNumberFailed)
}

// Blacklist fails these receivers with [smslink.StatusInternalOrBlacklisted]. They are
// given as the gateway reads them, such as 0712345678 or 0040712345678.
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

// ApprovedSenders fails every sender but these with [smslink.StatusSenderFailed].
// [smslink.SenderNumeric] and [smslink.SenderTest] are approved anyway.
func ApprovedSenders(senders ...string) Rule {
	senders = append([]string{smslink.SenderNumeric, smslink.SenderTest}, senders...)
	return func(m smslink.Message) smslink.Status {
		if slices.Contains(senders, m.From) {
			return smslink.StatusSuccess
		}
		return smslink.StatusSenderFailed
	}
}

// judge asks the rules in turn.
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
