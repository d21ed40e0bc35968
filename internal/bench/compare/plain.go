package main

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/dsnet/compress/bzip2"
	"github.com/klauspost/compress/zlib"

	"github.com/go-smslink/smslink"
)

// plainGo is what a Go program does without smslink, written in an afternoon: it checks nothing,
// and takes what the standard library and the usual packages have.
func plainGo(codec, endpoint string, messages []smslink.Message) error {
	notDigits := regexp.MustCompile(`[^0-9]`)
	escape := strings.NewReplacer("\r\n", "%0A", "\n", "%0A", ";", "%3B", "\t", "", "\r", "")
	var lines []string
	for _, m := range messages {
		to := notDigits.ReplaceAllString(strings.ReplaceAll(m.To, "+", "00"), "")
		lines = append(lines, fmt.Sprintf("%d;%s;numeric;%s;0", m.ID, to, escape.Replace(strings.TrimSpace(m.Text))))
	}
	plain := []byte(strings.Join(lines, "\r\n"))

	method, packed, err := plainPack(codec, plain)
	if err != nil {
		return err
	}
	sumPlain, sumPacked := md5.Sum(plain), md5.Sum(packed)
	now := strconv.FormatInt(time.Now().Unix(), 10)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for _, field := range [][2]string{
		{"connection_id", "connection"}, {"password", "password"}, {"test", "0"}, {"Compression", method},
		{"MD5Plain", hex.EncodeToString(sumPlain[:])}, {"MD5Compressed", hex.EncodeToString(sumPacked[:])},
		{"SizePlain", strconv.Itoa(len(plain))}, {"SizeCompressed", strconv.Itoa(len(packed))},
		{"Timestamp", now}, {"Buffering", "1"}, {"Version", "2.1"}, {"Receivers", strconv.Itoa(len(messages))},
	} {
		if err := form.WriteField(field[0], field[1]); err != nil {
			return err
		}
	}
	file, err := form.CreateFormFile("Package", "package")
	if err != nil {
		return err
	}
	if _, err := file.Write(packed); err != nil {
		return err
	}
	if err := form.Close(); err != nil {
		return err
	}

	resp, err := http.Post(endpoint+"?timestamp="+now, form.FormDataContentType(), &body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	return plainResults(string(reply), len(messages))
}

func plainPack(codec string, plain []byte) (method string, packed []byte, err error) {
	var buf bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case "none":
		return "0", plain, nil
	case "zlib":
		method, w = "1", zlib.NewWriter(&buf)
	case "bzip2":
		method = "2"
		if w, err = bzip2.NewWriter(&buf, &bzip2.WriterConfig{Level: bzip2.BestCompression}); err != nil {
			return "", nil, err
		}
	default:
		return "", nil, fmt.Errorf("plain Go has no codec %q", codec)
	}
	if _, err := w.Write(plain); err != nil {
		return "", nil, err
	}
	if err := w.Close(); err != nil {
		return "", nil, err
	}
	return method, buf.Bytes(), nil
}

// plainResults makes a map of the reply's entries, and checks that all messages were accepted.
func plainResults(reply string, messages int) error {
	type result struct {
		remoteID string
		status   int
	}
	fields := strings.Split(reply, ";")
	if len(fields) < 5 || fields[0] != "MESSAGE" {
		return errors.New("the package was not accepted")
	}
	results := map[string]result{}
	for _, entry := range strings.Split(fields[4], ",") {
		parts := strings.Split(entry, ":")
		status, err := strconv.Atoi(parts[2])
		if err != nil {
			return err
		}
		results[parts[0]] = result{parts[1], status}
	}
	accepted := 0
	for _, r := range results {
		if r.status == int(smslink.StatusSuccess) {
			accepted++
		}
	}
	if accepted != messages {
		return errNotAll
	}
	return nil
}

var errNotAll = errors.New("not every message was accepted")

