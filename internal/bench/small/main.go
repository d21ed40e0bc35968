// Command small sends small packages to a bare receiver in another process, eight at a time, beside
// a bare net/http client that posts the same bytes, and prints the ratios of their rates as a
// table. On standard error it prints the rates, and the ratios by this process's processor time,
// which a busy machine does not decide. Run it from the repository's root, on Unix:
//
//	go run ./internal/bench/small
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
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
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/internal/bench/processor"
	"github.com/go-smslink/smslink/internal/corpus"
)

const inFlight = 8

func main() {
	log.SetFlags(0)
	log.SetPrefix("small: ")
	rounds := flag.Int("rounds", 7, "rounds of each side, in turn; the median counts")
	lasting := flag.Duration("lasting", 300*time.Millisecond, "how long a round takes")
	only := flag.String("only", "", "rows whose name contains this")
	serve := flag.Bool("serve", false, "be the receiver (for internal use)")
	profile := flag.String("profile", "", "write a processor profile of our side of the last row to this file")
	flag.Parse()
	if *serve {
		receive()
		return
	}
	if err := measure(*rounds, *lasting, *only, *profile); err != nil {
		log.Fatal(err)
	}
}

// receive answers each upload with a success for each of its messages, until its standard input
// ends. It prints the URLs and the certificate.
func receive() {
	replies := map[string]string{}
	for _, n := range sizes {
		entries := make([]string, n)
		for i := range entries {
			entries[i] = fmt.Sprintf("%d:%d:3", i, 220_000_000+i)
		}
		replies[fmt.Sprintf("/%d", n)] = "MESSAGE;1;ok;1001;" + strings.Join(entries, ",")
	}
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, replies[r.URL.Path])
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	fmt.Println(plain.URL)
	fmt.Println(secure.URL)
	_ = pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw})
	fmt.Println("END")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

var (
	sizes  = []int{1, 10, 100}
	codecs = []smslink.Codec{smslink.CodecNone, smslink.CodecZlib, smslink.CodecLZF, smslink.CodecBZip2}
)

// row is one measurement.
type row struct {
	kept, tls bool
	n         int
	codec     smslink.Codec
}

func (r row) String() string {
	scheme, connection := "http", "new"
	if r.tls {
		scheme = "https"
	}
	if r.kept {
		connection = "kept"
	}
	return fmt.Sprintf("%d, %v, %s, %s", r.n, r.codec, scheme, connection)
}

func measure(rounds int, lasting time.Duration, only, profile string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	receiver := exec.Command(self, "-serve")
	stdin, err := receiver.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := receiver.StdoutPipe()
	if err != nil {
		return err
	}
	if err := receiver.Start(); err != nil {
		return err
	}
	defer func() {
		stdin.Close()
		_ = receiver.Wait()
	}()
	var plain, secure string
	var certificate strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan() && lines.Text() != "END"; {
		switch {
		case plain == "":
			plain = lines.Text()
		case secure == "":
			secure = lines.Text()
		default:
			certificate.WriteString(lines.Text() + "\n")
		}
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(certificate.String()))
	file, err := os.CreateTemp("", "*.pem")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	if _, err := file.WriteString(certificate.String()); err != nil {
		return err
	}
	if err := os.Setenv("SSL_CERT_FILE", file.Name()); err != nil { // for the client's own transport
		return err
	}

	log.Print("messages, codec, scheme, connection: uploads a second, bare | ours | rate ÷ bare's | processor time ÷ bare's | allocations, bare | ours")
	ratios := map[row]float64{}
	for _, kept := range []bool{true, false} {
		for _, secured := range []bool{false, true} {
			for _, n := range sizes {
				for _, codec := range codecs {
					r := row{kept, secured, n, codec}
					if !strings.Contains(r.String(), only) {
						continue
					}
					url := plain
					if secured {
						url = secure
					}
					if ratios[r], err = r.measure(fmt.Sprintf("%s/%d", url, n), roots, rounds, lasting, profile); err != nil {
						return fmt.Errorf("%v: %w", r, err)
					}
				}
			}
		}
	}
	fmt.Printf("Measured on %s by `go run ./internal/bench/small`: %d in flight, medians of %d rounds of %v a side in turn, %s, %d cores.\n\n",
		time.Now().UTC().Format(time.DateOnly), inFlight, rounds, lasting, runtime.Version(), runtime.NumCPU())
	printTable(ratios)
	return nil
}

// targets are the least ratios with a kept connection over HTTP.
var targets = map[row]float64{
	{n: 1, codec: smslink.CodecNone}: 0.8, {n: 1, codec: smslink.CodecZlib}: 0.7, {n: 1, codec: smslink.CodecLZF}: 0.75, {n: 1, codec: smslink.CodecBZip2}: 0.4,
	{n: 10, codec: smslink.CodecNone}: 0.75, {n: 10, codec: smslink.CodecZlib}: 0.5,
	{n: 100, codec: smslink.CodecNone}: 0.6, {n: 100, codec: smslink.CodecZlib}: 0.25,
}

