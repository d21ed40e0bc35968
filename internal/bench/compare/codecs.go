package main

import (
	"bytes"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	dsnet "github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zlib"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/measure"
	"github.com/go-smslink/smslink/internal/bzip2"
	"github.com/go-smslink/smslink/internal/corpus"
	"github.com/go-smslink/smslink/internal/lzf"
)

// phpZlib prints what peers/codec.c does, by the clock.
const phpZlib = `$plain = file_get_contents($argv[1]);
$best = INF;
for ($end = hrtime(true) + 1e9; hrtime(true) < $end;) {
	$start = hrtime(true);
	$packed = gzcompress($plain, 9);
	$best = min($best, hrtime(true) - $start);
}
echo strlen($packed), " ", $best;`

// codecs compares the codecs alone.
func (c *comparison) codecs() error {
	peer, file := filepath.Join(c.dir, "codec"), filepath.Join(c.dir, "plain")
	source := filepath.Join(sources, "codec.c")
	if _, err := measure.Output("gcc", "-O2", "-o", peer, source, "-lbz2", "-ldeflate", "-llzf"); err != nil {
		return err
	}
	for _, n := range []int{10, 100, 1000, 100_000} {
		log.Printf("the codecs alone, %d messages", n)
		var p smslink.Package
		for _, m := range corpus.Messages(n) {
			if err := p.Add(smslink.Message{ID: m.ID, To: m.To, Text: m.Text}); err != nil {
				return err
			}
		}
		plain := p.AppendPlain(nil)
		if err := os.WriteFile(file, plain, 0o600); err != nil {
			return err
		}
		peers := map[string][]string{fmt.Sprintf("libbz2 %d", n): {peer, "bzip2", file}}
		coders, err := bzip2Coders(n, plain)
		if err != nil {
			return err
		}
		if n == 100_000 {
			peers["libdeflate"] = []string{peer, "zlib", file}
			peers["liblzf"] = []string{peer, "lzf", file}
			peers["liblzf unpack"] = []string{peer, "unlzf", file}
			peers["PHP zlib"] = []string{"php", "-d", "memory_limit=-1", "-r", phpZlib, file}
			others, err := otherCoders(plain)
			if err != nil {
				return err
			}
			coders = append(coders, others...)
		}
		for range c.runs {
			for name, command := range peers {
				out, err := measure.Output(command...)
				if err != nil {
					return err
				}
				var size, took float64
				if _, err := fmt.Sscan(string(out), &size, &took); err != nil {
					return err
				}
				c.note(name+" bytes", size)
				c.note(name+" ns", took)
			}
			if err := c.rounds(coders); err != nil {
				return err
			}
		}
	}
	return nil
}

// coder appends what a codec makes of a plain form.
type coder struct {
	name string
	code func(dst []byte) ([]byte, error)
}

// bzip2Coders are ours and dsnet's, on one core.
func bzip2Coders(n int, plain []byte) ([]coder, error) {
	w, err := dsnet.NewWriter(nil, &dsnet.WriterConfig{Level: dsnet.BestCompression})
	ours := func(dst []byte) ([]byte, error) { return bzip2.AppendCompress(dst, plain) }
	return []coder{
		{fmt.Sprintf("bzip2 %d", n), onOneCore(ours)},
		{fmt.Sprintf("dsnet %d", n), onOneCore(written(w, func(to io.Writer) { _ = w.Reset(to) }, plain))},
	}, err
}

// otherCoders are zlib and LZF on all cores and on one.
func otherCoders(plain []byte) ([]coder, error) {
	w, err := zlib.NewWriterLevel(nil, 6)
	if err != nil {
		return nil, err
	}
	packLZF := func(dst []byte) ([]byte, error) { return lzf.AppendCompress(dst, plain) }
	packed, err := packLZF(nil)
	return []coder{
		{"zlib", func(dst []byte) ([]byte, error) { return smslink.CodecZlib.AppendCompress(dst, plain) }},
		{"zlib's writer", written(w, w.Reset, plain)},
		{"lzf", packLZF},
		{"lzf on one core", onOneCore(packLZF)},
		{"lzf unpack", func(dst []byte) ([]byte, error) { return lzf.AppendDecompress(dst, packed, len(plain)) }},
	}, err
}

func onOneCore(code func([]byte) ([]byte, error)) func([]byte) ([]byte, error) {
	return func(dst []byte) ([]byte, error) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
		return code(dst)
	}
}

// written returns a function that appends what a writer makes of the plain form.
func written(w io.WriteCloser, reset func(io.Writer), plain []byte) func([]byte) ([]byte, error) {
	return func(dst []byte) ([]byte, error) {
		buf := bytes.NewBuffer(dst)
		reset(buf)
		if _, err := w.Write(plain); err != nil {
			return nil, err
		}
		err := w.Close()
		return buf.Bytes(), err
	}
}

// rounds runs the coders in turn, for a second each, and notes the shortest time of each by the
// clock and the least processor time.
func (c *comparison) rounds(coders []coder) error {
	wall := slices.Repeat([]float64{math.Inf(1)}, len(coders))
	processor := slices.Clone(wall)
	out := make([][]byte, len(coders))
	for end := time.Now().Add(time.Duration(len(coders)) * time.Second); time.Now().Before(end); {
		for i, coder := range coders {
			used, start := measure.ProcessorTime(), time.Now()
			var err error
			if out[i], err = coder.code(out[i][:0]); err != nil {
				return err
			}
			wall[i] = min(wall[i], float64(time.Since(start)))
			processor[i] = min(processor[i], float64(measure.ProcessorTime()-used))
		}
	}
	for i, coder := range coders {
		c.note(coder.name+" ns", wall[i])
		c.note(coder.name+" processor ns", processor[i])
		c.note(coder.name+" bytes", float64(len(out[i])))
	}
	return nil
}

