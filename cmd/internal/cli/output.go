package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"syscall"
)

// Output is what a command writes to standard output. It keeps the first error, and then writes no
// more.
type Output struct {
	out     io.Writer
	encoder *json.Encoder
	Err     error
}

// NewOutput returns an Output that writes to out.
func NewOutput(out io.Writer) *Output {
	o := &Output{out: out}
	o.encoder = json.NewEncoder(o)
	o.encoder.SetEscapeHTML(false)
	return o
}

// Write never fails.
func (o *Output) Write(p []byte) (int, error) {
	if o.Err == nil {
		_, err := o.out.Write(p)
		o.Fail(err)
	}
	return len(p), nil
}

// JSON writes a line of JSON. That v has no form in JSON is an error of the output, too.
func (o *Output) JSON(v any) { o.Fail(o.encoder.Encode(v)) }

// Failure returns the error to report: nil if the reader needs no more, such as head.
func (o *Output) Failure() error {
	if errors.Is(o.Err, syscall.EPIPE) {
		return nil
	}
	return o.Err
}

// Fail keeps an error as that of the output, if it is the first.
func (o *Output) Fail(err error) {
	if o.Err == nil && err != nil {
		o.Err = fmt.Errorf("the output could not be written: %w", err)
	}
}

// Heading stands in the first row of several.
func Heading(i int, text string) string {
	if i > 0 {
		return ""
	}
	return text
}
