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

func TestRead_secretThatEveryoneCanRead(t *testing.T) {
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
			require.Equal(t, "smslink: everyone could read the secret in "+file+"; its mode is 0600 now\n", notes.String())
		}
	}
}

// The file that a symbolic link leads to keeps its mode, and so does a file that holds no secret.
func TestRead_looksBeforeItChanges(t *testing.T) {
	const good = "a-secret-of-16-characters\n"
	for _, c := range []struct {
		name, holds string
		link        bool
		mode        os.FileMode
		want        string
	}{
		{"a link to a secret of the owner's", good, true, 0o600, ""},
		{"a link to a secret that everyone can read", good, true, 0o644, "which is a symbolic link; make its target readable by its owner only (Kubernetes: defaultMode: 0400)"},
		{"a link to another file", "root:x:0:0:root:/root:/bin/bash\n", true, 0o644, "holds no secret: "},
		{"another file", "root:x:0:0:root:/root:/bin/bash\n", false, 0o644, "holds no secret: "},
		{"an empty file", "", false, 0o644, "holds no secret: "},
	} {
		file := filepath.Join(t.TempDir(), "secret")
		name := file
		require.NoError(t, os.WriteFile(file, []byte(c.holds), 0o600))
		require.NoError(t, os.Chmod(file, c.mode))
		if c.link {
			name = file + ".link"
			require.NoError(t, os.Symlink(file, name))
		}
		var notes strings.Builder
		got, err := secret.Read(name, &notes)
		if c.want == "" {
			require.NoError(t, err, c.name)
			require.Equal(t, strings.TrimSpace(good), got)
		} else {
			require.ErrorContains(t, err, c.want, c.name)
			require.NotContains(t, err.Error(), "/bin/bash")
		}
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, c.mode, info.Mode().Perm(), c.name)
		require.Empty(t, notes.String())
	}
}
