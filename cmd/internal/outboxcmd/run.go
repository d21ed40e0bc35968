package outboxcmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/hours"
	"github.com/go-smslink/smslink/cmd/internal/secret"
	"github.com/go-smslink/smslink/cmd/internal/serve"
	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/webhook"
)

// runOptions are the flags of run.
type runOptions struct {
	endpoint    string
	sandbox     bool
	migrate     bool
	allowLoss   bool
	timeout     time.Duration
	concurrency int
	hours       hours.Range
	reports     string
	secretFile  string
	verbose     bool
	account     account.File
}

func newRunCommand(db *database) *cobra.Command {
	var opts runOptions
	cmd := &cobra.Command{
		Use:   "run [flags]",
		Short: "Send what is queued, until Ctrl-C",
		Long: `Send what is queued, until Ctrl-C. It then waits for the uploads that have
begun. Any number of these commands may run on one database, on any number of
machines.

` + account.Help + `

With --reports it receives the gateway's delivery reports, too: see smslink
reports. Under /unsubscriptions/, followed by the same secret, it receives
unsubscriptions, and sends no more messages to their numbers, except in the
urgent lane.`,
		Example: `  smslink-outbox run --db sqlite:shop.db --migrate --sandbox`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(cmd.Context(), db, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&opts.sandbox, "sandbox", false,
		"send to a test gateway in this process: no account, no network, no SMS")
	flags.BoolVar(&opts.migrate, "migrate", false, "create the tables first, or bring them up to date")
	flags.IntVar(&opts.concurrency, "concurrency", 1,
		fmt.Sprintf("`N` packages of the bulk lane are uploaded at a time, up to %d", account.MaxConcurrency))
	flags.DurationVar(&opts.timeout, "timeout", 5*time.Minute, "`TIME` that one package's upload may take")
	flags.Var(&opts.hours, "hours", "hours, such as 08:00-22:00, in which the bulk lane is open, in local time")
	flags.Var(serve.Address(&opts.reports), "reports",
		"address and port to receive delivery reports and unsubscriptions at; needs --secret-file")
	flags.StringVar(&opts.secretFile, "secret-file", "", "`FILE` that holds the reports' secret")
	flags.BoolVar(&opts.allowLoss, "allow-loss", false,
		"work on a database whose settings may lose commits; messages can then be sent twice")
	opts.account.AddTo(cmd)
	flags.StringVar(&opts.endpoint, "endpoint", smslink.DefaultEndpoint, "`URL` of the gateway's bulk-v3.php")
	flags.BoolVarP(&opts.verbose, "verbose", "v", false, "log each upload to standard error, without numbers and texts")
	cmd.MarkFlagsRequiredTogether("reports", "secret-file")
	return cmd
}

func run(ctx context.Context, db *database, opts runOptions) error {
	if opts.concurrency < 1 || opts.concurrency > account.MaxConcurrency {
		return fmt.Errorf("--concurrency is not from 1 to %d", account.MaxConcurrency)
	}
	if opts.timeout <= 0 || opts.timeout > 24*time.Hour {
		return errors.New("--timeout is not above 0, or is longer than 24 hours")
	}
	c, err := opts.account.Console(db.console)
	if err != nil {
		return err
	}
	client, closeGateway, err := account.Connect(c, account.Options{
		Endpoint: opts.endpoint, Sandbox: opts.sandbox, Timeout: opts.timeout, Verbose: opts.verbose,
	})
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
		Lanes: map[string]outbox.Lane{outbox.Bulk: {Concurrency: opts.concurrency, Hours: outbox.Hours{
			From: time.Duration(opts.hours.From) * time.Minute, To: time.Duration(opts.hours.To) * time.Minute,
			Location: time.Local,
		}}},
	}
	return db.open(ctx, opts.migrate, settings, func(ctx context.Context, box *outbox.Outbox) error {
		var handler http.Handler
		var listener net.Listener
		if opts.reports != "" { // before anything is sent
			if handler, err = newReceiver(opts, c, box, db, logger); err != nil {
				return err
			}
			if listener, err = net.Listen("tcp", opts.reports); err != nil {
				return fmt.Errorf("--reports: %w", err)
			}
			defer func() { _ = listener.Close() }()
		}
		if opts.migrate {
			if err := box.Migrate(ctx); err != nil {
				return err
			}
		}
		if opts.reports == "" {
			return box.Run(ctx, client)
		}
		fmt.Fprintf(c.Err, "smslink: receiving delivery reports at http://%[1]s/ and unsubscriptions at "+
			"http://%[1]s/unsubscriptions/, both followed by the secret\n", listener.Addr())
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		served := make(chan error, 1)
		go func() {
			defer cancel()
			served <- serve.Webhooks(ctx, handler, listener, logger)
		}()
		err := box.Run(ctx, client)
		cancel()
		return errors.Join(err, <-served)
	})
}

// newReceiver returns the handler of delivery reports and of unsubscriptions.
func newReceiver(
	opts runOptions, c cli.Console, box *outbox.Outbox, db *database, logger *slog.Logger,
) (http.Handler, error) {
	secret, err := secret.Read(opts.secretFile, c.Err)
	if err != nil {
		return nil, fmt.Errorf("--secret-file: %w", err)
	}
	reports, err := webhook.Reports(secret, box.Report, &webhook.Options{Logger: logger})
	if err != nil {
		return nil, err
	}
	unsubscriptions, err := webhook.Unsubscriptions(secret, func(ctx context.Context, u webhook.Unsubscription) error {
		_, err := box.OptOut(ctx, db.pool, u.From)
		return err
	}, &webhook.Options{Logger: logger})
	if err != nil {
		return nil, err
	}
	handler := http.NewServeMux()
	handler.Handle("/", reports)
	handler.Handle("/unsubscriptions/", unsubscriptions)
	return handler, nil
}
