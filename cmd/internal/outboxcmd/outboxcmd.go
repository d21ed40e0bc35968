// Package outboxcmd is the command that sends and manages messages that are queued in a database.
package outboxcmd

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/spf13/cobra"
	_ "modernc.org/sqlite" // for sqlite:

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/signature"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

// envDB is the environment's --db: a URL may hold a password, and a command line is seen by every
// user of the machine.
const envDB = "SMSLINK_OUTBOX_DB"

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	var at database
	cmd := &cobra.Command{
		Use:   "smslink-outbox",
		Short: "Send and manage messages that programs queue in a database",
		Long: `Send and manage messages that programs queue in their own database with the Go
package outbox.

Name the database with --db, or with ` + envDB + ` if the URL holds a password:
  sqlite:FILE
  postgres://USER:PASSWORD@HOST/DATABASE
  mysql://USER:PASSWORD@HOST/DATABASE
  mariadb://USER:PASSWORD@HOST/DATABASE

Exit codes:
  0  done
  1  not all of it was done
  2  wrong usage
  3  nothing was done: the database can't be used, or what was asked is not possible`,
	}
	cmd.PersistentFlags().StringVar(&at.url, "db", c.Getenv(envDB), "`URL` of the database")
	cmd.PersistentFlags().Lookup("db").DefValue = "" // which may hold a password
	at.console = c
	cmd.AddCommand(newMigrateCommand(&at), newRunCommand(&at), newEnqueueCommand(&at), newStatusCommand(&at),
		newDoubtsCommand(&at), newResolveCommand(&at), newLookupCommand(&at), newCancelCommand(&at), newPersonCommand(&at),
		newPauseCommand(&at), newResumeCommand(&at))
	return cmd
}

// database is where the outbox is.
type database struct {
	console cli.Console
	url     string
	creates bool // a file that is not there is made
}

// do opens the outbox, and calls f until a signal comes.
func (at *database) do(ctx context.Context, opts *outbox.Options, f func(ctx context.Context, box *outbox.Outbox, db *sql.DB) error) error {
	db, dialect, err := openDatabase(at.url, at.creates)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	box, err := outbox.New(db, dialect, opts)
	if err != nil {
		return terminal.Error(err)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err = f(ctx, box, db)
	if err == nil || errors.As(err, new(*cli.ExitError)) || errors.As(err, new(usageError)) {
		return err
	}
	if text := err.Error(); strings.Contains(text, "smslink_meta") || strings.Contains(text, "smslink_message") { // which every command uses
		err = fmt.Errorf("run smslink-outbox migrate first: %w", err)
	}
	oneLine := strings.Join(strings.Fields(err.Error()), " ") // pgx lists addresses on lines of their own
	return cli.Exit(cli.ExitNotSent, terminal.Error(errors.New(oneLine)))
}

// usageError is one that only the database could tell.
type usageError struct{ error }

// openDatabase opens the database of a URL. Its errors quote nothing of the URL, which may hold a
// password.
func openDatabase(database string, creates bool) (*sql.DB, *outbox.Dialect, error) {
	scheme, rest, _ := strings.Cut(database, ":")
	switch scheme {
	case "":
		return nil, nil, fmt.Errorf("name the database with --db or %s", envDB)
	case "sqlite":
		if rest == "" || strings.ContainsAny(rest, "?#") {
			return nil, nil, errors.New("--db: sqlite: wants the name of a file without ? and #")
		}
		if _, err := os.Stat(rest); errors.Is(err, fs.ErrNotExist) && !creates {
			return nil, nil, cli.Exit(cli.ExitNotSent, fmt.Errorf("--db: there is no file %s; run smslink-outbox migrate first, which makes it", rest))
		}
		if err := makePrivate(rest); err != nil {
			return nil, nil, cli.Exit(cli.ExitNotSent, fmt.Errorf("--db: %w", err))
		}
		db, err := sql.Open("sqlite", "file:"+rest+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)&_pragma=busy_timeout(20000)&_txlock=immediate")
		return db, outbox.SQLite, err
	case "postgres", "postgresql":
		if _, err := parseURL(database); err != nil {
			return nil, nil, err
		}
		config, err := pgx.ParseConfig(database)
		if err != nil {
			return nil, nil, errParameters
		}
		return stdlib.OpenDB(*config), outbox.Postgres, nil
	case "mysql", "mariadb":
		connector, err := mysqlConnector(database)
		if err != nil {
			return nil, nil, err
		}
		dialect := outbox.MySQL
		if scheme == "mariadb" {
			dialect = outbox.MariaDB
		}
		return sql.OpenDB(connector), dialect, nil
	}
	return nil, nil, errors.New("--db must start with sqlite:, postgres://, mysql:// or mariadb://")
}

// makePrivate makes a file that is not there, for its owner alone. SQLite gives the files beside it
// the same mode.
func makePrivate(name string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// The errors of a database's URL. What a driver says of one may quote it.
var (
	errNoURL      = errors.New("--db is no URL such as postgres://USER:PASSWORD@HOST/DATABASE or mysql://USER:PASSWORD@HOST/DATABASE")
	errUnescaped  = errors.New("--db has an @, /, ? or # in its user or password; write %40, %2F, %3F or %23")
	errParameters = errors.New("--db has a parameter or a port that the database's driver does not take")
)

// parseURL parses the URL of a database. It refuses a URL with a second @, which would make a part
// of the password the name of a host.
func parseURL(database string) (*url.URL, error) {
	_, rest, ok := strings.Cut(database, "://")
	switch {
	case !ok:
		return nil, errNoURL
	case strings.Count(rest, "@") > 1 || strings.Contains(rest[strings.IndexAny(rest+"/", "/?#"):], "@"):
		return nil, errUnescaped
	}
	u, err := url.Parse(database)
	if err != nil {
		return nil, errNoURL
	}
	return u, nil
}

func mysqlConnector(database string) (driver.Connector, error) {
	u, err := parseURL(database)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || len(u.Path) < 2 {
		return nil, errNoURL
	}
	config, err := mysql.ParseDSN("/?" + u.RawQuery)
	if err != nil {
		return nil, errParameters
	}
	config.User = u.User.Username()
	config.Passwd, _ = u.User.Password()
	config.Net, config.Addr, config.DBName = "tcp", u.Host, u.Path[1:]
	if u.Port() == "" {
		config.Addr += ":3306"
	}
	config.InterpolateParams = true
	config.Logger = &mysql.NopLogger{} // it logs to standard error by default
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errParameters
	}
	return connector, nil
}

// someKeys wants at least one KEY.
func someKeys(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return errors.New("name a KEY; those of outbox enqueue are CAMPAIGN-ID")
	}
	return nil
}

