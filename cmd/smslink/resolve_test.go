package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/outcome"
	"github.com/go-smslink/smslink/smslinktest"
)

// doubtful sends files with journals of its folder, so that messages come into doubt.
type doubtful struct {
	*testing.T
	folder  string
	gateway *smslinktest.Gateway
	failing atomic.Bool // the gateway refuses each message's sender
	broke   atomic.Bool // the account has no credit
}

func newDoubtful(t *testing.T) *doubtful {
	d := &doubtful{T: t, folder: t.TempDir()}
	d.gateway = newGateway(t, &smslinktest.Options{Rules: []smslinktest.Rule{func(smslink.Message) smslink.Status {
		switch {
		case d.failing.Load():
			return smslink.StatusSenderFailed
		case d.broke.Load():
			return smslink.StatusInsufficientCredit
		}
		return smslink.StatusSuccess
	}}})
	return d
}

func (d *doubtful) path(name string) string { return filepath.Join(d.folder, name) }

// file writes a file, and returns its path.
func (d *doubtful) file(name, text string) string {
	require.NoError(d, os.WriteFile(d.path(name), []byte(text), 0o600))
	return d.path(name)
}

// send sends a file with a journal, in one attempt. It requires the exit code.
func (d *doubtful) send(code int, journal, file string, args ...string) {
	d.Helper()
	args = append([]string{
		"send", "--endpoint", d.gateway.URL, "--attempts", "1", "--journal", d.path(journal), d.path(file),
	}, args...)
	got := smslinkIn(accountOf(d.gateway), "", args...)
	require.Equal(d, code, got.code, got.out+got.err)
}

// resolve looks for what is in doubt in a report. It requires the exit code, and returns the
// output.
func (d *doubtful) resolve(code int, report, journal string, files ...string) string {
	d.Helper()
	args := append([]string{"journal", "resolve", "--from-report", d.path(report), "--by", "Ana", d.path(journal)}, files...)
	got := smslinkIn(nil, "", args...)
	require.Equal(d, code, got.code, got.out+got.err)
	return got.out + got.err
}

// reportOfAll writes account.csv, the account's report, which lists what the gateway has, accepted
// or not.
func (d *doubtful) reportOfAll() {
	lines := "Telefon,Mesaj\n"
	for _, m := range d.gateway.Messages() {
		lines += csvLine(d.T, m.To, m.Text)
	}
	d.file("account.csv", lines)
}

// names returns a text in which JOURNAL-7 is the name that the journal has for message 7.
func (d *doubtful) names(journal, text string) string {
	kept, err := os.ReadFile(d.path(filepath.Join(journal, "journal")))
	require.NoError(d, err)
	identity := regexp.MustCompile(`smslink-send id=(\w+)`).FindStringSubmatch(string(kept))[1]
	return strings.ReplaceAll(text, "JOURNAL-", identity+"-")
}

// accepted is the number of messages that the gateway has accepted.
func (d *doubtful) accepted() (n int) {
	for _, m := range d.gateway.Messages() {
		if !m.Test && m.Status == smslink.StatusSuccess {
			n++
		}
	}
	return n
}

const (
	june = "to,text\n0712345671,iunie\n0712345672,iunie\n"
	july = "to,text\n0712345671,iulie\n0712345672,iulie\n"
)

// reportsOf returns what smslink reports writes about two rows that were answered at a time.
func reportsOf(answered string) (lines string) {
	for _, id := range []int{2, 3} {
		lines += fmt.Sprintf(`{"remote_id":"22000000%d","delivered":true,"time":"2099-07-01T10:00:00Z",`+
			`"row":{"file":"campaign.csv","line":%d,"id":"%d","time":%q,"journal":"JOURNAL-%d"}}`+"\n", id, id, id, answered, id)
	}
	return lines
}

const notOfTheJournal = "it has no message that was sent with this journal; nothing was changed\n"

// August's results and delivery reports say nothing about July's messages, which have the same file
// name, ids and receivers.
func TestResolve_reportsOfAnotherCampaign(t *testing.T) {
	d := newDoubtful(t)
	d.file("campaign.csv", july)
	d.gateway.Inject(smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "july", "campaign.csv")
	d.file("campaign.csv", strings.ReplaceAll(july, "iulie", "august"))
	d.send(cli.ExitAccepted, "august", "campaign.csv", "--results", d.path("results.csv"))
	d.file("reports.jsonl", d.names("august", reportsOf("2099-07-01T10:00:00Z")))
	d.file("without.jsonl", strings.ReplaceAll(reportsOf("2099-07-01T10:00:00Z"), "JOURNAL", ""))
	require.NoError(t, os.Mkdir(d.path("of-july"), 0o700))
	d.file("of-july/campaign.csv", july)
	for _, report := range []string{"results.csv", "reports.jsonl", "without.jsonl"} {
		for _, files := range [][]string{nil, {d.path("of-july/campaign.csv")}} {
			require.Contains(t, d.resolve(cli.ExitNotSent, report, "july", files...), report+": "+notOfTheJournal)
		}
	}
	both, err := os.ReadFile(d.path("reports.jsonl"))
	require.NoError(t, err)
	d.file("reports.jsonl", string(both)+d.names("july", reportsOf("2099-07-01T10:00:00Z"))+string(both))
	require.Contains(t, d.resolve(cli.ExitAccepted, "reports.jsonl", "july"), "resolved: 2 as sent\n", "July's are in the file, too")
}

