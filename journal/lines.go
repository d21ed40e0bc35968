package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// disk is what is needed of an [os.File] to keep lines in it.
type disk interface {
	io.ReaderAt
	io.WriterAt
	Truncate(size int64) error
	Sync() error
}

// lines is a file that lines are only ever added to.
type lines struct {
	disk   disk
	size   int64  // of the lines that are certain to last
	sum    uint32 // the last line's
	broken error  // what follows size is uncertain, and why
	buf    []byte
}

// replay reads the lines, hands each record to apply, and mends the end, to which lines are added
// from then on. A new file is given its first line. The record is valid until apply returns.
func (l *lines) replay(apply func(*record) error) error {
	first, sum := sealLine([]byte("00000000 "+version), 0, 0)
	l.sum = sum
	found := make([]byte, len(first)+1)
	n, err := l.disk.ReadAt(found, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	found = found[:n]
	switch begun := bytes.TrimRight(found, "\x00"); {
	case bytes.HasPrefix(found, first):
	case n <= len(first) && bytes.HasPrefix(first, begun): // a crash has left a start of it, or only its length
		return l.mend(0, first)
	case isOtherVersion(found):
		return fmt.Errorf("%w: it has the format of another version of smslink; only that version can read it", ErrCorrupt)
	default:
		return corrupt(1)
	}

	l.size = int64(len(first))
	from := bufio.NewReaderSize(io.NewSectionReader(l.disk, l.size, math.MaxInt64-l.size), 1<<20)
	var r record
	for number := 2; ; number++ {
		line, err := from.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		var missing []byte
		if err != nil {
			line = bytes.TrimRight(line, "\x00")
			if bytes.IndexByte(line, lineEnd[0]) < 0 {
				return l.mend(l.size, nil)
			}
			missing = []byte(lineEnd[1:])
		}
		line = append(line, missing...)
		sum, ok := r.parseLine(line, l.sum, &l.buf)
		if !ok || apply(&r) != nil {
			return corrupt(number)
		}
		l.sum = sum
		if missing != nil {
			return l.mend(l.size+int64(len(line)-1), missing)
		}
		l.size += int64(len(line))
	}
}

func isOtherVersion(found []byte) bool {
	payload := found[min(sumLen, len(found)):]
	return bytes.HasPrefix(payload, []byte(family)) && !bytes.HasPrefix(payload, []byte(version+lineEnd[:1])) ||
		bytes.HasPrefix(payload, []byte(`{"smslink-journal":`))
}

func corrupt(line int) error {
	return fmt.Errorf("%w: line %d is not as it was written", ErrCorrupt, line)
}

// mend cuts the file off at size and writes what is missing there.
func (l *lines) mend(size int64, missing []byte) error {
	if err := l.disk.Truncate(size); err != nil {
		return err
	}
	if len(missing) > 0 {
		if _, err := l.disk.WriteAt(missing, size); err != nil {
			return err
		}
	}
	l.size = size + int64(len(missing))
	return nil
}

// add writes a line through to the disk. After an error the file is as it was; or else it is
// broken, and nothing is added to it any more.
func (l *lines) add(r *record) error {
	if l.broken != nil {
		return l.broken
	}
	var sum uint32
	l.buf, sum = r.appendLine(l.buf[:0], l.sum)
	_, err := l.disk.WriteAt(l.buf, l.size)
	if err == nil {
		err = l.disk.Sync()
	}
	if err == nil {
		l.size += int64(len(l.buf))
		l.sum = sum
		return nil
	}
	cut := l.disk.Truncate(l.size)
	if cut == nil {
		cut = l.disk.Sync()
	}
	if cut != nil {
		l.broken = fmt.Errorf("%w: %w; and its end could not be cut off: %w", ErrBroken, err, cut)
		return l.broken
	}
	return err
}
