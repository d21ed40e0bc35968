package secrets_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/secrets"
)

// recorder is a test that notes that it has failed.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Fatalf(string, ...any) { r.failed = true }

func TestRequireHidden_findsEverySecret(t *testing.T) {
	for _, value := range []any{
		"the password is " + secrets.Password,
		errors.New("to " + secrets.Number),
		[]byte(secrets.Text),
		struct{ Message struct{ Text string } }{struct{ Text string }{secrets.Text}},
		base64.StdEncoding.EncodeToString([]byte("a" + secrets.Text)),
	} {
		r := recorder{TB: t}
		secrets.RequireHidden(&r, value)
		require.True(t, r.failed, "%v", value)
	}
	secrets.RequireHidden(t, "nothing", errors.New("as little"), []byte("this"))
}
