package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
)

// If the balance can't be read, send prints that and continues.
func TestSend_balanceThatCannotBeRead(t *testing.T) {
	gateway := newGateway(t, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "index.php") {
			http.NotFound(w, r)
			return
		}
		gateway.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	endpoint := server.URL + strings.TrimPrefix(gateway.URL, gateway.Server.URL)
	got := smslinkIn(accountOf(gateway), "", "send", "--endpoint", endpoint, oneRow(t))
	require.Equal(t, cli.ExitAccepted, got.code, got.err)
	require.Contains(t, got.err, "The balance can't be read (")
	require.Contains(t, got.err, "), so it is unknown whether it is enough.\n")
	require.Len(t, gateway.Messages(), 1)
}

func oneRow(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "one.csv")
	require.NoError(t, os.WriteFile(file, []byte("id,to,text\n1,0700000001,Bună\n"), 0o600))
	return file
}
