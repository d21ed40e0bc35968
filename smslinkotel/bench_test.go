package smslinkotel_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
)

// BenchmarkSend compares a plain Send with a logged and a traced one. The transport has the reply
// ready.
func BenchmarkSend(b *testing.B) {
	for _, messages := range []int{1, 1000} {
		var p smslink.Package
		var reply strings.Builder
		reply.WriteString("MESSAGE;1;ok;77;")
		for id := range messages {
			require.NoError(b, p.Add(smslink.Message{ID: int64(id + 1), To: "0712345678", Text: fmt.Sprintf("Codul dumneavoastra este %06d", id)}))
			if id > 0 {
				reply.WriteByte(',')
			}
			fmt.Fprintf(&reply, "%d:%d:3", id+1, 220000001+id)
		}
		answer := []byte(reply.String())
		transport := roundTripper(func(r *http.Request) (*http.Response, error) {
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return nil, err
			}
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)), Request: r}, nil
		})
		for _, c := range []struct {
			name string
			opts smslink.Options
		}{
			{"nil", smslink.Options{}},
			{"slog", smslink.Options{Logger: slog.New(slog.NewJSONHandler(io.Discard, nil))}}, //nolint:sloglint // formatting is measured, too
			{"otel", smslink.Options{Tracer: newDiscarding(b)}},
		} {
			b.Run(fmt.Sprintf("messages=%d/%s", messages, c.name), func(b *testing.B) {
				c.opts.HTTPClient = &http.Client{Transport: transport}
				client, err := smslink.NewClient("connection", "password", &c.opts)
				require.NoError(b, err)
				b.ReportAllocs()
				for b.Loop() {
					p.Reopen()
					resp, err := client.Send(b.Context(), &p)
					require.NoError(b, err)
					require.Len(b, resp.Results, messages)
				}
			})
		}
	}
}
