//go:build unix

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
)

const repository = "../../.."

// The shop of examples/outbox on PostgreSQL, with database/sql and with pgx itself.
func TestExample_postgres(t *testing.T) {
	needsLong(t)
	t.Parallel()
	server := startPostgres(t)
	cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-run", "^TestRun_postgres$", "./outbox")
	cmd.Dir = filepath.Join(repository, "examples")
	cmd.Env = append(os.Environ(), "SMSLINK_POSTGRES="+server.DSN)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestRun_postgres")
}

// The command on both servers, by their URLs.
func TestCommand(t *testing.T) {
	needsLong(t)
	t.Parallel()
	command := filepath.Join(t.TempDir(), "smslink-outbox")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", command, ".")
	build.Dir = filepath.Join(repository, "cmd", "smslink-outbox")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for scheme, start := range map[string]func(t *testing.T) *servers.Server{
		"postgres": func(t *testing.T) *servers.Server { return startPostgres(t) },
		"mariadb":  func(t *testing.T) *servers.Server { return startMariaDB(t) },
	} {
		t.Run(scheme, func(t *testing.T) {
			server := start(t)
			url := server.DSN
			if scheme == "mariadb" {
				url = fmt.Sprintf("mariadb://root@127.0.0.1:%d/outbox", server.Port)
			}
			smslink := func(args ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), command, args...)
				cmd.Env = append(os.Environ(), "SMSLINK_OUTBOX_DB="+url)
				cmd.Stdin = strings.NewReader("id,to,text\n1,0712345678,Ștefan 😀\n2,0712345679,Comanda\n")
				out, err := cmd.CombinedOutput()
				return string(out), err
			}
			for _, step := range []struct{ command, want string }{
				{"migrate", ""},
				{"enqueue --campaign june -", "2 of 2 messages queued"},
				{"enqueue --campaign june -", "0 of 2 messages queued"},
				{"cancel june-2", "1 of 1 cancelled"},
				{"pause --reason test", ""},
				{"status", "bulk"},
				{"resume --reason test", ""},
				{"doubts", ""},
				{"lookup june-1", "june-1: queued"},
			} {
				out, err := smslink(strings.Fields(step.command)...)
				require.NoError(t, err, "%s: %s", step.command, out)
				require.Contains(t, out, step.want)
			}
		})
	}
}
