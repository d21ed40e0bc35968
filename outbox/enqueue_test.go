package outbox_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/outbox"
)

// nowhere is a database that can't be reached.
type nowhere struct{}

func (nowhere) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("nowhere") }
func (nowhere) Driver() driver.Driver                        { return nil }

func newOutbox(t *testing.T, opts *outbox.Options) *outbox.Outbox {
	db := sql.OpenDB(nowhere{})
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	box, err := outbox.New(db, outbox.Postgres, opts)
	require.NoError(t, err)
	return box
}

func TestEnqueue_enqueuesNoneIfOneIsInvalid(t *testing.T) {
	good := outbox.Message{Key: "order-1", To: "0712345678", Text: "Comanda"}
	notBefore := func(at time.Time) func(*outbox.Message) {
		return func(m *outbox.Message) { m.NotBefore = at }
	}
	for name, c := range map[string]struct {
		change func(*outbox.Message)
		field  string
		reason string
	}{
		"key with a space":   {func(m *outbox.Message) { m.Key = "order 1" }, "Key", "visible ASCII"},
		"key too long":       {func(m *outbox.Message) { m.Key = strings.Repeat("k", 101) }, "Key", "1 to 100"},
		"unknown lane":       {func(m *outbox.Message) { m.Lane = "urgnet" }, "Lane", "Options.Lanes"},
		"expired before":     {func(m *outbox.Message) { m.Expires = -time.Second }, "Expires", "negative"},
		"after year 9999":    {notBefore(time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC)), "NotBefore", "9999"},
		"as late as can be":  {notBefore(time.Unix(1<<63-62135596801, 999999999)), "NotBefore", "9999"},
		"seconds overflow":   {notBefore(time.Unix(math.MaxInt64, 0)), "NotBefore", "9999"},
		"receiver too long":  {func(m *outbox.Message) { m.To = strings.Repeat("0", 65) }, "To", "64 bytes"},
		"sender too long":    {func(m *outbox.Message) { m.From = strings.Repeat("s", 65) }, "From", "64 bytes"},
		"text too long":      {func(m *outbox.Message) { m.Text = strings.Repeat("t", 1<<20+1) }, "Text", "1 MiB"},
		"no phone number":    {func(m *outbox.Message) { m.To = "0712345678, 0712345679" }, "To", "one number"},
		"empty text":         {func(m *outbox.Message) { m.Text = " \n" }, "Text", "empty"},
		"text of NUL":        {func(m *outbox.Message) { m.Text = "a\x00b" }, "Text", "control"},
		"text not of UTF-8":  {func(m *outbox.Message) { m.Text = "a\xff" }, "Text", "UTF-8"},
		"text that is coded": {func(m *outbox.Message) { m.Text = "a%0Ab" }, "Text", "%0A"},
	} {
		t.Run(name, func(t *testing.T) {
			box := newOutbox(t, nil)
			bad := good
			c.change(&bad)
			tx := outbox.TxFunc(func(context.Context, string, ...any) (int64, error) {
				t.Error("the database was asked")
				return 0, nil
			})
			added, err := box.Enqueue(t.Context(), tx, good, bad)
			require.Zero(t, added)
			var invalid *outbox.MessageError
			require.ErrorAs(t, err, &invalid)
			require.Equal(t, 1, invalid.Index)
			require.Equal(t, c.field, invalid.Field)
			require.ErrorContains(t, err, "smslink: messages[1]: "+c.field+" ")
			require.ErrorContains(t, err, c.reason)
			require.Equal(t, 1, strings.Count(err.Error(), "smslink:"))
			require.NotContains(t, err.Error(), "0712345678")
		})
	}
}

func TestEnqueue_returnsTheDatabasesError(t *testing.T) {
	broken := errors.New("broken")
	box := newOutbox(t, nil)
	tx := outbox.TxFunc(func(context.Context, string, ...any) (int64, error) { return 0, broken })
	_, err := box.Enqueue(t.Context(), tx, outbox.Message{To: "0712345678", Text: "Comanda"})
	require.ErrorIs(t, err, broken)
}

// The statement's parameter is ASCII, so that no connection's character set can alter it.
func TestEnqueue_asksInASCII(t *testing.T) {
	box := newOutbox(t, nil)
	added, err := box.Enqueue(t.Context(), outbox.TxFunc(func(_ context.Context, _ string, args ...any) (int64, error) {
		require.Len(t, args, 1)
		for _, c := range args[0].(string) {
			require.Less(t, c, '\x7f')
		}
		require.Contains(t, args[0], `\u0218tefan \ud83d\ude00`)
		return 1, nil
	}), outbox.Message{To: "0712345678", Text: "Ștefan 😀"})
	require.NoError(t, err)
	require.Equal(t, 1, added)
}

func TestMessage_printsNoReceiverAndNoText(t *testing.T) {
	m := outbox.Message{Key: "order-1", To: "0712345678", Text: "Comanda"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		printed := fmt.Sprintf(verb, m)
		require.NotContains(t, printed, "0712345678")
		require.NotContains(t, printed, "Comanda")
		require.Contains(t, printed, "order-1")
	}
	require.NotContains(t, m.LogValue().String(), "0712345678")
}

func TestNew_namesWhatIsWrong(t *testing.T) {
	db := sql.OpenDB(nowhere{})
	defer func() { require.NoError(t, db.Close()) }()
	for want, c := range map[string]struct {
		db      *sql.DB
		dialect *outbox.Dialect
		opts    *outbox.Options
	}{
		"database is nil":      {nil, outbox.SQLite, nil},
		"dialect is nil":       {db, nil, nil},
		"is negative":          {db, outbox.SQLite, &outbox.Options{Timeout: -1}},
		"longer than 24 hours": {db, outbox.SQLite, &outbox.Options{Timeout: math.MaxInt64}},
		"less than an hour":    {db, outbox.SQLite, &outbox.Options{ForgetAfter: time.Minute}},
		"lane's name":          {db, outbox.SQLite, &outbox.Options{Lanes: map[string]outbox.Lane{"two words": {}}}},
		`without ?, ' and \`:   {db, outbox.SQLite, &outbox.Options{Lanes: map[string]outbox.Lane{"what?": {}}}},
		`Poll of the lane "reports"`: {db, outbox.SQLite, &outbox.Options{
			Lanes: map[string]outbox.Lane{"reports": {Poll: -1}},
		}},
		`Hours of the lane "bulk"`: {db, outbox.SQLite, &outbox.Options{
			Lanes: map[string]outbox.Lane{outbox.Bulk: {Hours: outbox.Hours{To: time.Second}}},
		}},
	} {
		_, err := outbox.New(c.db, c.dialect, c.opts)
		require.ErrorContains(t, err, want)
	}
}

func TestRun_saysWhyItCannotBegin(t *testing.T) {
	client, err := smslink.NewClient("id", "password", &smslink.Options{Endpoint: "http://127.0.0.1:1/"})
	require.NoError(t, err)
	require.ErrorContains(t, newOutbox(t, nil).Run(t.Context(), client), "nowhere")
	require.Error(t, newOutbox(t, nil).Run(t.Context(), nil))
}