// An answer from before the doubt is about an earlier upload of a message.
func TestResolve_reportsOfAnEarlierUpload(t *testing.T) {
	d := newDoubtful(t)
	d.file("campaign.csv", july)
	d.gateway.Inject(smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "july", "campaign.csv")
	for _, lines := range []string{
		reportsOf("2026-06-01T10:00:00Z"), strings.ReplaceAll(reportsOf(""), `,"time":""`, ""),
	} {
		d.file("reports.jsonl", d.names("july", lines))
		require.Contains(t, d.resolve(cli.ExitInDoubt, "reports.jsonl", "july"),
			"2 messages are in the report, but with an answer from before the upload, or without the answer's time: 2-3\n"+
				"Look for them in the account, and resolve them with --sent or --not-sent, and --id.\n")
	}
	d.file("reports.jsonl", d.names("july", reportsOf("2099-07-01T10:00:00Z")+reportsOf("2026-06-01T10:00:00Z")))
	require.Contains(t, d.resolve(cli.ExitAccepted, "reports.jsonl", "july"), "resolved: 2 as sent\n", "the last answer counts")
}

// A row in doubt has the number that another row had when that was accepted. The journal could not
// record it, and then the rows were moved again.
func TestResolve_rowsThatMovedTwice(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", "to,text\n0712345671,unu\n")
	d.gateway.Inject(smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "june", "june.csv")
	d.file("june.csv", "to,text\n0712345670,zero\n0712345671,unu\n")
	d.gateway.Inject(smslinktest.LoseReply())
	d.send(cli.ExitInDoubt, "june", "june.csv", "--same-campaign", "--results", d.path("second.csv"))
	require.Equal(t, 1, d.accepted())
	second, err := os.ReadFile(d.path("second.csv"))
	require.NoError(t, err)
	name := regexp.MustCompile(`june.csv,2,2,.*,(\w+-4),`).FindStringSubmatch(string(second))
	require.NotNil(t, name, "the row with number 2 is message 4 of the journal")
	d.file("reports.jsonl", `{"remote_id":"220000009","delivered":true,`+
		`"row":{"file":"june.csv","line":2,"id":"2","time":"2099-06-01T10:00:00Z","journal":"`+name[1]+`"}}`+"\n")
	d.file("june.csv", "to,text\n0712345671,unu\n0712345670,zero\n")
	got := d.resolve(cli.ExitInDoubt, "reports.jsonl", "june", d.path("june.csv"))
	require.Contains(t, got, "resolved: 1 as sent\n")
	require.Contains(t, got, "1 message is not in the report: 2\n")
}

// A first upload failed, and the reply to the second one was lost. The results of the first say
// nothing about the second, and the account's report may list the first.
func TestResolve_anEarlierUploadThatFailed(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", june)
	d.failing.Store(true)
	d.send(cli.ExitSomeBad, "june", "june.csv", "--results", d.path("results.csv"))
	d.failing.Store(false)
	d.gateway.Inject(smslinktest.LoseReply())
	d.send(cli.ExitInDoubt, "june", "june.csv", "--resend-failed")
	require.Contains(t, d.resolve(cli.ExitInDoubt, "results.csv", "june"), "with an answer from before the upload")
	d.file("account.csv", june)
	require.Contains(t, d.resolve(cli.ExitInDoubt, "account.csv", "june", d.path("june.csv")),
		"2 messages are in the report, but "+failedBefore+": 2-3\n")
	results, err := os.ReadFile(d.path("results.csv"))
	require.NoError(t, err)
	d.file("ahead.csv", strings.ReplaceAll(string(results), time.Now().UTC().Format(",2006-"), ",2099-"))
	require.Contains(t, d.resolve(cli.ExitInDoubt, "ahead.csv", "june"), "2 messages are in the report, but "+failedBefore+": 2-3\n",
		"the clock was ahead in the first run")
	d.send(cli.ExitInDoubt, "june", "june.csv", "--resend-failed")
	require.Equal(t, 2, d.accepted(), "each is sent once")
}

const failedBefore = "an earlier attempt to send such a message failed, which the report may mean"

