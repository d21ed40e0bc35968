//go:build unix

package integration

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

// workerConfig configures a worker in a process of its own, through the environment.
type workerConfig struct {
	Dialect, Driver, DSN string
	Gateway              string
	Messages             int
	Concurrency          int
	Timeout              time.Duration

	DieAt  string // the step at which it sends itself Signal, once
	Signal syscall.Signal

	Lane       string // the only one it serves; empty means bulk
	FreezeFile string // a file that holds a step, at which it removes the file and stops
}

const workerEnv = "SMSLINK_TEST_OUTBOX_WORKER"

func TestMain(m *testing.M) {
	_ = mysql.SetLogger(&mysql.NopLogger{}) // by default it logs to standard error
	if raw := os.Getenv(workerEnv); raw != "" {
		if err := work(raw); err != nil {
			slog.Error(err.Error())
			os.Exit(1)
		}
		os.Exit(0)
	}
	_ = flag.Set("test.parallel", "8") // unless the command line has another: most tests wait
	os.Exit(m.Run())
}

var dialects = map[string]*outbox.Dialect{
	"postgres": outbox.Postgres, "mariadb": outbox.MariaDB, "sqlite": outbox.SQLite,
}

// work is the worker's process. It ends with SIGTERM, and begins again if the database is away.
func work(raw string) error {
	var c workerConfig
	if err := json.Unmarshal([]byte(raw), &c); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	db, err := sql.Open(c.Driver, c.DSN)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if c.Dialect == "sqlite" && (c.Signal == syscall.SIGSTOP || c.FreezeFile != "") {
		db.SetMaxOpenConns(1) // so that freeze can make sure that nothing is under way
	}
	freeze := func() {
		if c.Dialect == "sqlite" { // frozen while another goroutine writes, it would hold the only lock
			if conn, err := db.Conn(ctx); err == nil {
				defer func() { _ = conn.Close() }()
			}
		}
		woken := make(chan os.Signal, 1)
		signal.Notify(woken, syscall.SIGCONT)
		defer signal.Stop(woken)
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
		<-woken // on a busy machine the process is not stopped at once
	}
	died := false
	working := step.With(ctx, func(at string) {
		if at == c.DieAt && !died {
			died = true
			if c.Signal == syscall.SIGSTOP {
				freeze()
				return
			}
			_ = syscall.Kill(os.Getpid(), c.Signal)
			if c.Signal == syscall.SIGKILL {
				select {}
			}
			time.Sleep(10 * time.Millisecond)
		}
		if c.FreezeFile == "" {
			return
		}
		if wanted, err := os.ReadFile(c.FreezeFile); err == nil && string(wanted) == at {
			_ = os.Remove(c.FreezeFile)
			freeze()
		}
	})
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	client, err := smslink.NewClient("test-connection", "test-password", &smslink.Options{
		Endpoint: c.Gateway, Logger: logger,
	})
	if err != nil {
		return err
	}
	box, err := outbox.New(db, dialects[c.Dialect], &outbox.Options{
		Timeout: c.Timeout, Logger: logger,
		Lanes: map[string]outbox.Lane{
			outbox.Urgent: {Concurrency: -1},
			outbox.Bulk:   {Concurrency: -1},
			cmp.Or(c.Lane, outbox.Bulk): {
				Messages: c.Messages, Wait: -1, Poll: 20 * time.Millisecond, Concurrency: c.Concurrency,
			},
		},
	})
	if err != nil {
		return err
	}
	for {
		err := box.Run(working, client)
		if ctx.Err() != nil {
			return err
		}
		slog.Warn("again", "error", err)
		time.Sleep(100 * time.Millisecond)
	}
}

// spawn starts a worker. Its log is a file that is shown if the test fails.
func spawn(t *testing.T, c workerConfig, log string) *exec.Cmd {
	raw, err := json.Marshal(c)
	require.NoError(t, err)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), workerEnv+"="+string(raw))
	f, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	require.NoError(t, err)
	defer f.Close()
	cmd.Stdout, cmd.Stderr = f, f
	require.NoError(t, cmd.Start())
	return cmd
}

// spawned ends the worker with the test.
func spawned(t *testing.T, c workerConfig) *exec.Cmd {
	log := filepath.Join(t.TempDir(), "worker.log")
	cmd := spawn(t, c, log)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(log)
			t.Logf("%s", text)
		}
	})
	return cmd
}
