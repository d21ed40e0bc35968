// Command otp is a service that texts one-time codes, and a sandbox for it. See otp.go for the
// sending, and otp_test.go for the tests of such a program.
package main

import (
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func main() {
	if err := run(os.Stdout); err != nil {
		log.Fatal(err)
	}
}

// service is an HTTP handler that texts a one-time code to the number it is given.
type service struct {
	sms  *smslink.Client
	keep func(phone, code string) // for the log-in, which compares it
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	phone, err := smslink.E164(r.PostFormValue("phone")) // one key for a phone, however it is written
	if err != nil {
		http.Error(w, "This is not a mobile number.", http.StatusBadRequest)
		return
	}
	code := newCode()
	s.keep(phone, code)
	sendCode(w, r, s.sms, phone, code)
}

// newCode returns six random digits.
func newCode() string {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		panic(err) // crypto/rand never fails
	}
	return fmt.Sprintf("%06d", n)
}

// run asks the service for five codes. The sandbox refuses one and loses the reply to another.
func run(out io.Writer) error {
	gateway := smslinktest.NewGateway(nil) // in place of the live one
	defer gateway.Close()
	codes := map[string]string{}
	server := httptest.NewServer(&service{
		sms:  gateway.Client(), // in production: smslink.NewClient(connectionID, password, nil)
		keep: func(phone, code string) { codes[phone] = code },
	})
	defer server.Close()

	for _, visit := range []struct {
		phone  string
		faults []smslinktest.Fault
	}{
		{"0712345678", nil},
		{"+40 21 312 3456", nil},
		{"0734567890", []smslinktest.Fault{smslinktest.LoseReply()}},
		{"0723456789", []smslinktest.Fault{smslinktest.Reject("7", "wrong password")}},
		{"0723 456 789", nil}, // the client sends nothing for a minute
	} {
		gateway.Inject(visit.faults...)
		resp, err := http.PostForm(server.URL, url.Values{"phone": {visit.phone}})
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s asks for a code: %d %s\n", visit.phone, resp.StatusCode, strings.TrimSpace(string(answer)))
	}
	for _, m := range gateway.Messages() {
		phone, err := smslink.E164(m.To)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "the sandbox has for %s: %s\n", phone, strings.ReplaceAll(m.Text, codes[phone], "******"))
	}
	fmt.Fprintln(out, len(gateway.Uploads()), "uploads")
	return nil
}
