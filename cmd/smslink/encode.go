package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/smslink/internal/terminal"
)

// encodeOptions are the flags of encode.
type encodeOptions struct {
	inputOptions
	reveal bool
	json   bool
}

func newEncodeCommand(c console) *cobra.Command {
	var opts encodeOptions
	cmd := &cobra.Command{
		Use:   "encode [flags] FILE…",
		Short: "Show the wire form, sizes and digests of files, for support cases",
		Long: `Put the messages of FILE… into one package and show what would be uploaded: its
plain form, and its size and MD5 digest with each codec. Bad rows are shown and left
out. All messages are in one package; send makes one for each --package-size messages.

Numbers and texts are masked: each letter is shown as x and each digit as 0, except
with --reveal. A character that can't be seen, such as a no-break space, is shown as
\u00a0, except with --json. The digests are not masked: from the digest of a package
of one message, its number or text may be guessed.

` + inputHelp + `

Exit codes:
  0  every row is good
  1  some row is bad
  2  wrong usage
  3  a file can't be read`,
		Example: `  smslink encode campaign.csv
  smslink encode --reveal --json one-message.csv`,
		Args: files,
		RunE: func(cmd *cobra.Command, args []string) error { return encode(cmd.Context(), c, opts, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.reveal, "reveal", false, "show numbers and texts as they are")
	flags.BoolVar(&opts.fold, "fold", false, "encode the texts as send --fold sends them")
	opts.addFlags(cmd)
	flags.BoolVar(&opts.json, "json", false, "write one JSON object")
	return cmd
}

// encoding is a package as one codec has it.
type encoding struct {
	Codec       string `json:"codec"`
	Compression int    `json:"compression"`
	Size        int    `json:"size_compressed"`
	MD5         string `json:"md5_compressed"`
}

func encode(ctx context.Context, c console, opts encodeOptions, names []string) error {
	campaign, err := opts.open(c, names, nil)
	if err != nil {
		return &exitError{exitNotSent, err}
	}
	defer campaign.Close()
	rows, err := campaign.Rows()
	if err != nil {
		return &exitError{exitNotSent, err}
	}
	defer rows.Close()
	pkg := &smslink.Package{PackageOptions: smslink.PackageOptions{Fold: opts.fold}}
	var bad complaints
	for rows.Next(ctx) {
		row := rows.Row()
		if row.Bad == nil {
			if err := pkg.Add(row.Message); err != nil { // the campaign's check has let it pass
				return &exitError{exitNotSent, terminal.Error(err)}
			}
			continue
		}
		bad.addRow(row)
	}
	if err := rows.Err(); err != nil {
		return &exitError{exitNotSent, err}
	}
	bad.print(c.err, keptPlaces, "check --json shows every row")
	plain := pkg.AppendPlain(nil)
	var encodings []encoding
	for _, codec := range []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecBZip2, smslink.CodecLZF} {
		packed, err := codec.AppendCompress(nil, plain)
		if err != nil {
			return &exitError{exitNotSent, fmt.Errorf("%s: %w", codec, err)}
		}
		encodings = append(encodings, encoding{codec.String(), codec.Method(), len(packed), fmt.Sprintf("%x", md5.Sum(packed))})
	}
	shown := string(plain)
	if !opts.reveal {
		shown = maskedLines(shown)
	}

	out := newOutput(c.out)
	if opts.json {
		out.json(struct {
			Receivers int        `json:"receivers"`
			SizePlain int        `json:"size_plain"`
			MD5Plain  string     `json:"md5_plain"`
			Encodings []encoding `json:"encodings"`
			Masked    bool       `json:"masked"`
			Plain     string     `json:"plain"`
		}{pkg.Len(), len(plain), fmt.Sprintf("%x", md5.Sum(plain)), encodings, !opts.reveal, shown})
	} else {
		fmt.Fprintf(out, "Receivers %d\nSizePlain %d\nMD5Plain  %x\n\n", pkg.Len(), len(plain), md5.Sum(plain))
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
	case out.err != nil:
		return &exitError{exitSomeBad, out.failure()}
	case len(bad.order) > 0:
		return &exitError{code: exitSomeBad}
	}
	return nil
}

// visible is a line whose characters can all be seen, and none of which a terminal would obey.
func visible(line string) string {
	var b strings.Builder
	for _, char := range line {
		b.WriteString(named(char))
	}
	return b.String()
}

// maskedLines masks the numbers and texts of a plain form. What is the wire's own stays: lengths in
// characters, signs and escapes. A line that has not the wire's five fields, which no package
// writes, is masked as a whole.
func maskedLines(plain string) string {
	lines := strings.Split(plain, "\r\n")
	for i, line := range lines {
		fields := strings.Split(line, ";")
		if len(fields) != 5 {
			lines[i] = maskedText(line)
			continue
		}
		fields[1] = masked(fields[1])
		fields[3] = maskedAround(fields[3], "%0A", func(words string) string { return maskedAround(words, "%3B", maskedText) })
		lines[i] = strings.Join(fields, ";")
	}
	return strings.Join(lines, "\r\n")
}

// maskedAround masks what stands between the separators.
func maskedAround(words, separator string, mask func(string) string) string {
	between := strings.Split(words, separator)
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
