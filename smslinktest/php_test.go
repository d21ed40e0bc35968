package smslinktest_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

const (
	phpID       = "A1B2\r\n--C3"
	phpPassword = "p@ss; \"word\"\t%0A ș"
)

// needPHP skips the test if PHP is missing, and fails it if SMSLINK_NEED_PHP is set, as .ci/run
// does with CI=true.
func needPHP(t testing.TB) {
	t.Helper()
	for _, script := range []string{"lzf.php", "receiver.php", "sender.php"} {
		_, err := os.ReadFile("testdata/" + script) // so that go test's cache knows of them
		require.NoError(t, err)
	}
	probe := exec.Command("php", "-d", "ffi.enable=1", "-r", `require "testdata/lzf.php"; liblzf(); exit(function_exists("bzcompress") && function_exists("curl_init") ? 0 : 1);`)
	if out, err := probe.CombinedOutput(); err != nil {
		if os.Getenv("SMSLINK_NEED_PHP") != "" {
			t.Fatalf("SMSLINK_NEED_PHP is set, and these tests need PHP with bz2, curl, FFI and liblzf: %v: %s", err, out)
		}
		t.Skip("needs PHP: apt-get install php-cli php-bz2 php-curl liblzf1")
	}
}

// servePHP runs receiver.php with these settings and returns its endpoint.
func servePHP(t testing.TB, settings ...string) string {
	t.Helper()
	needPHP(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	free.Close()

	args := []string{"-d", "ffi.enable=1", "-d", "memory_limit=1G"}
	for _, setting := range settings {
		args = append(args, "-d", setting)
	}
	server := exec.Command("php", append(args, "-S", address, "testdata/receiver.php")...)
	server.Env = append(os.Environ(), "CONNECTION_ID="+phpID, "PASSWORD="+phpPassword)
	var logged bytes.Buffer
	server.Stdout, server.Stderr = &logged, &logged
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		if t.Failed() {
			t.Logf("PHP said:\n%s", &logged)
		}
	})
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}, 2*time.Minute, 20*time.Millisecond, "php -S does not listen")
	return "http://" + address + "/bulk-v3.php"
}

func phpClient(t testing.TB, endpoint string) *smslink.Client {
	t.Helper()
	client, err := smslink.NewClient(phpID, phpPassword, &smslink.Options{Endpoint: endpoint})
	require.NoError(t, err)
	return client
}

// manyMessages is a package whose texts do not compress well.
func manyMessages(t testing.TB, codec smslink.Codec, n int) *smslink.Package {
	t.Helper()
	p := &smslink.Package{Codec: codec}
	for id := range n {
		require.NoError(t, p.Add(smslink.Message{
			ID: int64(id), To: fmt.Sprintf("+407%08d", id*7919%1e8), SendAt: time.Unix(1893456000+int64(id), 0),
			Text: fmt.Sprintf("Bună ziua; comanda %x a fost expediată.\nMulțumim! 👋 %d%%", md5.Sum(fmt.Append(nil, id)), id%100),
		}))
	}
	return p
}

func TestPHP_takesOurUploads(t *testing.T) {
	client := phpClient(t, servePHP(t, "upload_max_filesize=1G", "post_max_size=1G"))
	sizes := []int{1, 2, 1000}
	if os.Getenv("SMSLINK_LONG") != "" { // see CONTRIBUTING.md
		sizes = append(sizes, 50_000)
	}
	for _, codec := range codecs {
		for _, n := range sizes {
			t.Run(fmt.Sprintf("%s/%d", codec, n), func(t *testing.T) {
				p := manyMessages(t, codec, n)
				resp, err := client.Send(t.Context(), p)
				require.NoError(t, err)
				require.Equal(t, fmt.Sprintf("%x", md5.Sum(p.AppendPlain(nil))), resp.Text, "what PHP arrived at")
				require.Equal(t, n, resp.Count(smslink.StatusSuccess))
				require.Empty(t, resp.Unmatched)
			})
		}
	}
}

