package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/go-smslink/smslink"
)

// entry is one line of the file after the first. An intention has Intend; a
// settlement has the judged ids with a status and a remote id each, and the
// forgotten ones; and Again are judged ids that are forgotten.
type entry struct {
	Intend   []int64          `json:"intend,omitempty"`
	Judge    []int64          `json:"judge,omitempty"`
	Status   []smslink.Status `json:"status,omitempty"`
	RemoteID []uint64         `json:"remote,omitempty"`
	Forget   []int64          `json:"forget,omitempty"`
	Again    []int64          `json:"again,omitempty"`
}

// version is the first line's payload.
const version = `{"smslink-journal":1}`

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksumLen is the checksum's, in hexadecimal, and the space behind it.
const checksumLen = 9

// line is e's, with the checksum of all payloads up to it.
func (e entry) line(sum uint32) (line []byte, newSum uint32, err error) {
	payload, err := json.Marshal(e)
	if err != nil {
		return nil, 0, err
	}
	line, newSum = lineOf(payload, sum)
	return line, newSum, nil
}

func lineOf(payload []byte, sum uint32) (line []byte, newSum uint32) {
	newSum = crc32.Update(sum, castagnoli, payload)
	return fmt.Appendf(nil, "%08x %s\n", newSum, payload), newSum
}

// parse reads a line, of which every byte must be as line would write it.
func parse(line []byte, sum uint32) (e entry, newSum uint32, ok bool) {
	if len(line) <= checksumLen || json.Unmarshal(line[checksumLen:], &e) != nil {
		return entry{}, 0, false
	}
	written, newSum, err := e.line(sum)
	return e, newSum, err == nil && bytes.Equal(line, written)
}

// replay reads the file, and mends its end, to which lines are then added. A new
// file is given its first line, which is never read with less than all of it.
func (j *File) replay() error {
	first, sum := lineOf([]byte(version), 0)
	j.sum = sum
	found := make([]byte, len(first)+1)
	n, err := j.file.ReadAt(found, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	found = found[:n]
	switch begun := bytes.TrimRight(found, "\x00"); {
	case bytes.HasPrefix(found, first):
	case n <= len(first) && bytes.HasPrefix(first, begun): // a crash has left a start of it, or only its length
		return j.end(0, first)
	default:
		return corrupt(1)
	}

	size := int64(len(first))
	if _, err := j.file.Seek(size, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReaderSize(j.file, 1<<20)
	for number := 2; ; number++ {
		line, err := r.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var missing []byte
		if err != nil {
			line = bytes.TrimRight(line, "\x00")
			if bytes.IndexByte(line, '}') < 0 { // which is the last byte of every line, and nowhere else in it
				return j.end(size, nil)
			}
			missing = []byte("\n")
		}
		line = append(line, missing...)
		e, sum, ok := parse(line, j.sum)
		if !ok || j.states.apply(e) != nil {
			return corrupt(number)
		}
		j.sum = sum
		size += int64(len(line))
		if missing != nil {
			return j.end(size-1, missing)
		}
	}
}

func corrupt(line int) error {
	return fmt.Errorf("%w: line %d is not as it was written", ErrCorrupt, line)
}

// end cuts the file off at size and writes what is missing there.
func (j *File) end(size int64, missing []byte) error {
	if err := j.file.Truncate(size); err != nil {
		return err
	}
	if _, err := j.file.Seek(size, io.SeekStart); err != nil {
		return err
	}
	_, err := j.file.Write(missing)
	return err
}
