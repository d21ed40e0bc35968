// Package journal records in a file what a stream of messages has sent, so that the same input can
// be sent again after a crash. A [File] is a [smslink.Journal].
//
// # The file
//
// The file is text, to which lines are only ever added:
//
//	482622a9 smslink journal 2;
//	9ab552f1 2026-11-24T17:40:09Z run intend=1+1x9999;
//	3c2c8fb0 2026-11-24T17:40:11Z judge=1+1x9999 status=3+0x9999 remote=220000001+1x9999;
//	f8922bd3 2026-11-24T17:41:30Z intend=10001+1x4;
//	62e99b8a 2026-11-25T08:12:44Z by="Ana" reason="the account's report" judge=10001 status=3 remote=0 forget=10002+1x2;
//
// Each line begins with a CRC-32C in hexadecimal, and ends with a semicolon and a line feed. The
// checksum is that of all lines up to this one, without their checksums, the space behind those,
// and their ends. There is no other semicolon in a line. The first line names the version of the
// format. Each other line has the time in UTC, and says what happened then:
//   - intend: these ids are about to be uploaded. With run, they are the first since the file was
//     opened.
//   - judge, status, remote: the gateway's statuses of ids in doubt, and its own ids for them; 0
//     means that it has none.
//   - forget: these ids were in doubt and were not sent.
//   - by, reason: a person has found out what this line says.
//   - again: these ids were refused and may be sent again.
//   - campaign: what the journal belongs to.
//
// A list is its first number and the steps from each number to the next. A step that comes several
// times is followed by x and how often: 7+1+3x2-4 is 7, 8, 11, 14, 10.
package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/go-smslink/smslink"
)

var (
	// ErrCorrupt means that the file is not a journal, was changed after it was written, or is of
	// another version of the format.
	ErrCorrupt = errors.New("journal: the file is corrupt")
	// ErrLocked means that a process, perhaps this one, has the file open as a journal.
	ErrLocked = errors.New("journal: the file is open as a journal already")
	// ErrCannotLock means that the operating system or the file system has no lock that would keep
	// two programs from sending the same messages. Put the file on a local disk of Linux, macOS,
	// Windows, illumos or a BSD, or write a [smslink.Journal] that keeps a table in a database.
	ErrCannotLock = errors.New("journal: the file can't be locked")
	// ErrMoved means that the file that is open was renamed, replaced or deleted. A program that
	// opens its path now would not know what the file holds.
	ErrMoved = errors.New("journal: the file that is open is no longer at its path")
	// ErrBroken means that a write has failed, and that what it may have left at the file's end
	// could not be cut off. Nothing can be added to the file until it is closed and opened again.
	ErrBroken = errors.New("journal: the file's end is uncertain after a failed write")
	// ErrKnown means that Intend was given an id that the journal knows, or an id twice.
	ErrKnown = errors.New("journal: an id is known already")
	// ErrNotInDoubt means that Settle or Resolve was given an id that is not in doubt, or an id
	// twice.
	ErrNotInDoubt = errors.New("journal: an id is not in doubt")

	errClosed = errors.New("journal: the file is closed")
)

// File is a journal in a file, in the format that the package's comment describes. It holds local
// ids, statuses, and the gateway's ids if they are plain numbers. No receiver and no text is given
// to it. But a server may answer with a receiver, without its + or 00, in place of an id, and a
// person may write anything for [File.Resolve] and [File.SetCampaign].
//
// Each call that changes something adds one line and has it written through to the disk before it
// returns. A package takes two lines. A message takes up to 6 bytes on the disk and 6 to 14 in
// memory if ids lie close together, and about 50 and 40 if they are far apart.
//
// # Errors of the disk
//
// A call that fails has changed nothing: the File's answers change only after the disk has the
// line. A part of the line that the disk may have is cut off at once. The next program then finds
// nothing of it, and the call can be made again once the disk has room. Known goes on to answer.
// The messages of a failed Intend were certainly not sent.
//
// If the part can't be cut off, the error matches [ErrBroken], and so does that of every later
// change. Known still answers, and the messages of a failed Intend were still not sent. But the
// line may be whole, and then whoever opens the file next believes it: there the messages of a
// failed Intend are in doubt, though they were not sent.
//
// Goroutines may share a File.
type File struct {
	mu     sync.Mutex
	path   string // absolute
	file   *os.File
	lines  lines
	states states
	inRun  bool  // something was intended since Open
	err    error // why every call fails, even Known
}

