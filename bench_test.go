package smslink_test

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

func md5sum(b []byte) [md5.Size]byte { return md5.Sum(b) }

var (
	firstNames = []string{"Ștefan", "Ioana", "Andrei", "Mălina", "George", "Țuțea", "Elena", "Cătălin", "Ana-Maria", "Florin"}
	templates  = []string{
		"Codul dvs. de confirmare este %[2]d. Nu îl comunicați nimănui.",
		"Bună, %[1]s! Comanda %[2]d a fost predată curierului. Urmăriți-o: https://magazin.example/c/%[3]x",
		"%[1]s, vă reamintim programarea din %[4]d.%[5]d la ora %[6]d:30. Pentru anulare răspundeți NU.",
		"Factura %[2]d în valoare de %[4]d,%[5]02d lei este scadentă în %[6]d zile. Mulțumim!",
		"Doar azi: reducere de %[5]d0%% la toate produsele; detalii pe https://magazin.example/o/%[3]x",
	}
)

// messages is the one corpus of all benchmarks: what shops, clinics, banks and
// couriers send, the same on every run.
func messages(n int) []smslink.Message {
	random := rand.New(rand.NewPCG(20, 26))
	all := make([]smslink.Message, n)
	for i := range all {
		all[i] = smslink.Message{
			ID:   int64(i + 1),
			To:   fmt.Sprintf("+407%08d", random.IntN(100_000_000)),
			From: smslink.SenderNumeric,
			Text: expand(random),
		}
	}
	return all
}

func expand(random *rand.Rand) string {
	return fmt.Sprintf(templates[random.IntN(len(templates))], firstNames[random.IntN(len(firstNames))],
		100_000+random.IntN(900_000), random.Uint32(), 1+random.IntN(28), 1+random.IntN(9), 8+random.IntN(10))
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

func BenchmarkAdd(b *testing.B) {
	all := messages(10_000)
	p := packageOfAll(b, all)
	b.SetBytes(int64(p.Size() / p.Len()))
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		if i%len(all) == 0 {
			p.Reset()
		}
		if err := p.Add(all[i%len(all)]); err != nil {
			b.Fatal(err)
		}
	}
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
	var entries strings.Builder
	for i := range campaign {
		fmt.Fprintf(&entries, "%d:%d:3,", i+1, 220_000_000+i)
	}
	reply := "MESSAGE;1;ok;77;" + entries.String()
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
				require.Equal(b, smslink.Success, resp.Results[campaign-1].Status)
			}
		})
	}
}
