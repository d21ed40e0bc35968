package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// The environment variables that hold the account. There are no flags for them:
// a command line is seen by every user of the machine.
const (
	envConnectionID = "SMSLINK_CONNECTION_ID"
	envPassword     = "SMSLINK_PASSWORD"
)

// sendOptions are the flags of send.
type sendOptions struct {
	sandbox  bool
	testMode bool
	codec    string
	endpoint string
	results  string
}

func newSendCommand(c console) *cobra.Command {
	var opts sendOptions
	cmd := &cobra.Command{
		Use:   "send [flags] FILE",
		Short: "Send the messages of a CSV or JSON lines file, as one package",
		Long: `Send the messages of FILE ("-" for standard input) as one package, and print
what became of each.

FILE is CSV with a header, or JSON lines, one object a line. Its columns are
  id       local message id, a whole number from 0, unique in the file
  to       receiver: 07xyzzzzzz, +40…, 0040…
  from     sender: numeric (also what an empty one means) or an approved name
  text     the message
  send_at  RFC 3339, as 2030-01-31T09:00:00+02:00, or Unix seconds; empty = now
of which from and send_at may be left out. A CSV may be separated by commas,
semicolons or tabs. A row that can't be sent is reported and left out of the
package.

The account is read from the environment: ` + envConnectionID + ` and
` + envPassword + `. With --sandbox none is needed: it proves the file and the
way, not the numbers and senders.

The upload may take 5 minutes. Ctrl-C ends it, and then the outcome is most
likely unknown.

Exit codes:
  0  every message was accepted
  1  some message failed, or some row was bad
  2  wrong usage
  3  nothing was sent
  4  outcome unknown for the whole package or for messages that the reply does
     not mention: they may have been sent; do not send them again before you
     have looked into the account's reports`,
		Example: `  smslink send --sandbox campaign.csv
  smslink send --results results.csv campaign.csv
  psql -c "copy (select …) to stdout csv header" | smslink send -`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("name one FILE, or - for standard input; there are %d", len(args))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return send(cmd.Context(), c, opts, args[0])
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.sandbox, "sandbox", false, "send to a test gateway in this process: no account, no network, no SMS")
	flags.BoolVar(&opts.testMode, "test-mode", false, "ask the gateway to check the package and to send and bill nothing")
	flags.StringVar(&opts.codec, "codec", "zlib", "compression: none, zlib, bzip2 or lzf")
	flags.StringVar(&opts.endpoint, "endpoint", smslink.EndpointHTTPS, "URL of the gateway's bulk-v3.php")
	flags.StringVar(&opts.results, "results", "", "write what became of each row to this CSV file, which must be new or empty")
	return cmd
}

func send(ctx context.Context, c console, opts sendOptions, file string) error {
	codec, err := smslink.ParseCodec(opts.codec)
	if err != nil {
		return fmt.Errorf("--codec: %w", unprefixed(err))
	}
	client, closeGateway, err := connect(c, opts)
	if err != nil {
		return err
	}
	defer closeGateway()

	pkg := smslink.Package{Codec: codec}
	rows, err := load(c, file, &pkg)
	if err != nil {
		return &exitError{exitNotSent, fmt.Errorf("%w; nothing was sent", err)}
	}
	results, err := createResults(opts.results)
	if err != nil {
		return &exitError{exitNotSent, fmt.Errorf("--results: %w; nothing was sent", err)}
	}

	report := report{rows: rows, sandbox: opts.sandbox, testMode: opts.testMode, password: c.getenv(envPassword)}
	if pkg.Len() > 0 {
		// From here on an interrupt ends the upload, and what is known is kept and
		// told. Until here it ends the command, with nothing sent.
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		report.response, report.sendErr = client.Send(ctx, &pkg)
	}
	// First what can't be had again.
	problems := []error{results.finish(&report)}
	out := &checkedWriter{w: c.out}
	report.printRows(out, c.err, fileName(file))
	report.printSummary(out)
	problems = append(problems, out.err, report.failure())

	code, problem := report.exitCode(), errors.Join(problems...)
	if code == exitAccepted && problem == nil {
		return nil
	}
	return &exitError{max(code, exitSomeBad), problem}
}

// checkedWriter keeps the first error of its writer, and then writes no more.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	if c.err == nil {
		if _, err := c.w.Write(p); err != nil {
			c.err = fmt.Errorf("the report could not be written: %w", err)
		}
	}
	return len(p), nil
}

// connect makes the client: of the account in the environment, or of a gateway
// in this process.
func connect(c console, opts sendOptions) (client *smslink.Client, closeGateway func(), err error) {
	if opts.sandbox {
		if opts.endpoint != smslink.EndpointHTTPS {
			return nil, nil, errors.New("--sandbox and --endpoint exclude each other")
		}
		gateway := smslinktest.NewGateway(nil)
		client, err = smslink.NewClient(gateway.ConnectionID, gateway.Password, &smslink.Options{
			Endpoint: gateway.URL, TestMode: opts.testMode,
		})
		return client, gateway.Close, err
	}
	id, password := c.getenv(envConnectionID), c.getenv(envPassword)
	if id == "" || password == "" {
		return nil, nil, fmt.Errorf("set %s and %s to your account's, or try --sandbox, which needs none", envConnectionID, envPassword)
	}
	client, err = smslink.NewClient(id, password, &smslink.Options{Endpoint: opts.endpoint, TestMode: opts.testMode})
	if err != nil {
		return nil, nil, fmt.Errorf("--endpoint: %w", unprefixed(err))
	}
	return client, func() {}, nil
}

// load reads the file's rows and adds the good ones to the package. Its error is
// the file's, or that there is nothing in it.
func load(c console, file string, pkg *smslink.Package) ([]row, error) {
	in := c.in
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	var rows []row
	for row, err := range readRows(in) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", fileName(file), err)
		}
		if row.err == nil {
			row.err = unprefixed(pkg.Add(row.message))
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: line 1: no messages follow the header; add one on each line", fileName(file))
	}
	return rows, nil
}

func fileName(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}

// unprefixed takes the package's name off an error that this command prefixes
// with its own.
func unprefixed(err error) error {
	if err == nil {
		return nil
	}
	return &wordedError{strings.TrimPrefix(err.Error(), "smslink: "), err}
}

type wordedError struct {
	words string
	err   error
}

func (e *wordedError) Error() string { return e.words }
func (e *wordedError) Unwrap() error { return e.err }
