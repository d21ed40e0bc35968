package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/blacklist"
	"github.com/go-smslink/smslink/cmd/internal/account"
)

// check asks about one fact. If the fact is a question, nothing is assumed.
type check struct {
	name   string
	source source
	fact   string
	ask    ask
}

// ask asks the gateway, and returns what was seen and whether it is as assumed.
type ask func(ctx context.Context, s *session) (seen string, v verdict)

// checks are all checks, in the order in which they run.
var checks = []check{
	// The connection, before any request names the account.
	{"tls", unknown, "The endpoint speaks TLS 1.2 or later, and its certificate verifies.", askTLS},
	{"redirect", ref, "The endpoint answers without a redirect.", askRedirect},
	{"http-version", unknown, "The endpoint answers in HTTP/1.1.", askHTTPVersion},
	{"keep-alive", unknown, "A connection that is kept stays open for more than 2 seconds.", askKeepAlive},

	// The account, and what test mode costs, before anything large is uploaded.
	{"credentials", ref, "A package of one message is answered MESSAGE, and its message is accepted.",
		askUpload(upload{})},
	{"balance", public, "The balance is MESSAGE;4 with two numbers.", askBalance},
	{"test-mode", ref, "Test mode spends no credit.", askTestMode},
	{"blacklist", public, "The Live Update API answers blacklist-verify with MESSAGE 12, 13 or 14.", askBlacklist},

	{"codec-none", ref, "A package that is not compressed is accepted.", askCodec(smslink.CodecNone)},
	{"codec-zlib", ref, "A package that is compressed with zlib is accepted.", askCodec(smslink.CodecZlib)},
	{"codec-bzip2", ref, "A package that is compressed with bzip2 is accepted.", askCodec(smslink.CodecBZip2)},
	{"codec-lzf", ref, "A package that is compressed with LZF is accepted.", askCodec(smslink.CodecLZF)},

	{"reply-entries", ref, "A MESSAGE has one entry local:remote:status a message, all three of them numbers.",
		askEntries},
	{"reply-order", unknown, "In which order do the entries come?", askOrder},
	{"reply-end", unknown, "A reply says where it ends, by its length or in chunks.", askEnd},
	{"id-0", ref, "A message with the id 0 is accepted, and its entry has that id.", askID(0)},
	{"id-19-digits", unknown, "A message with the id 9223372036854775807 is accepted, and its entry has that id.",
		askID(math.MaxInt64)},
	{"repeated-id", unknown, "What happens to two messages with one id?", askRepeatedID},
	{"same-upload-twice", unknown, "Is an upload that comes twice accepted twice?", askRepeatedUpload},

	{"wrong-md5-plain", unknown, "An upload with a wrong MD5Plain is rejected.", askWrong("MD5Plain", wrongMD5)},
	{"wrong-md5-compressed", unknown, "An upload with a wrong MD5Compressed is rejected.",
		askWrong("MD5Compressed", wrongMD5)},
	{"wrong-size-plain", unknown, "An upload with a wrong SizePlain is rejected.", askWrong("SizePlain", "1")},
	{"wrong-size-compressed", unknown, "An upload with a wrong SizeCompressed is rejected.",
		askWrong("SizeCompressed", "1")},
	{"wrong-receivers", unknown, "An upload with a wrong Receivers is rejected.", askWrong("Receivers", "2")},
	{"error-status", ref, "An ERROR comes with an HTTP status of 200 to 299.", askErrorStatus},

	{"bad-number", ref, "An invalid number has status 2, and the package's other messages are accepted.", askBadNumber},
	{"bad-sender", ref, "A sender that is not approved has status 1, and the package's other messages are accepted.",
		askBadSender},
	{"text-line-end", ref, "A text with %0A for a line end is accepted.", askText("Proba\nlinia doi")},
	{"text-semicolon", ref, "A text with %3B for a semicolon is accepted.", askText("Proba; doi")},
	{"text-percent", ref, "A text with a bare percent sign is accepted.", askText("Proba 100% gratis")},
	{"text-diacritics", ref, "A text with Romanian letters in UTF-8 is accepted.", askText("Probă: ăâîșț ĂÂÎȘȚ şţ")},
	{"text-emoji", unknown, "A text with an emoji in UTF-8 is accepted.", askText("Proba 😀")},
	{"text-long", ref, "A text with more than 160 characters is accepted.", askText(strings.Repeat("Proba ", 60))},
	{"schedule-past", public, "A message that is scheduled in the past is rejected, with ERROR 15.", askPast},
	{"schedule-year", unknown, "Is a message accepted that is scheduled in a year?", askNextYear},

	{"no-user-agent", ref, "A request without a User-Agent is accepted.",
		askUpload(upload{noUserAgent: true})},
	{"chunked", unknown, "Is an upload without a Content-Length accepted?", askUpload(upload{chunked: true})},

	{"package-1", unknown, "A package of one message, with zlib, is accepted.", askSize(1)},
	{"package-100", unknown, "A package of 100 messages is accepted.", askSize(100)},
	{"package-1000", unknown, "A package of 1000 messages is accepted.", askSize(1000)},
	{"package-10000", unknown, "A package of 10000 messages is accepted. It is the default of a stream.",
		askSize(10_000)},
	{"package-50000", unknown, "Is a package of 50000 messages accepted?", askSize(50_000)},
}

