//go:build unix

package journal_test

import (
	"context"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
	"github.com/go-smslink/smslink/smslinktest"
)

const (
	killMessages = 30
	killPackage  = 10
)

// killedAtStep is a journal whose process kills itself at its n-th step. Each call has two steps,
// at its start and at its end.
type killedAtStep struct {
	*journal.File
	steps <-chan struct{}
}

func (j killedAtStep) step() {
	if _, alive := <-j.steps; !alive {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until it comes
	}
}

func (j killedAtStep) Known(ctx context.Context, ids []int64) ([]smslink.Result, error) {
	j.step()
	defer j.step()
	return j.File.Known(ctx, ids)
}

func (j killedAtStep) Intend(ctx context.Context, ids []int64) error {
	j.step()
	defer j.step()
	return j.File.Intend(ctx, ids)
}

func (j killedAtStep) Record(ctx context.Context, results []smslink.Result, notSent []int64) error {
	j.step()
	defer j.step()
	return j.File.Record(ctx, results, notSent)
}

func killSource() iter.Seq2[smslink.Message, error] {
	return func(yield func(smslink.Message, error) bool) {
		for id := range int64(killMessages) {
			if !yield(smslink.Message{ID: id, To: fmt.Sprintf("07%08d", id), Text: "Factura dvs. este neachitată."}, nil) {
				return
			}
		}
	}
}

// stream is the program that is killed.
func stream(path, gateway, login, password string, steps, inFlight int) error {
	j, err := journal.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = j.Close() }()
	client, err := smslink.NewClient(login, password, &smslink.Options{Endpoint: gateway})
	if err != nil {
		return err
	}
	left := make(chan struct{}, steps)
	for range steps {
		left <- struct{}{}
	}
	close(left)
	for b := range client.Stream(killSource(), &smslink.StreamOptions{
		MaxMessages: killPackage, Concurrency: inFlight, Journal: killedAtStep{j, left},
	}).Batches(context.Background()) {
		if b.Err != nil {
			return b.Err
		}
	}
	return nil
}

// A program is killed with SIGKILL at each step of its journal in turn, and at other moments, and
// started again over the same input until it is done. Then every message is once in the gateway's
// ledger, or in doubt in the journal and at most once in the ledger.
func TestFile_killedAtEveryStep(t *testing.T) {
	const asked = "SMSLINK_TEST_KILL"
	if path := os.Getenv(asked); path != "" {
		steps, _ := strconv.Atoi(os.Getenv("STEPS"))
		inFlight, _ := strconv.Atoi(os.Getenv("IN_FLIGHT"))
		require.NoError(t, stream(path, os.Getenv("GATEWAY"), os.Getenv("LOGIN"), os.Getenv("PASSWORD"), steps, inFlight))
		return
	}
	newGateway := func() *smslinktest.Gateway {
		return smslinktest.NewGateway(&smslinktest.Options{Fault: func(int) smslinktest.Fault {
			return smslinktest.Delay(2 * time.Millisecond) // so that there is a time to be killed in
		}})
	}
	gateway := newGateway()
	defer func() { gateway.Close() }()
	// renew starts another gateway, since an upload of a killed program may still be taken.
	renew := func() {
		gateway.Close()
		gateway = newGateway()
	}
	program := func(path string, steps, inFlight int, patience time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^TestFile_killedAtEveryStep$") // killed by SIGKILL when ctx is done
		cmd.Env = append(os.Environ(), asked+"="+path, "GATEWAY="+gateway.URL, "LOGIN="+gateway.ConnectionID, "PASSWORD="+gateway.Password,
			"STEPS="+strconv.Itoa(steps), "IN_FLIGHT="+strconv.Itoa(inFlight))
		return cmd.Run()
	}
	const unharmed, forever = 1 << 20, 5 * time.Minute
	kills, doubts, doubtsTaken := 0, 0, 0
	audit := func(path string) {
		time.Sleep(5 * time.Millisecond) // an upload may be under way when its sender dies
		require.NoError(t, program(path, unharmed, 1, forever), "the last run completes")
		j, err := journal.Open(path)
		require.NoError(t, err)
		inDoubt := map[int64]bool{}
		for _, doubt := range j.InDoubt() {
			inDoubt[doubt.ID] = true
		}
		require.NoError(t, j.Close())
		taken := map[int64]int{}
		for _, m := range gateway.Messages() {
			taken[m.ID]++
		}
		for id := range int64(killMessages) {
			if inDoubt[id] {
				doubts++
				doubtsTaken += taken[id]
				require.LessOrEqual(t, taken[id], 1, "message %d was sent twice", id)
				continue
			}
			require.Equal(t, 1, taken[id], "message %d was lost, or sent twice", id)
		}
		renew()
	}
	concurrencies, again := []int{3}, 2
	if os.Getenv("SMSLINK_LONG") != "" { // see CONTRIBUTING.md
		concurrencies, again = []int{1, 3}, 40
	}
	for _, inFlight := range concurrencies {
		for steps := 0; ; steps++ { // each run of the program gets one step further
			path := filepath.Join(t.TempDir(), "journal")
			if program(path, steps, inFlight, forever) == nil {
				require.Greater(t, steps, 6*killMessages/killPackage-1, "there are six steps a package")
				renew()
				break
			}
			kills++
			audit(path)
		}
	}
	for i := range again { // killed again and again, at any moment
		path := filepath.Join(t.TempDir(), "journal")
		for n := range 4 {
			if program(path, unharmed, 2, time.Duration(5+3*((7*i+n)%20))*time.Millisecond) != nil {
				kills++
			}
		}
		audit(path)
	}
	require.NotZero(t, doubts)
	t.Logf("%d kills; %d messages in doubt at the end, %d of them taken", kills, doubts, doubtsTaken)
}
