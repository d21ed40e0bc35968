// Package journal records in a file which messages a stream has sent, so that the same input can be
// sent again after a crash. A [File] is a [smslink.Journal].
//
// # The file
//
// The file is text, to which lines are only ever added:
//
//	ba4da1aa smslink journal 3;
//	235cb701 2026-11-24T17:40:09Z run intend=1+1x9999;
//	4a81830d 2026-11-24T17:40:11Z result=1+1x9999 status=3+0x9999 remote=220000001+1x9999;
//	e81ea9b0 2026-11-24T17:41:30Z intend=10001+1x4;
//	52a12b54 2026-11-25T08:12:44Z by="Ana" reason="the account's report" result=10001 status=3 remote=0 not-sent=10002+1x2;
//
// Each line starts with a CRC-32C in hexadecimal, and ends with a semicolon and a line feed. It has
// no other semicolon. The checksum covers all lines up to and including this one, without their
// checksums, the spaces after those, and the line ends. The first line names the version of the
// format. Each other line has the time in UTC and what happened then:
//   - intend: these ids are about to be uploaded. With run, they are the first since the file was
//     opened.
//   - result, status, remote: the gateway's statuses of ids in doubt, and its own ids for them, or
//     0 if there is none.
//   - not-sent: these ids were in doubt and were not sent.
//   - by, reason: who found out what this line says, and how.
//   - forget: these ids had failed and may be sent again.
//   - campaign: what the journal belongs to.
//
// A list has its first number and then the steps from each number to the next. A step that comes
// several times in a row is followed by x and how often: 7+1+3x2-4 is 7, 8, 11, 14, 10.
package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-smslink/smslink"
)

var (
	// ErrNotJournal means that the file is not a journal, or has the format of another version of
	// this package.
	ErrNotJournal = errors.New("not a journal")
	// ErrCorrupt means that the journal was changed after it was written.
	ErrCorrupt = errors.New("the journal is corrupt")
	// ErrLocked means that this or another process has the journal open.
	ErrLocked = errors.New("the journal is open already")
	// ErrMoved means that the open file was renamed, replaced or deleted. A program that opened its
	// path now would not find what the file records.
	ErrMoved = errors.New("the journal is no longer at its path")
	// ErrNotInDoubt means that an id can't be resolved, since it is not in doubt.
	ErrNotInDoubt = errors.New("not in doubt")

	errClosed = errors.New("the journal is closed")
)

// File is a journal in a file, in the format that the package's comment describes. It stores local
// ids, statuses, and the gateway's ids if they are plain numbers. It stores no receivers or texts,
// unless the server sends a receiver in place of an id, or a person writes one for [File.Resolve]
// or [File.SetCampaign].
//
// Each call that changes something adds one line, and syncs it to the disk before it returns. A
// package takes two lines. A message takes up to 6 bytes on the disk if ids lie close together,
// about 50 if they are far apart, and about 40 in memory.
//
// # Disk errors
//
// A call that fails changes nothing. A part of its line that may be on the disk is cut off, so that
// the next program does not find it. The call can be made again, for example once the disk has
// room. Known still works. The messages of a failed Intend were certainly not sent.
//
// If the part can't be cut off, every later change fails, too. Known still works, and the messages
// of a failed Intend were still not sent. But if the whole line is on the disk, the next program
// that opens the file reads it: for that program, the messages of a failed Intend are in doubt.
//
// If another program shortens or lengthens the open file, every later change fails.
//
// Goroutines may share a File.
type File struct {
	mu     sync.Mutex
	path   string // absolute
	file   *os.File
	lines  lines
	states states
	inRun  bool  // something was intended since Open
	err    error // why Known and every change fails: ErrMoved or errClosed
}

// Open opens the journal at path, or makes one if there is no file or an empty one. Close it when
// done.
//
// Only the owner can read a new file. Open removes the permissions of group and others from an
// existing one, and fails if it can't. On Windows the folder's permissions apply.
//
// A crash in the middle of a write leaves an incomplete last line, or NULs at the end. The call
// that wrote the line had not returned, so Open removes what is left of it, or completes a line
// that lacks only its line feed. A file that was shortened, or an older copy, looks the same: its
// missing messages count as new and would be sent again.
//
// The error matches
//   - [ErrNotJournal] if the file is not a journal, which is left as it was;
//   - [ErrCorrupt] if a line is not as it was written, and names that line;
//   - [ErrLocked] if the journal is open already;
//   - [errors.ErrUnsupported] if the operating system has no lock that would keep two programs from
//     sending the same messages. Put the file on a local disk of Linux, macOS, Windows, illumos or
//     a BSD, or write a [smslink.Journal] that keeps a table in a database;
//   - [ErrMoved] if the file is moved while it is being opened.
//
// Other errors are the system's.
func Open(path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("smslink: %w", err)
	}
	j := &File{path: path, states: newStates()}
	if err := j.open(); err != nil {
		return nil, j.named(err)
	}
	return j, nil
}

