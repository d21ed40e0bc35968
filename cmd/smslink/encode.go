package main

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink"
)

// encodeOptions are the flags of encode.
type encodeOptions struct {
	reveal bool
	fold   bool
	json   bool
}

func newEncodeCommand(c console) *cobra.Command {
	var opts encodeOptions
	cmd := &cobra.Command{
		Use:   "encode [flags] FILE…",
		Short: "Show the wire form, sizes and digests of files, for support cases",
		Long: `Put the messages of FILE… into one package and show what would be uploaded: its
plain form, and its sizes and MD5 digests with each codec, as the upload's form
has them. Bad rows are told of and left out. It is one package of all messages;
send begins a new one after each --package-size.

Numbers and texts are masked, a letter by x and a digit by 0, unless --reveal is
given. A character that can't be seen, such as a no-break space, is shown as
\u00a0; a backslash is shown as it is, and so is \u00a0 where a text has just
that. With --json they stand as they are in the package. The sizes and digests are those of the package as it is: who has the
digest of a package of one message can try out what stands in it.

` + inputHelp + `

Exit codes:
  0  every row is good
  1  some row is bad
  2  wrong usage
  3  a file can't be read`,
		Example: `  smslink encode campaign.csv
  smslink encode --reveal --json one-message.csv`,
		Args: files,
		RunE: func(_ *cobra.Command, args []string) error { return encode(c, opts, args) },
	}
	flags := cmd.Flags()
	flags.BoolVar(&opts.reveal, "reveal", false, "show numbers and texts as they are")
	flags.BoolVar(&opts.fold, "fold", false, "encode the texts as send --fold sends them")
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

func encode(c console, opts encodeOptions, names []string) error {
	campaign, err := openCampaign(c, names, opts.fold)
	if err != nil {
		return &exitError{exitNotSent, err}
	}
	defer campaign.close()
	pkg, badRows := &smslink.Package{Fold: opts.fold, StrictReceivers: true}, 0
	for row, err := range campaign.rows() {
		if err != nil {
			return &exitError{exitNotSent, err}
		}
		if row.err == nil {
			row.err = pkg.Add(row.message)
		}
		if row.err != nil {
			badRows++
			fmt.Fprintf(c.err, "%s:%d: %v\n", row.file, row.line, row.err)
		}
	}
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

	out := &checkedWriter{w: c.out}
	var unwritten error
	if opts.json {
		e := json.NewEncoder(out)
		e.SetEscapeHTML(false)
		unwritten = e.Encode(struct {
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
		return &exitError{exitSomeBad, out.err}
	case unwritten != nil:
		return &exitError{exitSomeBad, fmt.Errorf("the output could not be written: %w", unwritten)}
	case badRows > 0:
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

// maskedLines is a plain form whose numbers and texts can't be read, but for what is
// the wire's own: their lengths in characters, signs, and the escapes. A line that has
// not the wire's five fields, which no package writes, is masked as a whole.
func maskedLines(plain string) string {
	lines := strings.Split(plain, "\r\n")
	for i, line := range lines {
		fields := strings.Split(line, ";")
		if len(fields) != 5 {
			lines[i] = maskedText(line)
			continue
		}
		fields[1] = masked(fields[1])
		parts := strings.Split(fields[3], "%0A")
		for j, part := range parts {
			escaped := strings.Split(part, "%3B")
			for k := range escaped {
				escaped[k] = maskedText(escaped[k])
			}
			parts[j] = strings.Join(escaped, "%3B")
		}
		fields[3] = strings.Join(parts, "%0A")
		lines[i] = strings.Join(fields, ";")
	}
	return strings.Join(lines, "\r\n")
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
