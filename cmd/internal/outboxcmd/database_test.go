package outboxcmd_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outboxcmd"
	"github.com/go-smslink/smslink/cmd/internal/xlsx/xlsxtest"
	"github.com/go-smslink/smslink/outbox"
)

func noVariables(string) string { return "" }

func run(t *testing.T, args ...string) (code int, said string) {
	t.Helper()
	var out strings.Builder
	console := cli.Console{In: strings.NewReader(""), Out: &out, Err: &out, Getenv: noVariables}
	return cli.Run(context.Background(), console, outboxcmd.NewCommand, args), out.String()
}

// A URL whose password has an unescaped character is refused before a part of it is looked up as a
// host. No error quotes a part of a URL.
func TestDB_unescapedPasswords(t *testing.T) {
	const parameters = "--db has a parameter or a port that the database's driver does not accept"
	const unescaped = "--db has an @, /, ? or # in its user or password; write %40, %2F, %3F or %23"
	for _, scheme := range []string{"postgres", "postgresql", "mysql", "mariadb"} {
		for rest, want := range map[string]string{
			"u:hunter2@Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2/Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2?Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2#Xq7@127.0.0.1:1/d":                                  unescaped,
			"u:12/Xq7@127.0.0.1:1/d":                                       unescaped,
			"u@Xq7:hunter2@127.0.0.1:1/d":                                  unescaped,
			"u:hunter2%Xq7@127.0.0.1:1/d":                                  "--db is not a URL such as ",
			"u:hunter2Xq7@127.0.0.1:Xq7/d":                                 "--db is not a URL such as ",
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

// TLS to a MySQL or MariaDB server is for the host of the URL.
func TestDB_mysqlTLSNamesTheHost(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	name := make(chan string, 1)
	go func() {
		defer close(name)
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		// The server's greeting, with protocol 4.1 and TLS among what it can do.
		greeting := "\x0a8.0.0\x00" + "\x01\x00\x00\x00" + "12345678\x00" + "\x00\x8a" + "\x2d" + "\x02\x00" +
			"\x08\x00" + "\x15" + strings.Repeat("\x00", 10) + "123456789012\x00" + "mysql_native_password\x00"
		_, _ = conn.Write(append([]byte{byte(len(greeting)), 0, 0, 0}, greeting...))
		if _, err := io.ReadFull(conn, make([]byte, 4+32)); err != nil { // that the client wants TLS
			return
		}
		_ = tls.Server(conn, &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			name <- hello.ServerName
			return nil, errors.New("the test has seen enough")
		}}).Handshake()
	}()
	port := listener.Addr().(*net.TCPAddr).Port
	code, _ := run(t, "status", "--db", fmt.Sprintf("mysql://u:p@localhost:%d/d?tls=true", port))
	require.NotZero(t, code)
	listener.Close()
	require.Equal(t, "localhost", <-name)
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

// SQLite decodes the name of a file, and would open another one than the one that was made private.
func TestDB_sqliteNamesThatAURIWouldChange(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{"shop%41.db", "shop.db?mode=memory", "shop.db#1"} {
		code, said := run(t, "migrate", "--db", "sqlite:"+filepath.Join(folder, name))
		require.Equal(t, cli.ExitUsage, code)
		require.Contains(t, said, "--db: sqlite: takes the name of a file without ?, # and %")
	}
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, files)
}

// Only missing tables are a reason to migrate.
func TestDB_migrateFirst(t *testing.T) {
	name := filepath.Join(t.TempDir(), "shop.db")
	require.NoError(t, os.WriteFile(name, nil, 0o600))
	code, said := run(t, "status", "--db", "sqlite:"+name)
	require.Equal(t, cli.ExitNotSent, code)
	require.Contains(t, said, "smslink-outbox: run smslink-outbox migrate first: ")
	code, said = run(t, "migrate", "--db", "sqlite:"+name)
	require.Zero(t, code, said)
	db, err := sql.Open("sqlite", name)
	require.NoError(t, err)
	defer func() { _ = db.Close() }()
	for _, change := range []string{"INSERT", "UPDATE"} {
		_, err = db.ExecContext(t.Context(), "CREATE TRIGGER no_"+change+" BEFORE "+change+" ON smslink_meta "+
			"BEGIN SELECT RAISE(ABORT, 'permission denied for table smslink_meta'); END")
		require.NoError(t, err)
	}
	code, said = run(t, "pause", "--db", "sqlite:"+name, "--by", "Ana", "--reason", "a test")
	require.Equal(t, cli.ExitNotSent, code)
	require.Contains(t, said, "permission denied")
	require.NotContains(t, said, "migrate first")
}

// A reader that has read enough, such as head, is no failure.
func TestOutput_closedPipe(t *testing.T) {
	db := "sqlite:" + filepath.Join(t.TempDir(), "shop.db")
	code, said := run(t, "migrate", "--db", db)
	require.Zero(t, code, said)
	rows := filepath.Join(t.TempDir(), "june.csv")
	require.NoError(t, os.WriteFile(rows, []byte("id,to,text\n1,0712345678,Bună ziua.\n"), 0o600))
	code, said = run(t, "enqueue", "--campaign", "june", rows, "--db", db)
	require.Zero(t, code, said)
	for _, args := range [][]string{{"lookup", "june-1"}, {"person", "0712345678"}, {"status"}, {"status", "--json"}} {
		var errOut strings.Builder
		console := cli.Console{In: strings.NewReader(""), Out: closedPipe{}, Err: &errOut, Getenv: noVariables}
		code := cli.Run(t.Context(), console, outboxcmd.NewCommand, append(args, "--db", db))
		require.Zero(t, code, errOut.String())
	}
}

type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// What --reports needs is refused before anything is done.
func TestRun_reportsThatCantBeReceived(t *testing.T) {
	folder := t.TempDir()
	name, short := filepath.Join(folder, "shop.db"), filepath.Join(folder, "short")
	secret := filepath.Join(folder, "secret")
	require.NoError(t, os.WriteFile(short, []byte("short\n"), 0o600))
	require.NoError(t, os.WriteFile(secret, []byte("a-secret-of-16-characters\n"), 0o600))
	used, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = used.Close() }()
	for want, args := range map[string][]string{
		"--secret-file: ": {"--reports", "127.0.0.1:0", "--secret-file", short},
		"--reports: ":     {"--reports", used.Addr().String(), "--secret-file", secret},
	} {
		code, said := run(t, append(args, "run", "--db", "sqlite:"+name, "--migrate", "--sandbox")...)
		require.Equal(t, cli.ExitNotSent, code, said)
		require.Contains(t, said, want)
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Zero(t, info.Size(), "no tables, and no worker")
	}
}