// The credit did not suffice for a first upload, which the report lists. The second one was lost.
func TestResolve_anEarlierUploadWithoutCredit(t *testing.T) {
	d := newDoubtful(t)
	d.broke.Store(true)
	d.file("june.csv", june)
	d.send(cli.ExitSomeBad, "june", "june.csv")
	d.broke.Store(false)
	d.gateway.Inject(smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "june", "june.csv")
	d.reportOfAll()
	require.Contains(t, d.resolve(cli.ExitInDoubt, "account.csv", "june", d.path("june.csv")),
		"2 messages are in the report, but "+failedBefore+": 2-3\n")
	require.Zero(t, d.accepted())
}

// The reply to a first upload, for which the credit did not suffice, was lost, and a person has
// found it in the account. The second upload was lost.
func TestResolve_anEarlierUploadThatAPersonResolved(t *testing.T) {
	d := newDoubtful(t)
	d.broke.Store(true)
	d.file("june.csv", june)
	d.gateway.Inject(smslinktest.LoseReply(), smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "june", "june.csv")
	resolved := smslinkIn(nil, "", "journal", "resolve", "--not-sent", "--all", "--by", "Ana", "--reason", "no credit", d.path("june"))
	require.Equal(t, cli.ExitAccepted, resolved.code, resolved.err)
	d.broke.Store(false)
	d.send(cli.ExitInDoubt, "june", "june.csv")
	d.reportOfAll()
	require.Contains(t, d.resolve(cli.ExitInDoubt, "account.csv", "june", d.path("june.csv")),
		"2 messages are in the report, but "+failedBefore+": 2-3\n")
	require.Zero(t, d.accepted())
}

// The report lists a message twice: when it failed, and when it was accepted. It does not list an
// equal one that is in doubt.
func TestResolve_anEarlierUploadOfAnEqualRow(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", "id,to,text\n1,0712345671,unu\n2,0712345671,unu\n")
	d.failing.Store(true)
	d.gateway.Inject(smslinktest.Fault{}, smslinktest.Reject("8", "no credit"))
	d.send(cli.ExitSomeBad, "june", "june.csv", "--package-size", "1")
	d.failing.Store(false)
	d.gateway.Inject(smslinktest.Fault{}, smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "june", "june.csv", "--package-size", "1", "--resend-failed")
	require.Len(t, d.gateway.Messages(), 2)
	d.reportOfAll()
	require.Contains(t, d.resolve(cli.ExitInDoubt, "account.csv", "june", d.path("june.csv")),
		"1 message is in the report, but "+failedBefore+": 2\n")
	require.Equal(t, 1, d.accepted())
}

// The account's report has a text as it was sent: without the tab, carriage return or NUL of the
// file.
func TestResolve_textThatIsNotSentAsItStands(t *testing.T) {
	for _, text := range []string{`Total:\t10 lei`, `Total:\r10 lei`, `Total\u0000`} {
		t.Run(text, func(t *testing.T) {
			d := newDoubtful(t)
			d.file("june.jsonl", `{"id":1,"to":"0712345671","text":"`+text+`"}`+"\n")
			d.gateway.Inject(smslinktest.LoseReply())
			d.send(cli.ExitInDoubt, "june", "june.jsonl")
			d.reportOfAll()
			require.Contains(t, d.resolve(cli.ExitAccepted, "account.csv", "june", d.path("june.jsonl")), "resolved: 1 as sent\n")
		})
	}
}

// Results of a run without the journal are no evidence: neither in test mode, nor by the sandbox,
// nor by another gateway was a message of the journal sent.
func TestResolve_resultsOfARunWithoutTheJournal(t *testing.T) {
	other := newGateway(t, nil)
	for name, flags := range map[string][]string{
		"test mode":       {"--test-mode", "--endpoint", other.URL},
		"the sandbox":     {"--sandbox"},
		"another gateway": {"--endpoint", other.URL},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoubtful(t)
			d.file("june.csv", june)
			d.gateway.Inject(smslinktest.HangUp())
			d.send(cli.ExitInDoubt, "june", "june.csv")
			args := []string{"send", "--results", d.path("results.csv"), d.path("june.csv")}
			got := smslinkIn(accountOf(other), "", append(args, flags...)...)
			require.Equal(t, cli.ExitAccepted, got.code, got.err)
			require.Len(t, readResults(t, d.path("results.csv")), 2)
			require.Contains(t, d.resolve(cli.ExitNotSent, "results.csv", "june"), notOfTheJournal)
		})
	}
}

