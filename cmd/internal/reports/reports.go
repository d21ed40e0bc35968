// Package reports is the command that receives delivery reports.
package reports

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/cmd/internal/secret"
	"github.com/go-smslink/smslink/cmd/internal/serve"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
	"github.com/go-smslink/smslink/webhook"
)

// reportsOptions are the flags of reports.
type reportsOptions struct {
	listen     string
	secretFile string
	results    []string
	dedupe     int
	connection string
	verbose    bool
}

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	opts := reportsOptions{listen: "127.0.0.1:8050"}
	cmd := &cobra.Command{
		Use:   "reports [flags]",
		Short: "Receive delivery reports and write them as JSON lines",
		Long: `Receive the gateway's delivery reports, until Ctrl-C. Each is written to
standard output as one line of JSON. It names the row of its message if a CSV of
send --results has that message. That file may be written later, while this
command runs.

In your account, set the URL for reports to the address of this server followed
by the secret in --secret-file. The secret has 16 characters or more of A-Z,
a-z, 0-9 and -._~. If the file does not exist, it is created with a new secret.
Requests without the secret are answered 404. The gateway must reach the URL
from the internet over https: put a server that has a certificate in front of
this one.

A report is answered 200 once its line is written, and on the disk if the output
is a file. If the disk is full, no part of the line is left, and the report is
answered 500, so that the gateway may send it again. Only one process may write
to a file.

Exit codes:
  0  ended by Ctrl-C
  1  a report could not be written, and was answered 500
  2  wrong usage
  3  it could not start`,
		Example: `  smslink reports --secret-file secret --results june.csv >>reports.jsonl`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return reports(cmd.Context(), c, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(serve.Address(&opts.listen), "listen", "address and port to listen on; port 0 takes a free one")
	flags.StringVar(&opts.secretFile, "secret-file", "", "`FILE` that holds the secret")
	flags.StringArrayVar(&opts.results, "results", nil, "`CSV` that send --results has written; may be repeated")
	flags.IntVar(&opts.dedupe, "dedupe", 10_000, "remember `N` reports, so that a repeated one is written once")
	flags.StringVar(&opts.connection, "connection", "", "accept only the reports of this connection `ID`")
	flags.BoolVarP(&opts.verbose, "verbose", "v", false, "log to standard error")
	_ = cmd.MarkFlagRequired("secret-file")
	return cmd
}

func reports(ctx context.Context, c cli.Console, opts reportsOptions) error {
	if opts.dedupe < 0 {
		return errors.New("--dedupe is less than 0")
	}
	for _, name := range opts.results {
		if outcome.IsBook(name) {
			return fmt.Errorf("--results: %s is a workbook, which can't be read while send writes it; "+
				"let send write a --results file that ends in .csv", name)
		}
	}
	secret, err := secret.Read(opts.secretFile, c.Err)
	if err != nil {
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("--secret-file: %w", err))
	}
	level := slog.LevelWarn
	if opts.verbose {
		level = slog.LevelDebug
	}
	logger := slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: level}))
	rows := newResultRows(opts.results, logger)
	if err := rows.load(); err != nil {
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("--results: %w", err))
	}

	out := &reportWriter{
		rows: rows, out: lineWriter{out: terminal.Unwrap(c.Out)}, logger: logger,
		recent: recentReports{limit: opts.dedupe},
	}
	handler, err := webhook.Reports(secret, out.write, &webhook.Options{ConnectionID: opts.connection, Logger: logger})
	if err != nil {
		return terminal.Error(err)
	}
	listener, err := net.Listen("tcp", opts.listen)
	if err != nil {
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("--listen: %w", err))
	}
	fmt.Fprintf(c.Err, "smslink: receiving delivery reports at http://%s/ followed by the secret\n", listener.Addr())

	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := serve.Webhooks(ctx, handler, listener, logger); err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	if err := out.failure(); err != nil {
		return cli.Exit(cli.ExitSomeBad, err)
	}
	return nil
}