func (j *File) open() (err error) {
	j.file, err = os.OpenFile(j.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = closeUnlocked(j.file)
		}
	}()
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w, nor a regular file", ErrNotJournal)
	}
	if err := lock(j.file); err != nil {
		return err
	}
	if err := j.inPlace(); err != nil {
		return err
	}
	j.lines.disk = j.file
	if err := j.replay(); err != nil {
		return err
	}
	if err := makePrivate(j.file, info.Mode()); err != nil { // only now that it is known to be a journal
		return fmt.Errorf("others can read the journal, and that can't be changed: %w", err)
	}
	if err := j.file.Sync(); err != nil { // the lines that were read may not have been synced
		return err
	}
	return syncFolder(j.path)
}

func (j *File) replay() error {
	return j.lines.replay(func(r *record) error {
		if err := j.states.check(r); err != nil {
			return err
		}
		j.states.apply(r)
		return nil
	})
}

// closeUnlocked unlocks the file before it closes it. Otherwise a child of this process, which has
// the file open between its fork and its exec, would keep the lock.
func closeUnlocked(file *os.File) error {
	return errors.Join(unlock(file), file.Close())
}

// named adds the path to an error, unless it has one.
func (j *File) named(err error) error {
	if err == nil {
		return nil
	}
	if errors.As(err, new(*os.PathError)) {
		return fmt.Errorf("smslink: %w", err)
	}
	return fmt.Errorf("smslink: %s: %w", j.path, err)
}

// inPlace returns ErrMoved if the path no longer leads to the open file.
func (j *File) inPlace() error {
	opened, err := j.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ErrMoved
	case err != nil:
		return err
	case !os.SameFile(opened, there):
		return ErrMoved
	}
	return nil
}

// change writes r to the disk and then applies it to the states. The caller holds the mutex.
func (j *File) change(r *record) error {
	if j.err != nil {
		return j.err
	}
	r.at = time.Now().UTC().Truncate(time.Second)
	if err := j.states.check(r); err != nil {
		return err
	}
	if err := j.lines.add(r); err != nil {
		return err
	}
	j.states.apply(r)
	return nil
}

// Known returns the recorded results of these ids; see [smslink.Journal]. A RemoteID is empty
// unless the gateway's was a number of at most 19 digits that does not start with 0. Known fails
// only if the file was closed, or after a call has failed with [ErrMoved].
func (j *File) Known(_ context.Context, ids []int64) ([]smslink.Result, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return nil, j.err
	}
	var known []smslink.Result
	for _, id := range ids {
		if result, ok := j.states.of(id); ok {
			known = append(known, result)
		}
	}
	return known, nil
}

// Intend records that these ids are about to be uploaded; see [smslink.Journal]. It fails if one of
// them is not new or comes twice. It fails with [ErrMoved] if the file is no longer at its path.
// After that, Known and every call that changes something fails with it, too. It takes at most
// 1,048,576 ids.
func (j *File) Intend(_ context.Context, ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if err := j.inPlace(); err != nil {
		if errors.Is(err, ErrMoved) { // any other error may pass
			j.err = err
		}
		return err
	}
	if len(ids) == 0 {
		return nil
	}
	err := j.change(&record{run: !j.inRun, intend: ids})
	if err == nil {
		j.inRun = true
	}
	return err
}

// Record records the results of ids in doubt, and which of them were not sent; see
// [smslink.Journal]. It fails with [ErrNotInDoubt] if one of them is not in doubt. It also fails if
// one comes twice, or if a result's status leaves its message in doubt. Each list has at most
// 1,048,576 ids. For what a person has found out, use [File.Resolve].
func (j *File) Record(_ context.Context, results []smslink.Result, notSent []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(results)+len(notSent) == 0 {
		return j.err
	}
	return j.change(newResolved(results, notSent))
}

