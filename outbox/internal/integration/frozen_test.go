//go:build unix

package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/outbox"
	"github.com/go-smslink/smslink/outbox/internal/integration/servers"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

var (
	frozenTrials  = flag.Int("frozen.trials", unlessLong(2, 5), "how often each worker is frozen")
	frozenWorkers = flag.Int("frozen.workers", 5, "workers that are frozen, side by side")
)

// frozenTimeout is short, so that a person may say "not sent" after 3.2 times as long. What is in
// the relay by then must have reached the ledger, and a busy machine takes a second for an upload.
const frozenTimeout = 2 * time.Second

// Workers are frozen at each step of an upload. An operator, who sees the gateway's ledger, says
// "sent" of a package that is in it, and "not sent" of the others as soon as that is allowed. Then
// the workers wake.
func TestResolve_notSentBeforeAFrozenWorkerWakes(t *testing.T) {
	eachDatabase(t, func(t *testing.T, config workerConfig, _ *servers.Server) {
		b := newBench(t, config, nil)
		lanes := map[string]outbox.Lane{outbox.Urgent: {Concurrency: -1}, outbox.Bulk: {Concurrency: -1}}
		for i := range *frozenWorkers {
			lanes[fmt.Sprintf("lane-%d", i)] = outbox.Lane{Concurrency: -1}
		}
		box, err := outbox.New(b.db, dialects[config.Dialect], &outbox.Options{Timeout: frozenTimeout, Lanes: lanes})
		require.NoError(t, err)
		b.run(box, nil) // puts overdue packages in doubt
		var notSent, sent atomic.Int64
		var workers sync.WaitGroup
		for i := range *frozenWorkers {
			f := newFrozen(b, box, fmt.Sprintf("lane-%d", i))
			workers.Go(func() {
				for n := range *frozenTrials {
					if err := f.trial(i+n, &notSent, &sent); err != nil {
						t.Errorf("%s, trial %d: %v", f.lane, n, err)
						return
					}
				}
			})
		}
		workers.Wait()
		time.Sleep(frozenTimeout) // for what should not come
		counts := map[string]int{}
		for _, m := range b.gateway.Messages() {
			key, _, _ := strings.Cut(m.Text, " ")
			counts[key]++
		}
		twice := 0
		for _, n := range counts {
			if n > 1 {
				twice++
			}
		}
		t.Logf("%d times not sent, %d times sent; %d messages in the ledger, %d of them twice",
			notSent.Load(), sent.Load(), len(counts), twice)
		require.Zero(t, twice, "sent twice")
		once := len(counts) // which prints shorter
		require.Equal(t, *frozenWorkers**frozenTrials*frozenMessages, once, "not sent at all")
		require.Positive(t, notSent.Load())
	})
}

// frozen is a worker that is frozen again and again, with a lane and a relay of its own.
type frozen struct {
	*bench
	box    *outbox.Outbox
	lane   string
	file   string
	relay  *relay
	worker *exec.Cmd
}

// A package takes some 250 kB, so that a relay which stops reading within the first 100 kB leaves
// most of it with the worker's system.
const frozenMessages, frozenText = 30, 10_000

func newFrozen(b *bench, box *outbox.Outbox, lane string) *frozen {
	f := &frozen{bench: b, box: box, lane: lane, file: filepath.Join(b.TempDir(), lane)}
	gateway, err := url.Parse(b.gateway.URL)
	require.NoError(b, err)
	f.relay = newRelay(b.T, gateway.Host)
	gateway.Host = f.relay.addr
	config := b.config
	config.Gateway = gateway.String()
	config.Lane, config.FreezeFile, config.Timeout = lane, f.file, frozenTimeout
	f.worker = spawned(b.T, config)
	return f
}

