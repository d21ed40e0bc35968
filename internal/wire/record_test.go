package wire_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/wire"
)

func TestAppendRecord_refusesWhatTheWireCannotCarry(t *testing.T) {
	good := wire.Record{ID: 1, Receiver: "0712345678", Sender: "numeric", Text: "a"}
	with := func(change func(*wire.Record)) wire.Record {
		r := good
		change(&r)
		return r
	}
	for _, c := range []struct {
		name   string
		record wire.Record
		field  string
		rule   error
	}{
		{"negative id", with(func(r *wire.Record) { r.ID = -1 }), wire.FieldID, wire.ErrNegativeID},
		{"time before 1970", with(func(r *wire.Record) { r.At = -1 }), wire.FieldSendAt, wire.ErrBefore1970},
		{"empty receiver", with(func(r *wire.Record) { r.Receiver = "" }), wire.FieldTo, wire.ErrNoDigit},
		{"receiver of letters", with(func(r *wire.Record) { r.Receiver = "abc" }), wire.FieldTo, wire.ErrNoDigit},
		{"receiver of a plus alone", with(func(r *wire.Record) { r.Receiver = "+" }), wire.FieldTo, wire.ErrNoDigit},
		{"receiver of Arabic digits", with(func(r *wire.Record) { r.Receiver = "٠٧١٢" }), wire.FieldTo, wire.ErrNoDigit},
		{"semicolon in sender", with(func(r *wire.Record) { r.Sender = "A;B" }), wire.FieldFrom, wire.ErrSeparator},
		{"line feed in sender", with(func(r *wire.Record) { r.Sender = "A\nB" }), wire.FieldFrom, wire.ErrControlCharacter},
		{"carriage return in sender", with(func(r *wire.Record) { r.Sender = "A\rB" }), wire.FieldFrom, wire.ErrControlCharacter},
		{"tab in sender", with(func(r *wire.Record) { r.Sender = "A\tB" }), wire.FieldFrom, wire.ErrControlCharacter},
		{"next line in sender", with(func(r *wire.Record) { r.Sender = "A\u0085B" }), wire.FieldFrom, wire.ErrControlCharacter},
		{"broken UTF-8 in sender", with(func(r *wire.Record) { r.Sender = "A\xffB" }), wire.FieldFrom, wire.ErrInvalidUTF8},
		{"empty text", with(func(r *wire.Record) { r.Text = "" }), wire.FieldText, wire.ErrEmptyText},
		{"text of white space", with(func(r *wire.Record) { r.Text = " \t\r\n\x00\x0b" }), wire.FieldText, wire.ErrEmptyText},
		{"broken UTF-8 in text", with(func(r *wire.Record) { r.Text = "a\xc3" }), wire.FieldText, wire.ErrInvalidUTF8},
		{"surrogate in text", with(func(r *wire.Record) { r.Text = "a\xed\xa0\x80b" }), wire.FieldText, wire.ErrInvalidUTF8},
		{"NUL inside text", with(func(r *wire.Record) { r.Text = "a\x00b" }), wire.FieldText, wire.ErrControlCharacter},
		{"vertical tab inside text", with(func(r *wire.Record) { r.Text = "a\x0bb" }), wire.FieldText, wire.ErrControlCharacter},
		{"escape inside text", with(func(r *wire.Record) { r.Text = "a\x1bb" }), wire.FieldText, wire.ErrControlCharacter},
		{"delete inside text", with(func(r *wire.Record) { r.Text = "a\x7fb" }), wire.FieldText, wire.ErrControlCharacter},
		{"control at the end, not trimmed", with(func(r *wire.Record) { r.Text = "a\x07" }), wire.FieldText, wire.ErrControlCharacter},
		{"literal line feed escape", with(func(r *wire.Record) { r.Text = "100%0Ab" }), wire.FieldText, wire.ErrLiteralEscape},
		{"literal semicolon escape", with(func(r *wire.Record) { r.Text = "a%3B" }), wire.FieldText, wire.ErrLiteralEscape},
		{"escape joined by a dropped tab", with(func(r *wire.Record) { r.Text = "a%\t0Ab" }), wire.FieldText, wire.ErrLiteralEscape},
		{"escape joined by a dropped return", with(func(r *wire.Record) { r.Text = "a%3\r\tB" }), wire.FieldText, wire.ErrLiteralEscape},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := append(make([]byte, 0, 256), "before"...)
			line, field, rule := wire.AppendRecord(dst, c.record)
			require.Equal(t, "before", string(line))
			require.Equal(t, c.field, field)
			require.ErrorIs(t, rule, c.rule)
		})
	}
}

