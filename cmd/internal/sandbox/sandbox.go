// Package sandbox is the command that runs a local gateway with a web page.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/fault"
	"github.com/go-smslink/smslink/cmd/internal/inbox"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/cmd/internal/serve"
	"github.com/go-smslink/smslink/smslinktest"
)

// sandboxOptions are the flags of sandbox.
type sandboxOptions struct {
	listen       string
	json         bool
	credit       int
	faults       string
	fault        []string
	unknown      []string
	deliverAfter string

	gateway  smslinktest.Options
	reports  smslinktest.Reports
	webhooks smslinktest.Webhooks
}

// manual is the value of --deliver-after that leaves reports to the page's buttons.
const manual = "manual"

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	opts := sandboxOptions{listen: "127.0.0.1:8040"}
	cmd := &cobra.Command{
		Use:   "sandbox [flags]",
		Short: "Run a local SMSLink with a web page, to test any program",
		Long: `Run a local SMSLink until Ctrl-C: the bulk endpoint, the balance, delivery
reports and a web page that shows messages as they arrive. Nothing is sent to a
phone. All messages are lost when it ends.

Its account is ` + account.EnvConnectionID + ` and ` + account.EnvPassword + ` if both are set.
Otherwise it is test-connection and test-password.

It answers as docs/gateway.md describes the live gateway: a sender other than
numeric, SMSLink.ro and those of --sender fails with status 1, a bad number with
status 2, and a package scheduled for the past is rejected with ERROR 15.

Accepted messages are delivered after the time in --deliver-after, or with the
page's buttons if it is "manual". Delivery reports are sent to the URL in
--callback, as the live gateway sends them.

On its page, a phone can reply or unsubscribe. Unsubscribing puts the number on
the blacklist, so that further messages to it fail with status 4. Both are sent
to the URLs in --reply-callback and --unsubscribe-callback, and sent again if
the program fails.

To make uploads fail, give --fault, or --faults FILE with one fault on each
line. The first fault is for the first upload, and so on. Lines that start with
# are comments. The faults are
  none                let one upload through
  lose-reply          take the package, lose the reply
  hang-up, reset      end the connection before taking it
  answer 503 BODY     answer HTTP 503, the body may be left out
  reject 8 no credit  answer ERROR 8
  redirect 302 URL    answer with a redirect
  delay 2s            take it and reply late; trickle 10ms: byte by byte
  cut-reply 10        end the reply after 10 bytes; endless-reply: never
  omit 1 2            leave these local ids out of the reply
  add 9:9:3           put an entry into the reply; shuffle 1: mix its entries
With after-taking or before-reading in front, hang-up, reset, answer, reject and
redirect come after the package is taken, or before it is read.

Only programs on this machine can reach it, except with --listen. Web pages of
other sites can neither read nor use it.

Exit codes:
  0  stopped by Ctrl-C
  2  wrong usage, including a bad line in --faults
  3  it could not start`,
		Example: `  smslink sandbox
  smslink sandbox --callback http://127.0.0.1:3000/reports --deliver-after 5s
  smslink sandbox --credit 100 --fault lose-reply --fault 'reject 8 no credit'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !cmd.Flags().Changed("credit") {
				opts.credit = smslinktest.Unlimited
			}
			return sandbox(cmd.Context(), c, opts)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.Var(serve.Address(&opts.listen), "listen", "address and port to listen on; port 0 takes a free one")
	flags.BoolVar(&opts.json, "json", false, "print how to use it as one JSON object")
	flags.IntVar(&opts.credit, "credit", 0, "credit of the account, `N` segments from 0")
	flags.Lookup("credit").DefValue = "unlimited"
	flags.StringVar(&opts.faults, "faults", "", "`FILE` of faults, one on each line, for the next uploads in order")
	flags.StringArrayVar(&opts.fault, "fault", nil,
		"`FAULT`, as on a line of that file, after those of --faults; may be repeated")
	flags.StringSliceVar(&opts.unknown, "unknown-number", nil,
		"`RECEIVERS` that fail, in digits as in 0712345678; may be repeated")
	flags.StringSliceVar(&opts.gateway.Senders, "sender", nil,
		"`NAMES` of senders that are approved, or * for all; may be repeated")
	flags.BoolVar(&opts.gateway.ZeroTestIDs, "zero-test-ids", false, "give every message in test mode the remote id 0")
	flags.StringVar(&opts.reports.URL, "callback", "", "`URL` to call with delivery reports")
	flags.BoolVar(&opts.reports.Post, "callback-post", false, "call it by POST instead of GET")
	flags.BoolVar(&opts.reports.PerSegment, "report-per-segment", false, "report a long SMS once for each segment")
	flags.StringVar(&opts.webhooks.Unsubscriptions, "unsubscribe-callback", "", "`URL` to call with unsubscriptions")
	flags.StringVar(&opts.webhooks.Replies, "reply-callback", "", "`URL` to call with replies")
	flags.StringVar(&opts.webhooks.RepliesBy, "reply-by", smslinktest.ByGet,
		"call it by `METHOD` GET, POST, or JSON in a POST")
	flags.StringVar(&opts.deliverAfter, "deliver-after", "2s", "`TIME` from an upload to its deliveries, or "+manual)
	return cmd
}

func sandbox(ctx context.Context, c cli.Console, opts sandboxOptions) error {
	settings, faults, err := opts.settings(c)
	if err != nil {
		return err
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", opts.listen)
	if err != nil {
		return cli.Exit(cli.ExitNotSent, fmt.Errorf("--listen: %w", err))
	}
	defer listener.Close()
	gateway := smslinktest.NewUnstartedGateway(settings)
	gateway.Server.Listener.Close() // the page is served on ours
	defer gateway.Close()
	gateway.SetCredit(opts.credit)
	gateway.Inject(faults...)

	use := newUsage(gateway, listener, settings)
	page := inbox.New(gateway, inbox.Usage{
		Endpoint: use.Endpoint, ConnectionID: use.ConnectionID, Password: use.Password, Callback: opts.reports.URL,
		Unsubscriptions: opts.webhooks.Unsubscriptions, Replies: opts.webhooks.Replies,
		Export: use.export(), Command: use.firstCommand(),
	})
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		fmt.Fprintf(c.Err, "smslink: warning: %s can be reached from other machines; "+
			"anyone who reaches it can read the messages and use the buttons\n", opts.listen)
	}
	if err := use.print(c.Out, opts.json); err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	server := &http.Server{
		Handler:           page,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // faults abort handlers on purpose
	}
	if err := serve.Until(ctx, server, listener); err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	return nil
}

// settings checks the flags and returns the gateway's settings and faults.
func (o *sandboxOptions) settings(c cli.Console) (*smslinktest.Options, []smslinktest.Fault, error) {
	settings := &o.gateway
	settings.Reports, settings.Webhooks = &o.reports, &o.webhooks
	if id, password := c.Getenv(account.EnvConnectionID), c.Getenv(account.EnvPassword); id != "" && password != "" {
		settings.ConnectionID, settings.Password = id, password
	}
	if len(o.unknown) > 0 {
		settings.Rules = append(settings.Rules, smslinktest.UnknownNumbers(o.unknown...))
	}
	if o.credit < 0 {
		return nil, nil, errors.New("--credit takes a whole number from 0")
	}
	if o.reports.URL == "" && o.reports.Post {
		return nil, nil, errors.New("--callback-post needs --callback")
	}
	for _, flag := range []struct{ name, value string }{
		{"--callback", o.reports.URL},
		{"--unsubscribe-callback", o.webhooks.Unsubscriptions},
		{"--reply-callback", o.webhooks.Replies},
	} {
		if flag.value == "" {
			continue
		}
		target, err := url.Parse(flag.value)
		if err != nil || target.Scheme != "http" && target.Scheme != "https" || target.Host == "" {
			return nil, nil, errors.New(flag.name + " is not an absolute http or https URL")
		}
	}
	if !slices.Contains([]string{smslinktest.ByGet, smslinktest.ByPost, smslinktest.ByJSON}, o.webhooks.RepliesBy) {
		return nil, nil, errors.New("--reply-by takes GET, POST or JSON")
	}
	if o.deliverAfter == manual {
		o.reports.Manual = true
	} else {
		delay, err := time.ParseDuration(o.deliverAfter)
		if err != nil || delay < 0 {
			return nil, nil, fmt.Errorf("--deliver-after takes a time, such as 5s, or %s", manual)
		}
		o.reports.Delay = delay
	}
	faults, err := readFaults(o.faults, o.fault)
	return settings, faults, err
}

// readFaults returns the faults in a file, if one is named, and then those of the flags.
func readFaults(file string, flags []string) ([]smslinktest.Fault, error) {
	var faults []smslinktest.Fault
	if file != "" {
		text, err := safefile.Text(file)
		if err != nil {
			return nil, fmt.Errorf("--faults: %w", err)
		}
		for i, line := range strings.Split(text, "\n") {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			next, err := fault.Parse(line)
			if err != nil {
				return nil, fmt.Errorf("--faults: %s:%d: %w", file, i+1, err)
			}
			faults = append(faults, next)
		}
	}
	for _, text := range flags {
		next, err := fault.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("--fault: %w", err)
		}
		faults = append(faults, next)
	}
	return faults, nil
}

// usage says how to use the sandbox, as text or as JSON.
type usage struct {
	URL          string `json:"url"` // of the page
	Endpoint     string `json:"endpoint"`
	Balance      string `json:"balance"`
	ConnectionID string `json:"connection_id"`
	Password     string `json:"password,omitempty"` // empty if it is the environment's, which may be a real account's
}

func newUsage(gateway *smslinktest.Gateway, listener net.Listener, settings *smslinktest.Options) usage {
	address := listener.Addr().(*net.TCPAddr)
	ip, port := address.AddrPort().Addr().Unmap(), strconv.Itoa(address.Port)
	if ip.IsUnspecified() {
		ip = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	base := "http://" + net.JoinHostPort(ip.String(), port)
	use := usage{
		URL: base + "/", Endpoint: base + smslinktest.BulkPath, Balance: base + smslinktest.BalancePath,
		ConnectionID: gateway.ConnectionID,
	}
	if settings.Password == "" {
		use.Password = gateway.Password
	}
	return use
}

func (u *usage) print(w io.Writer, asJSON bool) error {
	out := cli.NewOutput(w)
	if asJSON {
		out.JSON(u)
		return out.Err
	}
	settings := u.export()
	if settings == "" {
		settings = fmt.Sprintf("# %s and %s as in this shell", account.EnvConnectionID, account.EnvPassword)
	}
	fmt.Fprintf(out, `A local SMSLink. Nothing that arrives here is sent to a phone.

  page      %s
  endpoint  %s
  balance   %s

Send a first message to it from another shell:

  %s
  %s

Any program needs the endpoint, the connection id and the password. Ctrl-C ends
the sandbox.
`, u.URL, u.Endpoint, u.Balance, settings, u.firstCommand())
	return out.Err
}

// export returns the shell command that sets the account, or "" if the password must not be shown.
func (u *usage) export() string {
	if u.Password == "" {
		return ""
	}
	return fmt.Sprintf("export %s=%s %s=%s", account.EnvConnectionID, u.ConnectionID, account.EnvPassword, u.Password)
}

// firstCommand returns a shell command that sends one message.
func (u *usage) firstCommand() string {
	endpoint := u.Endpoint
	if strings.Contains(endpoint, "[") { // an IPv6 address, which shells would take for a pattern
		endpoint = "'" + endpoint + "'"
	}
	return `printf 'id,to,text\n1,0712345678,Salut!\n' | smslink send --endpoint ` + endpoint + ` -`
}
