package smslink_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/smslinktest"
)

func message(id int64) smslink.Message {
	return smslink.Message{ID: id, To: "0712345678", Text: fmt.Sprintf("Mesajul %d", id)}
}

func packageOf(t testing.TB, ids ...int64) *smslink.Package {
	t.Helper()
	p := new(smslink.Package)
	for _, id := range ids {
		require.NoError(t, p.Add(message(id)))
	}
	return p
}

func plain(p *smslink.Package) string { return string(p.AppendPlain(nil)) }

func ids(p *smslink.Package) []int64 {
	var all []int64
	for m := range p.Messages() {
		all = append(all, m.ID)
	}
	return all
}

// Each of these is a line of protocol.md's last table, or of the wire's own
// limits. The message is what a caller reads.
func TestAdd_refuses(t *testing.T) {
	const number = "0712345678"
	for _, c := range []struct {
		name    string
		message smslink.Message
		field   string
		rule    error
		says    string
	}{
		{"a negative id", smslink.Message{ID: -1, To: number, Text: "a"}, "ID", smslink.ErrNegativeID,
			"smslink: message -1: ID is negative; local message ids start at 0"},
		{"a repeated id", smslink.Message{ID: 5, To: number, Text: "a"}, "ID", smslink.ErrRepeatedID,
			"smslink: message 5: ID is in this package already; the reply is keyed by it"},
		{"a receiver without digits", smslink.Message{ID: 7, To: "Ion Popescu", Text: "a"}, "To", smslink.ErrReceiver,
			"smslink: message 7: To holds something other than the digits and punctuation of a phone number"},
		{"a sender with a semicolon", smslink.Message{ID: 7, To: number, From: "A;B", Text: "a"}, "From", smslink.ErrSeparator,
			"smslink: message 7: From holds a semicolon, which ends a field on the wire"},
		{"a sender with a line end", smslink.Message{ID: 7, To: number, From: "A\r\n8;0799999999", Text: "a"}, "From", smslink.ErrSeparator,
			"smslink: message 7: From holds a semicolon, which ends a field on the wire"},
		{"a sender with a line feed", smslink.Message{ID: 7, To: number, From: "A\nB", Text: "a"}, "From", smslink.ErrControlCharacter,
			"smslink: message 7: From holds a control character, which would break the package or garble the message; remove it"},
		{"a sender that is not UTF-8", smslink.Message{ID: 7, To: number, From: "\xc8", Text: "a"}, "From", smslink.ErrInvalidUTF8,
			"smslink: message 7: From is not valid UTF-8; convert it before adding it"},
		{"an empty text", smslink.Message{ID: 7, To: number}, "Text", smslink.ErrEmptyText,
			"smslink: message 7: Text is empty once the white space at its ends is trimmed"},
		{"a text of white space", smslink.Message{ID: 7, To: number, Text: " \r\n\t"}, "Text", smslink.ErrEmptyText,
			"smslink: message 7: Text is empty once the white space at its ends is trimmed"},
		{"a text in Latin-2", smslink.Message{ID: 7, To: number, Text: "Mul\xfeumim"}, "Text", smslink.ErrInvalidUTF8,
			"smslink: message 7: Text is not valid UTF-8; convert it before adding it"},
		{"a text with a control character", smslink.Message{ID: 7, To: number, Text: "a\x00b"}, "Text", smslink.ErrControlCharacter,
			"smslink: message 7: Text holds a control character, which would break the package or garble the message; remove it"},
		{"a text with a literal %0A", smslink.Message{ID: 7, To: number, Text: "a%0Ab"}, "Text", smslink.ErrLiteralEscape,
			"smslink: message 7: Text holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; write the character itself"},
		{"a text with a literal %3B", smslink.Message{ID: 7, To: number, Text: "%3B"}, "Text", smslink.ErrLiteralEscape,
			"smslink: message 7: Text holds a literal %0A or %3B, which the gateway would read as a line end or a semicolon; write the character itself"},
		{"a time before 1970", smslink.Message{ID: 7, To: number, Text: "a", SendAt: time.Unix(-1, 0)}, "SendAt", smslink.ErrBefore1970,
			"smslink: message 7: SendAt lies before 1970; leave it zero to send at once"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := packageOf(t, 5)
			before := plain(p)
			err := p.Add(c.message)
			var messageErr *smslink.MessageError
			require.ErrorAs(t, err, &messageErr)
			require.Equal(t, c.message.ID, messageErr.ID)
			require.Equal(t, c.field, messageErr.Field)
			require.ErrorIs(t, err, c.rule)
			require.EqualError(t, err, c.says)
			require.Equal(t, smslink.OutcomeNotSent, smslink.OutcomeOf(err))

			require.Equal(t, before, plain(p))
			require.Equal(t, []int64{5}, ids(p))
			require.NoError(t, p.Add(message(7)), "the refused id is still free")
		})
	}
}

