package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
	"github.com/go-smslink/smslink/smslinktest"
)

var errFault = errors.New("the disk is on fire")

// faults are the calls of a disk that fail, counted from 1. A change makes a write and a sync, and
// after a failure a truncate and a sync.
type faults []int

// faulty is a disk with faults. A write writes a part before it fails.
type faulty struct {
	journal.Disk
	faults faults
	part   int
	calls  int
}

func (d *faulty) fails() bool {
	d.calls++
	return slices.Contains(d.faults, d.calls)
}

func (d *faulty) WriteAt(p []byte, at int64) (int, error) {
	if d.fails() {
		n, err := d.Disk.WriteAt(p[:min(d.part, len(p))], at)
		return n, errors.Join(err, errFault)
	}
	return d.Disk.WriteAt(p, at)
}

func (d *faulty) Truncate(size int64) error {
	if d.fails() {
		return errFault
	}
	return d.Disk.Truncate(size)
}

func (d *faulty) Sync() error {
	if d.fails() {
		return errFault
	}
	return d.Disk.Sync()
}

// changes are the calls that change a journal as filled makes it.
var changes = map[string]func(j *journal.File) error{
	"intend": func(j *journal.File) error { return j.Intend(background, []int64{100, 101}) },
	"record": func(j *journal.File) error {
		return j.Record(background, []smslink.Result{{ID: 4, RemoteID: "7", Status: smslink.StatusSuccess}}, []int64{5})
	},
	"forget": func(j *journal.File) error { return j.Forget([]int64{2}) },
	"resolve": func(j *journal.File) error {
		return j.Resolve([]smslink.Result{{ID: 4, Status: smslink.StatusSuccess}}, []int64{5}, "Ana", "the account's report")
	},
	"campaign": func(j *journal.File) error { return j.SetCampaign("november") },
}

// picture has all that a journal reports, for the ids of these tests.
func picture(t *testing.T, j *journal.File) string {
	t.Helper()
	known, err := j.Known(background, []int64{1, 2, 3, 4, 5, 6, 100, 101})
	require.NoError(t, err)
	runs := j.Runs()
	for i := range runs { // when they were differs
		runs[i].Start, runs[i].End = time.Time{}, time.Time{}
	}
	resolutions := j.Resolutions()
	for i := range resolutions {
		resolutions[i].Time = time.Time{}
	}
	return fmt.Sprintf("%v %v %v %v %q", known, inDoubt(j), runs, resolutions, j.Campaign())
}

// The disk fails at each step of a change. The journal and the file are as before the change,
// unless the file's end can't be cut off.
func TestFile_aFailedChangeHasChangedNothing(t *testing.T) {
	for name, change := range changes {
		done := open(t, filled(t))
		require.NoError(t, change(done))
		afterwards := picture(t, done)
		inParts, whole := []int{0, 1, 30, 1 << 20}, []int{0}
		for _, c := range []struct {
			step     string
			calls    faults
			parts    []int // of a write that fails
			isBroken bool
		}{
			{"write", faults{1}, inParts, false},
			{"sync", faults{2}, whole, false},
			{"write and truncate", faults{1, 2}, inParts, true},
			{"write and the second sync", faults{1, 3}, inParts, true},
			{"sync and truncate", faults{2, 3}, whole, true},
			{"sync and the second sync", faults{2, 4}, whole, true},
		} {
			for _, part := range c.parts {
				t.Run(fmt.Sprintf("%s/%s/%d bytes", name, c.step, part), func(t *testing.T) {
					path := filled(t)
					raw, err := os.ReadFile(path)
					require.NoError(t, err)
					j := open(t, path)
					before := picture(t, j)
					j.Intercept(func(d journal.Disk) journal.Disk {
						return &faulty{Disk: d, faults: c.calls, part: part}
					})
					err = change(j)
					require.ErrorIs(t, err, errFault)
					require.Equal(t, c.isBroken, strings.Contains(err.Error(), "the journal may end in a part of a line"))
					require.Equal(t, before, picture(t, j), "it answers as before")
					left, err := os.ReadFile(path)
					require.NoError(t, err)
					require.True(t, bytes.HasPrefix(left, raw))

					if c.isBroken {
						for later, change := range changes {
							require.ErrorContains(t, change(j), "the journal may end in a part of a line", later)
						}
						after, err := os.ReadFile(path)
						require.NoError(t, err)
						require.Equal(t, left, after, "the file is unchanged")
						require.NoError(t, j.Close())
						require.Contains(t, []string{before, afterwards}, picture(t, open(t, path)))
						return
					}
					require.Equal(t, raw, left, "it is cut back")
					require.NoError(t, change(j), "there is room again")
					require.Equal(t, afterwards, picture(t, j))
					require.NoError(t, j.Close())
					require.Equal(t, afterwards, picture(t, open(t, path)))
				})
			}
		}
	}
}

// A disk is full at the third package of a first run. Nothing is in doubt, neither then nor in the
// next run, which sends what is left.
func TestFile_aFullDiskPutsNothingInDoubt(t *testing.T) {
	gateway := smslinktest.NewGateway(nil)
	defer gateway.Close()
	path := filled(t)
	require.NoError(t, os.Remove(path))
	source := func(yield func(smslink.Message, error) bool) {
		for id := range int64(100) {
			if !yield(smslink.Message{ID: id, To: "0712345678", Text: "a"}, nil) {
				return
			}
		}
	}
	run := func(faults ...int) (outcomes map[smslink.Outcome]int, earlier []smslink.Result) {
		j := open(t, path)
		defer func() { require.NoError(t, j.Close()) }()
		j.Intercept(func(d journal.Disk) journal.Disk { // a package makes two writes and two syncs
			return &faulty{Disk: d, faults: faults, part: 20}
		})
		outcomes = map[smslink.Outcome]int{}
		for b := range gateway.Client().Stream(source, &smslink.StreamOptions{MaxMessages: 10, Journal: j}).Batches(background) {
			outcomes[smslink.OutcomeOf(b.Err)] += b.Package.Len()
			earlier = append(earlier, b.Earlier...)
		}
		require.Empty(t, j.InDoubt())
		return outcomes, earlier
	}
	first, earlier := run(9)
	require.Empty(t, earlier)
	require.Equal(t, 20, first[smslink.OutcomeAccepted])
	require.Zero(t, first[smslink.OutcomeInDoubt])
	require.NotZero(t, first[smslink.OutcomeNotSent])

	second, earlier := run()
	require.Equal(t, map[smslink.Outcome]int{smslink.OutcomeAccepted: 80}, second)
	require.Len(t, earlier, 20)
	for _, result := range earlier {
		require.Equal(t, smslink.StatusSuccess, result.Status)
	}
	require.Len(t, gateway.Messages(), 100)
}
