package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/journal"
)

// memoryDisk is a disk in memory.
type memoryDisk struct{ data []byte }

func (d *memoryDisk) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(d.data).ReadAt(p, at)
}

func (d *memoryDisk) WriteAt(p []byte, at int64) (int, error) {
	if grow := int(at) + len(p) - len(d.data); grow > 0 {
		d.data = append(d.data, make([]byte, grow)...)
	}
	return copy(d.data[at:], p), nil
}

func (d *memoryDisk) Truncate(size int64) error {
	d.data = d.data[:size]
	return nil
}

func (d *memoryDisk) Seek(int64, int) (int64, error) { return int64(len(d.data)), nil }

func (d *memoryDisk) Sync() error { return nil }

var _ io.ReaderAt = (*memoryDisk)(nil)

// model is a simple reader of a journal's lines.
type model struct {
	states   map[int64]smslink.Result // with StatusUnreported, it is in doubt
	campaign string
}

var field = regexp.MustCompile(`([\w-]+)=("(?:[^"\\]|\\.)*"|\S+)`)

// read reads complete lines, each with its checksum.
func (m *model) read(t *testing.T, file string) {
	var payloads string
	for i, line := range strings.SplitAfter(file, "\n") {
		if line == "" {
			continue
		}
		require.Regexp(t, `^[0-9a-f]{8} [^;\n]*;\n$`, line)
		payload := line[9 : len(line)-2]
		payloads += payload
		require.Equal(t, line[:8], fmt.Sprintf("%08x", crc32.Checksum([]byte(payloads), crc32.MakeTable(crc32.Castagnoli))))
		if i == 0 {
			require.Equal(t, "smslink journal 3", payload)
			continue
		}
		fields := map[string]string{}
		for _, f := range field.FindAllStringSubmatch(payload, -1) {
			fields[f[1]] = f[2]
		}
		if quoted := fields["campaign"]; quoted != "" {
			campaign, err := strconv.Unquote(quoted)
			require.NoError(t, err)
			m.campaign = campaign
		}
		for _, id := range numbers(t, fields["intend"]) {
			_, known := m.states[int64(id)]
			require.False(t, known)
			m.states[int64(id)] = smslink.Result{ID: int64(id)}
		}
		statuses, remotes := numbers(t, fields["status"]), numbers(t, fields["remote"])
		for i, id := range numbers(t, fields["result"]) {
			held, known := m.states[int64(id)]
			require.True(t, known && held.Status == smslink.StatusUnreported)
			result := smslink.Result{ID: int64(id), Status: smslink.Status(statuses[i])}
			if remotes[i] != 0 {
				result.RemoteID = strconv.FormatUint(remotes[i], 10)
			}
			m.states[int64(id)] = result
		}
		for _, id := range numbers(t, fields["not-sent"]) {
			require.Equal(t, smslink.Result{ID: int64(id)}, m.states[int64(id)])
			delete(m.states, int64(id))
		}
		for _, id := range numbers(t, fields["forget"]) {
			require.NotContains(t, []smslink.Status{smslink.StatusUnreported, smslink.StatusSuccess}, m.states[int64(id)].Status)
			delete(m.states, int64(id))
		}
	}
}

var (
	listForm = regexp.MustCompile(`^[0-9]+([+-][0-9]+(x[0-9]+)?)*$`)
	listStep = regexp.MustCompile(`([+-])([0-9]+)(?:x([0-9]+))?`)
)

// numbers returns the numbers of a list.
func numbers(t *testing.T, list string) (numbers []uint64) {
	if list == "" {
		return nil
	}
	require.Regexp(t, listForm, list)
	number := func(digits string) uint64 {
		n, err := strconv.ParseUint(digits, 10, 64)
		require.NoError(t, err)
		return n
	}
	first := list
	if at := strings.IndexAny(list, "+-"); at >= 0 {
		first = list[:at]
	}
	last := number(first)
	numbers = append(numbers, last)
	for _, step := range listStep.FindAllStringSubmatch(list[len(first):], -1) {
		times := uint64(1)
		if step[3] != "" {
			times = number(step[3])
		}
		for range times {
			if step[1] == "+" {
				last += number(step[2])
			} else {
				last -= number(step[2])
			}
			numbers = append(numbers, last)
		}
	}
	return numbers
}