// With --reports, a number that unsubscribes gets no more messages.
func TestRun_receivesUnsubscriptions(t *testing.T) {
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
		"a-secret-of-16-characters?sender=+40712345670&message=S":  http.StatusOK, // whose + is not escaped
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
	out, err := box.OptedOut(t.Context(), db, "+40712345678", "0712345679", "0712345670")
	require.NoError(t, err)
	require.Equal(t, []string{"+40712345678", "0712345670"}, out)
}

// Rows that a sheet hides, for example with a filter, are queued only with --hidden-rows include.
func TestEnqueue_hiddenRows(t *testing.T) {
	folder := t.TempDir()
	db, file := "sqlite:"+filepath.Join(folder, "shop.db"), filepath.Join(folder, "june.xlsx")
	row := func(attributes string, cells ...string) string {
		for i, text := range cells {
			cells[i] = `<c t="inlineStr"><is><t>` + text + `</t></is></c>`
		}
		return "<row " + attributes + ">" + strings.Join(cells, "") + "</row>"
	}
	rows := row("", "id", "to", "text") + row("", "1", "0700000001", "unu") + row(`hidden="1"`, "2", "0700000002", "doi")
	require.NoError(t, os.WriteFile(file, xlsxtest.Make("<sheetData>"+rows+"</sheetData>", nil), 0o600))
	code, said := run(t, "migrate", "--db", db)
	require.Zero(t, code, said)
	enqueue := []string{"enqueue", "--db", db, "--campaign", "june", file}
	code, said = run(t, enqueue...)
	require.Equal(t, cli.ExitNotSent, code, said)
	require.Contains(t, said, "1 row is hidden, perhaps by a filter; add --hidden-rows include to send them, too, or --hidden-rows skip; nothing was queued\n")
	code, said = run(t, append(enqueue, "--hidden-rows", "skip")...)
	require.Zero(t, code, said)
	require.Contains(t, said, "1 of 1 messages queued\n")
	code, said = run(t, append(enqueue, "--hidden-rows", "include")...)
	require.Zero(t, code, said)
	require.Contains(t, said, "1 of 2 messages queued; the others were queued before\n")
}
