package send

import (
	"fmt"
	"io"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/redact"
	"github.com/go-smslink/smslink/cmd/internal/terminal"
)

// preview shows the first message as it will arrive, and the cheapest and the dearest if they
// differ.
func preview(out io.Writer, s *campaign.Survey) {
	show(out, "The first message", s.First)
	if s.Cheapest.Size.Segments == s.Dearest.Size.Segments {
		return
	}
	if s.Cheapest.Size.Segments < s.First.Size.Segments {
		show(out, "The cheapest", s.Cheapest)
	}
	if s.Dearest.Size.Segments > s.First.Size.Segments {
		show(out, "The dearest", s.Dearest)
	}
}

func show(out io.Writer, what string, row *campaign.Row) {
	from := row.Message.From
	if from == "" {
		from = "numeric"
	}
	at := "now"
	if !row.Message.SendAt.IsZero() {
		at = row.Message.SendAt.Format("on 02.01.2006 at 15:04 -07:00")
	}
	fmt.Fprintf(out, "%s, %s:%d, %s to %s from %s, %s:\n", what, row.File, row.Line, campaign.Plural(row.Size.Segments, "SMS"),
		redact.Number(row.Message.To), terminal.Line(from), at)
	for line := range strings.Lines(row.Text) {
		fmt.Fprintf(out, "  %s\n", terminal.Line(strings.TrimRight(line, "\r\n")))
	}
}
