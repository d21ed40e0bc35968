// Package journal remembers in a file what a stream of messages has sent, so that
// the same input can be sent again after a crash: it is a [smslink.Journal].
package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"

	"github.com/go-smslink/smslink"
)

var (
	// ErrCorrupt says that the file is no journal, or was changed after it was written.
	ErrCorrupt = errors.New("journal: the file is corrupt")
	// ErrLocked says that a process, perhaps this one, has the file open as a journal.
	ErrLocked = errors.New("journal: the file is open as a journal already")
	// ErrMoved says that the file that is open was renamed, replaced or deleted. Who opens
	// its path now would not know what it holds.
	ErrMoved = errors.New("journal: the file that is open is no longer at its path")
	// ErrKnown says that an id was to be intended that the journal has, or twice.
	ErrKnown = errors.New("journal: an id is known already")
	// ErrNotInDoubt says that an id was to be settled that is not in doubt, or twice.
	ErrNotInDoubt = errors.New("journal: an id is not in doubt")
)

// File is a journal in a file of text to which lines are only ever added, each with the CRC-32C of all of them so far.
// It holds local ids, statuses, and the gateway's ids where they are plain numbers. It is
// given neither a receiver nor a text; but a server may answer with a receiver, without its
// + or 00, for an id.
//
// Each call that changes something makes one line and has it written through to the
// disk before it returns: two for a package. In memory it takes about
// 40 bytes a message. Goroutines may share it.
type File struct {
	mu     sync.Mutex
	path   string // absolute
	file   *os.File
	states states
	sum    uint32 // of all payloads so far
	err    error  // why nothing can be written any more
}

// Open opens the journal at path, or makes one where there is no file or an empty one. Only its
// owner can read a new one. Close it when done.
//
// A last line without its end, and NULs at the end, are what a crash leaves in the
// middle of a write, of which nobody was told that it was done: they are cut off. A file
// that somebody has shortened, or an older copy, can't be told from that: what it lacks
// is forgotten, and would be sent again. Any other line that is not as it was written
// is [ErrCorrupt], which names it, and so is what is no regular file.
//
// On Unix, a journal that is open already is [ErrLocked]; elsewhere see to it that it
// is not. One that is moved while it is being opened is [ErrMoved]. Other errors are
// the system's.
func Open(path string) (*File, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &File{path: path, file: file, states: newStates()}
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
		return fmt.Errorf("%w: it is no regular file", ErrCorrupt)
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
	if err := j.file.Sync(); err != nil { // a line that was written and not yet synced is believed from here on
		return err
	}
	return syncFolder(j.path)
}

// inPlace tells whether the path still leads to the file that is open.
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

// append writes e through to the disk. After a failure nobody knows what
// the file ends in, so that nothing is added to it any more.
func (j *File) append(e entry) error {
	line, sum, err := e.line(j.sum)
	if err != nil {
		return err
	}
	j.sum = sum
	if _, err = j.file.Write(line); err == nil {
		err = j.file.Sync()
	}
	if err != nil {
		j.err = err
	}
	return err
}

// change applies e and writes it, in this order: an entry that can't be applied must
// not get into the file, and after a failed write the states serve no more.
func (j *File) change(e entry) error {
	if j.err != nil {
		return j.err
	}
	if err := j.states.apply(e); err != nil {
		return err
	}
	return j.append(e)
}

// Known gives what the file has of these ids; see [smslink.Journal]. A remote
// id that is not a number comes back empty: it is a server's own word, and is not
// written.
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

// Intend notes that these ids are about to be uploaded; see [smslink.Journal]. It is
// [ErrKnown] where one of them is known or comes twice, and [ErrMoved] where the file
// is not at its path any more, as is every call from then on.
func (j *File) Intend(_ context.Context, ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = j.inPlace()
	}
	return j.change(entry{Intend: ids})
}

// Settle notes what became of ids in doubt; see [smslink.Journal]. It is
// [ErrNotInDoubt] where one of them is not in doubt or comes twice.
//
// Who has found out what became of messages in doubt, in the account's reports say,
// can tell it here: as judged those that were sent, and as forgotten those
// that were not and may be sent again.
func (j *File) Settle(_ context.Context, judged []smslink.Result, forgotten []int64) error {
	e := entry{Forget: forgotten}
	for _, result := range judged {
		e.Judge = append(e.Judge, result.ID)
		e.Status = append(e.Status, result.Status)
		e.RemoteID = append(e.RemoteID, number(result.RemoteID))
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.change(e)
}

// number is a remote id as the gateway's are, or 0. Receivers as they are on the wire
// start with 0.
func number(remoteID string) uint64 {
	n, err := strconv.ParseUint(remoteID, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != remoteID {
		return 0
	}
	return n
}

// Forget makes ids unknown again that were judged as anything but [smslink.StatusSuccess],
// so that the next stream sends them: the sender has been approved meanwhile, say. A status
// that is not documented may mean that a message was sent; ask the vendor first.
//
// It is an error, and all of them stay as they were, where one of them is not known, was a
// success, comes twice, or is in doubt, which Settle is for.
func (j *File) Forget(ids []int64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.change(entry{Again: ids})
}

// InDoubt are the ids that were intended and not settled, in ascending order:
// messages that may have been sent.
func (j *File) InDoubt() []int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Sorted(j.states.doubt.All())
}

var errClosed = errors.New("journal: the file is closed")

// Close closes the file. Everything was written before.
func (j *File) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = errClosed
	return j.file.Close()
}
