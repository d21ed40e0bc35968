// Command small sends small packages to a bare receiver in another process, eight at a time, beside
// a bare net/http client that posts the same bytes, and prints the ratios of their rates as a
// table. On standard error it prints the rates, and the ratios by this process's processor time,
// which a busy machine changes less. Run it from the repository's root, on Linux:
//
//	go run ./internal/bench/small
package main

import (
	"bytes"
	"context"
	"encoding/pem"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/measure"
	"github.com/go-smslink/smslink/internal/corpus"
)

const inFlight = 8

func main() {
	log.SetFlags(0)
	log.SetPrefix("small: ")
	rounds := flag.Int("rounds", 7, "rounds of each side, in turn; the median counts")
	lasting := flag.Duration("lasting", 300*time.Millisecond, "how long a round takes")
	flag.Parse()
	var err error
	switch flag.NArg() {
	case 0:
		err = receive()
	case 2: // the process that receive starts
		err = send(flag.Arg(0), flag.Arg(1), *rounds, *lasting)
	default:
		err = fmt.Errorf("unknown argument %q", flag.Arg(0))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// receive serves over HTTP and over TLS what another process of this program sends.
func receive() error {
	receiver := measure.NewReceiver()
	plain, secure := httptest.NewServer(receiver), httptest.NewTLSServer(receiver)
	defer plain.Close()
	defer secure.Close()
	roots, err := os.CreateTemp("", "*.pem")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(roots.Name()) }()
	if err := pem.Encode(roots, &pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}); err != nil {
		return err
	}
	sender := exec.Command(measure.Self, append(os.Args[1:], plain.URL, secure.URL)...)
	sender.Env = append(os.Environ(), "SSL_CERT_FILE="+roots.Name())
	sender.Stdout, sender.Stderr = os.Stdout, os.Stderr
	return sender.Run()
}

var codecs = []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecLZF, smslink.CodecBZip2}

// targets are the least ratios with a kept connection over HTTP, by messages and codec.
var targets = map[int][]float64{1: {0.8, 0.7, 0.75, 0.4}, 10: {0.75, 0.5, 0, 0}, 100: {0.6, 0.25, 0, 0}}

// send measures all combinations and prints the table.
func send(plain, secure string, rounds int, lasting time.Duration) error {
	log.Print("messages, codec, URL, kept connection: " +
		"uploads a second, bare | ours | rate ÷ bare's | processor time ÷ bare's | allocations, bare | ours")
	t := measure.NewTable("messages, codec", "kept, http", "kept, https", "new, http", "new, https",
		"target, kept, http", "met")
	for _, n := range []int{1, 10, 100} {
		for i, codec := range codecs {
			cells := []string{fmt.Sprintf("%d, %v", n, codec)}
			var ratios []float64
			for _, kept := range []bool{true, false} {
				for _, url := range []string{plain, secure} {
					ratio, err := compare(n, codec, fmt.Sprintf("%s/%d", url, n), kept, rounds, lasting)
					if err != nil {
						return fmt.Errorf("%d messages, %v: %w", n, codec, err)
					}
					cells, ratios = append(cells, fmt.Sprintf("%.2f", ratio)), append(ratios, ratio)
				}
			}
			target, met := measure.Met(ratios[0], targets[n][i])
			t.Row(append(cells, target, met)...)
		}
	}
	fmt.Println(measure.Header("./internal/bench/small",
		fmt.Sprintf("%d in flight, medians of %d rounds of %v a side in turn", inFlight, rounds, lasting)))
	fmt.Print(t)
	return nil
}

// compare returns the rate of our client ÷ that of a bare one.
func compare(n int, codec smslink.Codec, url string, kept bool, rounds int, lasting time.Duration) (float64, error) {
	client, err := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: url, ReuseConnections: kept})
	if err != nil {
		return 0, err
	}
	messages := corpus.Messages(n)
	ours := func() error { return sendPackage(client, codec, messages) }

	form, contentType, err := upload(codec, messages)
	if err != nil {
		return 0, err
	}
	transport := smslink.NewTransport()
	transport.DisableKeepAlives = !kept
	bareClient := &http.Client{Transport: transport}
	bare := func() error {
		resp, err := bareClient.Post(url+"?timestamp=1893456000", contentType, bytes.NewReader(form))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}

	var rates, ratios, processor []float64
	for range rounds {
		bareRate, bareTime, err := rate(bare, lasting)
		if err != nil {
			return 0, err
		}
		ourRate, ourTime, err := rate(ours, lasting)
		if err != nil {
			return 0, err
		}
		rates = append(rates, bareRate)
		ratios = append(ratios, ourRate/bareRate)
		processor = append(processor, ourTime/bareTime)
	}
	bareAllocations, err := allocations(bare)
	if err != nil {
		return 0, err
	}
	ourAllocations, err := allocations(ours)
	if err != nil {
		return 0, err
	}
	bareRate, ratio := measure.Median(rates), measure.Median(ratios)
	log.Printf("%d, %v, %s, %t: %.0f | %.0f | %.2f | %.2f | %s | %s", n, codec, url, kept,
		bareRate, bareRate*ratio, ratio, measure.Median(processor), bareAllocations, ourAllocations)
	return ratio, nil
}

func sendPackage(client *smslink.Client, codec smslink.Codec, messages []corpus.Message) error {
	p := smslink.Package{Codec: codec}
	for _, m := range messages {
		if err := p.Add(smslink.Message{ID: m.ID, To: m.To, Text: m.Text}); err != nil {
			return err
		}
	}
	resp, err := client.Send(context.Background(), &p)
	if err != nil {
		return err
	}
	return resp.Err()
}

// upload returns the bytes that the client uploads.
func upload(codec smslink.Codec, messages []corpus.Message) (form []byte, contentType string, err error) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		contentType = r.Header.Get("Content-Type")
		form, err = io.ReadAll(r.Body)
	}))
	defer server.Close()
	client, clientErr := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: server.URL})
	if clientErr != nil {
		return nil, "", clientErr
	}
	_ = sendPackage(client, codec, messages) // an empty reply is an error
	return form, contentType, err
}

// rate calls f in inFlight goroutines, and returns the calls per second and the processor time of
// each.
func rate(f func() error, lasting time.Duration) (perSecond, processor float64, err error) {
	var count atomic.Int64
	var failed atomic.Value
	before, start := measure.ProcessorTime(), time.Now()
	var lanes sync.WaitGroup
	for range inFlight {
		lanes.Go(func() {
			for time.Since(start) < lasting {
				if err := f(); err != nil {
					failed.Store(err)
					return
				}
				count.Add(1)
			}
		})
	}
	lanes.Wait()
	took := time.Since(start)
	if err, ok := failed.Load().(error); ok {
		return 0, 0, err
	}
	n := float64(count.Load())
	return n / took.Seconds(), (measure.ProcessorTime() - before).Seconds() / n, nil
}

// allocations returns the allocations of a call and their bytes, in all goroutines.
func allocations(f func() error) (string, error) {
	const calls = 300
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		if err := f(); err != nil {
			return "", err
		}
	}
	runtime.ReadMemStats(&after)
	kB := float64(after.TotalAlloc-before.TotalAlloc) / 1e3
	return fmt.Sprintf("%d, %.1f kB", (after.Mallocs-before.Mallocs)/calls, kB/calls), nil
}
