package smslinktest_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

// A compression bomb takes no more memory than the size in its form.
func TestGateway_boundsABomb(t *testing.T) {
	gateway := newGateway(t, nil)
	for method, codec := range map[int]smslink.Codec{1: smslink.CodecZlib, 2: smslink.CodecBZip2, 3: smslink.CodecLZF} {
		bomb, err := codec.AppendCompress(nil, make([]byte, 24<<20))
		require.NoError(t, err)
		u := newUpload(gateway, method, onePlain, string(bomb))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		reply := u.post(t)
		runtime.ReadMemStats(&after)
		require.True(t, strings.HasPrefix(reply, "ERROR;900;package: "), reply)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(12<<20), codec.String())
	}
}

func TestGateway_boundsThePackage(t *testing.T) {
	gateway := newGateway(t, nil)
	u := newUpload(gateway, 0, onePlain, strings.Repeat("x", 32<<20+1))
	require.Equal(t, "ERROR;1;field Package: longer than 33554432 bytes", u.post(t))
}

// An upload of 65 kB with three million lines takes no more memory than its plain form, whatever
// its Receivers says.
func TestGateway_boundsTinyLines(t *testing.T) {
	gateway := newGateway(t, nil)
	plain := strings.TrimSuffix(strings.Repeat("1;0;n;x;0\r\n", 3_000_000), "\r\n")
	packed, err := smslink.CodecZlib.AppendCompress(nil, []byte(plain))
	require.NoError(t, err)
	require.Less(t, len(packed), 100<<10)
	for receivers, want := range map[string]string{
		"3000000": "ERROR;900;field Receivers is over 200000 messages",
		"1":       "ERROR;900;field Receivers says 1, the package has 3000000 lines",
		"200000":  "ERROR;900;field Receivers says 200000, the package has 3000000 lines",
	} {
		u := newUpload(gateway, 1, plain, string(packed))
		u.set("Receivers", receivers)
		request := u.request(t)
		reply := ""
		allocated := allocatedBy(func() { reply = u.send(t, request) })
		require.Equal(t, want, reply)
		require.Less(t, allocated, uint64(len(plain)+8<<20))
	}
}

// The ledger's memory for the most messages that a package may have is bounded.
func TestGateway_boundsTheMostMessages(t *testing.T) {
	gateway := newGateway(t, &smslinktest.Options{Reports: &smslinktest.Reports{}})
	plain := strings.TrimSuffix(strings.Repeat("1;0;n;x;0\r\n", 200_000), "\r\n")
	packed, err := smslink.CodecZlib.AppendCompress(nil, []byte(plain))
	require.NoError(t, err)
	u := newUpload(gateway, 1, plain, string(packed))
	request := u.request(t)
	allocated := allocatedBy(func() { require.True(t, strings.HasPrefix(u.send(t, request), "MESSAGE;")) })
	require.Less(t, allocated, uint64(200_000*700), "bytes in all, most of them for a moment")
}

func allocatedBy(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Uploads with a wrong password that stall in the package take no memory.
func TestGateway_keepsNothingOfAnUploadWithWrongCredentials(t *testing.T) {
	gateway := newGateway(t, nil)
	const size = 24 << 20
	u := newUpload(gateway, 0, onePlain, strings.Repeat("x", size))
	u.set("password", "wrong")
	raw, err := httputil.DumpRequestOut(u.request(t), true)
	require.NoError(t, err)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 4 {
		conn := dial(t, gateway)
		_, err := conn.Write(raw[:len(raw)-4096]) // which returns when the gateway has read nearly all of it
		require.NoError(t, err)
	}
	runtime.GC()
	runtime.ReadMemStats(&during)
	require.Less(t, int64(during.HeapAlloc)-int64(before.HeapAlloc), int64(8<<20))
}

// A client that writes all of its upload before it reads gets the ERROR, however large the upload
// is.
func TestGateway_readsAllOfAnUploadThatItRefuses(t *testing.T) {
	gateway := newGateway(t, nil)
	for field, want := range map[string]string{"password": "ERROR;7;wrong password", "Receivers": "ERROR;1;field Receivers: malformed value"} {
		u := newUpload(gateway, 0, onePlain, strings.Repeat("x", 24<<20))
		u.set(field, "wrong")
		require.Equal(t, want, u.post(t))
	}
}

// An upload that stalls in the package ends after a while, even if its client stays connected.
func TestGateway_endsAnUploadThatStalls(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.WaitFor(50*time.Millisecond, time.Hour)
	for _, path := range []string{smslinktest.BulkPath + "?timestamp=1", smslinktest.BalancePath} {
		conn := dial(t, gateway)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 1000\r\n\r\n--B\r\n", path)
		reply, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.True(t, bytes.HasPrefix(reply, []byte("HTTP/1.1 200 OK\r\n")), "%s", reply)
		require.Contains(t, string(reply), "\r\n\r\nERROR;")
	}
	require.Empty(t, gateway.Messages())

	// The answer to a complete upload may take longer.
	gateway.Inject(smslinktest.Delay(500 * time.Millisecond))
	send(t, gateway, packageOf(t, nil, 1))
}

// An upload that arrives a byte at a time ends after a while, too.
func TestGateway_endsAnUploadThatDrips(t *testing.T) {
	gateway := newGateway(t, nil)
	gateway.WaitFor(time.Hour, 200*time.Millisecond)
	conn := dial(t, gateway)
	fmt.Fprintf(conn, "POST %s?timestamp=1 HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 100000000\r\n\r\n--B\r\n", smslinktest.BulkPath)
	go func() {
		for {
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	reply, err := io.ReadAll(io.LimitReader(conn, 12))
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1 200", string(reply))
}

func dial(t *testing.T, gateway *smslinktest.Gateway) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", gateway.Server.Listener.Addr().String())
	require.NoError(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}
