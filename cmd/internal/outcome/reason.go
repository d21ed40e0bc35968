package outcome

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// Reason returns the outcome of a package that was not accepted, and why, in one line. It leaves
// out what differs between uploads, such as a URL's timestamp or a connection's port.
func Reason(err error) string {
	outcome := smslink.OutcomeOf(err).String()
	var sendErr *smslink.SendError
	if !errors.As(err, &sendErr) {
		return terminal.Error(err).Error()
	}
	host := ""
	var urlErr *url.Error
	if errors.As(err, &urlErr) {
		if u, parseErr := url.Parse(urlErr.URL); parseErr == nil {
			host = u.Hostname()
		}
	}
	var dnsErr *net.DNSError
	var opErr *net.OpError
	switch {
	case errors.Is(err, context.Canceled):
		return outcome + ": broken off"
	case errors.Is(err, smslink.ErrStopped):
		return terminal.Line(strings.NewReplacer("smslink: ", "", "the stream stopped: ", "", "the limiter: ", "").
			Replace(err.Error()))
	case sendErr.Outcome == smslink.OutcomeInDoubt &&
		(errors.Is(sendErr.Err, io.EOF) || errors.Is(sendErr.Err, io.ErrUnexpectedEOF)):
		if sendErr.StatusCode != 0 {
			return outcome + ": the gateway closed the connection in the middle of its answer"
		}
		return outcome + ": the gateway closed the connection without an answer"
	case sendErr.Outcome == smslink.OutcomeNotSent && errors.As(err, &dnsErr):
		return fmt.Sprintf("%s: can't reach %s: %s", outcome, terminal.Line(host), terminal.Line(dnsErr.Err))
	case sendErr.Outcome == smslink.OutcomeNotSent && errors.As(err, &opErr) && opErr.Op == "dial":
		return fmt.Sprintf("%s: can't reach %s: %s", outcome, terminal.Line(host), terminal.Line(causeOf(opErr.Err)))
	}
	text := err.Error()
	if urlErr != nil {
		text = strings.Replace(text, urlErr.Error(), urlErr.Err.Error(), 1)
	}
	if errors.As(err, &opErr) && opErr.Source != nil {
		text = strings.Replace(text, opErr.Source.String()+"->", "", 1)
	}
	return terminal.Text(text)
}

// causeOf returns why a system call failed, without its name.
func causeOf(err error) string {
	var call *os.SyscallError
	if errors.As(err, &call) {
		return call.Err.Error()
	}
	return err.Error()
}
