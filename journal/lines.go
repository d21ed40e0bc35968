package journal

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
)

// disk is the part of an [os.File] that lines need.
type disk interface {
	io.ReaderAt
	io.WriterAt
	io.Seeker
	Truncate(size int64) error
	Sync() error
}

// lines is a file to which lines are only added.
type lines struct {
	disk   disk
	size   int64  // of the durable lines, in bytes
	sum    uint32 // the last line's
	broken error  // why nothing can be added any more
	buf    []byte
}

// maxLine bounds the length of a line: four lists of maxList numbers that are far apart.
const maxLine = maxList * len(`+9223372036854775807+4+18446744073709551615+9223372036854775807;`)

// replay reads the lines, calls apply with each record, and mends the end of the file, so that
// lines can be added. A new file gets its first line. A record is valid until apply returns.
func (l *lines) replay(apply func(*record) error) error {
	first, sum := sealLine([]byte("00000000 "+version), 0, 0)
	l.sum = sum
	found := make([]byte, len(first)+1)
	n, err := l.disk.ReadAt(found, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch found = found[:n]; {
	case bytes.HasPrefix(found, first):
	case isTornFirst(found, first):
		return l.mend(0, first)
	default:
		return notFirst(found)
	}

	l.size = int64(len(first))
	from := bufio.NewReaderSize(io.NewSectionReader(l.disk, l.size, math.MaxInt64-l.size), 1<<20)
	var line []byte
	var r record
	for number := 2; ; number++ {
		var err error
		line, err = readLine(line[:0], from)
		var missing []byte
		switch {
		case errors.Is(err, io.EOF) && bytes.IndexByte(line, lineEnd[0]) < 0:
			return l.mend(l.size, nil)
		case errors.Is(err, io.EOF):
			missing = []byte(lineEnd[1:])
			line = append(line, missing...)
		case errors.Is(err, errNoLine):
			return corrupt(number)
		case err != nil:
			return err
		}
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

// isTornFirst reports whether found is what a crash leaves of the first line: nothing, NULs, or a
// start of it that is long enough to tell it from other files.
func isTornFirst(found, first []byte) bool {
	begun := bytes.TrimRight(found, "\x00")
	isStart := len(begun) >= sumLen+len(family) && bytes.HasPrefix(first, begun)
	return len(found) <= len(first) && (len(begun) == 0 || isStart)
}

// notFirst returns the error of a file that does not begin with the first line of a journal.
func notFirst(found []byte) error {
	switch payload := found[min(sumLen, len(found)):]; {
	case bytes.HasPrefix(payload, []byte(version+lineEnd[:1])):
		return corrupt(1)
	case bytes.HasPrefix(payload, []byte(family)), bytes.HasPrefix(payload, []byte(`{"smslink-journal":`)):
		return fmt.Errorf("%w of this version of smslink; open it with the version that wrote it", ErrNotJournal)
	default:
		return fmt.Errorf("%w, and left as it was; name another file", ErrNotJournal)
	}
}

func corrupt(line int) error {
	return fmt.Errorf("%w: line %d is not as it was written", ErrCorrupt, line)
}

// errNoLine means that the bytes are neither a line nor what a crash leaves of one.
var errNoLine = errors.New("no line")

// readLine appends the next line with its end to dst. At the end of the file it appends the rest,
// without the NULs that a crash has left after it, and returns io.EOF.
func readLine(dst []byte, from *bufio.Reader) ([]byte, error) {
	for {
		part, err := from.ReadSlice('\n')
		if nul := bytes.IndexByte(part, 0); nul >= 0 {
			dst = append(dst, part[:nul]...)
			return dst, skipNULs(part[nul:], err, from)
		}
		dst = append(dst, part...)
		switch {
		case len(dst) > maxLine:
			return dst, errNoLine
		case !errors.Is(err, bufio.ErrBufferFull):
			return dst, err
		}
	}
}

// skipNULs reads the rest of the file, which starts with part, and returns io.EOF if it has only
// NULs. err is the error of reading part.
func skipNULs(part []byte, err error, from *bufio.Reader) error {
	for {
		switch {
		case bytes.Count(part, []byte{0}) < len(part):
			return errNoLine
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
		part, err = from.ReadSlice('\n')
	}
}

// mend truncates the file to size and appends missing.
func (l *lines) mend(size int64, missing []byte) error {
	if err := l.disk.Truncate(size); err != nil {
		return err
	}
	if len(missing) > 0 {
		if _, err := l.disk.WriteAt(missing, size); err != nil {
			return errors.Join(err, l.disk.Truncate(size))
		}
	}
	l.size = size + int64(len(missing))
	return nil
}

// add writes a line and syncs it to the disk. After an error the file is as it was before, or l is
// broken.
func (l *lines) add(r *record) error {
	if l.broken != nil {
		return l.broken
	}
	switch size, err := l.disk.Seek(0, io.SeekEnd); {
	case err != nil:
		return err
	case size != l.size:
		l.broken = fmt.Errorf("another program has changed the journal while it was open: "+
			"it has %d bytes instead of %d; restore the file before sending again", size, l.size)
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
		l.broken = fmt.Errorf("%w; and the journal may end in a part of a line, since what was written "+
			"can't be cut off: %w; close it and open it again", err, cut)
		return l.broken
	}
	return err
}
