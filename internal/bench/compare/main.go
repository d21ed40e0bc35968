// Command compare runs smslink beside PHP, liblzf and others, or beside plain Go, in turn and
// against one receiver on loopback, and prints how they compare. Run it from the repository's root,
// on Linux:
//
//	go run ./internal/bench/compare
//	go run ./internal/bench/compare -plain
//
// It takes about a quarter of an hour; -quick about two minutes. Without -plain it needs gcc, PHP
// with bz2, curl, FFI and zlib, liblzf, libbz2 and libdeflate. Command page puts its tables and its
// picture into docs/performance.md.
package main

import (
	"flag"
	"fmt"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"

	"github.com/go-smslink/smslink/internal/bench/measure"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("compare: ")
	runs := flag.Int("runs", 5, "runs of each side; the median counts")
	besidePlain := flag.Bool("plain", false, "beside plain Go, which needs nothing else")
	quick := flag.Bool("quick", false, "100,000 messages at the most, and no benchmarks of the package")
	pictures := flag.String("pictures", "", "write performance.svg to this folder")
	flag.Parse()
	var err error
	switch flag.NArg() {
	case 0:
		err = compare(*runs, *besidePlain, *quick, *pictures)
	case 4: // a process that jobs starts
		err = job(flag.Arg(0), flag.Arg(1), flag.Arg(2), flag.Arg(3))
	default:
		err = fmt.Errorf("unknown argument %q", flag.Arg(0))
	}
	if err != nil {
		log.Fatal(err)
	}
}

func compare(runs int, besidePlain, quick bool, pictures string) error {
	dir, err := os.MkdirTemp("", "smslink-compare")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	receiver := measure.NewReceiver()
	server := httptest.NewServer(receiver)
	defer server.Close()
	c := &comparison{runs: runs, dir: dir, url: server.URL, receiver: receiver, figures: map[string][]float64{}}
	sizes := []int{1, 1000, 10_000, 100_000, 1_000_000}
	if quick {
		sizes = sizes[:4]
	}
	details := fmt.Sprintf("medians of %d runs of each side in turn, or of %d up to 1,000 messages", runs, many*runs)
	if besidePlain {
		results, err := c.jobs(plain, sizes)
		if err != nil {
			return err
		}
		fmt.Println(measure.Header("./internal/bench/compare -plain", details))
		fmt.Print(jobTable(plain, results))
		return nil
	}

	results, err := c.jobs(php, sizes[1:])
	if err != nil {
		return err
	}
	if err := c.codecs(); err != nil {
		return err
	}
	if !quick {
		if err := c.benchmarks(); err != nil {
			return err
		}
	}
	version, err := measure.Output("php", "-r", "echo PHP_VERSION;")
	if err != nil {
		return err
	}
	fmt.Println(measure.Header("./internal/bench/compare", fmt.Sprintf("PHP %s, %s", version, details)))
	fmt.Println(jobTable(php, results))
	fmt.Print(c.codecTable())
	if pictures == "" {
		return nil
	}
	return os.WriteFile(filepath.Join(pictures, "performance.svg"), picture(results), 0o644)
}

// comparison is one run of the command.
type comparison struct {
	runs     int
	dir      string // for files of the run
	url      string
	receiver *measure.Receiver

	// figures are what each run measured, under a name that ends with the unit.
	figures map[string][]float64
}

func (c *comparison) note(name string, value float64) {
	c.figures[name] = append(c.figures[name], value)
}
