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
	"regexp"
	"strings"
	"syscall"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/spf13/cobra"
	_ "modernc.org/sqlite" // for sqlite:

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
)

// envDB is the environment's --db: a URL may hold a password, and every user of the machine can see
// a command line.
const envDB = "SMSLINK_OUTBOX_DB"

// database is the database that the flags name.
type database struct {
	console cli.Console
	url     string
	pool    *sql.DB // while a command runs
}

// with returns the function of a command that opens the outbox and calls f.
func (d *database) with(
	f func(ctx context.Context, box *outbox.Outbox, args []string) error,
) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		return d.open(cmd.Context(), false, nil, func(ctx context.Context, box *outbox.Outbox) error {
			return f(ctx, box, args)
		})
	}
}

// open opens the outbox, and calls f with a context that a signal ends. If create is true, a SQLite
// file that does not exist is created.
func (d *database) open(
	ctx context.Context, create bool, opts *outbox.Options, f func(context.Context, *outbox.Outbox) error,
) error {
	db, dialect, err := openDatabase(d.url, create)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	box, err := outbox.New(db, dialect, opts)
	if err != nil {
		return terminal.Error(err)
	}
	d.pool = db
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err = f(ctx, box)
	if err == nil || errors.As(err, new(*cli.ExitError)) {
		return err
	}
	text := terminal.Text(strings.Join(strings.Fields(err.Error()), " ")) // pgx lists addresses on lines of their own
	if noTables.MatchString(text) {
		text = "run smslink-outbox migrate first: " + text
	}
	return cli.Exit(cli.ExitNotSent, errors.New(text))
}

// noTables matches a driver's error if the database lacks the outbox's tables.
var noTables = regexp.MustCompile(`no such table: smslink_|smslink_\w+"? does not exist|smslink_\w+' doesn't exist`)

// openDatabase opens the database of a URL. Its errors quote the name of SQLite's file, and nothing
// of any other URL, which may hold a password.
func openDatabase(database string, create bool) (*sql.DB, *outbox.Dialect, error) {
	scheme, rest, _ := strings.Cut(database, ":")
	switch scheme {
	case "":
		return nil, nil, fmt.Errorf("name the database with --db or %s", envDB)
	case "sqlite":
		if rest == "" || strings.ContainsAny(rest, "?#%") { // SQLite would open another file
			return nil, nil, errors.New("--db: sqlite: takes the name of a file without ?, # and %")
		}
		if _, err := os.Stat(rest); errors.Is(err, fs.ErrNotExist) && !create {
			return nil, nil, cli.Exit(cli.ExitNotSent,
				fmt.Errorf("--db: there is no file %s; run smslink-outbox migrate first, which creates it", rest))
		}
		if err := makePrivate(rest); err != nil {
			return nil, nil, cli.Exit(cli.ExitNotSent, fmt.Errorf("--db: %w", err))
		}
		db, err := sql.Open("sqlite", "file:"+rest+"?_pragma=journal_mode(wal)&_pragma=synchronous(full)"+
			"&_pragma=busy_timeout(20000)&_txlock=immediate")
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

// makePrivate creates a file, if it does not exist, that its owner alone can read. SQLite gives the
// files beside it the same mode.
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

// The errors of a database's URL. A driver's own error may quote the URL.
var (
	errNoURL = errors.New("--db is not a URL such as postgres://USER:PASSWORD@HOST/DATABASE " +
		"or mysql://USER:PASSWORD@HOST/DATABASE")
	errUnescaped  = errors.New("--db has an @, /, ? or # in its user or password; write %40, %2F, %3F or %23")
	errParameters = errors.New("--db has a parameter or a port that the database's driver does not accept")
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
	config.TLS = nil                   // ParseDSN's is for its own host; NewConnector makes it for Addr
	config.Logger = &mysql.NopLogger{} // it logs to standard error by default
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, errParameters
	}
	return connector, nil
}
