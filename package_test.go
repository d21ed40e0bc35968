package smslink_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-smslink/smslink"
	"github.com/go-smslink/smslink/gsm7"
	"github.com/stretchr/testify/require"
)

// The reference takes some of these messages.
func TestAdd_refuses(t *testing.T) {
	const number = "0712345678"
	for _, c := range []struct {
		name    string
		message smslink.Message
		field   string
		kind    error // that the error matches, if any
		says    string
	}{
		{"a negative id", smslink.Message{ID: -1, To: number, Text: "a"}, "ID", nil,
			"smslink: message -1: ID is negative; local message ids start at 0"},
		{"a repeated id", smslink.Message{ID: 5, To: number, Text: "a"}, "ID", nil,
			"smslink: message 5: ID is repeated in this package; the reply is keyed by it"},
		{"a receiver without digits", smslink.Message{ID: 7, To: "Ion Popescu", Text: "a"}, "To", smslink.ErrReceiver,
			"smslink: message 7: To holds something other than the digits and punctuation of a phone number"},
		{"a sender with a semicolon", smslink.Message{ID: 7, To: number, From: "A;B", Text: "a"}, "From", nil,
			"smslink: message 7: From holds a semicolon, which ends a field on the wire"},
		{"a sender with a line end", smslink.Message{ID: 7, To: number, From: "A\r\n8;0799999999", Text: "a"}, "From",
			nil,
			"smslink: message 7: From holds a semicolon, which ends a field on the wire"},
		{"a sender with a line feed", smslink.Message{ID: 7, To: number, From: "A\nB", Text: "a"}, "From", nil,
			"smslink: message 7: From holds a control character, which would break the package or garble the " +
				"message; remove it"},
		{"a sender that is not UTF-8", smslink.Message{ID: 7, To: number, From: "\xc8", Text: "a"}, "From", nil,
			"smslink: message 7: From is not valid UTF-8; convert it before adding it"},
		{"an empty text", smslink.Message{ID: 7, To: number}, "Text", nil,
			"smslink: message 7: Text is empty once the white space at its ends is trimmed"},
		{"a text of white space", smslink.Message{ID: 7, To: number, Text: " \r\n\t"}, "Text", nil,
			"smslink: message 7: Text is empty once the white space at its ends is trimmed"},
		{"a text in Latin-2", smslink.Message{ID: 7, To: number, Text: "Mul\xfeumim"}, "Text", nil,
			"smslink: message 7: Text is not valid UTF-8; convert it before adding it"},
		{"a text with a control character", smslink.Message{ID: 7, To: number, Text: "a\x00b"}, "Text", nil,
			"smslink: message 7: Text holds a control character, which would break the package or garble the " +
				"message; remove it"},
		{"a text with a literal %0A", smslink.Message{ID: 7, To: number, Text: "a%0Ab"}, "Text", nil,
			"smslink: message 7: Text holds a literal %0A or %3B, which the gateway would read as a line end or a " +
				"semicolon; write the character itself"},
		{"a text with a literal %3B", smslink.Message{ID: 7, To: number, Text: "%3B"}, "Text", nil,
			"smslink: message 7: Text holds a literal %0A or %3B, which the gateway would read as a line end or a " +
				"semicolon; write the character itself"},
		{"a time before 1970", smslink.Message{ID: 7, To: number, Text: "a", SendAt: time.Unix(-1, 0)}, "SendAt", nil,
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
			require.Equal(t, c.kind != nil, errors.Is(err, smslink.ErrReceiver))
			require.EqualError(t, err, c.says)
			require.Equal(t, smslink.OutcomeInvalid, smslink.OutcomeOf(err))
			require.Equal(t, c.name != "a repeated id", smslink.SafeToResend(err))

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
	require.NoError(t,
		p.Add(smslink.Message{ID: 4, To: "0712345678", From: smslink.SenderTest, Text: "100% așa",
			SendAt: time.Unix(0, 0)}))
	require.Equal(t, []smslink.Message{
		{ID: 3, To: "0040712345678", From: smslink.SenderNumeric, Text: "Salut;\ncefaci?",
			SendAt: time.Date(2030, 6, 1, 9, 0, 0, 0, time.UTC)},
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
		require.ErrorContains(t, p.Add(message(gone)), "ID is repeated")
	}
	p := packageOf(t, 1)
	require.True(t, p.Remove(1))
	require.Zero(t, p.Size())
	require.NoError(t, p.Add(message(9)))
	require.Equal(t, plain(packageOf(t, 9)), plain(p))
}

// Random calls have the same results for a package and a simple model of one.
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

// With long messages, the plain form has many blocks of 256 kB.
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
		// require.Equal would print megabytes
		require.Equal(t, md5sum([]byte(strings.Join(want, "\r\n"))), md5sum([]byte(plain(&p))))
		require.Len(t, plain(&p), p.Size())
		p.Reset()
	}
}

// A package of many blocks reaches the gateway whole with every codec. A codec of the caller's
// gets it in one piece.
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

// foreignCodec hides that its codec is one of the gateway's four.
type foreignCodec struct{ inner smslink.Codec }

func (c foreignCodec) Method() int    { return c.inner.Method() }
func (c foreignCodec) String() string { return "another's" }
func (c foreignCodec) AppendCompress(dst, plain []byte) ([]byte, error) {
	return c.inner.AppendCompress(dst, plain)
}

// A text far longer than any SMS can't exceed the index's 32 bits.
func TestAdd_refusesWhatNoIndexHolds(t *testing.T) {
	var p smslink.Package
	long := strings.Repeat("1", 256<<20+1) // also of a receiver
	for field, m := range map[string]smslink.Message{
		"To": {To: long, Text: "a"}, "From": {To: "0712345678", From: long, Text: "a"},
		"Text": {To: "0712345678", Text: long},
	} {
		err := p.Add(m)
		require.EqualError(t, err, "smslink: message 0: "+field+" is longer than 256 MiB")
	}
	require.Zero(t, p.Len())
}

// Long messages are not collected in one block, which would be moved for each.
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
	m := smslink.Message{To: "+40 712-345-678", From: "MAGAZIN", Text: "Bună ziua; comanda\na plecat",
		SendAt: time.Unix(1893456000, 0)}
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
	began, release := make(chan struct{}), make(chan struct{})
	client, err := smslink.NewClient(gw.ConnectionID, gw.Password, &smslink.Options{Endpoint: gw.URL,
		HTTPClient: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			close(began)
			<-release
			return http.DefaultTransport.RoundTrip(r)
		})}})
	require.NoError(t, err)
	sent := make(chan error, 1)
	go func() {
		_, err := client.Send(context.Background(), p)
		sent <- err
	}()
	<-began
	require.PanicsWithValue(t, "smslink: Reset of a Package that is being sent", p.Reset)
	require.PanicsWithValue(t, "smslink: Reopen of a Package that is being sent", p.Reopen)
	requireSealed(t, p.Add(message(2)))
	require.False(t, p.Remove(1))
	close(release)
	require.NoError(t, <-sent)
	require.Equal(t, []int64{1}, ids(p))
	p.Reset()
}

