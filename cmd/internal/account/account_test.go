package account_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// Connect warns if the password would leave the machine unencrypted.
func TestConnect_warnsOfPlainHTTP(t *testing.T) {
	for endpoint, warned := range map[string]bool{
		smslink.DefaultEndpoint:             false,
		"https://192.0.2.7/":                false,
		"http://127.0.0.1:8040/bulk-v3.php": false,
		"http://127.8.9.10/":                false,
		"http://[::1]:8040/":                false,
		"http://[::ffff:127.0.0.1]/":        false,
		"http://localhost:8040/":            false,

		"http://www.smslink.ro/sms/gateway/communicate/bulk-v3.php": true,
		"HTTP://www.smslink.ro/bulk-v3.php":                         true,
		"http://192.0.2.7:8040/bulk-v3.php":                         true,
		"http://localhost.example/bulk-v3.php":                      true,
		"http://127.0.0.1.example/":                                 true,
	} {
		var out, errOut strings.Builder
		c := cli.Console{Out: &out, Err: &errOut, Getenv: func(string) string { return "x" }}
		_, closeGateway, err := account.Connect(c, account.Options{Endpoint: endpoint})
		require.NoError(t, err, endpoint)
		closeGateway()
		require.Equal(t, warned, strings.Contains(errOut.String(), "travel unencrypted"), endpoint)
		require.Empty(t, out.String())
	}
}