// benchmarks runs the package's own benchmarks, and notes their figures under names such as
// "Add/floor ns/op".
func (c *comparison) benchmarks() error {
	log.Print("the package's benchmarks")
	out, err := measure.Output("go", "test", "-run", "^$", "-bench", "^Benchmark(Add|Codec|Send|Reply|Growth)$",
		"-count", strconv.Itoa(c.runs), ".")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := strings.TrimPrefix(fields[0], "Benchmark")
		if at := strings.LastIndexByte(name, '-'); at > 0 {
			name = name[:at] // the number of cores
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return fmt.Errorf("go test printed %q", line)
			}
			c.note(name+" "+fields[i+1], value)
		}
	}
	return nil
}

func (c *comparison) codecTable() *measure.Table {
	t := measure.NewTable("what", "target", "measured", "met", "from")
	row := func(what string, value, target float64, from string) {
		text, met := measure.Met(value, target)
		t.Row(what, text, fmt.Sprintf("%.3f", value), met, from)
	}
	// ratio adds a row with the figures of one name ÷ those of another.
	ratio := func(what, a, b string, target float64) {
		as, bs := c.figures[a], c.figures[b]
		unit := strings.TrimSuffix(a[strings.LastIndexByte(a, ' ')+1:], "/op")
		row(what, measure.Ratio(as, bs), target, measure.Spread(as, unit)+" and "+measure.Spread(bs, unit))
	}
	ratio("LZF compress on one core, throughput ÷ liblzf's", "liblzf ns", "lzf on one core processor ns", 1)
	ratio("LZF size ÷ liblzf's", "lzf bytes", "liblzf bytes", -1.02)
	ratio("LZF decompress, throughput ÷ liblzf's", "liblzf unpack ns", "lzf unpack processor ns", 0.8)
	for _, n := range []string{"10", "100", "1000", "100000"} {
		what := "bzip2 of " + n + " messages, "
		ratio(what+"size ÷ libbz2's at level 9", "bzip2 "+n+" bytes", "libbz2 "+n+" bytes", -1.005)
		ratio(what+"size ÷ dsnet's", "bzip2 "+n+" bytes", "dsnet "+n+" bytes", 0)
		if len(n) > 3 {
			ratio(what+"processor time ÷ libbz2's", "bzip2 "+n+" processor ns", "libbz2 "+n+" ns", -0.7)
			ratio(what+"processor time ÷ dsnet's", "bzip2 "+n+" processor ns", "dsnet "+n+" processor ns", 0)
		}
	}
	ratio("zlib level 6, time ÷ PHP's level 9", "zlib ns", "PHP zlib ns", -0.4)
	ratio("zlib level 6, size ÷ PHP's level 9", "zlib bytes", "PHP zlib bytes", -1.03)
	cores := fmt.Sprintf(" on %d cores, ", runtime.NumCPU())
	ratio("zlib"+cores+"time ÷ its writer's alone", "zlib ns", "zlib's writer ns", -0.6)
	ratio("its processor time ÷ its writer's alone", "zlib processor ns", "zlib's writer processor ns", -1.1)
	ratio("its size ÷ its writer's alone", "zlib bytes", "zlib's writer bytes", -1.002)
	ratio("zlib level 6, processor time ÷ libdeflate's level 6", "zlib processor ns", "libdeflate ns", 0)
	ratio("zlib level 6, size ÷ libdeflate's level 6", "zlib bytes", "libdeflate bytes", 0)
	ratio("LZF"+cores+"time ÷ on one", "lzf ns", "lzf on one core ns", 0)
	ratio("its processor time ÷ on one", "lzf processor ns", "lzf on one core processor ns", 0)
	if c.figures["Add/Add ns/op"] == nil { // -quick
		return t
	}
	ratio("`Add` ÷ append, and the scan of receiver and text", "Add/Add ns/op", "Add/floor ns/op", -1.5)
	ratio("`Send` ÷ its codec alone, zlib", "Send/zlib ns/op", "Codec/zlib ns/op", -1.05)
	reply := c.figures["Reply/100000 MB/s"]
	row("reply of 100,000 entries, MB/s", measure.Median(reply), 200, measure.Spread(reply, "MB/s"))
	ratio("its allocations ÷ those of 1,000 entries", "Reply/100000 allocs/op", "Reply/1000 allocs/op", -1)
	for _, g := range []struct{ what, unit string }{{"time", "ns"}, {"bytes allocated", "B"}} {
		var values []float64
		for _, n := range []string{"1000", "10000", "100000", "1000000"} {
			values = append(values, measure.Median(c.figures["Growth/"+n+" "+g.unit+"/message"]))
		}
		least, most := slices.Min(values), slices.Max(values)
		row("growth: "+g.what+" a message from 1,000 to 1,000,000, ± from the middle", (most-least)/(most+least), -0.15,
			fmt.Sprintf("%.0f %s", values, g.unit))
	}
	return t
}
