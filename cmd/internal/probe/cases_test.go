package probe

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-smslink/smslink/smslinktest"
)

// deviation is a gateway that breaks one assumption, and what its check makes of it.
type deviation struct {
	wrap    wrapper
	server  func(*httptest.Server)
	seen    string
	verdict Verdict
}

type checkCase struct {
	seen   string
	breaks []deviation
}

// cases has for each check what it sees of a gateway that meets the assumption, and of gateways
// that do not.
var cases = map[string]checkCase{
	"tls": {"TLS 1.3", []deviation{
		{nil, func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS11 }, "protocol version", Deviates},
	}},
	"redirect": {"HTTP status 405", []deviation{
		{onRequest(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://other.example/", http.StatusMovedPermanently)
			return true
		}), nil, "HTTP status 301, to https://other.example/", Deviates},
	}},
	"http-version": {"HTTP/1.1", []deviation{{raw("HTTP/1.0 200 OK\r\n\r\nERROR;1;x"), nil, "HTTP/1.0", Deviates}}},
	"keep-alive": {"it is kept for 2.2s and longer", []deviation{
		{nil, func(s *httptest.Server) { s.Config.IdleTimeout = 300 * time.Millisecond }, "an idle connection is closed after ", Deviates},
		{onRequest(func(w http.ResponseWriter, _ *http.Request) bool { w.Header().Set("Connection", "close"); return false }), nil, "each connection is closed after its reply", Holds},
	}},
	"credentials": {"MESSAGE; 1 success", []deviation{
		{refuse("7", always), nil, "ERROR 7", Deviates},
		{onEntries(func([]string) []string { return []string{"1:0:5"} }), nil, "MESSAGE; 1 insufficient credit", Deviates},
	}},
	"balance": {"two numbers and a time", []deviation{
		{onReply("/index.php", func(string) string { return "MESSAGE;4;balance;plenty" }), nil, "can't be read", Deviates},
		{onReply("/index.php", func(string) string { return "ERROR;14;unknown mode" }), nil, "ERROR 14", Deviates},
		{onReply("/index.php", func(string) string { return "MESSAGE;4;balance;10,5" }), nil, "two numbers, without a time", Holds},
	}},
	"blacklist": {"the number is not blacklisted", []deviation{
		{onReply(smslinktest.BlacklistPath, func(string) string { return "MESSAGE;12;all" }), nil, "the number is blacklisted", Holds},
		{onReply(smslinktest.BlacklistPath, func(string) string { return "ERROR;99;x" }), nil, "unexpected reply: ERROR 99", Deviates},
		{onReply(smslinktest.BlacklistPath, func(string) string { return "<html>" }), nil, "unexpected reply", Deviates},
	}},
	"test-mode":   {"the balance is what it was before", []deviation{{spending, nil, "the balance has changed by -1", Deviates}}},
	"codec-none":  refusesCompression("0"),
	"codec-zlib":  refusesCompression("1"),
	"codec-bzip2": refusesCompression("2"),
	"codec-lzf":   refusesCompression("3"),
	"reply-entries": {"3 entries for 3 messages", []deviation{
		{onEntries(func(all []string) []string { return all[1:] }), nil, "2 entries for 3 messages", Deviates},
		{onEntries(func(all []string) []string { all[0] = strings.Replace(all[0], ":2", ":R2", 1); return all }), nil, "something else", Deviates},
	}},
	"reply-order": {"in the order of the package", []deviation{
		{onEntries(func(all []string) []string { slices.Reverse(all); return all }), nil, "in another order than the package", Noted},
	}},
	"reply-end": {"it has a Content-Length", []deviation{
		{raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nMESSAGE;1;ok;7;1:1:3"), nil, "it ends where the connection does", Deviates},
		{raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nMESSAGE;1;ok;7;1:1:3\r\n0\r\n\r\n"), nil, "it comes in chunks", Holds},
	}},
	"id-0": {"MESSAGE; 1 success", []deviation{
		{refuse("1", func(f *form) bool { return strings.HasPrefix(f.get("Package"), "0;") }), nil, "ERROR 1", Deviates},
	}},
	"id-19-digits": {"MESSAGE; 1 success", []deviation{
		{onEntries(func(all []string) []string { all[0] = "2147483647" + all[0][19:]; return all }), nil, "", Deviates},
	}},
	"repeated-id": {"MESSAGE; entries: 2", []deviation{
		{onEntries(func(all []string) []string { return all[:1] }), nil, "MESSAGE; entries: 1", Noted},
		{refuse("16", always), nil, "ERROR 16", Noted},
	}},
	"same-upload-twice": {"both are taken", []deviation{
		{refusingRepeats, nil, "the second: ERROR 16", Noted},
		{onReply("/bulk-v3.php", func(string) string { return "MESSAGE;1;ok;7;1:1:3" }), nil, "both are the same package", Noted},
	}},
	"wrong-md5-plain":       takesWrong("MD5Plain"),
	"wrong-md5-compressed":  takesWrong("MD5Compressed"),
	"wrong-size-plain":      takesWrong("SizePlain"),
	"wrong-size-compressed": takesWrong("SizeCompressed"),
	"wrong-receivers": {"ERROR 900", []deviation{
		{lenient(func(f *form) { f.set("Receivers", "1") }), nil, "MESSAGE; 1 success", Deviates},
		{onUpload(func(http.ResponseWriter, *form) bool { return true }), nil, "can't be read", Deviates},
	}},
	"error-status": {"ERROR 900, with HTTP status 200", []deviation{
		{raw("HTTP/1.1 422 Unprocessable\r\nContent-Length: 9\r\n\r\nERROR;9;x"), nil, "with HTTP status 422", Deviates},
		{lenient(func(f *form) { f.setPlain(f.get("Package")) }), nil, "MESSAGE; 1 success, with HTTP status 200", Unclear},
	}},
	"bad-number": {"MESSAGE; 1 number failed, 1 success", []deviation{
		{onEntries(func(all []string) []string { all[1] = "2:5:3"; return all }), nil, "MESSAGE; 2 success", Deviates},
		{refuse("9", always), nil, "ERROR 9", Deviates},
	}},
	"bad-sender": {"MESSAGE; 1 sender failed, 1 success", []deviation{
		{onEntries(func(all []string) []string { all[1] = "2:5:3"; return all }), nil, "MESSAGE; 2 success", Deviates},
		{refuse("13", always), nil, "ERROR 13", Deviates},
	}},
	"text-line-end":   refusesText("%0A"),
	"text-semicolon":  refusesText("%3B"),
	"text-percent":    refusesText("%"),
	"text-diacritics": refusesText("ș"),
	"text-emoji":      refusesText("😀"),
	"text-long":       refusesText(strings.Repeat("Proba ", 40)),
	"schedule-past": {"ERROR 15", []deviation{
		{onReply("/bulk-v3.php", func(string) string { return "MESSAGE;1;ok;7;1:1:3" }), nil, "MESSAGE; 1 success", Deviates},
		{refuse("900", always), nil, "ERROR 900", Deviates},
	}},
	"schedule-year": {"MESSAGE; 1 success", []deviation{{refuse("15", always), nil, "ERROR 15", Noted}}},
	"no-user-agent": {"MESSAGE; 1 success", []deviation{
		{onRequest(func(w http.ResponseWriter, r *http.Request) bool {
			if r.UserAgent() != "" {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}), nil, "HTTP status 403", Deviates},
	}},
	"chunked": {"ERROR 1", []deviation{
		{lenient(func(*form) {}), nil, "MESSAGE; 1 success", Noted},
	}},
	"package-1":     refusesMessages(1),
	"package-100":   refusesMessages(100),
	"package-1000":  refusesMessages(1000),
	"package-10000": refusesMessages(10000),
	"package-50000": {"MESSAGE; 50000 success, after", []deviation{{refuse("900", func(f *form) bool { return f.get("Receivers") == "50000" }), nil, "ERROR 900, after", Noted}}},
}

func refusesCompression(method string) checkCase {
	return checkCase{"MESSAGE; 2 success", []deviation{
		{refuse("900", func(f *form) bool { return f.get("Compression") == method }), nil, "ERROR 900", Deviates},
	}}
}

// takesWrong is a gateway that does not look at a field, which is wrong.
func takesWrong(field string) checkCase {
	return checkCase{"ERROR 900", []deviation{{lenient(func(f *form) {
		came := f.get(field)
		f.setPlain(f.get("Package"))
		if f.get(field) == came {
			panic(field + " was right")
		}
	}), nil, "MESSAGE; 1 success", Deviates}}}
}

func refusesText(part string) checkCase {
	return checkCase{"MESSAGE; 1 success", []deviation{
		{refuse("900", func(f *form) bool { return strings.Contains(f.get("Package"), part) }), nil, "ERROR 900", Deviates},
		{onEntries(func([]string) []string { return []string{"1:0:4"} }), nil, "MESSAGE; 1 internal error or blacklisted", Deviates},
	}}
}

func refusesMessages(n int) checkCase {
	return checkCase{fmt.Sprintf("MESSAGE; %d success, after ", n), []deviation{
		{refuse("900", func(f *form) bool { return f.get("Receivers") == strconv.Itoa(n) && f.get("Compression") == "1" }), nil, "ERROR 900, after ", Deviates},
	}}
}
