package wire_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/wire"
)

func TestParseReply(t *testing.T) {
	full := wire.Reply{Accepted: true, Code: "1", Text: "ok", PackageID: "77", Entries: "1:2200:3,2:2201:2"}
	for _, c := range []struct {
		name, body string
		want       wire.Reply
	}{
		{"message", "MESSAGE;1;ok;77;1:2200:3,2:2201:2", full},
		{"byte order mark and blank ends", "\ufeff\r\nMESSAGE;1;ok;77;1:2200:3,2:2201:2\r\n \t", full},
		{"white space before the byte order mark", " \ufeffMESSAGE;1;ok;77;1:2200:3,2:2201:2", full},
		{"extra fields", "MESSAGE;1;ok;77;1:2200:3,2:2201:2;more;and;more", full},
		{"no entries", "MESSAGE;1;ok;77;", wire.Reply{Accepted: true, Code: "1", Text: "ok", PackageID: "77"}},
		{"no entries field", "MESSAGE;1;ok;77", wire.Reply{Accepted: true, Code: "1", Text: "ok", PackageID: "77"}},
		{"no package id", "MESSAGE;1;ok", wire.Reply{Accepted: true, Code: "1", Text: "ok"}},
		{"error", "ERROR;7;wrong password", wire.Reply{Code: "7", Text: "wrong password"}},
		{"error with more fields", "ERROR;7;wrong password;x;y", wire.Reply{Code: "7", Text: "wrong password"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := wire.ParseReply(c.body)
			require.True(t, ok)
			require.Equal(t, c.want, got)
		})
	}
}

func TestParseReply_unreadable(t *testing.T) {
	for _, body := range []string{
		"", " ", "\ufeff", "MESSAGE", "MESSAGE;1", "ERROR;7", "message;1;ok;77;", "OK;1;ok",
		"<html><body>502 Bad Gateway</body></html>", "<br />Warning: x; y; z MESSAGE;1;ok;77;1:2:3", "\x00\xff;;",
	} {
		_, ok := wire.ParseReply(body)
		require.False(t, ok, "%q", body)
	}
}

func TestParseEntry(t *testing.T) {
	for text, want := range map[string]wire.Entry{
		"1:220000001:3":                 {ID: 1, RemoteID: "220000001", Status: 3},
		"0::2":                          {ID: 0, RemoteID: "", Status: 2},
		"9223372036854775807:a-b_c:999": {ID: 9223372036854775807, RemoteID: "a-b_c", Status: 999},
	} {
		got, ok := wire.ParseEntry(text)
		require.True(t, ok, text)
		require.Equal(t, want, got)
		require.Equal(t, text, string(wire.AppendEntry(nil, got)))
	}
	for _, text := range []string{
		"", "1", "1:2", "1:2:", "::", "1:2:3:4", "x:2:3", "-1:2:3", "+1:2:3", "01:2:3", "1:2:x", "1:2:0", "1:2:03",
		"1:2:-3", "1:2:1000", "9223372036854775808:2:3", "1:a b:3", "1:\x1b[31m:3", "1:é:3",
	} {
		_, ok := wire.ParseEntry(text)
		require.False(t, ok, text)
	}
}

func TestReply_All_passesOverEmptyEntries(t *testing.T) {
	got := slices.Collect(wire.Reply{Entries: ", 1:2:3 ,,\n2:3:4,"}.All())
	require.Equal(t, []string{"1:2:3", "2:3:4"}, got)
}

func FuzzReply(f *testing.F) {
	f.Add("MESSAGE;1;ok;77;1:220000001:3,2:220000002:5")
	f.Add("ERROR;7;wrong password")
	f.Add("\ufeff MESSAGE;;;;:,::,1:2:3:4;\n")
	f.Add("<html>;;;</html>")
	f.Fuzz(func(t *testing.T, body string) {
		reply, ok := wire.ParseReply(body)
		if !ok {
			return
		}
		for text := range reply.All() {
			if entry, ok := wire.ParseEntry(text); ok {
				require.Equal(t, text, string(wire.AppendEntry(nil, entry)))
			}
		}
		form := string(wire.AppendReply(nil, reply))
		again, ok := wire.ParseReply(form)
		require.True(t, ok)
		if strings.TrimSpace(form) == form { // else its last field has lost white space
			require.Equal(t, reply, again)
		}
	})
}