func printTable(ratios map[row]float64) {
	measured := func(n int, codec smslink.Codec) bool {
		for r := range ratios {
			if r.n == n && r.codec == codec {
				return true
			}
		}
		return false
	}
	fmt.Print("| messages, codec | kept, http | kept, https | new, http | new, https | target, kept, http | met |\n|---|---|---|---|---|---|---|\n")
	for _, n := range sizes {
		for _, codec := range codecs {
			if !measured(n, codec) {
				continue
			}
			fmt.Printf("| %d, %v |", n, codec)
			for _, kept := range []bool{true, false} {
				for _, secured := range []bool{false, true} {
					if ratio, ok := ratios[row{kept, secured, n, codec}]; ok {
						fmt.Printf(" %.2f |", ratio)
					} else {
						fmt.Print(" – |")
					}
				}
			}
			target, ok := targets[row{n: n, codec: codec}]
			ratio, kept := ratios[row{kept: true, n: n, codec: codec}]
			switch {
			case !ok || !kept:
				fmt.Println(" | |")
			case ratio >= target:
				fmt.Printf(" ≥ %.2f | yes |\n", target)
			default:
				fmt.Printf(" ≥ %.2f | **no** |\n", target)
			}
		}
	}
}

func (r row) transport(roots *x509.CertPool) *http.Transport {
	t := smslink.NewTransport()
	t.DisableKeepAlives = !r.kept
	t.TLSClientConfig.RootCAs = roots
	return t
}

func (r row) measure(url string, roots *x509.CertPool, rounds int, lasting time.Duration, profile string) (float64, error) {
	var all []smslink.Message
	for i, m := range corpus.Messages(r.n) {
		all = append(all, smslink.Message{ID: int64(i), To: m.To, Text: m.Text})
	}
	client, err := smslink.NewClient("connection", "password", &smslink.Options{Endpoint: url, ReuseConnections: r.kept})
	if err != nil {
		return 0, err
	}
	send := func() error {
		var p smslink.Package
		p.Codec = r.codec
		for _, m := range all {
			if err := p.Add(m); err != nil {
				return err
			}
		}
		resp, err := client.Send(context.Background(), &p)
		if err != nil {
			return err
		}
		return resp.Err()
	}

	form, contentType, err := r.form(all)
	if err != nil {
		return 0, err
	}
	bare := &http.Client{Transport: r.transport(roots)}
	post := func() error {
		req, err := http.NewRequest(http.MethodPost, url+"?timestamp=1893456000", bytes.NewReader(form))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", contentType)
		resp, err := bare.Do(req)
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}

	var rates, ratios, cpu []float64
	for range rounds {
		bareRate, bareCPU, err := rate(post, lasting)
		if err != nil {
			return 0, err
		}
		ourRate, ourCPU, err := rate(send, lasting)
		if err != nil {
			return 0, err
		}
		rates = append(rates, bareRate)
		ratios = append(ratios, ourRate/bareRate)
		cpu = append(cpu, ourCPU/bareCPU)
	}
	bareAllocs, bareBytes, err := allocations(post)
	if err != nil {
		return 0, err
	}
	ourAllocs, ourBytes, err := allocations(send)
	if err != nil {
		return 0, err
	}
	log.Printf("%v: %.0f | %.0f | %.2f | %.2f | %.0f, %.1f kB | %.0f, %.1f kB", r, median(rates), median(rates)*median(ratios), median(ratios), median(cpu),
		bareAllocs, bareBytes/1e3, ourAllocs, ourBytes/1e3)
	if profile != "" {
		if err := profiled(profile, send); err != nil {
			return 0, err
		}
	}
	return median(ratios), nil
}

// form returns the bytes that the client uploads.
func (r row) form(all []smslink.Message) (form []byte, contentType string, err error) {
	client, err := smslink.NewClient("connection", "password", &smslink.Options{HTTPClient: &http.Client{Transport: capture(func(req *http.Request) error {
		contentType = req.Header.Get("Content-Type")
		form, err = io.ReadAll(req.Body)
		return err
	})}})
	if err != nil {
		return nil, "", err
	}
	var p smslink.Package
	p.Codec = r.codec
	for _, m := range all {
		if err := p.Add(m); err != nil {
			return nil, "", err
		}
	}
	_, _ = client.Send(context.Background(), &p)
	return form, contentType, err
}

type capture func(*http.Request) error

func (c capture) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := c(req); err != nil {
		return nil, err
	}
	return nil, http.ErrAbortHandler
}

// rate runs f in inFlight goroutines, and returns how often a second and the processor time of one.
func rate(f func() error, lasting time.Duration) (perSecond, cpu float64, err error) {
	var count atomic.Int64
	var failed atomic.Value
	before, start := processor.Time(), time.Now()
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
	return n / took.Seconds(), (processor.Time() - before).Seconds() / n, nil
}

// allocations returns the allocations and bytes of one call, all goroutines counted.
func allocations(f func() error) (n, bytes float64, err error) {
	const calls = 300
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range calls {
		if err := f(); err != nil {
			return 0, 0, err
		}
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / calls, float64(after.TotalAlloc-before.TotalAlloc) / calls, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
