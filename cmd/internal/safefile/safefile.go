// Package safefile opens files whose names a stranger may have taken, with a symbolic link, a pipe
// or a device, and reads small texts.
package safefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// ErrLocked means that the file is locked already.
var ErrLocked = errors.New("another smslink command is using the file")

// Regular opens a regular file to read it. It waits for no pipe, and opens no device.
func Regular(name string) (*os.File, fs.FileInfo, error) {
	errNotRegular := fmt.Errorf("%s is not a regular file", name)
	info, err := os.Stat(name)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errNotRegular
	}
	f, err := os.OpenFile(name, os.O_RDONLY|nonblock, 0)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() { // it was replaced meanwhile
		err = errNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// NoFollow opens a file as os.OpenFile does, but refuses a symbolic link.
func NoFollow(name string, flag int, mode fs.FileMode) (*os.File, error) {
	if err := NotLink(name); err != nil {
		return nil, err
	}
	return os.OpenFile(name, flag|nofollow, mode)
}

// NotLink returns an error if name is a symbolic link.
func NotLink(name string) error {
	if info, err := os.Lstat(name); err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s is a symbolic link; name the file that it leads to", name)
	}
	return nil
}

// Line returns the start of a file, up to its first line end or limit bytes.
func Line(r io.Reader, limit int64) (string, error) {
	line, err := bufio.NewReader(io.LimitReader(r, limit)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", err
	}
	return strings.TrimSuffix(line, "\n"), nil
}

// Text returns the text of a file of at most 1 MiB, without a byte order mark.
func Text(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 1 << 20
	raw, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && len(raw) > most {
		err = fmt.Errorf("%s has more than 1 MiB", name)
	}
	return strings.TrimPrefix(string(raw), "\ufeff"), err
}
