package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The numbers are those of a real SQLite.
func TestRun(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, t.TempDir()))
	require.Equal(t, `200 messages: smslink: in doubt: the connection ended before the reply did (EOF)
accepted 550 in doubt 200 known from earlier 0
accepted 0 in doubt 200 known from earlier 550
750 messages arrived
`, out.String())
}
