package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
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

// JSON writes v as a line of JSON. It is an error of the output if v can't be encoded.
func (o *Output) JSON(v any) { o.Fail(o.encoder.Encode(v)) }

// noData is Windows's ERROR_NO_DATA, the error of a write to a pipe whose reader has closed it.
const noData = syscall.Errno(232)

// Failure returns the error to report. It is nil if the reader has closed the pipe, as head does.
func (o *Output) Failure() error {
	if errors.Is(o.Err, syscall.EPIPE) || runtime.GOOS == "windows" && errors.Is(o.Err, noData) {
		return nil
	}
	return o.Err
}

// Fail keeps err if it is the first error of the output.
func (o *Output) Fail(err error) {
	if o.Err == nil && err != nil {
		o.Err = fmt.Errorf("the output could not be written: %w", err)
	}
}

// Heading returns text for the first row of several, and "" for the others.
func Heading(i int, text string) string {
	if i > 0 {
		return ""
	}
	return text
}