// sealed returns a file with a line and a checksum for each payload.
func sealed(payloads []byte) []byte {
	var file []byte
	var sum uint32
	for line := range bytes.Lines(payloads) {
		line = bytes.TrimSuffix(line, []byte("\n"))
		sum = crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), line)
		file = fmt.Appendf(file, "%08x %s;\n", sum, line)
	}
	return file
}

// Any file is either an error and left unchanged, or opened: then only its end is changed, and the
// journal reports the same as the model. With isSealed the file has good checksums.
func FuzzOpen(f *testing.F) {
	path := filled(f)
	raw, err := os.ReadFile(path)
	require.NoError(f, err)
	for _, file := range [][]byte{nil, raw, raw[:20], raw[:len(raw)-1], raw[:len(raw)-30], append(bytes.Clone(raw), 0, 0, 0), []byte("a letter")} {
		f.Add(file, false)
	}
	for _, payloads := range []string{
		"smslink journal 3\n2026-11-24T17:40:09Z run intend=1+1x99-50+7\n2026-11-24T17:40:09Z result=1+1x3 status=3+0-1+3 remote=220000000+1x2-220000002 not-sent=5\n",
		"smslink journal 3\n2026-11-24T17:40:09Z run intend=9223372036854775807-1\n2026-11-24T17:40:09Z result=9223372036854775807 status=4 remote=18446744073709551615\n2026-11-24T17:40:09Z forget=9223372036854775807\n",
		"smslink journal 3\n2026-11-24T17:40:09Z campaign=\"a \\\" \\x3b intend=7\"\n2026-11-24T17:40:09Z run intend=1\n2026-11-24T17:40:10Z by=\"\\u0218\" reason=\"so run\" not-sent=1\n",
		"smslink journal 3\n\n\n",
	} {
		f.Add([]byte(payloads), true)
	}
	f.Fuzz(func(t *testing.T, file []byte, isSealed bool) {
		if isSealed {
			file = sealed(file)
		}
		d := &memoryDisk{bytes.Clone(file)}
		j, err := journal.OpenOn(d)
		if err != nil {
			require.True(t, errors.Is(err, journal.ErrCorrupt) || errors.Is(err, journal.ErrNotJournal), err)
			require.Equal(t, string(file), string(d.data), "it is left as it was")
			return
		}
		if !bytes.HasPrefix(file, d.data) { // a crash has left a line without its end, or a part of the first one
			untouched := bytes.TrimSuffix(d.data, []byte("\n"))
			isFirst := bytes.Count(d.data, []byte("\n")) == 1 && bytes.HasPrefix(d.data, bytes.TrimRight(file, "\x00"))
			require.True(t, isFirst || bytes.HasPrefix(file, untouched), "%q became %q", file, d.data)
		} else {
			require.NotContains(t, string(file[len(d.data):]), ";", "a line with its end is cut off")
		}
		m := model{states: map[int64]smslink.Result{}}
		m.read(t, string(d.data))

		requireModel(t, m, j)
		if _, held := m.states[77]; !held {
			before := len(d.data)
			require.NoError(t, j.Add([]int64{77}))
			require.Greater(t, len(d.data), before)
			m.states[77] = smslink.Result{ID: 77}
		}
		again, err := journal.OpenOn(&memoryDisk{bytes.Clone(d.data)})
		require.NoError(t, err)
		requireModel(t, m, again)
	})
}

func requireModel(t *testing.T, m model, j *journal.File) {
	var ids, doubts []int64
	for id, result := range m.states {
		ids = append(ids, id)
		if result.Status == smslink.StatusUnreported {
			doubts = append(doubts, id)
		}
	}
	known, err := j.Known(background, ids)
	require.NoError(t, err)
	require.Len(t, known, len(ids))
	for i, result := range known {
		require.Equal(t, m.states[ids[i]], result)
	}
	slices.Sort(doubts)
	require.Equal(t, doubts, inDoubt(j))
	require.Equal(t, m.campaign, j.Campaign())
	for _, id := range ids {
		for _, near := range []int64{id - 1, id + 1, id ^ 1<<40} {
			if _, held := m.states[near]; !held {
				known, err := j.Known(background, []int64{near})
				require.NoError(t, err)
				require.Empty(t, known)
			}
		}
		if len(ids) > 1000 {
			break
		}
	}
}
