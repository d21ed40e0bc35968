package send

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
)

// afford compares what is to be sent with --max-sms and with the account's balance. It returns an
// error if either is exceeded. It prints the balance. It is not an error if the gateway does not
// return the balance, since it is unconfirmed that it does for every account.
func (s *sending) afford(ctx context.Context) error {
	o, needed, abroad := s.opts, s.chosen.plan.RestSegments, s.chosen.plan.RestAbroad
	if o.maxSMS > 0 && needed > o.maxSMS {
		return fmt.Errorf("%d SMS are more than --max-sms %d", needed, o.maxSMS)
	}
	if o.sandbox || o.testMode || needed == 0 {
		return nil
	}
	soon, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	left, err := s.client.Balance(soon)
	if err != nil {
		_, why, _ := strings.Cut(outcome.Reason(err), ": ")
		fmt.Fprintf(s.console.Err,
			"The balance can't be read (%s), so it is unknown whether it is enough.\n", why)
		return nil
	}
	forAbroad := ""
	if abroad > 0 {
		forAbroad = fmt.Sprintf(", %d of them abroad", abroad)
	}
	fmt.Fprintf(s.console.Err, "%s%s; the account has %d in Romania and %d abroad\n",
		campaign.Plural(needed, "SMS"), forAbroad, left.National, left.International)
	if missing := missingOf(int64(needed-abroad), int64(abroad), left); missing != "" && !o.shortOfCredit {
		return errors.New("the account lacks " + missing +
			"; top it up, or add --short-of-credit and --yes to send as many as it pays for")
	}
	return nil
}

// missingOf returns how many SMS the account lacks, or "".
func missingOf(national, abroad int64, left smslink.Balance) string {
	home, away := max(national-left.National, 0), max(abroad-left.International, 0)
	switch {
	case home > 0 && away > 0:
		return fmt.Sprintf("%d SMS in Romania and %d abroad", home, away)
	case home > 0:
		return fmt.Sprintf("%d SMS in Romania", home)
	case away > 0:
		return fmt.Sprintf("%d SMS abroad", away)
	}
	return ""
}
