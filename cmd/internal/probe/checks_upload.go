package probe

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/go-smslink/smslink"
)

var codecChecks = []Check{
	codecCheck("codec-none", smslink.CodecNone),
	codecCheck("codec-zlib", smslink.CodecZlib),
	codecCheck("codec-bzip2", smslink.CodecBZip2),
	codecCheck("codec-lzf", smslink.CodecLZF),
}

func codecCheck(name string, codec smslink.Codec) Check {
	fact := fmt.Sprintf("A package that is packed with %s is taken.", codec)
	return Check{name, fact, Ref, func(ctx context.Context, s *session) (string, Verdict) {
		text := strings.Repeat("Aveți o factură neachitată. ", 4) // something to pack
		return s.sendPackage(ctx, &shot{}, &smslink.Package{Codec: codec}, s.message(1, text), s.message(2, text)).taken()
	}}
}

// integrityChecks send a good upload with one field that does not fit.
var integrityChecks = []Check{
	wrongFieldCheck("wrong-md5-plain", "MD5Plain", strings.Repeat("0", 32)),
	wrongFieldCheck("wrong-md5-compressed", "MD5Compressed", strings.Repeat("0", 32)),
	wrongFieldCheck("wrong-size-plain", "SizePlain", "1"),
	wrongFieldCheck("wrong-size-compressed", "SizeCompressed", "1"),
	wrongFieldCheck("wrong-receivers", "Receivers", "2"),
	{"error-status", "An ERROR comes with an HTTP status of 200 to 299.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		x := s.send(ctx, &shot{change: func(f *form) { f.set("MD5Plain", strings.Repeat("0", 32)) }}, s.message(1, s.text()))
		seen := fmt.Sprintf("%s, with HTTP status %d", x, x.answer.status)
		switch {
		case !strings.HasPrefix(strings.TrimSpace(string(x.answer.body)), "ERROR;"):
			return seen, Unclear
		case x.answer.status >= 200 && x.answer.status <= 299:
			return seen, Holds
		}
		return seen, Deviates
	}},
}

func wrongFieldCheck(name, field, value string) Check {
	return Check{name, "An upload with a wrong " + field + " is refused.", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		return s.send(ctx, &shot{change: func(f *form) { f.set(field, value) }}, s.message(1, s.text())).refused()
	}}
}

var httpChecks = []Check{
	{"no-user-agent", "A request without a User-Agent is taken.", Ref, func(ctx context.Context, s *session) (string, Verdict) {
		return s.send(ctx, &shot{header: http.Header{"User-Agent": {""}}}, s.message(1, s.text())).taken()
	}},
	{"chunked", "Is an upload without a Content-Length taken?", Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		return s.send(ctx, &shot{chunked: true}, s.message(1, s.text())).noted()
	}},
}

var sizeChecks = []Check{sizeCheck(1), sizeCheck(100), sizeCheck(1000), sizeCheck(10_000), sizeCheck(50_000)}

// streamDefault is the most messages that a stream puts into a package, by default.
const streamDefault = 10_000

func sizeCheck(n int) Check {
	fact := fmt.Sprintf("A package of %d messages is taken.", n)
	switch {
	case n == 1:
		fact = "A package of one message, with zlib, is taken."
	case n == streamDefault:
		fact += " It is the default of a stream."
	case n > streamDefault:
		fact = fmt.Sprintf("Is a package of %d messages taken?", n)
	}
	return Check{fmt.Sprintf("package-%d", n), fact, Unknown, func(ctx context.Context, s *session) (string, Verdict) {
		seen, verdict := s.sendMany(ctx, n)
		if n > streamDefault && verdict != Unclear {
			verdict = Noted
		}
		return seen, verdict
	}}
}

// sendMany sends a package of n messages, unless one of fewer was not taken.
func (s *session) sendMany(ctx context.Context, n int) (seen string, verdict Verdict) {
	switch {
	case n > s.opts.MaxMessages:
		return fmt.Sprintf("not tried: at most %d messages are wanted", s.opts.MaxMessages), Unclear
	case s.refusedAt > 0:
		return fmt.Sprintf("not tried: a package of %d was not taken", s.refusedAt), Unclear
	case n > 1 && !s.testModeIsFree:
		return "not tried: it was not seen that test mode spends no credit", Unclear
	}
	messages := make([]smslink.Message, n)
	for i := range messages {
		messages[i] = s.message(int64(i+1), fmt.Sprintf("Proba %d din %d", i+1, n))
	}
	x := s.sendPackage(ctx, &shot{}, &smslink.Package{Codec: smslink.CodecZlib}, messages...)
	if x.err != nil {
		s.refusedAt = n
	}
	seen, verdict = x.taken()
	return fmt.Sprintf("%s, after %v", seen, x.elapsed.Round(10*time.Millisecond)), verdict
}
