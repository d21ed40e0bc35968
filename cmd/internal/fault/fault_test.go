package fault_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/fault"
	"github.com/go-smslink/smslink/smslinktest"
)

func TestParse_namesTheFault(t *testing.T) {
	for _, text := range []string{
		"lose-reply", "hang-up", "reset", "answer 503", "answer 200 <h1>no</h1> at all", "reject 8 no credit", "reject 8",
		"redirect 302 https://example.com/", "delay 2s", "trickle 10ms", "cut-reply 10", "endless-reply",
		"omit 1 2", "add 9:9:3 x", "shuffle 7",
		"after-taking hang-up", "after-taking answer 403", "before-reading reject 8 no credit", "before-reading reset", "after-taking redirect 307 /x",
	} {
		got, err := fault.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, text, got.Name)
	}
	for text, want := range map[string]string{
		"  delay   1500ms ": "delay 1.5s", "after-taking  hang-up": "after-taking hang-up", "reject 8   no credit": "reject 8 no credit",
	} {
		got, err := fault.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got.Name)
	}
}

func TestParse_noneHasNoName(t *testing.T) {
	got, err := fault.Parse("none")
	require.NoError(t, err)
	require.Empty(t, got.Name)
}

func TestParse_saysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"":                         `fault "" is unknown; the faults are none, lose-reply, `,
		"lost-reply":               `fault "lost-reply" is unknown; the faults are none, lose-reply, `,
		"lose-reply 3":             `fault "lose-reply" takes nothing after its name`,
		"answer":                   `fault "answer" takes an HTTP status from 200 to 599`,
		"answer 99":                `fault "answer" takes an HTTP status from 200 to 599`,
		"redirect 200":             `fault "redirect" takes an HTTP status from 300 to 399`,
		"reject":                   `fault "reject" takes a code and a text without a semicolon`,
		"reject 8 a;b":             `fault "reject" takes a code and a text without a semicolon`,
		"delay soon":               `fault "delay" takes a time, such as delay 2s`,
		"trickle -1s":              `fault "trickle" takes a time, such as trickle 2s`,
		"cut-reply -1":             `fault "cut-reply" takes a number of bytes`,
		"shuffle":                  `fault "shuffle" takes a seed`,
		"omit":                     `fault "omit" takes local message ids`,
		"add":                      `fault "add" takes entries`,
		"after-taking":             `after-taking goes with hang-up, reset, answer, reject and redirect only`,
		"before-reading delay 1s":  `before-reading goes with hang-up, reset, answer, reject and redirect only`,
		"after-taking answer 1000": `fault "answer" takes an HTTP status from 200 to 599`,
	} {
		_, err := fault.Parse(text)
		require.ErrorContains(t, err, want, text)
	}
}

func TestParse_doesWhatItsTextSays(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	for text, want := range map[string]smslink.Outcome{
		"none": smslink.OutcomeAccepted, "lose-reply": smslink.OutcomeInDoubt, "hang-up": smslink.OutcomeInDoubt, "reset": smslink.OutcomeInDoubt,
		"answer 503": smslink.OutcomeInDoubt, "reject 8 no credit": smslink.OutcomeRejected, "redirect 302 /": smslink.OutcomeRejected,
		"delay 1ms": smslink.OutcomeAccepted, "cut-reply 10": smslink.OutcomeInDoubt, "omit 1": smslink.OutcomeInDoubt,
	} {
		got, err := fault.Parse(text)
		require.NoError(t, err)
		gateway.Inject(got)
		_, err = gateway.Client().SendMessage(t.Context(), smslink.Message{ID: 1, To: "0712345678", Text: "a"})
		require.Equal(t, want, smslink.OutcomeOf(err), text)
	}
}
