// Package send is the command that sends campaigns.
package send

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/time/rate"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/campaignjournal"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/hours"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/money"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// options are the flags of send.
type options struct {
	input.Flags
	sandbox      bool
	testMode     bool
	yes          bool
	json         bool
	verbose      bool
	sameCampaign bool
	resendFailed bool
	codec        string
	endpoint     string
	results      string
	journal      string
	onBadRow     string
	packageSize  int
	concurrency  int
	rate         float64
	timeout      time.Duration
	attempts     int

	exclude       []string
	excludeAnyway bool
	onePerNumber  bool

	price         money.Price
	maxSMS        int
	shortOfCredit bool

	account account.File
	hours   hours.Range
	proof   string
}

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	var opts options
	cmd := &cobra.Command{
		Use:   "send [flags] FILE…",
		Short: "Send the messages of a campaign's files",
		Long: `Send the messages of FILE… in packages, and show their outcomes.

` + input.Help + `

Files are read twice: once to check every row and to show what will be sent, and
once to send. Standard input and pipes are read once, and sent while they are
read.

` + account.Help + `

With --sandbox no account is needed: a test gateway in this process takes the
messages, whatever their numbers and senders.

With --journal, run the same command again after Ctrl-C, a crash or a power cut.
It sends the rest:
  - Messages that were accepted are not sent again.
  - Messages that may have been taken are in doubt. They are not sent again
    until you have resolved them with smslink journal resolve.
  - Messages that failed for want of credit are sent again.
  - Other messages that failed are sent again only with --resend-failed, and
    only if their number or sender was the cause.
Test mode neither reads nor writes the journal.

Ctrl-C waits for the packages that are being uploaded, and sends no others. A
second Ctrl-C breaks them off. Their messages are then in doubt.

Exit codes:
  0  every message was accepted, now or in an earlier run of the journal
  1  some message failed or was not sent, or some row was bad
  2  wrong usage
  3  nothing was sent
  4  some message is in doubt: look for it in the account's reports before you
     send it again`,
		Example: `  smslink send --sandbox campaign.csv
  smslink send --journal june --results june.csv campaign.csv
  psql -c "copy (select …) to stdout csv header" | smslink send -`,
		Args: cli.Files,
		RunE: func(cmd *cobra.Command, args []string) error {
			return send(cmd.Context(), c, opts, args)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&opts.sandbox, "sandbox", false,
		"send to a test gateway in this process: no account, no network, no SMS")
	flags.BoolVar(&opts.testMode, "test-mode", false, "let the gateway check the packages; nothing is sent or billed")
	flags.BoolVarP(&opts.yes, "yes", "y", false, "send without asking; a script, which has no terminal, is never asked")
	flags.StringVar(&opts.results, "results", "",
		"write the outcome of each row to `FILE`, a new CSV, or a workbook if it ends in .xlsx; "+
			"with --journal, the file of an earlier run is replaced if the journal has its results")
	flags.StringVar(&opts.journal, "journal", "",
		"record what was sent in `DIR`, a folder for this campaign alone, so that the same command can send the rest")
	flags.BoolVar(&opts.sameCampaign, "same-campaign", false,
		"go on with the --journal of a campaign whose rows were added, moved or corrected since; "+
			"no message that was accepted or is in doubt is sent again")
	flags.BoolVar(&opts.resendFailed, "resend-failed", false,
		"send again the messages of the --journal whose number or sender failed")
	flags.StringVar(&opts.onBadRow, "on-bad-row", "stop",
		"if a row is bad, `stop|skip`: send nothing (from standard input: nothing after it), or send the others")
	flags.BoolVar(&opts.Fold, "fold", false,
		"replace characters that cost more SMS, such as ș by s; smslink check shows what it saves")
	flags.StringVar(&opts.proof, "proof", "",
		"send the first, the shortest and the longest message to a `NUMBER` of your own, now, and nothing else; "+
			"--journal and --results are left alone")
	flags.Var(&opts.hours, "hours",
		"send only within these hours of --zone, such as 08:00-22:00; at their end, stop as with Ctrl-C")
	opts.price.AddTo(cmd)
	flags.IntVar(&opts.maxSMS, "max-sms", 0,
		"if it takes more than `N` SMS, send nothing (from standard input: nothing from the row that exceeds it); "+
			"0 = no limit")
	flags.BoolVar(&opts.shortOfCredit, "short-of-credit", false,
		"with --yes, send although the account has too few SMS left for all")
	flags.StringArrayVar(&opts.exclude, "exclude", nil,
		"leave out the receivers in `FILE`, any file with a column of numbers; may be repeated")
	flags.BoolVar(&opts.excludeAnyway, "exclude-anyway", false, "go on if an --exclude file is empty, or leaves no row")
	flags.BoolVar(&opts.onePerNumber, "one-per-number", false, "of the rows with the same number, send only the first")
	opts.AddTo(cmd)
	flags.IntVar(&opts.packageSize, "package-size", 10_000, "`MESSAGES` in a package")
	flags.IntVar(&opts.concurrency, "concurrency", 1,
		fmt.Sprintf("`PACKAGES` that are uploaded at a time, up to %d", account.MaxConcurrency))
	flags.Float64Var(&opts.rate, "rate", 0, "`MESSAGES` a second, on average over packages; 0 = no limit")
	flags.DurationVar(&opts.timeout, "timeout", 5*time.Minute, "the `TIME` that one upload may take, such as 90s")
	flags.IntVar(&opts.attempts, "attempts", 5, "try up to `N` times to reach the gateway; nothing is sent twice")
	flags.StringVar(&opts.codec, "codec", "zlib", "the `NAME` of the compression: none, zlib, bzip2 or lzf")
	opts.account.AddTo(cmd)
	flags.StringVar(&opts.endpoint, "endpoint", smslink.DefaultEndpoint,
		"the `URL` of a bulk-v3.php, instead of the gateway's own")
	flags.Lookup("endpoint").DefValue = ""
	flags.BoolVar(&opts.json, "json", false, "write a JSON object for each row, and a last one with the summary")
	flags.BoolVarP(&opts.verbose, "verbose", "v", false, "log each upload to standard error, without numbers and texts")
	cli.CompleteWith(cmd, "codec", "none", "zlib", "bzip2", "lzf")
	cli.CompleteWith(cmd, "on-bad-row", "stop", "skip")
	_ = cmd.MarkFlagDirname("journal")
	cli.CompleteWith(cmd, "timeout", "1m", "5m", "15m")
	return cmd
}

