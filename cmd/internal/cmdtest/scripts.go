// Package cmdtest runs commands as a shell does: in scripts, and in a terminal.
package cmdtest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/go-smslink/smslink/cmd/internal/account"
	"github.com/go-smslink/smslink/cmd/internal/fault"
	"github.com/go-smslink/smslink/cmd/internal/xlsx"
	"github.com/go-smslink/smslink/smslinktest"
)

// Scripts runs testdata/script: each file is a shell session with a test gateway of its own, whose
// account and URL are in the environment.
func Scripts(t *testing.T) {
	type gatewayKey struct{}
	gatewayOf := func(ts *testscript.TestScript) *smslinktest.Gateway {
		return ts.Value(gatewayKey{}).(*smslinktest.Gateway)
	}
	// taken compares a field of the messages that the gateway has taken, and of no others.
	taken := func(field func(smslinktest.Message) string, separator string) func(*testscript.TestScript, bool, []string) {
		return func(ts *testscript.TestScript, _ bool, args []string) {
			var fields []string
			for _, m := range gatewayOf(ts).Messages() {
				fields = append(fields, field(m))
			}
			if strings.Join(fields, separator) != strings.Join(args, separator) {
				ts.Fatalf("the gateway has %q", fields)
			}
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			gateway := smslinktest.NewGateway(&smslinktest.Options{
				Senders: []string{"MAGAZIN"}, Rules: []smslinktest.Rule{smslinktest.UnknownNumbers("0700000404")},
			})
			env.Defer(gateway.Close)
			env.Values[gatewayKey{}] = gateway
			folder, err := os.Getwd()
			env.Setenv("CAMPAIGNS", folder+"/../../testdata")
			env.Setenv("ENDPOINT", gateway.URL)
			env.Setenv(account.EnvConnectionID, gateway.ConnectionID)
			env.Setenv(account.EnvPassword, gateway.Password)
			return err
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			// exits CODE COMMAND…: the command ends with that exit code.
			"exits": func(ts *testscript.TestScript, _ bool, args []string) {
				code := 0
				var exit *exec.ExitError
				if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
					code = exit.ExitCode()
				} else {
					ts.Check(err)
				}
				if strconv.Itoa(code) != args[0] {
					ts.Fatalf("exit code %d, not %s\n%s\n%s", code, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
				}
			},
			// fault TEXT…: what happens to the next upload, in the text of sandbox --fault.
			"fault": func(ts *testscript.TestScript, _ bool, args []string) {
				next, err := fault.Parse(strings.Join(args, " "))
				ts.Check(err)
				gatewayOf(ts).Inject(next)
			},
			// until PATTERN COMMAND…: the command is run until its output matches.
			"until": func(ts *testscript.TestScript, _ bool, args []string) {
				wanted := regexp.MustCompile(args[0])
				for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					_ = ts.Exec(args[1], args[2:]...)
					if wanted.MatchString(ts.ReadFile("stdout")) {
						return
					}
				}
				ts.Fatalf("it never matched\n%s\n%s", ts.ReadFile("stdout"), ts.ReadFile("stderr"))
			},
			// credit N: SMS that the account has left.
			"credit": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[0])
				ts.Check(err)
				gatewayOf(ts).SetCredit(n)
			},
			// book FILE.xlsx FILE.csv: makes a workbook of a CSV.
			"book": func(ts *testscript.TestScript, _ bool, args []string) {
				out, err := os.Create(ts.MkAbs(args[0]))
				ts.Check(err)
				book, err := xlsx.NewWriter(out, "")
				ts.Check(err)
				records, err := csv.NewReader(strings.NewReader(ts.ReadFile(args[1]))).ReadAll()
				ts.Check(err)
				for _, record := range records {
					ts.Check(book.Row(record, func(int) bool { return false }))
				}
				ts.Check(errors.Join(book.Close(), out.Close()))
			},
			// names JOURNAL FILE…: JOURNAL-7 in a FILE becomes the name that the journal has for
			// message 7.
			"names": func(ts *testscript.TestScript, _ bool, args []string) {
				identity := regexp.MustCompile(`smslink-send id=(\w+)`).FindStringSubmatch(ts.ReadFile(args[0] + "/journal"))[1]
				for _, name := range args[1:] {
					text := strings.ReplaceAll(ts.ReadFile(name), args[0]+"-", identity+"-")
					ts.Check(os.WriteFile(ts.MkAbs(name), []byte(text), 0o600))
				}
			},
			// texts A|B…: the gateway has taken messages with these texts, in this order.
			"texts": taken(func(m smslinktest.Message) string { return m.Text }, "|"),
			// receivers A B…: the gateway has taken messages to these receivers, in this order.
			"receivers": taken(func(m smslinktest.Message) string { return m.To }, " "),
			// ledger IDS…: the gateway has taken these messages, in this order.
			"ledger": taken(func(m smslinktest.Message) string { return fmt.Sprint(m.ID) }, " "),
		},
	})
}