// A codec that panics leaves its package sealed. Reset makes it usable again, also if its digest
// was being computed meanwhile.
func TestPackage_survivesACodecThatPanics(t *testing.T) {
	for _, n := range []int{1, 20_000} {
		p := packageOfAll(t, messages(n))
		p.Codec = panicking{smslink.CodecZlib}
		require.Panics(t, func() { _, _ = newGateway(t, nil).Client().Send(context.Background(), p) })
		requireSealed(t, p.Add(message(2)))
		p.Reset()
		require.NoError(t, p.Add(message(2)))
	}
}

type panicking struct{ smslink.Codec }

func (panicking) AppendCompress([]byte, []byte) ([]byte, error) { panic("a codec's own defect") }

func TestAdd_refusesWhatFoldingMakes(t *testing.T) {
	var p smslink.Package
	for text, says := range map[string]string{
		strings.Repeat("\u200b", 71):               "is empty",
		"％0A" + strings.Repeat("ș", 70):            "literal %0A",
		"\xc8\u200b\x9b" + strings.Repeat("ș", 70): "not valid UTF-8",
	} {
		require.ErrorContains(t, p.Add(smslink.Message{ID: 1, To: "0712345678", Text: gsm7.FoldIfFewer(text)}), says)
	}
	require.Zero(t, p.Len())
}

// A text is folded only if that saves a segment. Folding it again changes nothing.
func FuzzPackage_Fold(f *testing.F) {
	for _, seed := range []string{"așteptăm", "😀…" + strings.Repeat("ș", 66) + "   ", "😀\t" + strings.Repeat("ș", 68),
		strings.Repeat("a", 80) + "\t" + strings.Repeat("b", 80), " " + strings.Repeat("ș;\t", 40) + "\r\n",
		"😀" + strings.Repeat("ș", 80)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		plain, folding, again := new(smslink.Package), new(smslink.Package), new(smslink.Package)
		err := plain.Add(smslink.Message{ID: 1, To: "0712345678", Text: text})
		if folding.Add(smslink.Message{ID: 1, To: "0712345678", Text: gsm7.FoldIfFewer(text)}) != nil || err != nil {
			return
		}
		require.LessOrEqual(t, folding.Segments(), plain.Segments())
		if folding.Segments() == plain.Segments() {
			require.Equal(t, plain.AppendPlain(nil), folding.AppendPlain(nil))
		}
		foldedTwice := gsm7.FoldIfFewer(textOf(t, folding))
		require.NoError(t, again.Add(smslink.Message{ID: 1, To: "0712345678", Text: foldedTwice}))
		require.Equal(t, folding.AppendPlain(nil), again.AppendPlain(nil))
	})
}

func TestSegments_areThoseOfTheTextAsItArrives(t *testing.T) {
	full := strings.Repeat("a", 159)
	for text, want := range map[string]int{
		full + "a": 1, full + "aa": 2, full + ";": 1, full + "\n": 1, full + ";\n": 1, full + "%": 1, full + "%0a": 2,
		"a\n" + full: 2, "\ta" + full + "\t": 1, strings.Repeat("ș", 71): 2,
	} {
		p := packageOf(t, 7)
		require.NoError(t,
			p.Add(smslink.Message{ID: 8, To: "0712345678", From: "Un nume lung ș", Text: text,
				SendAt: time.Unix(1_900_000_000, 0)}))
		require.NoError(t, p.Add(smslink.Message{ID: 9, To: "0712345678", Text: "b"}))
		if strings.HasSuffix(text, ";\n") { // whose line end is trimmed
			want = 1
		}
		require.Equal(t, 2+want, p.Segments())
	}
	require.Zero(t, new(smslink.Package).Segments())
}

// BenchmarkAdd also measures what no Add can avoid: appending the same bytes, and reading the
// receiver and the text byte by byte.
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
			return errors.New("not UTF-8")
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

// BenchmarkGrowth does everything except the network. Time and memory for each message should not
// depend on their number.
func BenchmarkGrowth(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000, 1_000_000} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			all, reply := messages(n), replyTo(n)
			client := newClient(b,
				via(func(r *http.Request) (*http.Response, error) {
					_, err := io.Copy(io.Discard, r.Body)
					return response(200, reply), err
				}))
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