// Open opens the journal at path, or makes one if there is no file or an empty one. Close it when
// done.
//
// Only its owner can read a new file. Open takes the permissions of group and others away from a
// journal that has them, empty or not, and fails if it can't. On Windows the folder's permissions
// apply.
//
// A crash in the middle of a write leaves a last line without its end, or NULs at the end. The call
// that wrote it has not returned, and Open cuts it off. A file that somebody has shortened, or an
// older copy, looks the same: what it lacks is forgotten, and would be sent again.
//
// The error matches
//   - [ErrCorrupt] if any other line is not as it was written, and names that line; or if the file
//     is not regular, or has the format of another version of this package;
//   - [ErrLocked] if the journal is open already;
//   - [ErrCannotLock] on a system or a file system without locks, whatever the file;
//   - [ErrMoved] if the file is moved while it is being opened.
//
// Other errors are the system's.
func Open(path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &File{path: path, file: file, lines: lines{disk: file}}
	if err := j.open(); err != nil {
		file.Close()
		return nil, err
	}
	return j, nil
}

func (j *File) open() error {
	info, err := j.file.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%w: it is not a regular file", ErrCorrupt)
	}
	if err := lock(j.file); err != nil {
		return err
	}
	if err := j.inPlace(); err != nil {
		return err
	}
	if err := j.replay(); err != nil {
		return err
	}
	if err := makePrivate(j.file, info.Mode()); err != nil { // now that it is known to be a journal
		return fmt.Errorf("journal: others can read the file, and that can't be changed: %w", err)
	}
	if err := j.file.Sync(); err != nil { // a line that was written and not yet synced is believed from here on
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

// inPlace returns nil if the path still leads to the file that is open.
func (j *File) inPlace() error {
	held, err := j.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(j.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return ErrMoved
	case err != nil:
		return err
	case !os.SameFile(held, there):
		return ErrMoved
	}
	return nil
}

// change writes r and then applies it: what the states say must be on the disk. The caller holds
// the mutex.
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

// Known returns what the file has of these ids; see [smslink.Journal]. A remote id that is not a
// number of at most 19 digits comes back empty: it is a server's own word, and is not written.
// Known fails only if the file was closed, or was found not to be at its path any more
// ([ErrMoved]).
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

// Intend records that these ids are about to be uploaded; see [smslink.Journal]. It fails with
// [ErrKnown] if one of them is known or comes twice. It fails with [ErrMoved] if the file is not at
// its path any more, and then every later call does. The ids are at most 1,048,576.
func (j *File) Intend(_ context.Context, ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = j.inPlace()
	}
	if len(ids) == 0 {
		return j.err
	}
	err := j.change(&record{run: !j.inRun, intend: ids})
	if err == nil {
		j.inRun = true
	}
	return err
}

// Settle records what became of ids in doubt; see [smslink.Journal]. It fails with [ErrNotInDoubt]
// if one of them is not in doubt or comes twice. Both lists have at most 1,048,576 ids. For what a
// person has found out, see [File.Resolve].
func (j *File) Settle(_ context.Context, judged []smslink.Result, forgotten []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(judged)+len(forgotten) == 0 {
		return j.err
	}
	return j.change(settlement(judged, forgotten))
}

func settlement(judged []smslink.Result, forgotten []int64) *record {
	n := len(judged)
	r := &record{judge: make([]int64, n), status: make([]smslink.Status, n), remote: make([]uint64, n), forget: forgotten}
	for i := range judged {
		r.judge[i], r.status[i], r.remote[i] = judged[i].ID, judged[i].Status, plainNumber(judged[i].RemoteID)
	}
	return r
}

// plainNumber returns a remote id as the gateway's are, or 0. Receivers as they are on the wire
// start with 0.
func plainNumber(remoteID string) uint64 {
	const most = len("9999999999999999999") // which 64 bits hold
	if n, rest := parseDigits(remoteID); rest == "" && len(remoteID) <= most && !strings.HasPrefix(remoteID, "0") {
		return n
	}
	return 0
}

// Forget makes ids unknown again that were judged as anything except [smslink.StatusSuccess],
// so that the next stream sends them: the sender has been approved meanwhile, say. A status
// that is not documented may mean that a message was sent; ask the vendor first.
//
// It is an error, and all of them stay as they were, if one of them is not known, was a
// success, comes twice, or is in doubt, which [File.Resolve] is for.
func (j *File) Forget(ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(ids) == 0 {
		return j.err
	}
	return j.change(&record{again: ids})
}

// Close closes the file. Everything was written before.
func (j *File) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = errClosed
	return j.file.Close()
}
