// Command compare runs smslink beside PHP, liblzf and others, or beside plain Go, alternately and
// in one run, against one receiver on loopback, and prints how they compare. Run it from the
// repository's root:
//
//	go run ./internal/bench/compare
//	go run ./internal/bench/compare -plain
//
// It takes about a quarter of an hour; -quick about a minute. Command page puts its tables and its
// picture into docs/performance.md.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/corpus"
	"github.com/go-smslink/smslink/internal/lzf"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("compare: ")
	runs := flag.Int("runs", 5, "runs of each side; the median counts")
	plain := flag.Bool("plain", false, "beside plain Go, which needs nothing else")
	only := flag.Int("only", 0, "only jobs of this many messages")
	quick := flag.Bool("quick", false, "100,000 messages at the most, and no benchmarks of the packages")
	pictures := flag.String("pictures", "", "write performance.svg to this folder")
	flag.Parse()

	var err error
	switch {
	case flag.NArg() == 4 && flag.Arg(0) == "job": // what it runs itself
		err = measure(ours, flag.Arg(1), flag.Arg(2), flag.Arg(3))
	case flag.NArg() == 4 && flag.Arg(0) == "plain":
		err = measure(plainGo, flag.Arg(1), flag.Arg(2), flag.Arg(3))
	case flag.NArg() == 4 && flag.Arg(0) == "bzip2": // and this
		err = packBzip2(flag.Arg(1), flag.Arg(2), flag.Arg(3))
	case flag.NArg() > 0:
		err = fmt.Errorf("unknown argument %q", flag.Arg(0))
	default:
		err = compare(*runs, *only, *plain, *quick, *pictures)
	}
	if err != nil {
		log.Fatal(err)
	}
}

var codecs = []string{"none", "zlib", "lzf", "bzip2"}

// comparison is a run's work in progress.
type comparison struct {
	runs     int
	dir      string // for files of the run
	self     string
	receiver string
	report   report
}

func compare(runs, only int, plain, quick bool, pictures string) error {
	dir, err := os.MkdirTemp("", "smslink-compare")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	self, err := os.Executable()
	if err != nil {
		return err
	}
	receiver := newReceiver()
	defer receiver.Close()
	c := &comparison{runs: runs, dir: dir, self: self, receiver: receiver.URL}

	sizes := []int{1000, 10_000, 100_000, 1_000_000}
	if quick {
		sizes = sizes[:3]
	}
	if only > 0 {
		sizes = []int{only}
	} else if plain {
		sizes = append([]int{1}, sizes...)
	}
	if plain {
		if err := c.beside(sizes); err != nil {
			return err
		}
		fmt.Print(c.report.plainMarkdown(runs))
		return nil
	}
	lzfPeer, err := findPeers(dir)
	if err != nil {
		return err
	}
	if err := c.jobs(sizes); err != nil {
		return err
	}
	if err := c.codecs(lzfPeer); err != nil {
		return err
	}
	if err := c.cores(); err != nil {
		return err
	}
	if err := c.bzip2(); err != nil {
		return err
	}
	if !quick {
		if err := c.benchmarks(); err != nil {
			return err
		}
	}
	table := c.report.markdown(runs)
	fmt.Print(table)
	if pictures == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(pictures, "performance.svg"), c.report.picture(), 0o644)
}

// jobs runs the whole job with every codec and size, PHP and ours in turn.
func (c *comparison) jobs(sizes []int) error {
	for _, n := range sizes {
		file := filepath.Join(c.dir, strconv.Itoa(n))
		if err := writeMessages(file, n); err != nil {
			return err
		}
		url := c.receiver + "/" + strconv.Itoa(n)
		for _, codec := range codecs {
			log.Printf("%d messages, %s", n, codec)
			result := jobResult{n: n, codec: codec}
			for range c.runs {
				php, err := job([]string{"php", filepath.Join(sources, "job.php"), codec, url, file})
				if err != nil {
					return err
				}
				ours, err := job([]string{c.self, "job", codec, url, file})
				if err != nil {
					return err
				}
				result.php, result.ours = append(result.php, php), append(result.ours, ours)
			}
			c.report.jobs = append(c.report.jobs, result)
		}
	}
	return nil
}

func writeMessages(file string, n int) error {
	var lines []byte
	for _, m := range corpus.Messages(n) {
		lines = fmt.Appendf(lines, "%d\t%s\t%s\n", m.ID, m.To, m.Text)
	}
	return os.WriteFile(file, lines, 0o600)
}

// codecs compares the codecs alone, on 100,000 messages.
func (c *comparison) codecs(lzfPeer string) error {
	plain, err := plainForm(100_000)
	if err != nil {
		return err
	}
	file := filepath.Join(c.dir, "plain")
	if err := os.WriteFile(file, plain, 0o600); err != nil {
		return err
	}
	r := &c.report
	log.Print("LZF beside liblzf")
	for range c.runs {
		out, err := output(lzfPeer, file)
		if err != nil {
			return err
		}
		var packed, pack, unpack float64
		if _, err := fmt.Sscan(out, &packed, &pack, &unpack); err != nil {
			return err
		}
		r.liblzfPack, r.liblzfUnpack, r.liblzfSize = append(r.liblzfPack, pack), append(r.liblzfUnpack, unpack), packed

		var ours []byte
		cores := runtime.GOMAXPROCS(1) // liblzf has one, too
		r.lzfPack = append(r.lzfPack, best(func() { ours, err = lzf.AppendCompress(ours[:0], plain) }))
		runtime.GOMAXPROCS(cores)
		back := make([]byte, 0, len(plain))
		r.lzfUnpack = append(r.lzfUnpack, best(func() { back, err = lzf.AppendDecompress(back[:0], ours, len(plain)) }))
		if err != nil || len(back) != len(plain) {
			return fmt.Errorf("LZF came back as %d bytes: %w", len(back), err)
		}
		r.lzfSize = float64(len(ours))
	}

	log.Print("zlib beside PHP's")
	for range c.runs {
		took, packed, err := phpZlib(file)
		if err != nil {
			return err
		}
		r.phpZlib, r.phpZlibSize = append(r.phpZlib, float64(took.Nanoseconds())), float64(packed)
		start := time.Now()
		ours, err := smslink.CodecZlib.AppendCompress(nil, plain)
		if err != nil {
			return err
		}
		r.zlib, r.zlibSize = append(r.zlib, float64(time.Since(start).Nanoseconds())), float64(len(ours))
	}
	return nil
}

// plainForm makes the plain form of a package of n messages.
func plainForm(n int) ([]byte, error) {
	var p smslink.Package
	for _, m := range corpus.Messages(n) {
		if err := p.Add(smslink.Message{ID: m.ID, To: m.To, Text: m.Text}); err != nil {
			return nil, err
		}
	}
	return p.AppendPlain(nil), nil
}

// best is the shortest of many rounds in half a second, in ns, as the C peer takes it.
func best(round func()) float64 {
	shortest := time.Hour
	for end := time.Now().Add(500 * time.Millisecond); time.Now().Before(end); {
		start := time.Now()
		round()
		shortest = min(shortest, time.Since(start))
	}
	return float64(shortest.Nanoseconds())
}

// benchmarks runs the packages' own.
func (c *comparison) benchmarks() (err error) {
	log.Print("the packages' benchmarks")
	c.report.bench, err = goBench(".", "^Benchmark(Add|Codec|Send|Reply|Growth)$", c.runs)
	return err
}