func newResolved(results []smslink.Result, notSent []int64) *record {
	n := len(results)
	r := &record{
		result:  make([]int64, n),
		status:  make([]smslink.Status, n),
		remote:  make([]uint64, n),
		notSent: notSent,
	}
	for i := range results {
		r.result[i], r.status[i], r.remote[i] = results[i].ID, results[i].Status, plainNumber(results[i].RemoteID)
	}
	return r
}

// plainNumber returns a remote id that is a number of up to 19 digits, as the gateway's are, and 0
// for any other. A number that starts with 0 may be a receiver.
func plainNumber(remoteID string) uint64 {
	n, err := strconv.ParseUint(remoteID, 10, 64)
	if err != nil || len(remoteID) > 19 || strings.HasPrefix(remoteID, "0") {
		return 0
	}
	return n
}

// InDoubt returns the messages in doubt, ordered by id.
func (j *File) InDoubt() []Doubt {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.states.doubts()
}

// Resolve records what a person has found out about messages in doubt, for example from the
// account's reports. A message in sent is recorded with its Status; [smslink.StatusUnreported], the
// zero value, means [smslink.StatusSuccess]. It is not sent again, unless it is recorded as failed
// and given to [File.Forget]. Messages in notSent are new, so the next stream sends them: if that
// is wrong, they are sent twice. Each list has at most 1,048,576 ids. Do not call Resolve while a
// stream uses the journal: the messages that it is uploading are in doubt, too.
//
// The journal keeps the person's name (by, 1 to 200 bytes) and the reason (1 to 1,000 bytes).
// Invisible and invalid characters in them become spaces, and surrounding white space is dropped.
// They should hold no phone number and no text of a message.
//
// If one of the ids is not in doubt, nothing is changed and the error matches [ErrNotInDoubt]. It
// is also an error if an id comes twice, or if a Status leaves its message in doubt.
func (j *File) Resolve(sent []smslink.Result, notSent []int64, by, reason string) error {
	by, err := oneLine("name", by, 200)
	if err != nil {
		return err
	}
	reason, err = oneLine("reason", reason, 1000)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(sent)+len(notSent) == 0 {
		return j.named(j.err)
	}
	r := newResolved(sent, notSent)
	for i, status := range r.status {
		if status == smslink.StatusUnreported {
			r.status[i] = smslink.StatusSuccess
		}
	}
	r.by, r.reason = by, reason
	return j.named(j.change(r))
}

// Forget marks failed messages as new, so that the next stream sends them again, for example after
// the sender was approved. A message with [smslink.StatusInternalOrBlacklisted] may have been
// taken: check the account's reports first.
//
// It is an error, and nothing is changed, if one of the ids has not failed or comes twice, or if
// there are more than 1,048,576.
func (j *File) Forget(ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(ids) == 0 {
		return j.named(j.err)
	}
	return j.named(j.change(&record{forget: ids}))
}

// FailedBefore reports whether an earlier attempt to send a message failed, or did not come about.
// The account's reports may list that attempt. So if they list the message once, and it is in doubt
// now, they may not mean that it was sent.
func (j *File) FailedBefore(id int64) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.states.failedBefore[id]
}

// Runs returns the runs so far, in order.
func (j *File) Runs() []Run {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.states.runs)
}

// Resolutions returns what was given to [File.Resolve] so far, in order.
func (j *File) Resolutions() []Resolution {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.states.resolutions)
}

// Campaign returns what [File.SetCampaign] last recorded, or "".
func (j *File) Campaign() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.states.campaign
}

// SetCampaign records what the journal belongs to, such as the hexadecimal digest of a campaign's
// file, in 1 to 200 bytes. Invisible and invalid characters become spaces, and surrounding white
// space is dropped. A program can compare a text that has none of these with [File.Campaign], to
// refuse a journal of another campaign. The File itself does not compare.
func (j *File) SetCampaign(campaign string) error {
	campaign, err := oneLine("campaign", campaign, 200)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.named(j.change(&record{campaign: campaign}))
}

// oneLine returns what a person wrote as one line.
func oneLine(what, text string, most int) (string, error) {
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return ' '
		}
		return r
	}, text))
	switch {
	case text == "":
		return "", errors.New("smslink: the " + what + " is empty")
	case len(text) > most:
		return "", fmt.Errorf("smslink: the %s has %d bytes; at most %d are kept", what, len(text), most)
	}
	return text, nil
}

// Close closes and unlocks the file. All records are already on the disk.
func (j *File) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if errors.Is(j.err, errClosed) {
		return j.named(j.err)
	}
	j.err = errClosed
	return j.named(closeUnlocked(j.file))
}
