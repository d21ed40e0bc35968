package probe

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// settings are the flags of the command.
type settings struct {
	options
	account account.File
	json    bool
	report  string
	yes     bool
}

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	var f settings
	cmd := &cobra.Command{
		Use:   "probe --to NUMBER [flags]",
		Short: "Check what the library assumes about the gateway, in test mode",
		Long: `Check the library's unconfirmed assumptions about the gateway, which
docs/gateway.md lists.

All uploads are in test mode, in which the gateway should send and bill nothing.
Give a number of your own with --to, in case it does. The balance is checked
before anything large is uploaded: the probe ends if test mode has spent credit.
It never gives a wrong password, and ends if the account is rejected.

A table is written to standard output. With --report it is also written to a
file in Markdown, ready for an issue: with the answers, and without the
password, the connection id and phone numbers. Read it before you publish it.

` + account.Help + `
With ` + account.EnvLiveUpdateID + ` and ` + account.EnvLiveUpdatePassword + `, those of a
Live Update connection, the blacklist is checked, too.

Exit codes:
  0  every assumption holds
  1  an assumption does not hold, or could not be checked
  2  wrong usage
  3  it could not start, or the report could not be written`,
		Example: `  smslink probe --to 07xxxxxxxx --report report.md
  smslink probe --to 07xxxxxxxx --only tls,balance,codec-lzf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return probe(cmd.Context(), c, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.to, "to", "", "receiver of the test messages: a `NUMBER` of your own")
	flags.StringVar(&f.from, "from", "", "`SENDER` of the test messages (default numeric)")
	flags.StringSliceVar(&f.only, "only", nil, "run only the checks with these `NAMES`, separated by commas")
	flags.IntVar(&f.maxMessages, "max", 50_000, "`MESSAGES` in the largest package")
	flags.DurationVar(&f.pause, "pause", time.Second, "wait this `TIME` before each request")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "`TIME` that one request may take")
	flags.DurationVar(&f.idleWait, "idle-wait", 2*time.Minute,
		"wait up to this `TIME` for the server to close an idle connection")
	flags.StringVar(&f.report, "report", "", "write a report in Markdown to `FILE`, which must not exist")
	flags.BoolVar(&f.json, "json", false, "write a JSON object for each check, and one for the summary")
	flags.BoolVarP(&f.yes, "yes", "y", false, "do not ask")
	flags.StringVar(&f.endpoint, "endpoint", smslink.DefaultEndpoint, "`URL` of the gateway's bulk-v3.php")
	f.account.AddTo(cmd)
	_ = cmd.MarkFlagRequired("to")
	cli.CompleteWith(cmd, "only", Names()...)
	return cmd
}

func probe(ctx context.Context, c cli.Console, f settings) error {
	c, err := f.account.Console(c)
	if err != nil {
		return err
	}
	f.connectionID, f.password = c.Getenv(account.EnvConnectionID), c.Getenv(account.EnvPassword)
	switch {
	case f.connectionID == "" || f.password == "":
		return account.ErrNone
	case f.maxMessages < 1 || f.timeout <= 0 || f.idleWait <= 0:
		return errors.New("--max, --timeout and --idle-wait must be above 0")
	case f.pause < 0:
		return errors.New("--pause is less than 0")
	}
	f.transport = smslink.NewTransport()
	if f.blacklist, err = account.Blacklist(c, f.endpoint); err != nil {
		return terminal.Error(err)
	}
	s, err := newSession(f.options)
	if err != nil {
		return terminal.Error(err)
	}
	account.WarnPlain(c, f.endpoint)
	if err := f.ask(c, len(s.checks)); err != nil {
		return err
	}
	var report *os.File
	if f.report != "" {
		report, err = os.OpenFile(f.report, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("--report: %w", err))
		}
	}

	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := cli.NewOutput(c.Out)
	var findings []finding
	for found := range s.findings(ctx) {
		findings = append(findings, found)
		if f.json {
			out.JSON(found)
		}
		fmt.Fprintf(c.Err, "smslink: %d of %d: %s: %s\n", len(findings), len(s.checks), found.Check, found.Verdict)
	}
	sum := summarize(findings)
	if f.json {
		out.JSON(map[string]summary{"summary": sum})
	} else {
		writeTable(out, findings)
		fmt.Fprintf(out, "%s\n", sum)
	}
	if report != nil {
		written := cli.NewOutput(terminal.NewWriter(report))
		writeReport(written, about(f.endpoint), findings)
		out.Fail(errors.Join(written.Err, report.Close()))
	}
	switch {
	case out.Err != nil:
		return cli.Exit(cli.ExitNotSent, out.Err)
	case sum.ExitCode != cli.ExitAccepted:
		return cli.Exit(sum.ExitCode, nil)
	}
	return nil
}

// ask asks for consent, unless --yes is given.
func (f *settings) ask(c cli.Console, checks int) error {
	if f.yes {
		return nil
	}
	if !terminal.Is(c.In) {
		return errors.New("standard input is not a terminal, so there is no one to ask; add --yes")
	}
	host := f.endpoint
	if u, err := url.Parse(f.endpoint); err == nil {
		host = u.Host
	}
	return cli.Confirm(c, fmt.Sprintf("%s of %s, with packages of up to %d messages in test mode, "+
		"in which the gateway should send and bill nothing. Begin?", campaign.Plural(checks, "check"), host, f.maxMessages))
}

// about says what was probed, with what, and when.
func about(endpoint string) string {
	return fmt.Sprintf("Endpoint %s, probed on %s by smslink %s, %s, %s/%s.", endpoint,
		time.Now().UTC().Format("2006-01-02 15:04 UTC"), cli.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
