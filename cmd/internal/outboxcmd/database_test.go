package outboxcmd_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
)

func run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out strings.Builder
	console := cli.Console{In: strings.NewReader(""), Out: &out, Err: &out, Getenv: func(string) string { return "" }}
	return cli.Run(context.Background(), console, outboxcmd.NewCommand, args), out.String()
}

// A password with a character that a URL must escape is refused before any of it is taken for a
// host, and no error quotes a part of a URL.
func TestDB_urlsThatNameAPartOfThePasswordAsAHost(t *testing.T) {
	const unescaped = "--db has an @, /, ? or # in its user or password; write %40, %2F, %3F or %23"
	for _, scheme := range []string{"postgres", "postgresql", "mysql", "mariadb"} {
		for rest, want := range map[string]string{
			"u:hunter2@Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2/Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2?Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2#Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:12/Xq7@127.0.0.1:1/d":                                       unescaped,
			"u@Xq7:hunter2@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2%Xq7@127.0.0.1:1/d":                                  "--db is no URL such as ",
			"u:hunter2Xq7@127.0.0.1:Xq7/d":                                 "--db is no URL such as ",
			"u:hunter2Xq7@127.0.0.1:99999/d":                               "",
			"u:hunter2Xq7@127.0.0.1:1/d?sslmode=Xq7&tls=Xq7&parseTime=Xq7": "--db has a parameter or a port that the database's driver does not take",
			"u:hunter2%40Xq7@127.0.0.1:1/d":                                "",
		} {
			code, said := run(t, "status", "--db", scheme+"://"+rest)
			require.NotZero(t, code)
			require.Contains(t, said, want, rest)
			for _, part := range []string{"hunter2", "Xq7"} {
				require.NotContains(t, said, part, "%s://%s", scheme, rest)
			}
		}
		code, said := run(t, "status", "--db", scheme+":u:hunter2@host/d")
		require.NotZero(t, code)
		require.NotContains(t, said, "hunter2")
	}
}

func TestDB_sqlitesFilesAreTheOwnersAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	folder := t.TempDir()
	name := filepath.Join(folder, "shop.db")
	code, said := run(t, "migrate", "--db", "sqlite:"+name)
	require.Zero(t, code, said)
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
	require.NoError(t, os.Chmod(name, 0o640)) // as someone wants it, who made it
	code, said = run(t, "status", "--db", "sqlite:"+name)
	require.Zero(t, code, said)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	code, said = run(t, "migrate", "--db", "sqlite:"+filepath.Join(folder, "no", "shop.db"))
	require.NotZero(t, code)
	require.Contains(t, said, fmt.Sprint("--db: open ", folder))
}
