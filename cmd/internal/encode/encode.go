// Package encode is the command that shows the wire form of campaign files.
package encode

import (
	"cmp"
	"context"
	"crypto/md5"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/input"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// encodeOptions are the flags of encode.
type encodeOptions struct {
	input.Flags
	reveal bool
	json   bool
}

// NewCommand returns the command.
func NewCommand(c cli.Console) *cobra.Command {
	var opts encodeOptions
	cmd := &cobra.Command{
		Use:   "encode [flags] FILE…",
		Short: "Show the wire form, sizes and digests of files, for support cases",
		Long: `Put the messages of FILE… into one package and show what would be uploaded: its
plain form, and its size and MD5 digest with each codec. Bad rows are shown and
left out. send, however, makes a package for every --package-size messages.

Numbers are shown as 0712****78. In texts, each letter is shown as x and each
digit as 0. --reveal shows both as they are. A character that can't be seen,
such as a no-break space, is shown as \u00a0, except with --json. The digests
are not masked: from the digest of a package of one message, its number or text
may be guessed.

` + input.Help + `

Exit codes:
  0  every row is good
  1  some row is bad
  2  wrong usage
  3  a file can't be read`,
		Example: `  smslink encode campaign.csv
  smslink encode --reveal --json one-message.csv`,
		Args: cli.Files,
		RunE: func(cmd *cobra.Command, args []string) error { return encode(cmd.Context(), c, opts, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.reveal, "reveal", false, "show numbers and texts as they are")
	flags.BoolVar(&opts.Fold, "fold", false, "encode the texts as send --fold sends them")
	opts.AddTo(cmd)
	flags.BoolVar(&opts.json, "json", false, "write one JSON object")
	return cmd
}

var codecs = []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF}

// encoding is the size and the digest of a package with one codec.
type encoding struct {
	Codec       string `json:"codec"`
	Compression int    `json:"compression"`
	Size        int    `json:"size_compressed"`
	MD5         string `json:"md5_compressed"`
}

func encode(ctx context.Context, c cli.Console, opts encodeOptions, names []string) error {
	files, err := opts.Open(c, names, nil)
	if err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	defer files.Close()
	pkg := new(smslink.Package)
	var bad input.Complaints
	var refused error // by the package, although the campaign has checked the row
	err = files.Each(ctx, func(row *campaign.Row) {
		if row.Bad != nil {
			bad.AddRow(row)
		} else if refused == nil {
			refused = terminal.Error(pkg.Add(row.Message))
		}
	})
	if err = cmp.Or(refused, err); err != nil {
		return cli.Exit(cli.ExitNotSent, err)
	}
	bad.Print(c.Err, input.ManyPlaces, "smslink check --json shows every row")
	plain := pkg.AppendPlain(nil)
	var encodings []encoding
	for _, codec := range codecs {
		packed, err := codec.AppendCompress(nil, plain)
		if err != nil {
			return cli.Exit(cli.ExitNotSent, fmt.Errorf("%s: %w", codec, err))
		}
		encodings = append(encodings, encoding{codec.String(), codec.Method(), len(packed), digest(packed)})
	}
	shown := string(plain)
	if !opts.reveal {
		shown = maskedLines(shown)
	}

	out := cli.NewOutput(terminal.Verbatim(c.Out))
	if opts.json {
		out.JSON(struct {
			Receivers int        `json:"receivers"`
			SizePlain int        `json:"size_plain"`
			MD5Plain  string     `json:"md5_plain"`
			Encodings []encoding `json:"encodings"`
			Masked    bool       `json:"masked"`
			Plain     string     `json:"plain"`
		}{pkg.Len(), len(plain), digest(plain), encodings, !opts.reveal, shown})
	} else {
		fmt.Fprintf(out, "Receivers %d\nSizePlain %d\nMD5Plain  %s\n\n", pkg.Len(), len(plain), digest(plain))
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "codec\tCompression\tSizeCompressed\tMD5Compressed")
		for _, e := range encodings {
			fmt.Fprintf(table, "%s\t%d\t%d\t%s\n", e.Codec, e.Compression, e.Size, e.MD5)
		}
		table.Flush()
		fmt.Fprintln(out)
		for line := range strings.SplitSeq(shown, "\r\n") {
			fmt.Fprintln(out, visible(line))
		}
	}
	switch {
	case out.Err != nil:
		return cli.Exit(cli.ExitSomeBad, out.Failure())
	case bad.Any():
		return cli.Exit(cli.ExitSomeBad, nil)
	}
	return nil
}

func digest(b []byte) string { return fmt.Sprintf("%x", md5.Sum(b)) }

// visible returns a line in which every character can be seen, and none controls a terminal.
func visible(line string) string {
	var b strings.Builder
	for _, char := range line {
		b.WriteString(terminal.Visible(char))
	}
	return b.String()
}

// maskedLines masks the numbers and texts of a plain form. It keeps the lengths of texts in
// characters, the signs and the escapes. A line without the wire's five fields, such as the only
// one of an empty package, is masked as a whole.
func maskedLines(plain string) string {
	lines := strings.Split(plain, "\r\n")
	for i, line := range lines {
		fields := strings.Split(line, ";")
		if len(fields) != 5 {
			lines[i] = maskedText(line)
			continue
		}
		fields[1] = redact.Number(fields[1])
		fields[3] = maskedAround(fields[3], "%0A", func(text string) string {
			return maskedAround(text, "%3B", maskedText)
		})
		lines[i] = strings.Join(fields, ";")
	}
	return strings.Join(lines, "\r\n")
}

// maskedAround masks the parts between the separators.
func maskedAround(text, separator string, mask func(string) string) string {
	between := strings.Split(text, separator)
	for i := range between {
		between[i] = mask(between[i])
	}
	return strings.Join(between, separator)
}

func maskedText(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsDigit(r):
			return '0'
		case unicode.IsLetter(r):
			return 'x'
		}
		return r
	}, text)
}