func newMigrateCommand(at *database) *cobra.Command {
	return &cobra.Command{
		Use:     "migrate",
		Short:   "Create the outbox's tables, or bring them up to date",
		Example: "  smslink-outbox migrate --db sqlite:shop.db",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			at.creates = true
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error { return box.Migrate(ctx) })
		},
	}
}

func newCancelCommand(at *database) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel KEY…",
		Short: "Take messages out of the queue",
		Args:  someKeys,
		RunE: func(cmd *cobra.Command, keys []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, db *sql.DB) error {
				n, err := box.Cancel(ctx, db, keys...)
				if err != nil {
					return err
				}
				fmt.Fprintf(at.console.Out, "%d of %d cancelled\n", n, len(keys))
				if n < len(keys) {
					return cli.Exit(cli.ExitSomeBad, errors.New("the others are not in the queue; smslink-outbox lookup KEY shows each"))
				}
				return nil
			})
		},
	}
}

func newPauseCommand(at *database) *cobra.Command {
	var s signature.Signature
	cmd := &cobra.Command{
		Use:   "pause --reason TEXT",
		Short: "Stop all workers from starting another upload",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error { return box.Pause(ctx, s.By, s.Reason) })
		},
	}
	s.AddTo(cmd)
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

func newResumeCommand(at *database) *cobra.Command {
	var s signature.Signature
	cmd := &cobra.Command{
		Use:   "resume --reason TEXT",
		Short: "Let workers start uploads again",
		Long: `Let workers start uploads again, once the cause of the pause is gone. smslink-outbox
status shows the cause.

After a fail-over or a restore, the database may lack what workers have sent since.
Wait until each worker that still runs has written back what it sent. What a worker
that has ended sent may be in the queue again, and would be sent twice.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, _ *sql.DB) error { return box.Resume(ctx, s.By, s.Reason) })
		},
	}
	s.AddTo(cmd)
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}
