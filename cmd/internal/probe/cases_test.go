package probe

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/smslinktest"
)

// deviation is a gateway that breaks one assumption, and what its check finds.
type deviation struct {
	seen    string
	verdict verdict
	wrap    wrapper
	server  func(*httptest.Server)
}

type checkCase struct {
	seen   string
	breaks []deviation
}

// cases has for each check what it sees of a gateway that meets the assumption, and of gateways
// that do not.
var cases = map[string]checkCase{
	"tls": {"TLS 1.3", []deviation{
		{"protocol version", deviates, nil, func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS11 }},
	}},
	"redirect": {"HTTP status 405", []deviation{
		{"301, to https://other.example/", deviates, onRequest(func(w http.ResponseWriter, r *http.Request) bool {
			http.Redirect(w, r, "https://other.example/", http.StatusMovedPermanently)
			return true
		}), nil},
	}},
	"http-version": {"HTTP/1.1", []deviation{
		{"HTTP/1.0", deviates, raw("HTTP/1.0 200 OK\r\n\r\nERROR;1;x"), nil},
	}},
	"keep-alive": {"it is kept for 2.2s and longer", []deviation{ // see also TestKeepAlive
		{"each connection is closed", holds, onRequest(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Connection", "close")
			return false
		}), nil},
	}},
	"credentials": {"MESSAGE; 1 success", []deviation{
		{"ERROR 7", deviates, refuse("7", always), nil},
		{"MESSAGE; 1 insufficient credit", deviates, onEntries(func([]string) []string {
			return []string{"1:0:5"}
		}), nil},
	}},
	"balance": {"two numbers and a time", []deviation{
		{"can't be read", deviates, onBalance("MESSAGE;4;balance;plenty"), nil},
		{"ERROR 14", deviates, onBalance("ERROR;14;unknown mode"), nil},
		{"two numbers, without a time", holds, onBalance("MESSAGE;4;balance;10,5"), nil},
	}},
	"blacklist": {"the number is not blacklisted", []deviation{
		{"the number is blacklisted", holds, onBlacklist("MESSAGE;12;all"), nil},
		{"unexpected reply: ERROR 99", deviates, onBlacklist("ERROR;99;x"), nil},
		{"unexpected reply", deviates, onBlacklist("<html>"), nil},
	}},
	"test-mode": {"the balance is what it was before", []deviation{
		{"the balance has changed by -1", deviates, spending, nil},
	}},
	"codec-none":  refusesCompression("0"),
	"codec-zlib":  refusesCompression("1"),
	"codec-bzip2": refusesCompression("2"),
	"codec-lzf":   refusesCompression("3"),
	"reply-entries": {"3 entries for 3 messages", []deviation{
		{"2 entries for 3 messages", deviates, onEntries(func(all []string) []string { return all[1:] }), nil},
		{"something else", deviates, onEntries(func(all []string) []string {
			all[0] = strings.Replace(all[0], ":2", ":R2", 1)
			return all
		}), nil},
	}},
	"reply-order": {"in the order of the package", []deviation{
		{"in another order than the package", noted, onEntries(func(all []string) []string {
			slices.Reverse(all)
			return all
		}), nil},
	}},
	"reply-end": {"it has a Content-Length", []deviation{
		{"it ends where the connection does", deviates,
			raw("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nMESSAGE;1;ok;7;1:1:3"), nil},
		{"it comes in chunks", holds,
			raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\nMESSAGE;1;ok;7;1:1:3\r\n0\r\n\r\n"), nil},
	}},
	"id-0": {"MESSAGE; 1 success", []deviation{
		{"ERROR 1", deviates, refuse("1", func(f *form) bool {
			return strings.HasPrefix(f.get("Package"), "0;")
		}), nil},
	}},
	"id-19-digits": {"MESSAGE; 1 success", []deviation{
		{"", deviates, onEntries(func(all []string) []string {
			all[0] = "2147483647" + all[0][19:]
			return all
		}), nil},
	}},
	"repeated-id": {"MESSAGE; entries: 2", []deviation{
		{"MESSAGE; entries: 1", noted, onEntries(func(all []string) []string { return all[:1] }), nil},
		{"ERROR 16", noted, refuse("16", always), nil},
	}},
	"same-upload-twice": {"both are accepted", []deviation{
		{"the second: ERROR 16", noted, refusingRepeats, nil},
		{"both are the same package", noted, onUploads("MESSAGE;1;ok;7;1:1:3"), nil},
	}},
	"wrong-md5-plain":       takesWrong("MD5Plain"),
	"wrong-md5-compressed":  takesWrong("MD5Compressed"),
	"wrong-size-plain":      takesWrong("SizePlain"),
	"wrong-size-compressed": takesWrong("SizeCompressed"),
	"wrong-receivers": {"ERROR 900", []deviation{
		{"MESSAGE; 1 success", deviates, lenient(func(f *form) { f.set("Receivers", "1") }), nil},
		{"can't be read", deviates, onUpload(func(http.ResponseWriter, *form) bool { return true }), nil},
	}},
	"error-status": {"ERROR 900, with HTTP status 200", []deviation{
		{"with HTTP status 422", deviates,
			raw("HTTP/1.1 422 Unprocessable\r\nContent-Length: 9\r\n\r\nERROR;9;x"), nil},
		{"MESSAGE; 1 success, with HTTP status 200", unclear,
			lenient(func(f *form) { f.setPlain(f.get("Package")) }), nil},
	}},
	"bad-number": {"MESSAGE; 1 number failed, 1 success", []deviation{
		{"MESSAGE; 2 success", deviates, acceptingTheSecond, nil},
		{"ERROR 9", deviates, refuse("9", always), nil},
	}},
	"bad-sender": {"MESSAGE; 1 sender failed, 1 success", []deviation{
		{"MESSAGE; 2 success", deviates, acceptingTheSecond, nil},
		{"ERROR 13", deviates, refuse("13", always), nil},
	}},
	"text-line-end":   refusesText("%0A"),
	"text-semicolon":  refusesText("%3B"),
	"text-percent":    refusesText("%"),
	"text-diacritics": refusesText("ș"),
	"text-emoji":      refusesText("😀"),
	"text-long":       refusesText(strings.Repeat("Proba ", 40)),
	"schedule-past": {"ERROR 15", []deviation{
		{"MESSAGE; 1 success", deviates, onUploads("MESSAGE;1;ok;7;1:1:3"), nil},
		{"ERROR 900", deviates, refuse("900", always), nil},
	}},
	"schedule-year": {"MESSAGE; 1 success", []deviation{{"ERROR 15", noted, refuse("15", always), nil}}},
	"no-user-agent": {"MESSAGE; 1 success", []deviation{
		{"HTTP status 403", deviates, onRequest(func(w http.ResponseWriter, r *http.Request) bool {
			if r.UserAgent() != "" {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			return true
		}), nil},
	}},
	"chunked":       {"ERROR 1", []deviation{{"MESSAGE; 1 success", noted, lenient(func(*form) {}), nil}}},
	"package-1":     refusesMessages(1, deviates),
	"package-100":   refusesMessages(100, deviates),
	"package-1000":  refusesMessages(1000, deviates),
	"package-10000": refusesMessages(10000, deviates),
	"package-50000": refusesMessages(50000, noted),
}

// acceptingTheSecond accepts the second message of each package, whatever it is.
var acceptingTheSecond = onEntries(func(all []string) []string {
	all[1] = "2:5:3"
	return all
})

func onBalance(reply string) wrapper {
	return onReply(smslinktest.BalancePath, func(string) string { return reply })
}

func onBlacklist(reply string) wrapper {
	return onReply(smslinktest.BlacklistPath, func(string) string { return reply })
}

func onUploads(reply string) wrapper {
	return onReply(smslinktest.BulkPath, func(string) string { return reply })
}

func refusesCompression(method string) checkCase {
	return checkCase{"MESSAGE; 2 success", []deviation{
		{"ERROR 900", deviates, refuse("900", func(f *form) bool { return f.get("Compression") == method }), nil},
	}}
}

// takesWrong is a gateway that accepts a wrong field.
func takesWrong(field string) checkCase {
	return checkCase{"ERROR 900", []deviation{{"MESSAGE; 1 success", deviates, lenient(func(f *form) {
		came := f.get(field)
		f.setPlain(f.get("Package"))
		if f.get(field) == came {
			panic(field + " was right")
		}
	}), nil}}}
}

func refusesText(part string) checkCase {
	return checkCase{"MESSAGE; 1 success", []deviation{
		{"ERROR 900", deviates, refuse("900", func(f *form) bool {
			return strings.Contains(f.get("Package"), part)
		}), nil},
		{"MESSAGE; 1 internal error or blacklisted", deviates, onEntries(func([]string) []string {
			return []string{"1:0:4"}
		}), nil},
	}}
}

func refusesMessages(n int, v verdict) checkCase {
	return checkCase{fmt.Sprintf("MESSAGE; %d success, after ", n), []deviation{
		{"ERROR 900, after ", v, refuse("900", func(f *form) bool {
			return f.get("Receivers") == strconv.Itoa(n) && f.get("Compression") == "1"
		}), nil},
	}}
}
