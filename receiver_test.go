package smslink_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
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
		"+40 (0)722/123456":           "0040722123456",
		"+40 0722/123.456":            "0040722123456",
		"0040 0722 (123456)":          "0040722123456",
		"0722\u2011123–456\r\n":       "0722123456",
		"\t0722123456\n":              "0722123456",
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
			require.ErrorIs(t, err, smslink.ErrReceiver)
			continue
		}
		require.NoError(t, err)

		// A strict package encodes the number as a lenient one encodes the result.
		strict, lenient := &smslink.Package{}, lenientPackage()
		require.NoError(t, strict.Add(smslink.Message{ID: 1, To: number, Text: "a"}))
		require.NoError(t, lenient.Add(smslink.Message{ID: 1, To: got, Text: "a"}))
		require.Equal(t, strict.AppendPlain(nil), lenient.AppendPlain(nil))
		for m := range strict.Messages() {
			require.Equal(t, want, m.To)
		}
	}
}

// All forms of a number have the same E.164 form.
func TestE164(t *testing.T) {
	for number, want := range map[string]string{
		"0712345678":          "+40712345678",
		"0712 345 678":        "+40712345678",
		"+40712345678":        "+40712345678",
		"0040712345678":       "+40712345678",
		"+40 (0)712 345 678":  "+40712345678",
		"+44 7700 900123":     "+447700900123",
		"+33.6.12.34.56.00":   "+33612345600",
		"0712/345.000":        "+40712345000",
		"00 1 (202) 555-0123": "+12025550123",
		"+7 912 345 67 89":    "+79123456789",
		"712345678":           "",
		"0212345678":          "",
		"":                    "",
	} {
		got, err := smslink.E164(number)
		require.Equal(t, want, got, number)
		require.Equal(t, want == "", errors.Is(err, smslink.ErrReceiver), number)
		if err == nil {
			again, err := smslink.E164(got)
			require.NoError(t, err)
			require.Equal(t, want, again)
		} else {
			_, same := smslink.ParseReceiver(number)
			require.EqualError(t, err, same.Error())
		}
	}
}

// The error names the cause, and not the number.
func TestAdd_refusesWhatIsNotOneReceiver(t *testing.T) {
	for number, says := range map[string]string{
		"":                         "is empty",
		" - ":                      "is empty",
		"7.12346E+08":              "scientific notation",
		"4,07123E+10":              "scientific notation",
		"712345678.0":              "ends in .0",
		"0712345678 / 0723456789":  "more than one number",
		"0712 345 67/8":            "more than one number",
		"+44 20 7946 0958 (3)":     "an extension",
		"+1 (212) 555 0123 (4567)": "an extension",
		"0712345678, 0723456789":   "more than one number",
		"0712345678;0723456789":    "more than one number",
		"+40712345678+40723456789": "more than one number",
		"0712345678 x12":           "an extension",
		"+376 312345\n654321":      "more than one number",
		"+376 312345\u2028654321":  "more than one number",
		"0712\t345678":             "more than one number",
		"+49171234567.0 ":          "ends in .0",
		"+49171234567.00":          "ends in .0",
		"\u202a+49171234567.0\r\n": "ends in .0",
		"call me":                  "other than the digits",
		"712345678":                "lacks its leading 0",
		"40712345678":              "lacks its +: write +40, 7 and 8 digits",
		"40 712 345 678":           "lacks its +: write +40, 7 and 8 digits",
		"712 345 678":              "lacks its leading 0",
		"0212345678":               "landline",
		"031 234 5678":             "landline",
		"+40212345678":             "not a Romanian mobile",
		"+4071234567":              "not a Romanian mobile",
		"12":                       "too few digits",
		"071234567":                "too few digits",
		"+44123":                   "too few digits",
		"07123456789":              "too many digits",
		"+1234567890123456":        "too many digits",
		"44 7700 900123":           "write the country code",
		"+44 (0)7700 900123":       "bracketed 0",
		"+0712345678":              "starts with 0",
		"0712345678\x1b[31m":       "other than the digits",
		"+4071234567890123456789":  "too many digits",
	} {
		m := smslink.Message{ID: 7, To: number, Text: "a"}
		var p smslink.Package
		err := p.Add(m)
		var refusal *smslink.MessageError
		require.ErrorAs(t, err, &refusal, number)
		require.ErrorIs(t, err, smslink.ErrReceiver, number)
		require.Equal(t, "To", refusal.Field)
		require.ErrorContains(t, err, says, number)
		if len(number) > 2 {
			require.NotContains(t, err.Error(), number)
		}
		require.Zero(t, p.Len())
		_, err = smslink.ParseReceiver(number)
		require.EqualError(t, err, "smslink: the receiver "+refusal.Err.Error())
	}
}

func TestAdd_lenientReceivers(t *testing.T) {
	p := lenientPackage()
	require.NoError(t, p.Add(smslink.Message{ID: 7, To: "0712345678 / 0723456789", Text: "a"}))
	require.NoError(t, p.Add(smslink.Message{ID: 8, To: "12", Text: "a"}))
	require.EqualError(t, p.Add(smslink.Message{ID: 9, To: "call me", Text: "a"}),
		"smslink: message 9: To holds no digit, so it is not a phone number")
	require.Equal(t, "7;07123456780723456789;numeric;a;0\r\n8;12;numeric;a;0", plain(p))
}

func TestAdd_allocatesNothingIfFoldingChangesNothing(t *testing.T) {
	var p smslink.Package
	id := int64(0)
	add := func() {
		id++
		require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: gsm7.FoldIfFewer("Vă așteptăm.")}))
	}
	for range 20_000 {
		add()
	}
	p.Reset()
	require.Zero(t, testing.AllocsPerRun(1000, add))
}
