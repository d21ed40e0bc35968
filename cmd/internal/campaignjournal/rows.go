package campaignjournal

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/campaign"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/gsm7"
)

// digest identifies the contents of a row: the first 64 bits of the SHA-256 of its receiver,
// sender, text and time. The text is the one that is sent with --fold, so that a row has the same
// digest with and without it.
type digest uint64

func digestOf(row *campaign.Row) digest {
	m := &row.Message
	from := m.From
	if strings.EqualFold(from, "numeric") {
		from = "" // which means the same
	}
	at := int64(0)
	if !m.SendAt.IsZero() {
		at = m.SendAt.Unix()
	}
	b := make([]byte, 0, 512)
	for _, field := range []string{row.E164(), from, gsm7.FoldIfFewer(row.Text)} {
		b = binary.AppendUvarint(b, uint64(len(field)))
		b = append(b, field...)
	}
	b = binary.AppendVarint(b, at)
	sum := sha256.Sum256(b)
	return digest(binary.BigEndian.Uint64(sum[:]))
}

// recorded is a row of the journal.
type recorded struct {
	id     int64
	digest digest
}

// rowFile keeps rows in an append-only file of records: the id, the digest, and the CRC-32C of
// both. The last record of an id counts.
type rowFile struct {
	file     *os.File
	size     int64      // up to the first broken record
	recorded []recorded // by id
	next     int        // the index after the row that was found last
	broken   []int64    // ids that stand in and after the first broken record
}

const (
	rowsHeader = "smslink rows 2\n"
	recordSize = 8 + 8 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// openRows opens the file, or makes one. A crash in add leaves broken records at the end; their
// messages were not sent.
func openRows(name string) (_ *rowFile, err error) {
	f := &rowFile{}
	if f.file, err = safefile.NoFollow(name, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.file.Close()
		}
	}()
	info, err := f.file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", name)
	}
	in := bufio.NewReaderSize(f.file, 64<<10)
	header := make([]byte, len(rowsHeader))
	n, err := io.ReadFull(in, header)
	switch {
	case !strings.HasPrefix(rowsHeader, string(header[:n])):
		return nil, fmt.Errorf("%s is not a part of a journal; name another folder", name)
	case n < len(rowsHeader):
		return f, f.begin()
	}
	f.size = int64(len(rowsHeader))
	f.recorded = make([]recorded, 0, min(info.Size()/recordSize, 1<<20)) // a file may be sparse
	record := make([]byte, recordSize)
	for broken := false; ; {
		_, err := io.ReadFull(in, record)
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			f.sort()
			return f, nil
		}
		if err != nil {
			return nil, err
		}
		id, d := int64(binary.BigEndian.Uint64(record)), digest(binary.BigEndian.Uint64(record[8:]))
		broken = broken || binary.BigEndian.Uint32(record[16:]) != crc32.Checksum(record[:16], castagnoli)
		switch {
		case !broken:
			f.recorded = append(f.recorded, recorded{id, d})
			f.size += recordSize
		case !bytes.Equal(record, make([]byte, recordSize)): // NULs are what a crash leaves, and no id
			f.broken = append(f.broken, id)
		}
	}
}

func (f *rowFile) begin() error {
	if _, err := f.file.WriteAt([]byte(rowsHeader), 0); err != nil {
		return err
	}
	f.size = int64(len(rowsHeader))
	return f.file.Sync()
}

// sort orders the rows by their ids, and keeps only the last one of each.
func (f *rowFile) sort() {
	byID := func(a, b recorded) int { return cmp.Compare(a.id, b.id) }
	if !slices.IsSortedFunc(f.recorded, byID) {
		slices.SortStableFunc(f.recorded, byID)
	}
	kept := f.recorded[:0]
	for _, r := range f.recorded {
		if n := len(kept); n > 0 && kept[n-1].id == r.id {
			kept[n-1] = r
			continue
		}
		kept = append(kept, r)
	}
	f.recorded = kept
}

// of returns the digest that is recorded under an id. It is fast for ascending ids.
func (f *rowFile) of(id int64) (digest, bool) {
	if f.next < len(f.recorded) && f.recorded[f.next].id == id {
		f.next++
		return f.recorded[f.next-1].digest, true
	}
	at, ok := slices.BinarySearchFunc(f.recorded, id, func(r recorded, id int64) int { return cmp.Compare(r.id, id) })
	if !ok {
		return 0, false
	}
	f.next = at + 1
	return f.recorded[at].digest, true
}

// add cuts off broken records, and writes rows to the disk before it returns. After an error none
// is added.
func (f *rowFile) add(rows []recorded) error {
	if err := f.file.Truncate(f.size); err != nil || len(rows) == 0 {
		return err
	}
	b := make([]byte, 0, len(rows)*recordSize)
	for _, r := range rows {
		start := len(b)
		b = binary.BigEndian.AppendUint64(b, uint64(r.id))
		b = binary.BigEndian.AppendUint64(b, uint64(r.digest))
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b[start:], castagnoli))
	}
	_, err := f.file.WriteAt(b, f.size)
	if err == nil {
		err = f.file.Sync()
	}
	if err != nil {
		return errors.Join(err, f.file.Truncate(f.size))
	}
	f.size += int64(len(b))
	return nil
}

func (f *rowFile) clear() error {
	f.recorded, f.size = nil, int64(len(rowsHeader))
	return f.file.Truncate(f.size)
}
