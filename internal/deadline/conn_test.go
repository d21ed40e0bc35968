package deadline_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink/internal/deadline"
)

// pair returns both ends of a connection.
func pair(t *testing.T) (writer *deadline.Conn, reader net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	conn, err := deadline.Dialer(new(net.Dialer).DialContext)(context.Background(), "tcp", l.Addr().String())
	require.NoError(t, err)
	reader, err = l.Accept()
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = conn.Close()
		_ = reader.Close()
	})
	return conn.(*deadline.Conn), reader
}

func TestWrite_writesAllBeforeTheDeadline(t *testing.T) {
	for name, limit := range map[string]time.Time{"a deadline": time.Now().Add(time.Hour), "none": {}} {
		t.Run(name, func(t *testing.T) {
			writer, reader := pair(t)
			writer.BeginUpload(&limit)
			sent := bytes.Repeat([]byte("0123456789"), 1_000_000)
			go func() {
				_, _ = writer.Write(sent)
				_ = writer.Close()
			}()
			got, err := io.ReadAll(reader)
			require.NoError(t, err)
			require.Len(t, got, len(sent))
			require.True(t, bytes.Equal(sent, got))
		})
	}
}

// A Write that waits for its reader sends nothing more once the deadline has passed, without a
// timer.
func TestWrite_waitingPastTheDeadline(t *testing.T) {
	writer, reader := pair(t)
	require.NoError(t, reader.(*net.TCPConn).SetReadBuffer(4096)) // so that the system holds little of it
	require.NoError(t, writer.Conn.(*net.TCPConn).SetWriteBuffer(4096))
	limit := time.Now().Add(50 * time.Millisecond)
	writer.BeginUpload(&limit)
	const all = 1 << 20
	ended := make(chan error, 1)
	go func() {
		_, err := writer.Write(make([]byte, all))
		ended <- err
	}()
	time.Sleep(time.Until(limit) + time.Millisecond)
	read := make(chan int64, 1)
	go func() {
		n, _ := io.Copy(io.Discard, reader)
		read <- n
	}()
	require.ErrorIs(t, <-ended, os.ErrDeadlineExceeded)
	require.NoError(t, writer.Close())
	require.Less(t, <-read, int64(all))
}

func TestWrite_pastTheDeadline(t *testing.T) {
	for name, limit := range map[string]time.Time{
		"by both clocks": time.Now().Add(-time.Second),
		// The machine was suspended for an hour, which the monotonic clock does not count.
		"by the wall clock alone": monotonicLater(time.Now().Add(-time.Second), time.Hour),
		// The wall clock was set back.
		"by the monotonic clock alone": monotonicLater(time.Now().Add(time.Hour), -2*time.Hour),
	} {
		t.Run(name, func(t *testing.T) {
			writer, reader := pair(t)
			writer.BeginUpload(&limit)
			n, err := writer.Write([]byte("late"))
			require.Zero(t, n)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.NoError(t, writer.Close())
			n, err = reader.Read(make([]byte, 4))
			require.Zero(t, n)
			require.Error(t, err)
		})
	}
}

// monotonicLater returns t with another monotonic reading. Package time has no function for that.
func monotonicLater(t time.Time, d time.Duration) time.Time {
	parts := (*struct {
		wall uint64
		ext  int64
		loc  *time.Location
	})(unsafe.Pointer(&t))
	parts.ext += int64(d)
	return t
}

func TestEndUpload_endsItsOwnUploadOnly(t *testing.T) {
	writer, _ := pair(t)
	first, second := time.Now().Add(-time.Second), time.Now().Add(-time.Second)
	writer.BeginUpload(&first)
	writer.BeginUpload(&second)
	writer.EndUpload(&first)
	_, err := writer.Write([]byte("late"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	writer.EndUpload(&second)
	_, err = writer.Write([]byte("of the next request"))
	require.NoError(t, err)
}

func TestOf_looksThroughTLS(t *testing.T) {
	writer, reader := pair(t)
	require.Same(t, writer, deadline.Of(tls.Client(tls.Client(writer, &tls.Config{}), &tls.Config{})))
	require.Nil(t, deadline.Of(reader))
	require.Nil(t, deadline.Of(nil))
}
