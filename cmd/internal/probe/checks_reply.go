package probe

import (
	"context"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/go-smslink/smslink"
)

var replyChecks = []Check{
	{"reply-entries", "A MESSAGE has one entry local:remote:status a message, all three of them numbers.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		x := s.send(ctx, &shot{}, s.message(1, s.text()), s.message(2, s.text()), s.message(3, s.text()))
		if x.err != nil {
			return x.taken()
		}
		entries := x.entries()
		slices.Sort(entries)
		entry := regexp.MustCompile(`^[123]:[0-9]+:[0-9]+$`)
		seen := fmt.Sprintf("%d entries for 3 messages", len(entries))
		for i, e := range entries {
			if !entry.MatchString(e) || !strings.HasPrefix(e, fmt.Sprint(i+1)) {
				return seen + "; one is something else", Deviates
			}
		}
		if len(entries) != 3 {
			return seen, Deviates
		}
		return seen, Holds
	}},
	{"reply-order", "In which order do the entries come?", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		ids := []int64{30, 4, 200, 1}
		var messages []smslink.Message
		for _, id := range ids {
			messages = append(messages, s.message(id, s.text()))
		}
		x := s.send(ctx, &shot{}, messages...)
		if x.err != nil {
			return x.noted()
		}
		var got []string
		for _, e := range x.entries() {
			local, _, _ := strings.Cut(e, ":")
			got = append(got, local)
		}
		order := "in another order than"
		if slices.Equal(got, strings.Fields(strings.Trim(fmt.Sprint(ids), "[]"))) {
			order = "in the order of"
		}
		return order + " the package", Noted
	}},
	{"reply-end", "A reply says where it ends, by its length or in chunks.", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		x := s.send(ctx, &shot{}, s.message(1, s.text()))
		switch {
		case x.answer.status == 0:
			return x.String(), Unclear
		case x.answer.chunked:
			return "it comes in chunks", Holds
		case x.answer.contentLength >= 0:
			return "it has a Content-Length", Holds
		}
		return "it ends where the connection does", Deviates
	}},
	idCheck("id-0", 0, Ref),
	idCheck("id-19-digits", math.MaxInt64, Unknown),
	{"repeated-id", "What becomes of two messages with one id?", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		x := s.send(ctx, &shot{change: func(f *form) {
			f.setPlain(strings.Replace(f.get("Package"), "\r\n2;", "\r\n1;", 1))
		}}, s.message(1, s.text()), s.message(2, s.text()))
		if entries := x.entries(); len(entries) > 0 {
			return fmt.Sprintf("MESSAGE; entries: %d", len(entries)), Noted
		}
		return x.noted()
	}},
	{"same-upload-twice", "Is an upload that comes twice taken twice?", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		m := s.message(1, s.text())
		first, second := s.send(ctx, &shot{}, m), s.send(ctx, &shot{}, m)
		switch {
		case first.err != nil:
			return first.noted()
		case second.err != nil:
			seen, verdict := second.noted()
			return "the second: " + seen, verdict
		case first.resp.PackageID != "" && first.resp.PackageID == second.resp.PackageID:
			return "both are the same package", Noted
		}
		return "both are taken", Noted
	}},
}

func idCheck(name string, id int64, source Source) Check {
	return Check{name, fmt.Sprintf("A message with the id %d is taken, and its entry has that id.", id), source, func(ctx context.Context, s *session) (string, Verdict) {
		return s.send(ctx, &shot{}, s.message(id, s.text())).taken()
	}}
}

// noted returns what was seen of an upload if nothing is assumed of it.
func (x exchange) noted() (seen string, verdict Verdict) {
	if x.err != nil {
		return x.String(), x.answered(Noted)
	}
	return x.String(), Noted
}