func TestPHP_refusesOtherCredentials(t *testing.T) {
	endpoint := servePHP(t)
	client, err := smslink.NewClient(phpID, "other", &smslink.Options{Endpoint: endpoint})
	require.NoError(t, err)
	_, err = client.Send(t.Context(), packageOf(t, nil, 1))
	require.ErrorIs(t, err, &smslink.GatewayError{Code: "7"})
}

// PHP's default limits are 2 MB for a file and 8 MB for a request. Above them, the script gets no
// file, or nothing at all. The client then gets an ERROR, or PHP's own warning if the server shows
// those.
func TestPHP_stockLimits(t *testing.T) {
	stock := []string{"upload_max_filesize=2M", "post_max_size=8M"}
	quiet := servePHP(t, append(stock, "display_errors=0")...)
	loud := servePHP(t, append(stock, "display_errors=1", "display_startup_errors=1")...)
	for _, c := range []struct {
		name     string
		endpoint string
		messages int
		codec    smslink.Codec
		want     smslink.Outcome
		says     string
	}{
		{"2.6 MB", quiet, 20_000, smslink.CodecNone, smslink.OutcomeRejected, "the file is over upload_max_filesize"},
		{"10 MB", quiet, 80_000, smslink.CodecNone, smslink.OutcomeRejected, "too few arguments: PHP sees 0"},
		{"10 MB, and PHP warns in the reply", loud, 80_000, smslink.CodecNone, smslink.OutcomeInDoubt, "POST Content-Length of"},
		{"2.6 MB in 1.3 MB", quiet, 20_000, smslink.CodecZlib, smslink.OutcomeAccepted, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := phpClient(t, c.endpoint).Send(t.Context(), manyMessages(t, c.codec, c.messages))
			require.Equal(t, c.want, smslink.OutcomeOf(err), "%v", err)
			if c.want != smslink.OutcomeAccepted {
				var sendErr *smslink.SendError
				require.ErrorAs(t, err, &sendErr)
				require.Contains(t, string(sendErr.Reply), c.says)
			}
		})
	}
}

func TestPHP_uploadsAreTaken(t *testing.T) {
	needPHP(t)
	gateway := newGateway(t, &smslinktest.Options{ConnectionID: "A1B2C3", Password: "p@ss; \"word\" ș"})
	type message struct {
		ID             int64
		To, From, Text string
		At             int64
	}
	var messages []message
	var p smslink.Package // the same through our own encoder
	for id := range int64(500) {
		m := message{id, "+40 712-345-678", "numeric", fmt.Sprintf("  Salut %d; ce\tfaci?\r\nȘtefan 👋 %d%% ", id, id%100), 1893456000 * (id % 2)}
		messages = append(messages, m)
		require.NoError(t, p.Add(smslink.Message{ID: m.ID, To: m.To, From: m.From, Text: m.Text, SendAt: time.Unix(m.At, 0)}))
	}
	input, err := json.Marshal(messages)
	require.NoError(t, err)
	for compression := range 4 {
		t.Run(fmt.Sprint("compression ", compression), func(t *testing.T) {
			gateway.Reset()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			php := exec.CommandContext(ctx, "php", "-d", "ffi.enable=1", "testdata/sender.php", gateway.URL, gateway.ConnectionID, gateway.Password, fmt.Sprint(compression))
			php.Stdin = bytes.NewReader(input)
			reply, err := php.CombinedOutput()
			require.NoError(t, err, "%s", reply)
			require.True(t, strings.HasPrefix(string(reply), "MESSAGE;1;package accepted;1001;0:220000001:3,1:220000002:3,"), "%s", reply)
			require.Equal(t, compression, gateway.Uploads()[0].Compression)
			taken := gateway.Messages()
			at := 0
			for m := range p.Messages() {
				got := smslink.Message{ID: taken[at].ID, To: taken[at].To, From: taken[at].From, Text: taken[at].Text, SendAt: taken[at].SendAt}
				require.Equal(t, m, got)
				at++
			}
			require.Equal(t, len(taken), at)
		})
	}
}