// Names returns the names of all checks, in the order in which they run.
func Names() []string {
	names := make([]string, len(checks))
	for i, c := range checks {
		names[i] = c.name
	}
	return names
}

func askTLS(ctx context.Context, s *session) (string, verdict) {
	a, err := s.get(ctx, s.opts.transport)
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &certificate), errors.As(err, &record), err != nil && strings.Contains(err.Error(), "tls: "):
		return cause(err), deviates
	case err != nil:
		return cause(err), unclear // the network's fault
	case a.TLS == nil && account.IsLoopback(s.opts.endpoint):
		return "plain http, which does not leave this machine", holds
	case a.TLS == nil:
		return "the endpoint is plain http: the password travels unencrypted", deviates
	}
	return tls.VersionName(a.TLS.Version), holds
}

func askRedirect(ctx context.Context, s *session) (string, verdict) {
	a, err := s.get(ctx, s.opts.transport)
	switch {
	case err != nil:
		return cause(err), unclear
	case a.StatusCode >= 300 && a.StatusCode <= 399:
		return fmt.Sprintf("HTTP status %d, to %s", a.StatusCode, a.Header.Get("Location")), deviates
	}
	return fmt.Sprintf("HTTP status %d", a.StatusCode), holds
}

func askHTTPVersion(ctx context.Context, s *session) (string, verdict) {
	a, err := s.get(ctx, s.opts.transport)
	switch {
	case err != nil:
		return cause(err), unclear
	case a.Proto != "HTTP/1.1":
		return a.Proto, deviates
	}
	return a.Proto, holds
}

// keptFor is how long the library's transport keeps an idle connection, if it keeps any.
const keptFor = 2 * time.Second

// askKeepAlive measures when the server closes an idle connection.
func askKeepAlive(ctx context.Context, s *session) (string, verdict) {
	base := s.opts.transport.Clone()
	base.DisableKeepAlives, base.IdleConnTimeout = false, 0
	defer base.CloseIdleConnections()
	closed, dial := make(chan struct{}), base.DialContext
	if dial == nil {
		dial = (&net.Dialer{}).DialContext
	}
	var once sync.Once
	base.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &watchedConn{conn, func() { once.Do(func() { close(closed) }) }}, nil
	}
	a, err := s.get(ctx, base)
	if err != nil {
		return cause(err), unclear
	}
	start := time.Now()
	select {
	case <-closed:
	case <-time.After(s.opts.idleWait):
		if s.opts.idleWait <= keptFor {
			return fmt.Sprintf("it was not watched for more than %v", s.opts.idleWait), unclear
		}
		return fmt.Sprintf("it is kept for %v and longer", s.opts.idleWait), holds
	case <-ctx.Done():
		return cause(ctx.Err()), unclear
	}
	kept := time.Since(start).Round(100 * time.Millisecond)
	seen := fmt.Sprintf("an idle connection is closed after %v", kept)
	switch {
	case a.Close || kept == 0:
		return "each connection is closed after its reply", holds
	case kept <= keptFor:
		return seen, deviates
	}
	return seen, holds
}

// watchedConn is a connection that calls ended when it ends. Only the other side ends an idle one.
type watchedConn struct {
	net.Conn
	ended func()
}

func (c *watchedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if err != nil {
		c.ended()
	}
	return n, err
}

