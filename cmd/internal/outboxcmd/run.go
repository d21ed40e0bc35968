package outboxcmd

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/secret"
	"github.com/go-smslink/smslink/cmd/internal/serve"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/webhook"
)

// runOptions are the flags of outbox run.
type runOptions struct {
	endpoint    string
	sandbox     bool
	migrate     bool
	allowLoss   bool
	timeout     time.Duration
	concurrency int
	hours       string
	reports     string
	secretFile  string
	verbose     bool
	account     account.File
}

func newRunCommand(at *database) *cobra.Command {
	var opts runOptions
	cmd := &cobra.Command{
		Use:   "run [flags]",
		Short: "Send what is queued, until Ctrl-C",
		Long: `Send what is queued, until Ctrl-C, which waits for the uploads that have begun.
Any number of these commands may run on one database, on any number of machines.

` + account.Help + `

With --reports it takes the gateway's delivery reports, too: see smslink reports. Under
/unsubscriptions/, followed by the same secret, it takes unsubscriptions, and sends no
more messages to their numbers, except in lanes that ignore opt-outs.`,
		Example: `  smslink-outbox run --db sqlite:shop.db --migrate --sandbox`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runOutbox(cmd.Context(), at, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&opts.sandbox, "sandbox", false, "send to a test gateway in this process: no account, no network, no SMS")
	flags.BoolVar(&opts.migrate, "migrate", false, "create the tables first, or bring them up to date")
	flags.IntVar(&opts.concurrency, "concurrency", 1, fmt.Sprintf("packages of the bulk lane that are uploaded at a time, up to %d", account.MaxConcurrency))
	flags.DurationVar(&opts.timeout, "timeout", 5*time.Minute, "`TIME` that one package's upload may take")
	flags.StringVar(&opts.hours, "hours", "", "`FROM-TO`, such as 08:00-22:00, in which the bulk lane is open, in local time")
	flags.StringVar(&opts.reports, "reports", "", "`ADDRESS` to take delivery reports and unsubscriptions at; needs --secret-file")
	flags.StringVar(&opts.secretFile, "secret-file", "", "`FILE` that holds the reports' secret")
	flags.BoolVar(&opts.allowLoss, "allow-loss", false, "work on a database whose settings may lose commits; messages can then be sent twice")
	opts.account.AddTo(cmd)
	flags.StringVar(&opts.endpoint, "endpoint", smslink.DefaultEndpoint, "`URL` of the gateway's bulk-v3.php")
	flags.BoolVarP(&opts.verbose, "verbose", "v", false, "log each upload to standard error, without numbers and texts")
	cmd.MarkFlagsRequiredTogether("reports", "secret-file")
	return cmd
}

func runOutbox(ctx context.Context, at *database, opts runOptions) error {
	if opts.concurrency < 1 || opts.concurrency > account.MaxConcurrency {
		return fmt.Errorf("--concurrency is not from 1 to %d", account.MaxConcurrency)
	}
	if opts.timeout <= 0 {
		return errors.New("--timeout is not above 0")
	}
	hours, err := parseHours(opts.hours)
	if err != nil {
		return err
	}
	c, err := opts.account.Console(at.console)
	if err != nil {
		return err
	}
	client, closeGateway, err := account.Connect(c, account.Options{Endpoint: opts.endpoint, Sandbox: opts.sandbox, Timeout: opts.timeout, Verbose: opts.verbose})
	if errors.Is(err, account.ErrNone) {
		return fmt.Errorf("%w, or try --sandbox, which needs none", err)
	}
	if err != nil {
		return err
	}
	defer closeGateway()
	logger := slog.New(slog.NewTextHandler(c.Err, nil))
	settings := &outbox.Options{
		Timeout: opts.timeout, AllowLoss: opts.allowLoss, Logger: logger,
		Lanes: map[string]outbox.Lane{outbox.Bulk: {Concurrency: opts.concurrency, Hours: hours}},
	}
	at.creates = opts.migrate
	return at.do(ctx, settings, func(ctx context.Context, box *outbox.Outbox, db *sql.DB) error {
		if opts.migrate {
			if err := box.Migrate(ctx); err != nil {
				return err
			}
		}
		if opts.reports == "" {
			return box.Run(ctx, client)
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		taken := make(chan error, 1)
		go func() {
			defer cancel()
			taken <- takeReports(ctx, opts, c, box, db, logger)
		}()
		err := box.Run(ctx, client)
		cancel()
		return errors.Join(err, <-taken)
	})
}

// parseHours parses hours such as 08:00-22:00.
func parseHours(s string) (outbox.Hours, error) {
	if s == "" {
		return outbox.Hours{}, nil
	}
	h := outbox.Hours{Location: time.Local}
	from, to, _ := strings.Cut(s, "-")
	for _, end := range []struct {
		text string
		at   *time.Duration
	}{{from, &h.From}, {to, &h.To}} {
		var hour, minute int
		if n, err := fmt.Sscanf(end.text, "%d:%02d", &hour, &minute); n != 2 || err != nil || hour < 0 || hour > 24 || minute < 0 || minute > 59 {
			return h, errors.New("--hours is not FROM-TO, such as 08:00-22:00")
		}
		*end.at = time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	}
	return h, nil
}

// takeReports serves the URLs of delivery reports and of unsubscriptions until ctx is done.
func takeReports(ctx context.Context, opts runOptions, c cli.Console, box *outbox.Outbox, db *sql.DB, logger *slog.Logger) error {
	secret, err := secret.Read(opts.secretFile, c.Err)
	if err != nil {
		return fmt.Errorf("--secret-file: %w", err)
	}
	reports, err := webhook.Reports(secret, box.Report, &webhook.Options{Logger: logger})
	if err != nil {
		return err
	}
	unsubscriptions, err := webhook.Unsubscriptions(secret, func(ctx context.Context, u webhook.Unsubscription) error {
		_, err := box.OptOut(ctx, db, u.From)
		return err
	}, &webhook.Options{Logger: logger})
	if err != nil {
		return err
	}
	handler := http.NewServeMux()
	handler.Handle("/", reports)
	handler.Handle("/unsubscriptions/", unsubscriptions)
	listener, err := net.Listen("tcp", opts.reports)
	if err != nil {
		return fmt.Errorf("--reports: %w", err)
	}
	fmt.Fprintf(c.Err, "smslink: taking delivery reports at http://%[1]s/ and unsubscriptions at http://%[1]s/unsubscriptions/, both followed by the secret\n", listener.Addr())
	return serve.Until(ctx, &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}, listener)
}

func newEnqueueCommand(at *database) *cobra.Command {
	var name, lane string
	var files input.Flags
	cmd := &cobra.Command{
		Use:   "enqueue --campaign NAME FILE…",
		Short: "Queue the messages of CSV, XLSX or JSON lines files",
		Long: `Queue the messages of FILE… in one transaction: all of them, or none.

` + input.Help + `

The key of a message is NAME-ID. A message whose key is in the outbox already is not
queued again, so the same command can be run again.`,
		Example: "  smslink-outbox enqueue --db sqlite:shop.db --campaign june june.csv",
		Args:    cli.Files,
		RunE: func(cmd *cobra.Command, args []string) error {
			return at.do(cmd.Context(), nil, func(ctx context.Context, box *outbox.Outbox, db *sql.DB) error {
				return enqueue(ctx, at.console, box, db, files, name, lane, args)
			})
		},
	}
	cmd.Flags().StringVar(&name, "campaign", "", "`NAME` of the campaign, with which the keys begin")
	cmd.Flags().StringVar(&lane, "lane", outbox.Bulk, "`LANE`: urgent or bulk")
	files.AddTo(cmd)
	_ = cmd.MarkFlagRequired("campaign")
	return cmd
}

func enqueue(ctx context.Context, c cli.Console, box *outbox.Outbox, db *sql.DB, files input.Flags, name, lane string, names []string) error {
	opened, err := files.Open(c, names, errors.New("a file has no id column; the keys need one, so that no message is queued twice"))
	if err != nil {
		return err
	}
	defer opened.Close()
	rows, err := opened.Rows()
	if err != nil {
		return err
	}
	defer rows.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()

	const batch = 1000
	var bad input.Complaints
	var pending []outbox.Message
	read, added := 0, 0
	enqueue := func() error {
		n, err := box.Enqueue(ctx, tx, pending...)
		added += n
		pending = pending[:0]
		return err
	}
	for rows.Next(ctx) {
		row := rows.Row()
		read++
		if row.Bad != nil {
			bad.AddRow(row)
			continue
		}
		m := row.Message
		pending = append(pending, outbox.Message{Key: fmt.Sprintf("%s-%d", name, m.ID), To: m.To, From: m.From, Text: m.Text, SendAt: m.SendAt, Lane: lane})
		if len(pending) == batch && !bad.Any() {
			if err := enqueue(); err != nil {
				return err
			}
		}
		if bad.Any() {
			pending = pending[:0]
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if bad.Any() {
		bad.Print(c.Err, input.FewPlaces, "")
		return cli.Exit(cli.ExitNotSent, errors.New("nothing was queued; correct these rows"))
	}
	if err := enqueue(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("it is not known whether the messages were queued; run the same command again, which queues none twice: %w", terminal.Error(err))
	}
	before := ""
	if added < read {
		before = "; the others were queued before"
	}
	fmt.Fprintf(c.Out, "%d of %d messages queued%s\n", added, read, before)
	return nil
}
