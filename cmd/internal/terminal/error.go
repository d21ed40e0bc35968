package terminal

import "strings"

// Error returns err without the library's name in front, which a command replaces by its own, and
// as one line, since a server's text may stand in it. It still wraps err. Error(nil) is nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return &lineError{Line(strings.TrimPrefix(err.Error(), "smslink: ")), err}
}

type lineError struct {
	text string
	err  error
}

func (e *lineError) Error() string { return e.text }
func (e *lineError) Unwrap() error { return e.err }
