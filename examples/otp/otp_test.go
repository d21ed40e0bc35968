package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// ask posts a number to the service and returns the answer and the code that the service kept.
func ask(ctx context.Context, gateway *smslinktest.Gateway, phone string) (answer *httptest.ResponseRecorder, code string) {
	s := &service{sms: gateway.Client(), keep: func(_, kept string) { code = kept }}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader(url.Values{"phone": {phone}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer = httptest.NewRecorder()
	s.ServeHTTP(answer, r)
	return answer, code
}

func TestService_textsTheCodeItKept(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	answer, code := ask(t.Context(), gateway, "+40 712 345 678")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Len(t, gateway.Messages(), 1)
	require.Equal(t, "0040712345678", gateway.Messages()[0].To)
	require.Equal(t, "Codul dvs. este "+code+".", gateway.Messages()[0].Text)
	require.Regexp(t, `^\d{6}$`, code)
	require.NotContains(t, answer.Body.String(), code)
}

func TestService_whenTheGatewayDoesNotTakeIt(t *testing.T) {
	for name, c := range map[string]struct {
		phone   string
		fault   smslinktest.Fault
		want    int
		arrives int
	}{
		"a landline number":     {"0213123456", smslinktest.Fault{}, http.StatusBadRequest, 0},
		"no one has the number": {"0700000404", smslinktest.Fault{}, http.StatusBadRequest, 1},
		"a refusal":             {"0712345678", smslinktest.Reject("3", "user suspended"), http.StatusServiceUnavailable, 0},
		"a lost reply":          {"0712345678", smslinktest.LoseReply(), http.StatusBadGateway, 1},
		"an overloaded server":  {"0712345678", smslinktest.Answer(503, ""), http.StatusBadGateway, 0},
	} {
		t.Run(name, func(t *testing.T) {
			gateway := smslinktest.NewGateway(&smslinktest.Options{Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000404")}})
			defer gateway.Close()
			gateway.Inject(c.fault)
			answer, _ := ask(t.Context(), gateway, c.phone)
			require.Equal(t, c.want, answer.Code)
			require.Len(t, gateway.Messages(), c.arrives, "nothing is sent twice")
		})
	}
}

func TestService_browserThatHangsUpGetsItsCode(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	hangUp()
	answer, _ := ask(ctx, gateway, "0712345678")
	require.Equal(t, http.StatusOK, answer.Code)
	require.Equal(t, smslink.StatusSuccess, gateway.Messages()[0].Status)
}

func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(&out))
	require.Equal(t, `0712345678 asks for a code: 200 The code was sent.
+40 21 312 3456 asks for a code: 400 This is not a mobile number.
0734567890 asks for a code: 502 The code may have been sent. Please wait a minute.
0723456789 asks for a code: 503 The code was not sent. Please try again.
0723 456 789 asks for a code: 503 The code was not sent. Please try again.
the sandbox has for +40712345678: Codul dvs. este ******.
the sandbox has for +40734567890: Codul dvs. este ******.
3 uploads
`, out.String())
}
