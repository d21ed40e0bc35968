package probe

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// probeOptions are the flags of probe.
type probeOptions struct {
	Options
	account account.File
	json    bool
	report  string
	yes     bool
}

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	var opts probeOptions
	cmd := &cobra.Command{
		Use:   "probe --to NUMBER [flags]",
		Short: "Check what the library assumes of the gateway, in test mode",
		Long: `Check what the library assumes of the gateway without confirmation. docs/gateway.md
lists these assumptions.

All uploads are in test mode, in which the gateway should send and bill nothing.
Give a number of your own with --to, in case it does. The balance is checked before
anything large is uploaded: the probe ends if test mode has spent credit. It never
gives a wrong password, and ends if the account is refused.

A table is written to standard output. With --report it is also written to a file
in Markdown, ready for an issue: with the answers, and without the password, the
connection id and phone numbers. Read it before you publish it.

` + account.Help + `
With ` + account.EnvLiveUpdateID + ` and ` + account.EnvLiveUpdatePassword + `, those of a
Live Update connection, the blacklist is asked for, too.

Exit codes:
  0  every assumption holds
  1  an assumption does not hold, or could not be checked
  2  wrong usage
  3  it could not start, or the report could not be written`,
		Example: `  smslink probe --to 07xxxxxxxx --report report.md
  smslink probe --to 07xxxxxxxx --only tls,balance,codec-lzf`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return probeGateway(cmd.Context(), c, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&opts.To, "to", "", "receiver of the test messages: a `NUMBER` of your own")
	flags.StringVar(&opts.From, "from", "", "`SENDER` of the test messages (default numeric)")
	flags.StringSliceVar(&opts.Only, "only", nil, "make only the checks with these `NAMES`, separated by commas")
	flags.IntVar(&opts.MaxMessages, "max", 50_000, "`MESSAGES` in the largest package")
	flags.DurationVar(&opts.Pause, "pause", time.Second, "wait this `TIME` before each request")
	flags.DurationVar(&opts.Timeout, "timeout", 2*time.Minute, "the `TIME` that one request may take")
	flags.DurationVar(&opts.IdleWait, "idle-wait", 2*time.Minute, "wait up to this `TIME` for the server to close an idle connection")
	flags.StringVar(&opts.report, "report", "", "write a report in Markdown to `FILE`, which must not exist")
	flags.BoolVar(&opts.json, "json", false, "write a JSON object for each check, and one for the summary")
	flags.BoolVarP(&opts.yes, "yes", "y", false, "do not ask")
	flags.StringVar(&opts.Endpoint, "endpoint", smslink.DefaultEndpoint, "`URL` of the gateway's bulk-v3.php")
	opts.account.AddTo(cmd)
	_ = cmd.MarkFlagRequired("to")
	_ = cmd.RegisterFlagCompletionFunc("only", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var names []string
		for _, check := range Checks() {
			names = append(names, check.Name)
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func probeGateway(ctx context.Context, c cli.Console, opts probeOptions) error {
	c, err := opts.account.Console(c)
	if err != nil {
		return err
	}
	id, password := c.Getenv(account.EnvConnectionID), c.Getenv(account.EnvPassword)
	if id == "" || password == "" {
		return account.ErrNone
	}
	if opts.MaxMessages < 1 || opts.Timeout <= 0 || opts.IdleWait <= 0 {
		return errors.New("--max, --timeout and --idle-wait must be above 0")
	}
	opts.ConnectionID, opts.Password = id, password
	opts.Mask = func(words string) string { return withoutAccount(words, id, password) }
	if opts.Blacklist, err = account.Blacklist(c, opts.Endpoint); err != nil {
		return terminal.Error(err)
	}
	p, err := New(opts.Options)
	if err != nil {
		return terminal.Error(err)
	}
	account.WarnPlain(c, opts.Endpoint)
	if err := opts.ask(c, p.Len()); err != nil {
		return err
	}
	var report *os.File
	if opts.report != "" {
		report, err = os.OpenFile(opts.report, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("--report: %w", err))
		}
	}

	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := cli.NewOutput(c.Out)
	var findings []Finding
	for f := range p.Findings(ctx) {
		findings = append(findings, f)
		if opts.json {
			out.JSON(f)
		}
		fmt.Fprintf(c.Err, "smslink: %d of %d: %s: %s\n", len(findings), p.Len(), f.Check, f.Verdict)
	}
	summary := Summarize(findings)
	code := cli.ExitAccepted
	if !summary.AllHold() {
		code = cli.ExitSomeBad
	}
	if opts.json {
		out.JSON(map[string]any{"summary": struct {
			Summary
			ExitCode int `json:"exit_code"`
		}{summary, code}})
	} else {
		WriteTable(out, findings)
		fmt.Fprintf(out, "%s\n", summary)
	}
	if report != nil {
		written := cli.NewOutput(terminal.NewWriter(report))
		WriteReport(written, about(opts.Endpoint), findings)
		out.Fail(errors.Join(written.Err, report.Close()))
	}
	switch {
	case out.Err != nil:
		return cli.Exit(cli.ExitNotSent, out.Err)
	case code != cli.ExitAccepted:
		return cli.Exit(code, nil)
	}
	return nil
}

// ask asks for consent, unless --yes is given.
func (o probeOptions) ask(c cli.Console, checks int) error {
	if o.yes {
		return nil
	}
	if !terminal.Is(c.In) {
		return errors.New("standard input is not a terminal, so there is no one to ask; add --yes")
	}
	host := o.Endpoint
	if u, err := url.Parse(o.Endpoint); err == nil {
		host = u.Host
	}
	return cli.Confirm(c, fmt.Sprintf("%s of %s, with packages of up to %d messages in test mode, in which nothing is sent or billed. Begin?", campaign.Plural(checks, "check"), host, o.MaxMessages))
}

// withoutAccount masks the account and phone numbers in a server's text.
func withoutAccount(words, id, password string) string {
	words = redact.Password(words, password)
	if len(id) >= 4 { // a shorter one may be part of any text
		words = strings.ReplaceAll(words, id, redact.Mask)
	}
	return redact.LongNumber.ReplaceAllStringFunc(words, redact.Number)
}

// about says what was probed, with what, and when.
func about(endpoint string) string {
	return fmt.Sprintf("Endpoint %s, probed on %s by smslink %s, %s, %s/%s.", endpoint, time.Now().UTC().Format("2006-01-02 15:04 UTC"), cli.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
