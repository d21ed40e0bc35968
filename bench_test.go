package smslink_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	corpora "github.com/go-smslink/smslink/internal/corpus"
)

func md5sum(b []byte) [md5.Size]byte { return md5.Sum(b) }

// messages is the corpus as messages.
func messages(n int) []smslink.Message {
	all := make([]smslink.Message, n)
	for i, m := range corpora.Messages(n) {
		all[i] = smslink.Message{ID: m.ID, To: m.To, From: smslink.SenderNumeric, Text: m.Text}
	}
	return all
}

func corpus(n int) []byte {
	return packageOfAll(nil, messages(n)).AppendPlain(nil)
}

func packageOfAll(t testing.TB, all []smslink.Message) *smslink.Package {
	var p smslink.Package
	for _, m := range all {
		if err := p.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	return &p
}

// BenchmarkAdd has beside it what no Add can do without: the same bytes appended,
// and the receiver and the text looked at byte by byte.
func BenchmarkAdd(b *testing.B) {
	all := messages(10_000)
	p := packageOfAll(b, all)
	run := func(name string, reset func(), add func(m smslink.Message) error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(p.Size() / p.Len()))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%len(all) == 0 {
					reset()
				}
				if err := add(all[i%len(all)]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("Add", p.Reset, p.Add)
	var plain []byte
	run("floor", func() { plain = plain[:0] }, func(m smslink.Message) error {
		plain = strconv.AppendInt(plain, m.ID, 10)
		plain = append(plain, ';')
		for i := range len(m.To) {
			if c := m.To[i]; '0' <= c && c <= '9' {
				plain = append(plain, c)
			}
		}
		plain = append(plain, ";numeric;"...)
		if !utf8.ValidString(m.Text) {
			return smslink.ErrInvalidUTF8
		}
		for i := range len(m.Text) {
			if c := m.Text[i]; c < ' ' || c == '%' || c == ';' || c == 0x7f {
				break
			}
		}
		plain = append(plain, m.Text...)
		plain = append(plain, ";0\r\n"...)
		return nil
	})
}

// BenchmarkReply judges replies with as many entries as the package has messages,
// in its order.
func BenchmarkReply(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			p := packageOfAll(b, messages(n))
			reply := replyTo(n)
			b.SetBytes(int64(len(reply)))
			b.ReportAllocs()
			for b.Loop() {
				resp, err := smslink.ReadReply(p, reply)
				if err != nil || resp.Results[n-1].Status != smslink.StatusSuccess {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestReply_takesNoMemoryAnEntry(t *testing.T) {
	allocs := func(n int) float64 {
		p, reply := packageOfAll(t, messages(n)), replyTo(n)
		return testing.AllocsPerRun(5, func() { _, _ = smslink.ReadReply(p, reply) })
	}
	require.LessOrEqual(t, allocs(10_000), allocs(100)+1)
}

// BenchmarkGrowth does the whole job but the network; its ns and bytes a message
// should not depend on how many there are.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			all, reply := messages(n), replyTo(n)
			client := newClient(b, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
				_, err := io.Copy(io.Discard, r.Body)
				return response(200, reply), err
			})}})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for b.Loop() {
				resp, err := client.Send(context.Background(), packageOfAll(b, all))
				if err != nil || len(resp.Results) != n {
					b.Fatal(err)
				}
			}
			runtime.ReadMemStats(&after)
			done := float64(b.N) * float64(n)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/done, "ns/message")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/done, "B/message")
		})
	}
}

// replyTo is the reply to a package of n messages of the corpus.
func replyTo(n int) string {
	entries := []byte("MESSAGE;1;ok;77;")
	for i := range n {
		entries = fmt.Appendf(entries, "%d:%d:3,", i+1, 220_000_000+i)
	}
	return string(entries)
}

const campaign = 100_000

// BenchmarkCodec and BenchmarkSend run the same package: what Send takes beyond
// its codec is the difference.
func BenchmarkCodec(b *testing.B) {
	plain := corpus(campaign)
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			var packed []byte
			for b.Loop() {
				packed, _ = codec.AppendCompress(nil, plain)
			}
			b.ReportMetric(float64(len(packed))/float64(len(plain)), "packed/plain")
		})
	}
}

// BenchmarkSend posts to a transport that reads the upload and has its reply
// ready, so it measures everything but the network.
func BenchmarkSend(b *testing.B) {
	p := packageOfAll(b, messages(campaign))
	reply := replyTo(campaign)
	client := newClient(b, &smslink.Options{HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return nil, err
		}
		return response(200, reply), nil
	})}})
	for _, codec := range codecs {
		b.Run(codec.String(), func(b *testing.B) {
			p.Codec = codec
			b.SetBytes(int64(p.Size()))
			b.ReportAllocs()
			for b.Loop() {
				p.Reopen()
				resp, err := client.Send(context.Background(), p)
				require.NoError(b, err)
				require.Equal(b, smslink.StatusSuccess, resp.Results[campaign-1].Status)
			}
		})
	}
}
