package outbox

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox/internal/step"
)

// Run sends what is due until ctx is done, then waits for running uploads to end and returns nil.
// Any number of processes may run on one database at a time.
//
// Run pauses the outbox, for all workers and until [Outbox.Resume], when further uploads are likely
// to fail too: the gateway rejects the account or this program, the credit runs out, or five
// packages of this Run in a row are in doubt. It halts in the same way when it notices that the
// database has failed over, was restored or has lost commits. It then writes back what it has sent
// in the last hour, also if ctx is done meanwhile.
//
// Errors of the database are logged, and what failed is tried again. Run returns an error if it
// cannot begin: the client is nil or in test mode, the database cannot be reached or is read-only,
// [Outbox.Migrate] has not run, the role lacks a right, or a setting of the database may lose a
// commit (see [Options].AllowLoss) or alter a text, also later. It also returns an error if the
// database is down when Run is to end, and stays so for [Options].Timeout: the packages whose end
// could not be recorded are then in doubt, and what Run has sent in the last hour is not written
// back if the database has lost it. A driver whose commits do not end with their context needs a
// timeout of its own, without which Run may not return: go-sql-driver's is readTimeout.
func (o *Outbox) Run(ctx context.Context, client *smslink.Client) error {
	if client == nil {
		return errors.New("smslink: the outbox's client is nil")
	}
	if client.TestMode() {
		return errors.New("smslink: the outbox's client is in test mode, which sends nothing; give Run another one")
	}
	newest, err := o.check(ctx)
	if ctx.Err() != nil {
		return nil // ctx may have caused the error
	}
	if err != nil {
		return err
	}
	caller := ctx
	ctx, fail := context.WithCancelCause(caller)
	defer fail(nil)
	r := &run{Outbox: o, client: client, worker: workerName(), fail: fail, recent: recent{newest: newest}}
	r.lasting, r.giveUp = context.WithCancel(context.WithoutCancel(ctx))
	var waiting sync.WaitGroup
	waiting.Go(func() { r.giveUpAfter(ctx) })
	defer waiting.Wait()
	defer r.giveUp() // runs first, and ends giveUpAfter

	o.logger.InfoContext(ctx, "outbox: running", "worker", r.worker)
	var parts sync.WaitGroup
	for name, lane := range o.lanes {
		if lane.Concurrency > 0 {
			parts.Go(func() { r.serve(ctx, name) })
		}
	}
	parts.Go(func() { r.every(ctx, time.Second, r.watch) })
	parts.Go(func() { r.every(ctx, time.Second, r.expire) })
	parts.Go(func() { r.every(ctx, 10*time.Minute, r.recordHours) })
	parts.Go(func() { r.every(ctx, 10*time.Minute, r.eraseHourly) })
	parts.Wait()
	if n := r.unrecorded.Load(); n > 0 {
		return fmt.Errorf("smslink: the end of %d packages could not be recorded; they are in doubt", n)
	}
	if err := r.writeBackAtEnd(); err != nil {
		return fmt.Errorf("smslink: the database may lack what this worker has sent in the last hour: %w", err)
	}
	// The cause of the caller's context may be another outbox's.
	if err := context.Cause(ctx); errors.Is(err, errUnsafe) && !errors.Is(context.Cause(caller), err) {
		return err
	}
	return nil
}

// writeBackAtEnd writes back what the database has lost since the last look.
func (r *run) writeBackAtEnd() error {
	if r.recent.empty() {
		return nil
	}
	return r.insist(r.writeAllBack)
}

// giveUpAfter calls giveUp one Timeout after ctx is done.
func (r *run) giveUpAfter(ctx context.Context) {
	select {
	case <-ctx.Done():
		sleep(r.lasting, r.opts.Timeout, nil)
		r.giveUp()
	case <-r.lasting.Done():
	}
}

// workerName returns a unique, readable name for this process.
func workerName() string {
	host, _ := os.Hostname()
	return tidy(fmt.Sprintf("%.40s-%d-%.8s", cmp.Or(host, "worker"), os.Getpid(), rand.Text()), 60)
}

// run is one Run under way.
type run struct {
	*Outbox
	client  *smslink.Client
	worker  string
	fail    context.CancelCauseFunc
	lasting context.Context // of what must be recorded: done a Timeout after Run's context
	giveUp  context.CancelFunc

	stopping   atomic.Int32 // uploads that have ended with a reason to pause, until the pause is recorded
	inDoubt    atomic.Int32 // packages in a row
	unrecorded atomic.Int32 // packages whose end could not be recorded
	recent     recent
}

