package probe

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
)

var accountChecks = []Check{
	{"credentials", "A package of one message is answered MESSAGE, and its message is accepted.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		return s.send(ctx, &shot{}, s.message(1, s.text())).taken()
	}},
	{"balance", "The balance is MESSAGE;4 with two numbers.", Public, func(ctx context.Context, s *session) (string, Verdict) {
		balance, err := s.balance(ctx)
		switch {
		case errors.Is(err, smslink.ErrUnreadableReply), err != nil && smslink.OutcomeOf(err) == smslink.OutcomeRejected:
			return words(err), Deviates
		case err != nil:
			return words(err), Unclear
		case balance.Time.IsZero():
			return "two numbers, without a time", Holds
		}
		return "two numbers and a time", Holds
	}},
	{"test-mode", "Test mode spends no credit.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		before, err := s.balance(ctx)
		if err != nil {
			return "the balance is not known: " + words(err), Unclear
		}
		x := s.send(ctx, &shot{}, s.message(1, s.text()))
		if x.err != nil {
			return x.String(), Unclear
		}
		after, err := s.balance(ctx)
		switch {
		case err != nil:
			return "the balance is not known: " + words(err), Unclear
		case before.National+before.International != after.National+after.International:
			s.halted = "test mode spends credit"
			return fmt.Sprintf("the balance has changed by %+d; run it again if something else may have sent", after.National+after.International-before.National-before.International), Deviates
		}
		s.testModeIsFree = true
		return "the balance is what it was before", Holds
	}},
}

func (s *session) balance(ctx context.Context) (smslink.Balance, error) {
	if err := s.pause(ctx); err != nil {
		return smslink.Balance{}, err
	}
	sh := &shot{}
	balance, err := s.client.Balance(sh.in(ctx))
	s.last = sh.answer
	return balance, err
}

var blacklistChecks = []Check{
	{"blacklist", "The Live Update API answers blacklist-verify with MESSAGE 12, 13 or 14.", Public, func(ctx context.Context, s *session) (string, Verdict) {
		if err := s.pause(ctx); err != nil {
			return words(err), Unclear
		}
		listing, err := s.opts.Blacklist.Lookup(ctx, s.opts.To)
		switch {
		case errors.Is(err, blacklist.ErrUnexpectedReply):
			return words(err), Deviates
		case err != nil:
			return words(err), Unclear
		case listing.Blocked:
			return "the number is blacklisted", Holds
		}
		return "the number is not blacklisted", Holds
	}},
}