func (c *watchedConn) Close() error {
	c.ended()
	return c.Conn.Close()
}

func askBalance(ctx context.Context, s *session) (string, verdict) {
	balance, err := s.balance(ctx)
	switch {
	case errors.Is(err, smslink.ErrUnreadableReply), smslink.OutcomeOf(err) == smslink.OutcomeRejected:
		return cause(err), deviates
	case err != nil:
		return cause(err), unclear
	case balance.Time.IsZero():
		return "two numbers, without a time", holds
	}
	return "two numbers and a time", holds
}

func askTestMode(ctx context.Context, s *session) (string, verdict) {
	before, err := s.balance(ctx)
	if err != nil {
		return "the balance is not known: " + cause(err), unclear
	}
	if x := s.send(ctx, upload{}, s.message(1)); x.err != nil {
		return x.String(), unclear
	}
	after, err := s.balance(ctx)
	if err != nil {
		return "the balance is not known: " + cause(err), unclear
	}
	change := after.National + after.International - before.National - before.International
	if change != 0 {
		s.halted = "test mode spends credit"
		seen := fmt.Sprintf("the balance has changed by %+d; run it again if something else may have sent", change)
		return seen, deviates
	}
	s.testModeIsFree = true
	return "the balance is what it was before", holds
}

func askBlacklist(ctx context.Context, s *session) (string, verdict) {
	if err := s.wait(ctx); err != nil {
		return cause(err), unclear
	}
	listing, err := s.opts.blacklist.Lookup(ctx, s.opts.to)
	switch {
	case errors.Is(err, blacklist.ErrUnexpectedReply):
		return cause(err), deviates
	case err != nil:
		return cause(err), unclear
	case listing.Blocked:
		return "the number is blacklisted", holds
	}
	return "the number is not blacklisted", holds
}

// askUpload uploads one message.
func askUpload(u upload) ask {
	return func(ctx context.Context, s *session) (string, verdict) {
		return s.send(ctx, u, s.message(1)).accepted()
	}
}

func askCodec(codec smslink.Codec) ask {
	return func(ctx context.Context, s *session) (string, verdict) {
		m := s.message(1)
		m.Text = strings.Repeat("Aveți o factură neachitată. ", 4) // something to compress
		same := m
		same.ID = 2
		return s.send(ctx, upload{codec: codec}, m, same).accepted()
	}
}

var entryFormat = regexp.MustCompile(`^([123]):[0-9]+:[0-9]+$`)

func askEntries(ctx context.Context, s *session) (string, verdict) {
	x := s.send(ctx, upload{}, s.message(1), s.message(2), s.message(3))
	if x.err != nil {
		return x.accepted()
	}
	entries := x.entries()
	slices.Sort(entries)
	seen := fmt.Sprintf("%d entries for 3 messages", len(entries))
	for i, entry := range entries {
		if !entryFormat.MatchString(entry) || !strings.HasPrefix(entry, fmt.Sprint(i+1)) {
			return seen + "; one is something else", deviates
		}
	}
	if len(entries) != 3 {
		return seen, deviates
	}
	return seen, holds
}

func askOrder(ctx context.Context, s *session) (string, verdict) {
	x := s.send(ctx, upload{}, s.message(30), s.message(4), s.message(200), s.message(1))
	if x.err != nil {
		return x.accepted()
	}
	var ids []string
	for _, entry := range x.entries() {
		id, _, _ := strings.Cut(entry, ":")
		ids = append(ids, id)
	}
	if slices.Equal(ids, []string{"30", "4", "200", "1"}) {
		return "in the order of the package", noted
	}
	return "in another order than the package", noted
}

func askEnd(ctx context.Context, s *session) (string, verdict) {
	x := s.send(ctx, upload{}, s.message(1))
	switch {
	case x.answer.StatusCode == 0:
		return x.String(), unclear
	case len(x.answer.TransferEncoding) > 0:
		return "it comes in chunks", holds
	case x.answer.ContentLength >= 0:
		return "it has a Content-Length", holds
	}
	return "it ends where the connection does", deviates
}

func askID(id int64) ask {
	return func(ctx context.Context, s *session) (string, verdict) {
		return s.send(ctx, upload{}, s.message(id)).accepted()
	}
}