// serve claims and uploads the packages of one lane.
func (r *run) serve(ctx context.Context, lane string) {
	slots := make(chan struct{}, r.lanes[lane].Concurrency)
	var uploads sync.WaitGroup
	defer uploads.Wait()
	next := r.claimer(lane)
	for {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
		c, committed := next(ctx)
		if c == nil {
			return
		}
		uploads.Go(func() {
			defer func() { <-slots }()
			if committed {
				r.upload(ctx, c)
			} else if r.insist(func(ctx context.Context) error { return r.withdraw(ctx, c) }) != nil {
				r.unrecorded.Add(1)
			}
		})
	}
}

const (
	wholeLook  = time.Second // how often a lane is looked at from its beginning, past dead rows
	lookBack   = 2 * time.Second
	pausedPoll = 500 * time.Millisecond
	errorPause = 100 * time.Millisecond
	txBudget   = 30 * time.Second
)

// claimer returns a function that waits for the lane's next claim. It returns nil once ctx is done.
// If committed is false, the claim must be withdrawn.
func (r *run) claimer(name string) func(ctx context.Context) (c *claim, committed bool) {
	lane := r.lanes[name]
	var from int64       // where to look: nothing that is due was left before it
	var looked time.Time // at the lane's beginning
	return func(ctx context.Context) (*claim, bool) {
		for ctx.Err() == nil {
			if time.Since(looked) > wholeLook {
				from, looked = 0, time.Now()
			}
			var q queue
			err := bounded(ctx, func(ctx context.Context) (err error) {
				q, err = r.peek(ctx, name, from)
				return err
			})
			switch {
			case err != nil:
			case !lane.Hours.open(time.UnixMicro(q.now)):
				sleep(ctx, lane.Poll, nil)
				continue
			case q.messages == 0:
				// What was enqueued before that and committed later waits for a whole look.
				from = q.now - lookBack.Microseconds()
				fallthrough
			case q.messages < lane.Messages && q.now-q.oldest < lane.Wait.Microseconds():
				sleep(ctx, lane.Poll, r.wake[name])
				continue
			}
			most := lane.Messages
			if err == nil && lane.Limiter != nil {
				most = q.messages // the Limiter does not know of later ones
				err = lane.Limiter.WaitN(ctx, most)
			}
			if ctx.Err() != nil { // a Limiter may return nil then
				return nil, false
			}
			var c *claim
			if err == nil && r.stopping.Load() > 0 {
				err = errPaused
			}
			if err == nil {
				from = q.oldest
				// A commit that ctx broke off may or may not have happened.
				claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), txBudget)
				c, err = r.claim(claiming, name, from, most)
				cancel()
			}
			if c != nil {
				if err != nil {
					r.logger.WarnContext(ctx, "outbox: a claim's commit may not have happened",
						"package", c.token, "error", err)
				}
				return c, err == nil
			}
			r.idle(ctx, lane.Poll, err)
		}
		return nil, false
	}
}

// idle waits after a claim that failed or found nothing.
func (r *run) idle(ctx context.Context, poll time.Duration, err error) {
	switch {
	case errors.Is(err, errNothing), errors.Is(err, errClosed):
		sleep(ctx, min(poll, errorPause), nil)
	case errors.Is(err, errPaused):
		sleep(ctx, pausedPoll, nil)
	case errors.Is(err, errMoved):
		r.halt(ctx)
		sleep(ctx, pausedPoll, nil)
	case errors.Is(err, errUnsafe):
		r.fail(err)
	case ctx.Err() == nil:
		r.logger.WarnContext(ctx, "outbox: a claim failed", "error", err)
		sleep(ctx, errorPause, nil)
	}
}

// upload sends the claim's package, even if ctx is done meanwhile, and records how that ended.
func (r *run) upload(ctx context.Context, c *claim) {
	step.Reach(ctx, step.Claimed)
	traced := r.traceStart(context.WithoutCancel(ctx), c)
	resp, err := r.send(traced, c)
	replied := time.Now()
	step.Reach(ctx, step.Uploaded)
	var stop string
	if reason := r.stopReason(resp, err); reason != nil {
		stop = tidy(reason.Error(), maxNote)
		r.stopping.Add(1)
		defer r.stopping.Add(-1)
		r.logger.ErrorContext(ctx, "outbox: paused", "worker", r.worker, "reason", stop)
	} else if smslink.OutcomeOf(err) == smslink.OutcomeRejected {
		r.logger.ErrorContext(ctx, "outbox: a package was rejected", "package", c.token, "error", err)
	}
	c = r.recent.end(c, resp, err, stop)
	lost := false
	err = r.insist(func(recording context.Context) error {
		err := r.record(recording, c)
		if lost = errors.Is(err, errLostClaim); lost {
			return nil
		}
		return err
	})
	switch {
	case lost:
		r.recent.notice()
		r.halt(ctx)
	case err != nil:
		r.unrecorded.Add(1)
	default:
		r.logContradiction(ctx, c)
	}
	r.traceEnd(traced, c, replied, err == nil && !lost)
	step.Reach(ctx, step.Recorded)
}

