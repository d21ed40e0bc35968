package terminal

import "strings"

// Error returns err without the library's name in front, which a command replaces by its own, and
// as one line, since a server's words may stand in it. It still wraps err. Error(nil) is nil.
func Error(err error) error {
	if err == nil {
		return nil
	}
	return &wordedError{Line(strings.TrimPrefix(err.Error(), "smslink: ")), err}
}

type wordedError struct {
	words string
	err   error
}

func (e *wordedError) Error() string { return e.words }
func (e *wordedError) Unwrap() error { return e.err }
