package smslink

import (
	"context"
	"crypto/md5"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/go-smslink/smslink/internal/wire"
)

// SendMessage sends one message. The error is nil only if the gateway accepted that message.
// Accepted is not delivered: delivery reports, which carry the Result's RemoteID, say that.
//
// The error is a [*MessageError] if the message is refused before anything is sent, a [*SendError]
// as from [Client.Send], or a [*ResultError] if the gateway did not accept the message.
// [SafeToResend] reports whether the message can be sent again without the risk of a second SMS.
//
// The message's ID may be 0. If the caller's context is that of a request, which a browser may
// cancel, give SendMessage one that outlives it: a Send that is cut off has an unknown outcome.
//
//	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), time.Minute)
func (c *Client) SendMessage(ctx context.Context, m Message) (Result, error) {
	var p Package
	if err := p.Add(m); err != nil {
		return Result{ID: m.ID}, err
	}
	resp, err := c.Send(ctx, &p)
	if err != nil {
		return Result{ID: m.ID}, err
	}
	return resp.Results[0], resp.Results[0].Err()
}

// Send uploads the package and reads what the gateway says of each message. A nil error means that
// the gateway took the package. It does not mean that the gateway accepted every message in it: see
// [Response.Err]. Nor does it mean that any message was delivered: delivery reports say that. The
// Response is nil if the error is not.
//
// Every error is a [*SendError], whose Outcome is what became of the package. [SafeToResend]
// reports whether the package can be sent again without the risk of a second SMS. Send itself never
// sends anything twice. By outcome, the error wraps
//
//   - not sent: [ErrEmptyPackage], [ErrCodecMethod], the codec's own error, the context's error, or
//     the network's, such as a certificate's;
//   - rejected: a [*GatewayError], or an error naming the HTTP status;
//   - unknown: [ErrSealed], [ErrUnreadableReply], [ErrReplyTooLarge], the context's error or cause,
//     the network's, or an HTTP status of 500 or more.
//
// If ctx has no deadline, [Options.Timeout] bounds the call. The package must not be changed during
// the call, and nothing reads it afterwards. The compressed form is made in memory, and nothing is
// written to disk.
func (c *Client) Send(ctx context.Context, p *Package) (*Response, error) {
	return c.send(ctx, p, 1)
}

// send is Send, with the number of the attempt for the tracer.
func (c *Client) send(ctx context.Context, p *Package, attempt int) (*Response, error) {
	start := c.now()
	switch {
	case ctx == nil:
		return nil, c.failed(context.Background(), 0, &SendError{Outcome: OutcomeNotSent, Err: errNilContext})
	case p == nil:
		return nil, c.failed(ctx, 0, &SendError{Outcome: OutcomeNotSent, Err: ErrEmptyPackage})
	}
	if err := p.beginSend(); err != nil {
		return nil, c.failed(ctx, 0, &SendError{Outcome: OutcomeUnknown, Err: err})
	}
	outcome := OutcomeUnknown // of a codec or a transport that panics
	defer func() { p.endSend(outcome) }()
	ctx, cancel := c.bounded(ctx)
	defer cancel()
	var sent sentUpload
	var resp *Response
	var sendErr *SendError
	if c.tracer != nil {
		ctx = c.traceStart(ctx, p, attempt)
		defer func() { c.traceEnd(ctx, p, sent, resp, sendErr) }()
	}
	resp, sendErr = c.exchange(ctx, p, &sent)
	if sendErr != nil {
		outcome = sendErr.Outcome
		return nil, c.failed(ctx, p.Len(), sendErr)
	}
	outcome = OutcomeAccepted
	resp.Elapsed = c.now().Sub(start)
	c.accepted(ctx, resp)
	return resp, nil
}

// sentUpload is what a tracer learns of the upload itself.
type sentUpload struct {
	bytes      int64
	statusCode int // of HTTP
}

// exchange makes the upload, posts it and reads the reply.
func (c *Client) exchange(ctx context.Context, p *Package, sent *sentUpload) (*Response, *SendError) {
	if p.Len() == 0 {
		return nil, &SendError{Outcome: OutcomeNotSent, Err: ErrEmptyPackage}
	}
	if err := ctx.Err(); err != nil {
		return nil, &SendError{Outcome: OutcomeNotSent, Err: err}
	}
	u, sum, err := c.pack(p)
	if err != nil {
		return nil, &SendError{Outcome: OutcomeNotSent, Err: err}
	}
	c.logger.LogAttrs(ctx, slog.LevelDebug, "smslink: uploading", slog.Int("messages", p.Len()), slog.Int("plain_bytes", p.Size()),
		slog.Int64("upload_bytes", u.size), slog.Bool("test", c.testMode))
	sent.bytes = u.size
	var resp *Response
	sendErr := c.post(ctx, u, p.Len(), func(reply wire.Reply) (err error) {
		resp, err = newResponse(p.unreported(), p.lines.finder(), reply)
		return err
	})
	sent.statusCode = u.statusCode
	if sendErr != nil {
		return nil, sendErr
	}
	resp.sent = &sum
	return resp, nil
}