func askRepeatedID(ctx context.Context, s *session) (string, verdict) {
	repeat := func(f *form) { f.setPlain(strings.Replace(f.get("Package"), "\r\n2;", "\r\n1;", 1)) }
	x := s.send(ctx, upload{change: repeat}, s.message(1), s.message(2))
	if entries := x.entries(); len(entries) > 0 {
		return fmt.Sprintf("MESSAGE; entries: %d", len(entries)), noted
	}
	return x.accepted()
}

func askRepeatedUpload(ctx context.Context, s *session) (string, verdict) {
	m := s.message(1)
	first := s.send(ctx, upload{}, m)
	if first.err != nil {
		return first.accepted()
	}
	second := s.send(ctx, upload{}, m)
	switch {
	case second.err != nil:
		seen, v := second.accepted()
		return "the second: " + seen, v
	case first.resp.PackageID != "" && first.resp.PackageID == second.resp.PackageID:
		return "both are the same package", noted
	}
	return "both are accepted", noted
}

var wrongMD5 = strings.Repeat("0", 32)

// askWrong uploads a good package with one field that does not fit it.
func askWrong(field, value string) ask {
	return func(ctx context.Context, s *session) (string, verdict) {
		return s.send(ctx, upload{change: func(f *form) { f.set(field, value) }}, s.message(1)).rejected()
	}
}

func askErrorStatus(ctx context.Context, s *session) (string, verdict) {
	x := s.send(ctx, upload{change: func(f *form) { f.set("MD5Plain", wrongMD5) }}, s.message(1))
	if x.answer.StatusCode == 0 {
		return x.String(), unclear
	}
	seen := fmt.Sprintf("%s, with HTTP status %d", x, x.answer.StatusCode)
	switch {
	case !strings.HasPrefix(strings.TrimSpace(x.answer.body.String()), "ERROR;"):
		return seen, unclear
	case x.answer.StatusCode >= 200 && x.answer.StatusCode <= 299:
		return seen, holds
	}
	return seen, deviates
}

func askBadNumber(ctx context.Context, s *session) (string, verdict) {
	bad := s.message(2)
	bad.To = "07"
	return s.send(ctx, upload{lenient: true}, s.message(1), bad).second(smslink.StatusNumberFailed)
}

func askBadSender(ctx context.Context, s *session) (string, verdict) {
	bad := s.message(2)
	bad.From = "NotApproved"
	return s.send(ctx, upload{}, s.message(1), bad).second(smslink.StatusSenderFailed)
}

func askText(text string) ask {
	return func(ctx context.Context, s *session) (string, verdict) {
		m := s.message(1)
		m.Text = text
		return s.send(ctx, upload{}, m).accepted()
	}
}

func askPast(ctx context.Context, s *session) (string, verdict) {
	m := s.message(1)
	m.SendAt = time.Now().Add(-24 * time.Hour)
	x := s.send(ctx, upload{}, m)
	return x.holdsIf(x.String() == "ERROR 15")
}

func askNextYear(ctx context.Context, s *session) (string, verdict) {
	m := s.message(1)
	m.SendAt = time.Now().AddDate(1, 0, 0)
	return s.send(ctx, upload{}, m).accepted()
}

// askSize sends a package of n messages, unless that is over --max, a smaller one was not accepted,
// or test mode was not seen to spend no credit.
func askSize(n int) ask {
	return func(ctx context.Context, s *session) (string, verdict) {
		switch {
		case n > s.opts.maxMessages:
			return fmt.Sprintf("not tried: it has more than %d messages; see --max", s.opts.maxMessages), unclear
		case s.refusedSize > 0:
			return fmt.Sprintf("not tried: a package of %d was not accepted", s.refusedSize), unclear
		case n > 1 && !s.testModeIsFree:
			return "not tried: it was not seen that test mode spends no credit", unclear
		}
		messages := make([]smslink.Message, n)
		for i := range messages {
			messages[i] = s.message(int64(i + 1))
			messages[i].Text = fmt.Sprintf("Proba %d din %d", i+1, n)
		}
		x := s.send(ctx, upload{codec: smslink.CodecZlib}, messages...)
		if x.err != nil {
			s.refusedSize = n
		}
		seen, v := x.accepted()
		return fmt.Sprintf("%s, after %v", seen, x.elapsed.Round(10*time.Millisecond)), v
	}
}
