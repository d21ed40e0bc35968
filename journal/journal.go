// Package journal remembers in a file what a stream of messages has sent, so that
// the same input can be sent again after a crash: it is a [smslink.Journal].
package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
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
	// ErrKnown says that an id was to be intended that the journal has.
	ErrKnown = errors.New("journal: an id is known already")
	// ErrNotInDoubt says that an id was to be settled that is not in doubt.
	ErrNotInDoubt = errors.New("journal: an id is not in doubt")
)

// File is a journal in a file of text to which lines are only ever added, each with the CRC-32C of all of them so far.
// It holds local ids, statuses, the gateway's ids and the MD5 of each package, and
// neither a receiver nor a text; but the MD5 of a package of one message lets those who know
// its text try out numbers.
//
// Each call that changes something makes one line and has it written through to the
// disk before it returns: two for a package. In memory it takes
// about 100 bytes a message. Goroutines may share it.
type File struct {
	mu     sync.Mutex
	file   *os.File
	states map[int64]state
	sum    uint32 // of all payloads so far
	err    error  // why nothing can be written any more
}

// state is what is known of an id: in doubt, or judged.
type state struct {
	status   smslink.Status // StatusUnreported is in doubt
	remoteID uint64         // 0 is none
}

// entry is one line of the file. An intention has Intend and MD5; a settlement has the
// judged ids with a status and a remote id each, and the forgotten ones.
type entry struct {
	Version  int              `json:"smslink-journal,omitempty"`
	Intend   []int64          `json:"intend,omitempty"`
	MD5      string           `json:"md5,omitempty"`
	Judge    []int64          `json:"judge,omitempty"`
	Status   []smslink.Status `json:"status,omitempty"`
	RemoteID []uint64         `json:"remote,omitempty"`
	Forget   []int64          `json:"forget,omitempty"`
}

// Open opens the journal at path, or makes one where there is no file or an empty one. Only its
// owner can read a new one. Close it when done.
//
// A last line without its end is what a crash leaves in the middle of a write, of
// which nobody was told that it was done: it is cut off. Everything else that is not
// as it was written is [ErrCorrupt], named by its line. On Unix, a journal that is open
// already is [ErrLocked]; elsewhere see to it that it is not. Other errors are the system's.
func Open(path string) (*File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	j := &File{file: file, states: map[int64]state{}}
	if err := j.open(path); err != nil {
		file.Close()
		return nil, err
	}
	return j, nil
}

func (j *File) open(path string) error {
	if err := lock(j.file); err != nil {
		return err
	}
	size, err := j.replay()
	if err != nil {
		return err
	}
	if err := j.file.Truncate(size); err != nil {
		return err
	}
	if _, err := j.file.Seek(size, io.SeekStart); err != nil {
		return err
	}
	if size > 0 {
		return j.file.Sync() // a line that was written and not yet synced is believed from here on
	}
	if err := j.append(entry{Version: 1}); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the file's name last. Not every system can.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && !errors.Is(err, os.ErrInvalid) {
		return err
	}
	return nil
}

// replay reads the file and gives the length of its whole lines. A line that lacks
// nothing but its end is whole.
func (j *File) replay() (size int64, err error) {
	r := bufio.NewReaderSize(j.file, 1<<20)
	for number := 1; ; number++ {
		line, err := r.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && torn(line, number):
			return size, nil
		case err != nil && !errors.Is(err, io.EOF):
			return 0, err
		}
		e, sum, ok := parse(line, j.sum)
		if !ok || (number == 1) != (e.Version != 0) || e.Version > 1 || j.apply(e) != nil {
			return 0, fmt.Errorf("%w: line %d is not as it was written", ErrCorrupt, number)
		}
		j.sum = sum
		size += int64(len(line))
		if err != nil {
			_, err := j.file.WriteAt([]byte("\n"), size)
			return size + 1, err
		}
	}
}

// torn tells whether a last line without its end is the start of a line of ours. The
// only closing brace of one is its last byte.
func torn(line []byte, number int) bool {
	if number > 1 {
		return bytes.IndexByte(line, '}') < 0
	}
	first, _, err := entry{Version: 1}.line(0)
	return err == nil && len(line) < len(first)-1 && bytes.HasPrefix(first, line)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksumLen is the checksum's, in hexadecimal, and the space behind it.
const checksumLen = 9

// line is e's, with the checksum of all payloads up to it.
func (e entry) line(sum uint32) (line []byte, newSum uint32, err error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, 0, err
	}
	newSum = crc32.Update(sum, castagnoli, payload)
	return fmt.Appendf(nil, "%08x %s\n", newSum, payload), newSum, nil
}

func parse(line []byte, sum uint32) (e entry, newSum uint32, ok bool) {
	if len(line) <= checksumLen || line[checksumLen-1] != ' ' {
		return entry{}, 0, false
	}
	payload := bytes.TrimSuffix(line[checksumLen:], []byte("\n"))
	newSum = crc32.Update(sum, castagnoli, payload)
	if string(line[:checksumLen-1]) != fmt.Sprintf("%08x", newSum) || json.Unmarshal(payload, &e) != nil {
		return entry{}, 0, false
	}
	return e, newSum, true
}

// apply changes the states as e says, all of them or none.
func (j *File) apply(e entry) error {
	if len(e.Judge) != len(e.Status) || len(e.Judge) != len(e.RemoteID) {
		return ErrCorrupt
	}
	for _, id := range e.Intend {
		if _, known := j.states[id]; known {
			return fmt.Errorf("%w: %d", ErrKnown, id)
		}
	}
	for _, id := range slices.Concat(e.Judge, e.Forget) {
		if s, known := j.states[id]; !known || s.status != smslink.StatusUnreported {
			return fmt.Errorf("%w: %d", ErrNotInDoubt, id)
		}
	}
	for _, id := range e.Intend {
		j.states[id] = state{}
	}
	for i, id := range e.Judge {
		j.states[id] = state{e.Status[i], e.RemoteID[i]}
	}
	for _, id := range e.Forget {
		delete(j.states, id)
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
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		return j.err
	}
	if err := j.apply(e); err != nil {
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
		if s, ok := j.states[id]; ok {
			known = append(known, s.result(id))
		}
	}
	return known, nil
}

func (s state) result(id int64) smslink.Result {
	result := smslink.Result{ID: id, Status: s.status}
	if s.remoteID != 0 {
		result.RemoteID = strconv.FormatUint(s.remoteID, 10)
	}
	return result
}

// Intend notes that these ids are about to be uploaded; see [smslink.Journal]. It is
// [ErrKnown] where one of them is known.
func (j *File) Intend(_ context.Context, ids []int64, digest [md5.Size]byte) error {
	return j.change(entry{Intend: ids, MD5: hex.EncodeToString(digest[:])})
}

// Settle notes what became of ids in doubt; see [smslink.Journal]. It is
// [ErrNotInDoubt] where one of them is not in doubt.
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
	return j.change(e)
}

// number is a remote id as the gateway's are, or 0. Receivers start with 0.
func number(remoteID string) uint64 {
	n, err := strconv.ParseUint(remoteID, 10, 64)
	if err != nil || strconv.FormatUint(n, 10) != remoteID {
		return 0
	}
	return n
}

// InDoubt are the ids that were intended and not settled, in ascending order:
// messages that may have been sent.
func (j *File) InDoubt() []int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	var ids []int64
	for id, s := range j.states {
		if s.status == smslink.StatusUnreported {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

var errClosed = errors.New("journal: the file is closed")

// Close closes the file. Everything was written before.
func (j *File) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = errClosed
	return j.file.Close()
}
