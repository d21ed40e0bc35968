//go:build unix

package secret_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/secret"
)

func TestRead_secretThatEverybodyCanRead(t *testing.T) {
	for mode, want := range map[os.FileMode]os.FileMode{0o644: 0o600, 0o604: 0o600, 0o666: 0o600, 0o600: 0o600, 0o400: 0o400, 0o640: 0o640} {
		file := filepath.Join(t.TempDir(), "secret")
		require.NoError(t, os.WriteFile(file, []byte("a-secret-of-16-characters\n"), 0o600))
		require.NoError(t, os.Chmod(file, mode))
		var notes strings.Builder
		got, err := secret.Read(file, &notes)
		require.NoError(t, err)
		require.Equal(t, "a-secret-of-16-characters", got)
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, want, info.Mode().Perm())
		if mode == want {
			require.Empty(t, notes.String())
		} else {
			require.Equal(t, "smslink: everybody could read the secret in "+file+"; its mode is 0600 now\n", notes.String())
		}
	}
}