func TestPackage_zeroValueIsEmpty(t *testing.T) {
	var p smslink.Package
	require.Zero(t, p.Len())
	require.Zero(t, p.Size())
	require.Empty(t, plain(&p))
	require.Empty(t, ids(&p))
	require.False(t, p.Remove(1))
	p.Reset()
	p.Reopen()
	require.NoError(t, p.Add(message(1)))
}

func TestMessages_areAsTheGatewayReadsThem(t *testing.T) {
	var p smslink.Package
	at := time.Date(2030, 6, 1, 12, 0, 0, 999, time.FixedZone("EEST", 3*3600))
	require.NoError(t, p.Add(smslink.Message{ID: 3, To: "+40 712 345 678", Text: " Salut;\r\nce\tfaci? ", SendAt: at}))
	require.NoError(t, p.Add(smslink.Message{ID: 4, To: "0712345678", From: smslink.SenderTest, Text: "100% așa", SendAt: time.Unix(0, 0)}))
	require.Equal(t, []smslink.Message{
		{ID: 3, To: "0040712345678", From: smslink.SenderNumeric, Text: "Salut;\ncefaci?", SendAt: time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC)},
		{ID: 4, To: "0712345678", From: smslink.SenderTest, Text: "100% așa"},
	}, slices.Collect(p.Messages()))

	for range p.Messages() {
		break // stopping early is fine
	}
}

func TestRemove_leavesWhatAddWouldHaveMade(t *testing.T) {
	for _, gone := range []int64{1, 2, 3} {
		p := packageOf(t, 1, 2, 3)
		require.True(t, p.Remove(gone))
		require.False(t, p.Remove(gone))
		rest := slices.DeleteFunc([]int64{1, 2, 3}, func(id int64) bool { return id == gone })
		require.Equal(t, plain(packageOf(t, rest...)), plain(p))
		require.Equal(t, rest, ids(p))
		require.NoError(t, p.Add(message(gone)), "a removed id is free again")
		require.ErrorIs(t, p.Add(message(gone)), smslink.ErrRepeatedID)
	}
	p := packageOf(t, 1)
	require.True(t, p.Remove(1))
	require.Zero(t, p.Size())
	require.NoError(t, p.Add(message(9)))
	require.Equal(t, plain(packageOf(t, 9)), plain(p))
}

// A package against the simplest model of one, over random calls.
func TestPackage_keepsItsMessagesThroughAnyCalls(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 3))
	for range 200 {
		var p smslink.Package
		var model []int64
		for range 60 {
			id := random.Int64N(20)
			at := slices.Index(model, id)
			switch random.IntN(10) {
			case 0, 1, 2:
				require.Equal(t, at >= 0, p.Remove(id))
				if at >= 0 {
					model = slices.Delete(model, at, at+1)
				}
			case 3:
				if random.IntN(8) == 0 {
					p.Reset()
					model = nil
				}
			default:
				err := p.Add(message(id))
				require.Equal(t, at >= 0, err != nil)
				if at < 0 {
					model = append(model, id)
				}
			}
			require.Equal(t, len(model), p.Len())
		}
		require.Equal(t, plain(packageOf(t, model...)), plain(&p))
		require.Len(t, plain(&p), p.Size())
	}
}

// The plain form stands in blocks of 256 kB: long messages bring their borders close.
func TestPackage_keepsItsMessagesAcrossBlocks(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 5))
	long := func(id int64) smslink.Message {
		m := message(id)
		m.Text += strings.Repeat("; 0123456789", int(id*7919%13)*1500) // up to 234 kB, and more on the wire
		return m
	}
	var p smslink.Package
	for range 30 {
		var model []int64
		for range 40 {
			id := random.Int64N(25)
			at := slices.Index(model, id)
			if random.IntN(3) == 0 {
				require.Equal(t, at >= 0, p.Remove(id))
				if at >= 0 {
					model = slices.Delete(model, at, at+1)
				}
			} else if err := p.Add(long(id)); at < 0 {
				require.NoError(t, err)
				model = append(model, id)
			}
		}
		var want []string
		at := 0
		for m := range p.Messages() {
			require.Equal(t, model[at], m.ID)
			require.Equal(t, long(m.ID).Text, m.Text)
			want = append(want, fmt.Sprintf("%d;0712345678;numeric;%s;0", m.ID, strings.ReplaceAll(m.Text, ";", "%3B")))
			at++
		}
		require.Equal(t, len(model), at)
		require.Equal(t, md5sum([]byte(strings.Join(want, "\r\n"))), md5sum([]byte(plain(&p)))) // a difference would fill the screen
		require.Len(t, plain(&p), p.Size())
		p.Reset()
	}
}

