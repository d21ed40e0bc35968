// Package checktls refuses transports that do not verify TLS.
package checktls

import (
	"crypto/tls"
	"errors"
	"net/http"
)

// Transport returns an error for an *http.Transport that is nil, does not verify TLS, or allows TLS
// below 1.2. It can't see into others.
func Transport(t http.RoundTripper) error {
	given, ok := t.(*http.Transport)
	switch {
	case !ok:
		return nil
	case given == nil:
		return errors.New("HTTPClient.Transport is a nil *http.Transport; leave the field nil to use smslink's own")
	case skipsVerification(given.TLSClientConfig):
		return errors.New("the HTTP client turns TLS verification off; " +
			"give its transport the server's certificate as RootCAs instead")
	case allowsOldTLS(given.TLSClientConfig):
		return errors.New("the HTTP client allows TLS below 1.2; leave its transport's MinVersion at its default")
	}
	return nil
}

func skipsVerification(config *tls.Config) bool {
	return config != nil && config.InsecureSkipVerify &&
		config.VerifyConnection == nil && config.VerifyPeerCertificate == nil
}

func allowsOldTLS(config *tls.Config) bool {
	return config != nil && config.MinVersion != 0 && config.MinVersion < tls.VersionTLS12
}