// pack compresses the package and builds the form around it. The digest is the plain form's.
func (c *Client) pack(p *Package) (*upload, wire.Digest, error) {
	codec := p.codec()
	method := codec.Method()
	if method < 0 || method > 3 {
		return nil, wire.Digest{}, fmt.Errorf("%w (%s has %d)", ErrCodecMethod, codec, method)
	}

	connectionID, password := c.login()
	plain := p.plain()
	form := wire.Form{
		ConnectionID: connectionID,
		Password:     password,
		Test:         c.testMode,
		Compression:  method,
		SizePlain:    p.Size(),
		Timestamp:    c.now().Unix(),
		Receivers:    p.Len(),
	}
	packed := plain
	if codec == CodecNone {
		form.MD5Plain = digest(plain)
		form.MD5Compressed = form.MD5Plain
		form.SizeCompressed = form.SizePlain
	} else {
		whole, sum, err := compress(codec, plain, p.Size())
		if err != nil {
			return nil, wire.Digest{}, fmt.Errorf("smslink: codec %s: %w", codec, err)
		}
		packed = [][]byte{whole}
		form.MD5Plain = sum
		form.MD5Compressed = md5.Sum(whole)
		form.SizeCompressed = len(whole)
	}

	boundary := c.boundary()
	u := &upload{
		target:      *c.endpoint,
		contentType: "multipart/form-data; boundary=" + boundary,
	}
	u.target.RawQuery = string(strconv.AppendInt([]byte("timestamp="), form.Timestamp, 10))
	head := make([]byte, 0, form.MaxOverhead(boundary)+min(form.SizeCompressed, smallUpload))
	head = form.AppendHead(head, boundary)
	if form.SizeCompressed > smallUpload {
		u.add(head)
		u.add(packed...)
		u.add(wire.AppendTail(nil, boundary))
		return u, form.MD5Plain, nil
	}
	for _, piece := range packed {
		head = append(head, piece...)
	}
	u.add(wire.AppendTail(head, boundary))
	u.inMemory = c.own
	return u, form.MD5Plain, nil
}

// failed logs the end of a Send of that many messages; 0 means that the package is not this call's
// to look into.
func (c *Client) failed(ctx context.Context, messages int, err *SendError) error {
	level := slog.LevelWarn
	if err.Outcome == OutcomeUnknown && !errors.Is(err, ErrSealed) {
		level = slog.LevelError
	}
	attrs := err.attrs()
	if messages > 0 {
		attrs = append(attrs, "messages", messages)
	}
	c.logger.Log(ctx, level, "smslink: package failed", attrs...)
	return err
}

func (c *Client) accepted(ctx context.Context, r *Response) {
	level := slog.LevelInfo
	succeeded := r.Count(StatusSuccess)
	if succeeded < len(r.Results) || len(r.Unmatched) > 0 {
		level = slog.LevelWarn
	}
	c.logger.LogAttrs(ctx, level, "smslink: package accepted", slog.String("package", numeric(r.PackageID)), slog.Int("messages", len(r.Results)),
		slog.Int("succeeded", succeeded), slog.Int("unmatched", len(r.Unmatched)), slog.Duration("elapsed", r.Elapsed))
}

// numeric returns id if it is a number, as the gateway's are. A server's other words stay out of
// the log, and so do receivers, which start with 0.
func numeric(id string) string {
	if len(id) > 20 || strings.Trim(id, "0123456789") != "" || strings.HasPrefix(id, "0") {
		return "(not a number)"
	}
	return id
}

// traceStart calls the tracer before an upload.
func (c *Client) traceStart(ctx context.Context, p *Package, attempt int) context.Context {
	return c.tracer.TraceUploadStart(ctx, UploadStart{
		Messages: p.Len(),
		Bytes:    p.Size(),
		Codec:    p.codec().String(),
		TestMode: c.testMode,
		Attempt:  attempt,
	})
}

// traceEnd calls the tracer after an upload. Either resp or err is nil, or both after a panic.
func (c *Client) traceEnd(ctx context.Context, p *Package, sent sentUpload, resp *Response, err *SendError) {
	end := UploadEnd{StatusCode: sent.statusCode, Bytes: sent.bytes}
	switch {
	case err != nil:
		end.Outcome, end.Err = err.Outcome, err
	case resp != nil:
		end.Outcome, end.Statuses = OutcomeAccepted, map[Status]int{}
		p.lines.countSegments(func(place, segments int) {
			status := resp.Results[place].Status
			end.Statuses[status]++
			if status == StatusSuccess {
				end.Segments += segments
			}
		})
	}
	c.tracer.TraceUploadEnd(ctx, end)
}
