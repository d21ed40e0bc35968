package inbox

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// pageTimeout is how long a page's request may take, so that no client keeps a connection for ever.
// A button may call a program three times, and each call may take 10 seconds.
const pageTimeout = time.Minute

// ownPagesOnly keeps other sites' pages from reading ours and from posting to them:
//
//   - A Host that is a name is refused, except localhost. A page elsewhere whose name is made to
//     lead here (DNS rebinding) has a name as its Host.
//   - An Origin must be our own, and Sec-Fetch-Site must say so. Only a link may come from
//     elsewhere.
//
// Programs other than browsers send neither Origin nor Sec-Fetch-Site, and pass.
func ownPagesOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "+
			"connect-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "+
			"require-trusted-types-for 'script'; trusted-types 'none'")
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		// Not no-referrer, under which a browser says "Origin: null" of our own forms.
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		if why := foreign(r); why != "" {
			http.Error(w, "refused: "+why, http.StatusForbidden)
			return
		}
		conn := http.NewResponseController(w)
		_ = conn.SetReadDeadline(time.Now().Add(pageTimeout)) // a test's recorder has none
		_ = conn.SetWriteDeadline(time.Now().Add(pageTimeout))
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		next.ServeHTTP(w, r)
	})
}

// foreign returns why a request is not our own page's, or "" if it may be.
func foreign(r *http.Request) string {
	if !directHost(r.Host) {
		return "open this page by an IP address or as localhost, not by another name"
	}
	header, site := r.Header, r.Header.Get("Sec-Fetch-Site")
	isForeign := func(origin string) bool { return origin != "http://"+r.Host }
	isOwn := !slices.ContainsFunc(header.Values("Origin"), isForeign)
	isLink := r.Method == http.MethodGet && header.Get("Sec-Fetch-Mode") == "navigate" &&
		header.Get("Sec-Fetch-Dest") == "document"
	if isOwn && (isLink || site == "" || site == "same-origin" || site == "none") {
		return ""
	}
	return "another site's page may not use this one"
}

// directHost reports whether a Host leads to a machine without a name server's help.
func directHost(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	return strings.EqualFold(host, "localhost")
}

// notFromPages refuses what a browser sends on behalf of a page to the gateway's endpoints. The
// sandbox's credentials are no secret, so any page that a developer looks at could fill the inbox
// and make delivery reports. Programs send neither Origin nor Sec-Fetch-Site.
func notFromPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if site := r.Header.Get("Sec-Fetch-Site"); len(r.Header.Values("Origin")) > 0 || site != "" && site != "none" {
			http.Error(w, "refused: a web page may not use the gateway; call it from a program", http.StatusForbidden)
			return
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // of a page, earlier on this connection
		next.ServeHTTP(w, r)
	})
}