func TestAppendRecord_takesWhatOnlyLooksLikeAnEscape(t *testing.T) {
	for text, want := range map[string]string{
		"%":         "%",
		"100%":      "100%",
		"%0":        "%0",
		"%0a":       "%0a",
		"%3b":       "%3b",
		"%%":        "%%",
		"%25":       "%25",
		"%\n0A":     "%%0A0A",
		"%3;":       "%3%3B",
		"%0\nA":     "%0%0AA",
		"a\u0085b":  "a\u0085b",
		"\ufffd ok": "\ufffd ok",
	} {
		line, _, rule := wire.AppendRecord(nil, wire.Record{ID: 1, Receiver: "07", Text: text})
		require.NoError(t, rule, "%q", text)
		require.Equal(t, "1;07;numeric;"+want+";0", string(line))
		back, err := wire.ParseRecord(string(line))
		require.NoError(t, err)
		require.Equal(t, text, back.Text)
	}
}

func TestParseRecord_namesTheFieldAtFault(t *testing.T) {
	for line, want := range map[string]string{
		"":                                   "has 1 fields, not 5",
		"1;07;numeric;a":                     "has 4 fields, not 5",
		"1;07;numeric;a;0;":                  "has 6 fields, not 5",
		"-1;07;numeric;a;0":                  "local id",
		"+1;07;numeric;a;0":                  "local id",
		"01;07;numeric;a;0":                  "local id",
		"1.5;07;numeric;a;0":                 "local id",
		";07;numeric;a;0":                    "local id",
		"9223372036854775808;07;numeric;a;0": "local id",
		"1;;numeric;a;0":                     "receiver",
		"1;+4071;numeric;a;0":                "receiver",
		"1;07;;a;0":                          "sender",
		"1;07;A\nB;a;0":                      "sender",
		"1;07;\xff;a;0":                      "sender",
		"1;07;numeric;;0":                    "text",
		"1;07;numeric; a;0":                  "text",
		"1;07;numeric;a\tb;0":                "text",
		"1;07;numeric;\xff;0":                "text",
		"1;07;numeric;a;":                    "programmed time",
		"1;07;numeric;a;-1":                  "programmed time",
		"1;07;numeric;a;tomorrow":            "programmed time",
	} {
		_, err := wire.ParseRecord(line)
		require.ErrorContains(t, err, want, "%q", line)
	}
}

func TestRecord_timeZeroIsNow(t *testing.T) {
	require.True(t, wire.Record{}.Time().IsZero())
	require.Equal(t, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), wire.Record{At: 1893456000}.Time())
}

func FuzzRecord(f *testing.F) {
	f.Add(int64(1), "0712345678", "numeric", "Salut!", int64(0))
	f.Add(int64(0), "(+40) 712-345-678", "", "a;b\r\nc\td", int64(1893456000))
	f.Add(int64(9223372036854775807), "+", "A;B", "%0A %3B %\t0A", int64(-1))
	f.Add(int64(-1), "07", "\xff", "\x00 Mulțumim 👋🏽 \u0085\u00a0", int64(1))
	f.Fuzz(func(t *testing.T, id int64, receiver, sender, text string, at int64) {
		line, field, rule := wire.AppendRecord([]byte("x"), wire.Record{id, receiver, sender, text, at})
		if rule != nil {
			require.NotEmpty(t, field)
			require.Equal(t, "x", string(line))
			return
		}
		got := string(line[1:])
		require.NotContains(t, got, "\r")
		require.NotContains(t, got, "\n")
		record, err := wire.ParseRecord(got)
		require.NoError(t, err, "a line that was written can be read")

		// The reference's steps, one by one.
		receiver = strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, strings.ReplaceAll(receiver, "+", "00"))
		if sender == "" {
			sender = "numeric"
		}
		text = strings.Trim(text, " \t\n\r\x00\x0b")
		text = strings.ReplaceAll(text, "\r\n", "\n")
		text = strings.NewReplacer("\t", "", "\r", "").Replace(text)
		require.Equal(t, wire.Record{id, receiver, sender, text, at}, record)

		again, _, rule := wire.AppendRecord(nil, record)
		require.NoError(t, rule)
		require.Equal(t, got, string(again), "reading and writing again changes nothing")
	})
}

func FuzzParseRecord(f *testing.F) {
	f.Add("1;0712345678;numeric;Salut%0Alume%3B;0")
	f.Add("1;07;numeric;%3BA;0")
	f.Add(";;;;")
	f.Fuzz(func(t *testing.T, line string) {
		record, err := wire.ParseRecord(line)
		if err != nil {
			return
		}
		again, _, rule := wire.AppendRecord(nil, record)
		if rule == nil && strings.TrimSpace(record.Text) == record.Text {
			// Else it is another client's, made of a text with literal escapes.
			require.Equal(t, line, string(again))
		}
	})
}
