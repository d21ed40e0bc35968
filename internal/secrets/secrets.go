// Package secrets is for tests that look for secrets in what the other packages print.
package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
)

// Secrets that no error, log line or printed value may show.
const (
	Password = "hunter2-Xq7"
	Number   = "0040712345678"
	Text     = "Codul Ioanei este 482913"
)

// RequireHidden prints each value in every way that a program would, and fails the test if a secret
// shows.
func RequireHidden(t testing.TB, values ...any) {
	t.Helper()
	for _, v := range values {
		printed := fmt.Sprintf("%v\n%+v\n%#v\n%s\n%q", v, v, v, v, v)
		var logged bytes.Buffer
		slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "v", v)
		printed += logged.String()
		if raw, err := json.Marshal(v); err == nil {
			printed += string(raw)
		}
		if err, ok := v.(error); ok {
			printed += err.Error()
		}
		RequireAbsent(t, printed)
	}
}

// RequireAbsent fails the test if a secret is in the text, verbatim, in base64, or as the numbers
// that fmt makes of a []byte.
func RequireAbsent(t testing.TB, text string) {
	t.Helper()
	for _, secret := range []string{Password, Number, Text} {
		var decimal, hex []string
		for _, c := range []byte(secret) {
			decimal = append(decimal, strconv.Itoa(int(c)))
			hex = append(hex, fmt.Sprintf("0x%x", c))
		}
		forms := []string{secret, strings.Join(decimal, " "), strings.Join(hex, ", ")}
		for offset := range 3 { // base64 of a text depends on where in it the secret starts
			encoded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + secret))
			forms = append(forms, encoded[4:len(encoded)-4])
		}
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Fatalf("%q shows %q", text, form)
			}
		}
	}
}