// A package of many blocks comes to the gateway whole, with every codec, and with
// one of another's making, which sees it in one piece.
func TestSend_packageOfManyBlocks(t *testing.T) {
	gw := newGateway(t, nil)
	for _, codec := range append(codecs[:len(codecs):len(codecs)], foreignCodec{smslink.CodecZlib}) {
		p := packageOfAll(t, messages(12_000))
		p.Codec = codec
		before := len(gw.Messages())
		_, err := gw.Client().Send(context.Background(), p)
		require.NoError(t, err)
		taken := gw.Messages()[before:]
		require.Len(t, taken, 12_000)
		at := 0
		for m := range p.Messages() {
			require.Equal(t, m.ID, taken[at].ID)
			require.Equal(t, m.To, taken[at].To)
			require.Equal(t, m.Text, taken[at].Text)
			at++
		}
	}
}

// foreignCodec is a codec that is not known to be one of ours.
type foreignCodec struct{ inner smslink.Codec }

func (c foreignCodec) Method() int    { return c.inner.Method() }
func (c foreignCodec) String() string { return "another's" }
func (c foreignCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return c.inner.AppendCompress(dst, plain)
}

// What is longer than any SMS can't bring a line's end beyond its index.
func TestAdd_refusesWhatNoIndexHolds(t *testing.T) {
	var p smslink.Package
	long := strings.Repeat("1", 256<<20+1) // also of a receiver
	for field, m := range map[string]smslink.Message{
		"To": {To: long, Text: "a"}, "From": {To: "0712345678", From: long, Text: "a"}, "Text": {To: "0712345678", Text: long},
	} {
		err := p.Add(m)
		require.ErrorIs(t, err, smslink.ErrTooLong)
		require.ErrorContains(t, err, field)
	}
	require.Zero(t, p.Len())
}

// Long messages do not pile up in one block, each to be moved for the next.
func TestAdd_givesALongMessageABlockOfItsOwn(t *testing.T) {
	var p smslink.Package
	for id := range int64(4) {
		require.NoError(t, p.Add(smslink.Message{ID: id, To: "0712345678", Text: strings.Repeat(";", 4<<20)}))
	}
	require.Less(t, p.LargestBlock(), 13<<20)
	require.Len(t, plain(&p), p.Size())
}

func TestAdd_allocatesNothingOnceGrown(t *testing.T) {
	p := packageOf(t, slices.Collect(func(yield func(int64) bool) {
		for id := range int64(1001) {
			if !yield(id) {
				return
			}
		}
	})...)
	m := smslink.Message{To: "+40 712-345-678", From: "MAGAZIN", Text: "Bună ziua; comanda\na plecat", SendAt: time.Unix(1893456000, 0)}
	require.Zero(t, testing.AllocsPerRun(10, func() {
		p.Reset()
		for m.ID = range int64(100) {
			_ = p.Add(m)
		}
	}))
}

func TestReset_keepsTheCodec(t *testing.T) {
	p := packageOf(t, 1, 2)
	p.Codec = smslink.CodecLZF
	p.Reset()
	require.Zero(t, p.Len())
	require.Equal(t, smslink.CodecLZF, p.Codec)
	require.NoError(t, p.Add(message(1)), "its ids are free again")
}

func TestAppendPlain_appends(t *testing.T) {
	p := packageOf(t, 1)
	require.True(t, strings.HasPrefix(string(p.AppendPlain([]byte("head:"))), "head:1;0712345678;numeric;"))
}

func TestPackage_panicsIfItsMessagesAreChangedInALoop(t *testing.T) {
	p := packageOf(t, 1, 2, 3)
	require.PanicsWithValue(t, "smslink: a Package was changed while its Messages were being ranged over", func() {
		for m := range p.Messages() {
			p.Remove(m.ID)
		}
	})
	require.Equal(t, []int64{2, 3}, ids(p))
}

func TestPackage_panicsIfItIsBeingSent(t *testing.T) {
	gw := newGateway(t, nil)
	p := packageOf(t, 1)
	gw.Inject(smslinktest.Delay(300 * time.Millisecond))
	sent := make(chan error, 1)
	go func() {
		_, err := gw.Client().Send(context.Background(), p)
		sent <- err
	}()
	_, err := gw.WaitMessages(t.Context(), 1)
	require.NoError(t, err)
	require.PanicsWithValue(t, "smslink: Reset of a Package that is being sent", p.Reset)
	require.PanicsWithValue(t, "smslink: Reopen of a Package that is being sent", p.Reopen)
	require.ErrorIs(t, p.Add(message(2)), smslink.ErrSealed)
	require.False(t, p.Remove(1))
	require.NoError(t, <-sent)
	require.Equal(t, []int64{1}, ids(p))
	p.Reset()
}

// A codec that panics sends nothing, and leaves its package sealed but usable.
func TestPackage_survivesACodecThatPanics(t *testing.T) {
	p := packageOf(t, 1)
	p.Codec = panicking{smslink.CodecZlib}
	require.Panics(t, func() { _, _ = newGateway(t, nil).Client().Send(context.Background(), p) })
	require.ErrorIs(t, p.Add(message(2)), smslink.ErrSealed)
	p.Reset()
	require.NoError(t, p.Add(message(2)))
}

type panicking struct{ smslink.Codec }

func (panicking) AppendCompress([]byte, []byte) ([]byte, error) { panic("a codec's own defect") }