// trial has the worker frozen once, and returns when its messages are accepted.
func (f *frozen) trial(n int, notSent, sent *atomic.Int64) error {
	ctx := f.Context()
	freeze := func() { _ = f.worker.Process.Signal(syscall.SIGSTOP) }
	wake := func() { _ = f.worker.Process.Signal(syscall.SIGCONT) }
	defer wake()
	// unlocked makes a call again as long as SQLite is locked, perhaps by the worker, which may be
	// frozen in a transaction.
	unlocked := func(call func() error) error {
		for {
			err := call()
			if err == nil || !strings.Contains(err.Error(), "SQLITE_BUSY") {
				return err
			}
			wake()
		}
	}
	resume := make(chan struct{})
	plans := []func(){
		func() { // between the claim and the upload
			if err := os.WriteFile(f.file, []byte(step.Claimed), 0o600); err != nil {
				f.Error(err)
			}
		},
		func() { f.relay.set(plan{at: 0, freeze: freeze}) },
		func() { f.relay.set(plan{at: 1 + rand.IntN(250_000), freeze: freeze}) },
		func() { f.relay.set(plan{at: 1 + rand.IntN(100_000), freeze: freeze, resume: resume}) },
		func() {
			f.relay.set(plan{at: 0, freeze: func() { time.AfterFunc(rand.N(5*time.Millisecond), freeze) }})
		},
	}
	plans[n%len(plans)]()
	messages, keys := make([]outbox.Message, frozenMessages), make([]string, frozenMessages)
	for i := range messages {
		keys[i] = fmt.Sprintf("%s-%d-%d", f.lane, n, i)
		messages[i] = outbox.Message{
			Key: keys[i], Lane: f.lane, To: fmt.Sprintf("07%08d", i), Text: keys[i] + " " + noise(frozenText),
		}
	}
	err := unlocked(func() error {
		_, err := f.box.Enqueue(ctx, f.db, messages...)
		return err
	})
	if err != nil {
		return err
	}
	asked := false
	began := time.Now()
	for ; time.Since(began) < 5*time.Minute; time.Sleep(30 * time.Millisecond) {
		var records []outbox.Record
		err := unlocked(func() (err error) {
			records, err = f.box.Lookup(ctx, keys...)
			return err
		})
		if err != nil {
			return err
		}
		next := slices.IndexFunc(records, func(r outbox.Record) bool { return r.State != outbox.Accepted })
		if next < 0 {
			wake()
			return nil
		}
		switch records[next].State {
		case outbox.Queued, outbox.Sending:
			if time.Since(began) > 15*frozenTimeout { // it was frozen in a transaction, which hides its end
				wake()
			}
		case outbox.InDoubt:
			var verdict outbox.Verdict
			err := unlocked(func() (err error) {
				verdict, err = f.resolve(ctx, records[next].Key)
				return err
			})
			if errors.Is(err, outbox.ErrTooSoon) || errors.Is(err, outbox.ErrResolved) {
				continue // the worker may have been faster
			}
			if err != nil {
				return err
			}
			if verdict == outbox.VerdictNotSent {
				notSent.Add(1)
			} else {
				sent.Add(1)
			}
			wake()
			if !asked {
				asked = true
				close(resume)
			}
			err = unlocked(func() error {
				return f.box.Resume(ctx, "an operator", "packages in doubt are expected here")
			})
			if err != nil {
				return err
			}
		}
	}
	return errors.New("the messages were not accepted")
}

// resolve says whether the lane's package was sent, by whether the ledger has one of its messages.
// That it has none counts only once "not sent" may be said: Resolve may wait for a lock until then.
func (f *frozen) resolve(ctx context.Context, key string) (outbox.Verdict, error) {
	verdict, looked := outbox.VerdictNotSent, time.Now()
	for _, m := range f.gateway.Messages() {
		if strings.HasPrefix(m.Text, key+" ") {
			verdict = outbox.VerdictSent
		}
	}
	packages, err := f.box.Unresolved(ctx)
	if err != nil {
		return 0, err
	}
	for _, u := range packages {
		if u.Lane == f.lane {
			if verdict == outbox.VerdictNotSent && looked.Sub(u.Began) < 16*frozenTimeout/5 {
				return 0, outbox.ErrTooSoon
			}
			r := outbox.Resolution{Verdict: verdict, By: "an operator", Reason: "by the ledger"}
			return verdict, f.box.Resolve(ctx, u.Package, r)
		}
	}
	return 0, outbox.ErrResolved
}

// noise returns a text that does not become shorter by compression.
func noise(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('0' + rand.IntN('z'-'0'))
	}
	return string(text)
}

// relay stands between a worker and the gateway.
type relay struct {
	addr    string
	gateway string

	mu   sync.Mutex
	plan *plan // of the next connection
}

// plan has a worker frozen once a number of bytes have come from it. If resume is not nil, the
// relay then reads on only when it is closed.
type plan struct {
	at     int
	freeze func()
	resume chan struct{}
}

func newRelay(t *testing.T, gateway string) *relay {
	// Bytes that the relay's own system holds count as arrived.
	config := net.ListenConfig{Control: func(_, _ string, conn syscall.RawConn) error {
		return conn.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 32<<10)
		})
	}}
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	r := &relay{addr: l.Addr().String(), gateway: gateway}
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			p := r.plan
			r.plan = nil
			r.mu.Unlock()
			go r.pass(conn, p)
		}
	}()
	return r
}

func (r *relay) set(p plan) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.plan = &p
}

func (r *relay) pass(worker net.Conn, p *plan) {
	defer worker.Close()
	gateway, err := net.Dial("tcp", r.gateway)
	if err != nil {
		return
	}
	go func() {
		_, _ = io.Copy(worker, gateway)
		_ = worker.Close()
	}()
	defer gateway.Close()
	if p != nil {
		if _, err := io.CopyN(gateway, worker, int64(p.at)); err != nil {
			return
		}
		p.freeze()
		if p.resume != nil {
			<-p.resume
		}
	}
	_, _ = io.Copy(gateway, worker)
}
