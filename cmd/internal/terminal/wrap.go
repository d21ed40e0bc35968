package terminal

import (
	"strings"
	"unicode/utf8"
)

// Wrap breaks the lines of a text between words, so that none is wider than the columns unless a
// word is. The rest of a line is indented to the last cell of a table, or by two. A line that
// begins with a brace is JSON, and is not broken.
func Wrap(text string, columns int) string {
	if columns < 20 {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, end := strings.TrimSuffix(line, "\n"), ""
		if len(body) < len(line) {
			end = "\n"
		}
		if width(body) <= columns || strings.HasPrefix(body, "{") {
			b.WriteString(line)
			continue
		}
		wrapLine(&b, body, columns)
		b.WriteString(end)
	}
	return b.String()
}

func wrapLine(b *strings.Builder, line string, columns int) {
	indent := hanging(line, columns)
	for room := columns; ; room = columns - indent {
		cut := lastBreak(line, room)
		if width(line) <= room || cut < 0 {
			b.WriteString(line)
			return
		}
		b.WriteString(strings.TrimRight(line[:cut], " "))
		b.WriteString("\n")
		b.WriteString(strings.Repeat(" ", indent))
		line = strings.TrimLeft(line[cut:], " ")
	}
}

// hanging returns where the last cell of a table's line begins, or 2.
func hanging(line string, columns int) int {
	indent := 2
	for i := range line {
		at := width(line[:i])
		if at > columns/2 {
			break
		}
		if i >= 2 && line[i-2:i] == "  " && line[i] != ' ' {
			indent = max(2, at)
		}
	}
	return indent
}

// lastBreak returns the offset of the last space within room, else of the first space after it,
// else -1. It ignores the spaces at the start of the line.
func lastBreak(line string, room int) int {
	start := len(line) - len(strings.TrimLeft(line, " "))
	last := -1
	columns := width(line[:start])
	for i, r := range line[start:] {
		if r == ' ' {
			if columns > room && last >= 0 {
				return last
			}
			last = start + i
			if columns > room {
				return last
			}
		}
		columns++
	}
	return last
}

func width(s string) int { return utf8.RuneCountInString(s) }