func (r *run) logContradiction(ctx context.Context, c *claim) {
	if c.contradicted != "" {
		r.logger.ErrorContext(ctx, "outbox: a verdict was wrong", "package", c.token, "verdict", c.contradicted)
	}
}

func (r *run) send(ctx context.Context, c *claim) (*smslink.Response, error) {
	if !c.startBy.IsZero() && passed(c.startBy) {
		return nil, &smslink.SendError{
			Outcome: smslink.OutcomeNotSent,
			Err:     fmt.Errorf("a message of the package has expired: %w", context.DeadlineExceeded),
		}
	}
	ctx, cancel := context.WithDeadline(ctx, c.deadline)
	defer cancel()
	return r.client.Send(ctx, c.pkg)
}

// passed reports whether a time has passed by the monotonic clock or by the wall clock. The
// monotonic clock is never set back; the wall clock counts the time of a suspended machine.
func passed(t time.Time) bool {
	now := time.Now()
	return now.After(t) || now.Round(0).After(t.Round(0))
}

// inDoubtInARow is the number of packages in doubt after which the outbox is paused.
const inDoubtInARow = 5

// stopReason returns the error after which further packages are likely to fail too, or nil.
func (r *run) stopReason(resp *smslink.Response, err error) error {
	switch smslink.OutcomeOf(err) {
	case smslink.OutcomeInDoubt:
		if r.inDoubt.Add(1) >= inDoubtInARow {
			r.inDoubt.Store(0)
			return fmt.Errorf("%d packages in a row are in doubt, the last one: %w", inDoubtInARow, err)
		}
	case smslink.OutcomeAccepted, smslink.OutcomeRejected:
		r.inDoubt.Store(0)
	case smslink.OutcomeNotSent:
		if errors.As(err, new(*smslink.GatewayError)) { // refused before: the client asks again after its Cooldown
			return nil
		}
	}
	return smslink.StopReason(resp, err)
}

// insist repeats f until it succeeds, or until Run gives up. Then it returns f's last error.
func (r *run) insist(f func(ctx context.Context) error) error {
	pause := 20 * time.Millisecond
	for {
		err := r.inBudget(f)
		if err == nil {
			return nil
		}
		r.logger.WarnContext(r.lasting, "outbox: recording failed and is repeated", "error", err)
		if !sleep(r.lasting, pause, nil) {
			return err
		}
		pause = min(2*pause, time.Second)
	}
}

// inBudget calls f with the time that a transaction may take, also after Run's context is done.
func (r *run) inBudget(f func(ctx context.Context) error) error {
	return bounded(r.lasting, f)
}

// bounded calls f with the time that a transaction may take. If the database's host is dead or cut
// off, its connections stay open, and without a limit Linux tries for a quarter of an hour.
func bounded(ctx context.Context, f func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, txBudget)
	defer cancel()
	return f(ctx)
}

// every calls f at once and then at each interval until ctx is done.
func (r *run) every(ctx context.Context, interval time.Duration, f func(ctx context.Context) error) {
	for {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			r.logger.WarnContext(ctx, "outbox: housekeeping failed", "error", err)
		}
		if !sleep(ctx, interval, nil) {
			return
		}
	}
}

// watch puts overdue packages in doubt, and notices a fail-over also if nothing is due.
func (r *run) watch(ctx context.Context) error {
	var s state
	err := bounded(ctx, func(ctx context.Context) (err error) {
		s, err = r.look(ctx, nil)
		return err
	})
	if err != nil {
		return err
	}
	if s.moved {
		r.halt(ctx)
	}
	return bounded(ctx, func(ctx context.Context) error {
		n, err := r.sweep(ctx)
		if n > 0 {
			r.logger.ErrorContext(ctx, "outbox: packages in doubt", "packages", n)
		}
		return err
	})
}

// Wake makes this Outbox's Run check a lane at once. Call it after the commit, in a process that
// also runs a worker.
func (o *Outbox) Wake(lane string) {
	select {
	case o.wake[lane] <- struct{}{}:
	default:
	}
}
