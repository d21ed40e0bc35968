package smslink_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

func TestParseReceiver(t *testing.T) {
	for number, want := range map[string]string{
		"0712345678":                  "0712345678",
		"0712 345 678":                "0712345678",
		"(0712) 345.678":              "0712345678",
		"+40712345678":                "0040712345678",
		"+40 712-345-678":             "0040712345678",
		"0040712345678":               "0040712345678",
		"\u00a0+40712345678 ":         "0040712345678",
		"(+40) 712 345 678":           "0040712345678",
		"+44 7700 900123":             "00447700900123",
		"00 1 (202) 555-0123":         "0012025550123",
		"+1234567":                    "001234567",
		"+123456789012345":            "00123456789012345",
		"+290 1234":                   "002901234",
		"+40 0712 345 678":            "0040712345678",
		"+40 (0)712 345 678":          "0040712345678",
		"0722/123.456":                "0722123456",
		"+40 722/123456":              "0040722123456",
		"0722\u2011123–456\r\n":       "0722123456",
		"\u202a+40 722 123 456\u202c": "0040722123456",
		"+7 912 345 67 89":            "0079123456789",
		"00 44 7700 900123":           "00447700900123",
		"":                            "",
		"+":                           "",
		"07123":                       "",
		"+4915112345678.0":            "",
		"071234567.0":                 "",
		"071234567":                   "",
		"07123456789":                 "",
		"0212345678":                  "",
		"712345678":                   "",
		"40712345678":                 "",
		"+40 0212 345 678":            "",
		"+40 00712345678":             "",
		"+712345678":                  "",
		"00712345678":                 "",
		"00 44 (0) 7700 900123":       "",
		"+44 (07700) 900123":          "",
		"+49 171/1234567":             "",
		"07123456+":                   "",
		"0040+712345678":              "",
		"+44 (0)7700 900123":          "",
		"+44 ( 0 ) 7700 900123":       "",
		"+40212345678":                "",
		"+407123456789":               "",
		"+0712345678":                 "",
		"000712345678":                "",
		"+123456":                     "",
		"+1234567890123456":           "",
		"0712345678, 072345678":       "",
		"0712345678/0723456789":       "",
		"0712345678 int. 2":           "",
		"07l2345678":                  "",
		"0712+345678":                 "",
		"++40712345678":               "",
		"٠٧١٢٣٤٥٦٧٨":                  "",
		"\xff0712345678":              "",
	} {
		got, err := smslink.ParseReceiver(number)
		require.Equal(t, want, got, number)
		if want == "" {
			require.EqualError(t, err, "smslink: the receiver "+smslink.ErrReceiver.Error(), number)
			require.ErrorIs(t, err, smslink.ErrReceiver)
			continue
		}
		require.NoError(t, err)

		// What passes is what a package makes of it, and what a lenient one makes of the result.
		strict, lenient := &smslink.Package{StrictReceivers: true}, &smslink.Package{}
		require.NoError(t, strict.Add(smslink.Message{ID: 1, To: number, Text: "a"}))
		require.NoError(t, lenient.Add(smslink.Message{ID: 1, To: got, Text: "a"}))
		require.Equal(t, strict.AppendPlain(nil), lenient.AppendPlain(nil))
		for m := range strict.Messages() {
			require.Equal(t, want, m.To)
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

func TestAdd_foldingAndStrictAllocatesNothingWhereNothingChanges(t *testing.T) {
	p := &smslink.Package{Fold: true, StrictReceivers: true}
	id := int64(0)
	add := func() {
		id++
		require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: "Vă așteptăm."}))
	}
	for range 20_000 {
		add()
	}
	p.Reset()
	require.Zero(t, testing.AllocsPerRun(1000, add))
}
