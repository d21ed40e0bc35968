package outboxcmd_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
	"github.com/go-smslink/smslink/outbox"
)

func noVariables(string) string { return "" }

func run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out strings.Builder
	console := cli.Console{In: strings.NewReader(""), Out: &out, Err: &out, Getenv: noVariables}
	return cli.Run(context.Background(), console, outboxcmd.NewCommand, args), out.String()
}

// A password with a character that a URL must escape is refused before any of it is taken for a
// host, and no error quotes a part of a URL.
func TestDB_urlsThatNameAPartOfThePasswordAsAHost(t *testing.T) {
	const parameters = "--db has a parameter or a port that the database's driver does not take"
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
			"u:hunter2Xq7@127.0.0.1:1/d?sslmode=Xq7&tls=Xq7&parseTime=Xq7": parameters,
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
	require.NoError(t, os.Chmod(name, 0o640)) // its owner's choice
	code, said = run(t, "status", "--db", "sqlite:"+name)
	require.Zero(t, code, said)
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm())
	code, said = run(t, "migrate", "--db", "sqlite:"+filepath.Join(folder, "no", "shop.db"))
	require.NotZero(t, code)
	require.Contains(t, said, fmt.Sprint("--db: open ", folder))
}

// With --reports, a number that unsubscribes gets no more messages.
func TestRun_takesUnsubscriptions(t *testing.T) {
	folder := t.TempDir()
	name, secret := filepath.Join(folder, "shop.db"), filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("a-secret-of-16-characters\n"), 0o600))
	said, errOut := io.Pipe()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan int, 1)
	go func() {
		console := cli.Console{In: strings.NewReader(""), Out: io.Discard, Err: errOut, Getenv: noVariables}
		ended <- cli.Run(ctx, console, outboxcmd.NewCommand, []string{
			"run", "--db", "sqlite:" + name, "--migrate", "--sandbox",
			"--reports", "127.0.0.1:0", "--secret-file", secret,
		})
		_ = errOut.Close()
	}()
	base := ""
	for lines := bufio.NewScanner(said); base == "" && lines.Scan(); {
		if _, at, ok := strings.Cut(lines.Text(), "unsubscriptions at "); ok {
			base, _, _ = strings.Cut(at, ",")
		}
	}
	require.NotEmpty(t, base)
	var logged strings.Builder
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(&logged, said)
	}()
	for path, want := range map[string]int{
		"a-secret-of-16-characters?sender=0712345678&message=STOP": http.StatusOK,
		"a-secret-of-16-characters?sender=Ana":                     http.StatusInternalServerError,
		"guess?sender=0712345679":                                  http.StatusNotFound,
	} {
		resp, err := http.Get(base + path + "&unsubscribe_message_id=x")
		require.NoError(t, err)
		resp.Body.Close()
		require.Equal(t, want, resp.StatusCode, path)
	}
	stop()
	require.Zero(t, <-ended)
	<-copied
	require.Contains(t, logged.String(), "level=")
	require.NotRegexp(t, "712345678|712345679|STOP|Ana", logged.String())

	db, err := sql.Open("sqlite", name)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	box, err := outbox.New(db, outbox.SQLite, nil)
	require.NoError(t, err)
	out, err := box.OptedOut(t.Context(), db, "+40712345678", "0712345679")
	require.NoError(t, err)
	require.Equal(t, []string{"+40712345678"}, out)
}