// stream checks the flags and returns the stream's options.
func (o options) stream(c cli.Console) (*smslink.StreamOptions, error) {
	_, noNumber := smslink.E164(o.proof)
	switch {
	case o.onBadRow != "stop" && o.onBadRow != "skip":
		return nil, errors.New("--on-bad-row is neither stop nor skip")
	case o.packageSize < 1:
		return nil, errors.New("--package-size is less than 1")
	case o.attempts < 1:
		return nil, errors.New("--attempts is less than 1")
	case o.concurrency < 1 || o.concurrency > account.MaxConcurrency:
		return nil, fmt.Errorf("--concurrency is not from 1 to %d", account.MaxConcurrency)
	case !(o.rate >= 0) || math.IsInf(o.rate, 1):
		return nil, errors.New("--rate must be a number from 0")
	case o.timeout <= 0:
		return nil, errors.New("--timeout is not above 0")
	case o.maxSMS < 0:
		return nil, errors.New("--max-sms is less than 0")
	case o.shortOfCredit && !o.yes:
		return nil, errors.New("--short-of-credit needs --yes")
	case o.resendFailed && o.journal == "":
		return nil, errors.New("--resend-failed needs --journal")
	case slices.Contains(o.exclude, "-"):
		return nil, errors.New("--exclude takes files, not standard input")
	case o.results == "-":
		return nil, errors.New("--results takes the name of a file; --json writes every row to standard output")
	case o.proof != "" && noNumber != nil:
		return nil, errors.New("--proof is not a phone number; write it as 0712345678")
	case o.hours.String() != "" && o.Zone() == nil:
		return nil, errors.New("--hours needs --zone, such as --zone Europe/Bucharest")
	}
	stream := &smslink.StreamOptions{
		MaxMessages: o.packageSize,
		Concurrency: o.concurrency,
		Retry: smslink.Retry{
			Attempts: o.attempts,
			OnRetry: func(attempt int, pause time.Duration, err error) {
				fmt.Fprintf(c.Err, "smslink: attempt %d: %v; the next one in %v\n",
					attempt, terminal.Error(err), pause.Round(time.Millisecond))
			},
		},
	}
	if o.rate > 0 {
		stream.Limiter = rate.NewLimiter(rate.Limit(o.rate), o.packageSize)
	}
	return stream, nil
}

func send(ctx context.Context, c cli.Console, opts options, names []string) error {
	codec, err := smslink.ParseCodec(opts.codec)
	if err != nil {
		return fmt.Errorf("--codec: %w", terminal.Error(err))
	}
	stream, err := opts.stream(c)
	if err != nil {
		return err
	}
	if c, err = opts.account.Console(c); err != nil {
		return err
	}
	s := newSending(c, opts)
	var closeGateway func()
	s.client, closeGateway, err = account.Connect(c, account.Options{
		Endpoint: opts.endpoint, Sandbox: opts.sandbox, TestMode: opts.testMode,
		Timeout: opts.timeout, Codec: codec, Verbose: opts.verbose, Tracer: &s.attempts,
	})
	if errors.Is(err, account.ErrNone) {
		return fmt.Errorf("%w, or try --sandbox, which needs none", err)
	}
	if err != nil {
		return err
	}
	defer closeGateway()
	defer s.close()
	if err := s.open(ctx, names); err != nil {
		return nothingSent(err)
	}
	if err := s.surveyRows(ctx); err != nil {
		return nothingSent(err)
	}
	if opts.proof != "" {
		return s.proof(ctx)
	}
	if err := s.confirm(ctx); err != nil {
		return nothingSent(err)
	}
	if err := s.openRecords(); err != nil {
		return nothingSent(err)
	}
	return s.run(ctx, stream)
}

func nothingSent(err error) error {
	return cli.Exit(cli.ExitNotSent, fmt.Errorf("%w; nothing was sent", err))
}

func (o options) usesJournal() bool { return o.journal != "" && !o.testMode && o.proof == "" }

// gateway is what the journal belongs to.
func (o options) gateway() string {
	if o.sandbox {
		return campaignjournal.SandboxGateway
	}
	return o.endpoint
}
