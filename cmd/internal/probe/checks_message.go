package probe

import (
	"context"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

var messageChecks = []Check{
	{"bad-number", "An invalid number has status 2, and the package's other messages are accepted.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		bad := s.message(2, s.text())
		bad.To = "07"
		x := s.sendPackage(ctx, &shot{}, &smslink.Package{Codec: smslink.CodecNone, LenientReceivers: true}, s.message(1, s.text()), bad)
		return x.second(smslink.StatusNumberFailed)
	}},
	{"bad-sender", "A sender that is not approved has status 1, and the package's other messages are accepted.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		bad := s.message(2, s.text())
		bad.From = "NotApproved"
		return s.send(ctx, &shot{}, s.message(1, s.text()), bad).second(smslink.StatusSenderFailed)
	}},
	textCheck("text-line-end", "%0A for a line end", "Proba\nlinia doi", Ref),
	textCheck("text-semicolon", "%3B for a semicolon", "Proba; doi", Ref),
	textCheck("text-percent", "a bare percent sign", "Proba 100% gratis", Ref),
	textCheck("text-diacritics", "Romanian letters in UTF-8", "Probă: ăâîșț ĂÂÎȘȚ şţ", Ref),
	textCheck("text-emoji", "an emoji in UTF-8", "Proba 😀", Unknown),
	textCheck("text-long", "more than 160 characters", strings.Repeat("Proba ", 60), Ref),
	{"schedule-past", "A message that is scheduled in the past is refused, with ERROR 15.", Public, func(ctx context.Context, s *session) (string, Verdict) {
		m := s.message(1, s.text())
		m.SendAt = time.Now().Add(-24 * time.Hour)
		x := s.send(ctx, &shot{}, m)
		switch seen := x.String(); {
		case seen == "ERROR 15":
			return seen, Holds
		case x.err == nil:
			return seen, Deviates
		default:
			return seen, x.answered(Deviates)
		}
	}},
	{"schedule-year", "Is a message taken that is scheduled in a year?", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		m := s.message(1, s.text())
		m.SendAt = time.Now().AddDate(1, 0, 0)
		return s.send(ctx, &shot{}, m).noted()
	}},
}

func textCheck(name, what, text string, source Source) Check {
	return Check{name, "A text with " + what + " is accepted.", source, func(ctx context.Context, s *session) (string, Verdict) {
		return s.send(ctx, &shot{}, s.message(1, text)).taken()
	}}
}

// second checks a package whose first message is assumed to be accepted, and its second one to have
// that status.
func (x exchange) second(status smslink.Status) (seen string, verdict Verdict) {
	switch {
	case x.err != nil:
		return x.taken()
	case x.resp.Results[0].Status == smslink.StatusSuccess && x.resp.Results[1].Status == status:
		return x.String(), Holds
	}
	return x.String(), Deviates
}