// A journal that could not be written is resolved by the results file. Messages that failed are
// resolved as such, and the command says how those are sent for which the credit did not suffice.
func TestResolve_resultsOfARunWhoseJournalCouldNotBeWritten(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", "id,to,text\n1,0712345671,unu\n2,0712345672,doi\n3,0712345673,trei\n")
	d.gateway.Inject(smslinktest.LoseReply())
	d.send(cli.ExitInDoubt, "june", "june.csv")
	d.file("results.csv", d.names("june", strings.Join(outcome.ResultsHeader, ",")+`
june.csv,2,1,3,success,220000011,1,,0712345671,accepted,,JOURNAL-1,2099-06-01T10:00:00Z
june.csv,3,2,1,sender failed,220000012,1,,0712345672,failed,,JOURNAL-2,2099-06-01T10:00:00Z
june.csv,4,3,5,insufficient credit,,1,,0712345673,failed,,JOURNAL-3,2099-06-01T10:00:00Z
`))
	got := d.resolve(cli.ExitInDoubt, "results.csv", "june")
	require.Contains(t, got, "resolved: 1 as sent, 1 as failed\n")
	require.Contains(t, got, "1 message is in the report, but as failed for want of credit, and may have been sent since: 3\n"+
		"Look for them in the account, and resolve them with --sent or --not-sent, and --id.\n")
	show := smslinkIn(nil, "", "journal", "show", d.path("june"))
	require.Contains(t, show.out, "0 accepted, 0 failed, 1 resolved as sent, 1 resolved as failed, 1 in doubt;")
	require.Contains(t, show.out, "1 as sent, 1 as failed: found in the report results.csv\n")

	resolved := smslinkIn(nil, "", "journal", "resolve", "--not-sent", "--id", "3", "--by", "Ana", "--reason", "not there", d.path("june"))
	require.Equal(t, cli.ExitAccepted, resolved.code, resolved.err)
	d.send(cli.ExitSomeBad, "june", "june.csv")
	messages := d.gateway.Messages()
	require.Equal(t, "trei", messages[len(messages)-1].Text)
}

// A results file with other remote ids than the journal is refused. A remote id that the journal
// has under another id is no evidence.
func TestResolve_remoteIDsThatContradictTheJournal(t *testing.T) {
	d := newDoubtful(t)
	d.file("june.csv", june)
	d.gateway.Inject(smslinktest.Fault{}, smslinktest.HangUp())
	d.send(cli.ExitInDoubt, "june", "june.csv", "--package-size", "1")
	require.Equal(t, 1, d.accepted())
	rows := d.names("june", "june.csv,2,2,3,success,%s,1,,0712345671,accepted,,JOURNAL-2,2099-06-01T10:00:00Z\n"+
		"june.csv,3,3,3,success,%s,1,,0712345672,accepted,,JOURNAL-3,2099-06-01T10:00:00Z\n")
	remoteID := d.gateway.Messages()[0].RemoteID
	results := func(first, second string) {
		d.file("results.csv", strings.Join(outcome.ResultsHeader, ",")+"\n"+fmt.Sprintf(rows, first, second))
	}
	results("77", "78")
	require.Contains(t, d.resolve(cli.ExitNotSent, "results.csv", "june"),
		"it contradicts the journal, in which message 2 has another remote id; nothing was changed")
	results(remoteID, remoteID)
	require.Contains(t, d.resolve(cli.ExitInDoubt, "results.csv", "june"),
		"1 message is in the report, but with the remote id of another message: 3\n")
	results(remoteID, "78")
	require.Contains(t, d.resolve(cli.ExitAccepted, "results.csv", "june"), "resolved: 1 as sent\n")
}

// The rest may be resolved as not sent if the report is complete since the oldest doubt, which need
// not be that of the lowest id.
func TestResolve_reportMustBeCompleteSinceTheOldestDoubt(t *testing.T) {
	t.Parallel()
	d := newDoubtful(t)
	d.file("june.csv", "id,to,text\n1,0712345671,unu\n2,0712345672,doi\n")
	d.failing.Store(true)
	d.gateway.Inject(smslinktest.Fault{}, smslinktest.LoseReply())
	d.send(cli.ExitInDoubt, "june", "june.csv", "--package-size", "1")
	oldest := time.Now()
	time.Sleep(2 * time.Second) // the journal's times are whole seconds
	d.gateway.Inject(smslinktest.LoseReply())
	d.send(cli.ExitInDoubt, "june", "june.csv", "--resend-failed")

	d.file("account.csv", "to,text\n0712345699,altul\n")
	got := d.resolve(cli.ExitInDoubt, "account.csv", "june", d.path("june.csv"))
	require.Contains(t, got, "2 messages are not in the report: 1-2\n")
	require.Contains(t, got, ", resolve the rest with --not-sent and --all.\n")
	_, since, _ := strings.Cut(got, "complete since ")
	since, _, _ = strings.Cut(since, ",")
	said, err := time.ParseInLocation(time.DateTime, since, time.Local)
	require.NoError(t, err)
	require.False(t, said.After(oldest), "%s is after %s", said, oldest)
}
