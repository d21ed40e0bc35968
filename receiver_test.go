package smslink_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

func TestParseReceiver(t *testing.T) {
	for number, want := range map[string]string{
		"0712345678":            "0712345678",
		"0712 345 678":          "0712345678",
		"(0712) 345.678":        "0712345678",
		"+40712345678":          "0040712345678",
		"+40 712-345-678":       "0040712345678",
		"0040712345678":         "0040712345678",
		"\u00a0+40712345678 ":   "0040712345678",
		"(+40) 712 345 678":     "0040712345678",
		"+44 7700 900123":       "00447700900123",
		"00 1 (202) 555-0123":   "0012025550123",
		"+1234567":              "001234567",
		"+123456789012345":      "00123456789012345",
		"+290 1234":             "002901234",
		"":                      "",
		"+":                     "",
		"07123":                 "",
		"+4915112345678.0":      "",
		"071234567.0":           "",
		"071234567":             "",
		"07123456789":           "",
		"0212345678":            "",
		"712345678":             "",
		"40712345678":           "",
		"+40 0712 345 678":      "",
		"+40 (0) 712 345 678":   "",
		"+44 (0)7700 900123":    "",
		"+44 ( 0 ) 7700 900123": "",
		"+40212345678":          "",
		"+407123456789":         "",
		"+0712345678":           "",
		"000712345678":          "",
		"+123456":               "",
		"+1234567890123456":     "",
		"0712345678, 072345678": "",
		"0712345678/0723456789": "",
		"0712345678 int. 2":     "",
		"07l2345678":            "",
		"0712+345678":           "",
		"++40712345678":         "",
		"٠٧١٢٣٤٥٦٧٨":            "",
		"\xff0712345678":        "",
	} {
		got, err := smslink.ParseReceiver(number)
		require.Equal(t, want, got, number)
		if want == "" {
			require.EqualError(t, err, "smslink: the receiver "+smslink.ErrReceiver.Error(), number)
			require.ErrorIs(t, err, smslink.ErrReceiver)
			continue
		}
		require.NoError(t, err)

		// What passes is what a package makes of it, strict or not.
		for _, p := range []*smslink.Package{{}, {StrictReceivers: true}} {
			require.NoError(t, p.Add(smslink.Message{ID: 1, To: number, Text: "a"}))
			for m := range p.Messages() {
				require.Equal(t, want, m.To)
			}
		}
	}
}

func TestPackage_strictReceivers(t *testing.T) {
	lenient, strict := &smslink.Package{}, &smslink.Package{StrictReceivers: true}
	m := smslink.Message{ID: 7, To: "0712345678 / 0723456789", Text: "a"}
	require.NoError(t, lenient.Add(m))
	err := strict.Add(m)
	require.ErrorIs(t, err, smslink.ErrReceiver)
	var refusal *smslink.MessageError
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, smslink.MessageError{ID: 7, Field: "To", Err: smslink.ErrReceiver}, *refusal)
	require.NotContains(t, err.Error(), "0712345678")
	require.Zero(t, strict.Len())

	m.To = "call me"
	require.ErrorIs(t, strict.Add(m), smslink.ErrReceiver)
	require.ErrorIs(t, lenient.Add(m), smslink.ErrNoDigit)
}

func TestPackage_folds(t *testing.T) {
	p := &smslink.Package{Fold: true}
	require.NoError(t, p.Add(smslink.Message{ID: 1, To: "0712345678", From: "Ștefan", Text: "\u00a0Vă așteptăm…\tla 5 😀"}))
	for m := range p.Messages() {
		require.Equal(t, "Va asteptam... la 5 😀", m.Text)
		require.Equal(t, "Ștefan", m.From, "a sender is a name that the account has")
	}
	require.ErrorIs(t, p.Add(smslink.Message{ID: 2, To: "0712345678", Text: "\u200b\ufeff"}), smslink.ErrEmptyText)
	require.ErrorIs(t, p.Add(smslink.Message{ID: 2, To: "0712345678", Text: "％0A"}), smslink.ErrLiteralEscape)
	require.ErrorIs(t, p.Add(smslink.Message{ID: 2, To: "0712345678", Text: "ș\xff"}), smslink.ErrInvalidUTF8)
	require.Equal(t, 1, p.Len())
}

func TestAdd_foldedAllocatesNothingWhereNothingChanges(t *testing.T) {
	p := &smslink.Package{Fold: true, StrictReceivers: true, Codec: smslink.None}
	id := int64(0)
	add := func() {
		id++
		require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: "Comanda dvs. a fost expediata."}))
	}
	for range 20_000 {
		add()
	}
	p.Reset()
	require.Zero(t, testing.AllocsPerRun(1000, add))
}