// plainResult is every run of one whole job, plain Go's and ours in turn.
type plainResult struct {
	n           int
	codec       string
	plain, ours []measured
	size        float64 // of the package as ours packs it ÷ as plain Go does
}

// beside runs the whole job in plain Go and with smslink, each in a process of its own, in turn.
func (c *comparison) beside(sizes []int) error {
	for _, n := range sizes {
		file := filepath.Join(c.dir, strconv.Itoa(n))
		if err := writeMessages(file, n); err != nil {
			return err
		}
		plain, err := plainForm(n)
		if err != nil {
			return err
		}
		runs := c.runs
		if n <= 1000 {
			runs *= 5 // they take milliseconds
		}
		url := c.receiver + "/" + strconv.Itoa(n)
		for _, codec := range []string{"none", "zlib", "bzip2"} {
			log.Printf("%d messages, %s, beside plain Go", n, codec)
			result := plainResult{n: n, codec: codec}
			if result.size, err = packedSizes(codec, plain); err != nil {
				return err
			}
			for range runs {
				for _, side := range []struct {
					name string
					all  *[]measured
				}{{"plain", &result.plain}, {"job", &result.ours}} {
					m, err := job([]string{c.self, side.name, codec, url, file})
					if err != nil {
						return err
					}
					*side.all = append(*side.all, m)
				}
			}
			c.report.plain = append(c.report.plain, result)
		}
	}
	return nil
}

// packedSizes returns the size of a plain form as ours packs it ÷ as plain Go does.
func packedSizes(codecName string, plain []byte) (float64, error) {
	codec, err := smslink.ParseCodec(codecName)
	if err != nil {
		return 0, err
	}
	ours, err := codec.AppendCompress(nil, plain)
	if err != nil {
		return 0, err
	}
	_, theirs, err := plainPack(codecName, plain)
	return float64(len(ours)) / float64(len(theirs)), err
}

// plainTargets are the least ratios of the times.
var plainTargets = map[int]float64{1: 1, 1000: 1.5, 10_000: 2.5, 100_000: 3.5, 1_000_000: 4}

func (r *report) plainMarkdown(runs int) string {
	var t table
	fmt.Fprintf(&t, "Measured on %s by `go run ./internal/bench/compare -plain`: %s, %d cores with a load of %s, %s, medians of %d runs of each side in turn, or of %d up to 1,000 messages.\n\n",
		time.Now().UTC().Format(time.DateOnly), processorName(), runtime.NumCPU(), load(), runtime.Version(), runs, 5*runs)
	t.row("a fresh process", "plain Go", "ours", "plain ÷ ours", "target", "met", "processor time, plain ÷ ours", "memory, ours ÷ plain", "size, ours ÷ plain")
	t.row("---", "---", "---", "---", "---", "---", "---", "---", "---")
	for _, p := range r.plain {
		times := median(seconds(p.plain)) / median(seconds(p.ours))
		met := "yes"
		if times < plainTargets[p.n] {
			met = "**no**"
		}
		t.row(fmt.Sprintf("%d messages, %s", p.n, p.codec), duration(seconds(p.plain)), duration(seconds(p.ours)), fmt.Sprintf("%.2f", times),
			fmt.Sprintf("≥ %.1f", plainTargets[p.n]), met, fmt.Sprintf("%.2f", median(processorTimes(p.plain))/median(processorTimes(p.ours))),
			fmt.Sprintf("%.2f", median(kilobytes(p.ours))/median(kilobytes(p.plain))), fmt.Sprintf("%.2f", p.size))
	}
	return t.String()
}

// load returns the load average of the last 15 minutes. This program accounts for 1 of it.
func load() string {
	averages, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(averages)); err == nil && len(fields) > 2 {
		return fields[2]
	}
	return "unknown"
}

func processorTimes(runs []measured) (values []float64) {
	for _, m := range runs {
		values = append(values, m.processor.Seconds())
	}
	return values
}
