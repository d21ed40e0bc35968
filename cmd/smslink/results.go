package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// results is the CSV file that keeps what became of each row. Nil keeps nothing.
type results struct {
	name    string
	file    *os.File // under another name while it replaces one of an earlier run
	csv     *csv.Writer
	created bool
}

// createResults opens the file before anything is sent, so that a name that can't be written costs
// nothing. It refuses a file that holds something, since remote ids can't be had again. But if a
// journal has them, a results file of an earlier run is replaced once the new one is whole: until
// then the new one is written beside it, as NAME.partial. Only its owner can read the file; tell is
// called if that had to be changed.
func createResults(name string, resuming bool, tell func(string)) (*results, error) {
	if name == "" {
		return nil, nil
	}
	r := &results{name: name}
	var err error
	switch _, statErr := os.Stat(name); {
	case errors.Is(statErr, fs.ErrNotExist):
		r.created = true
		r.file, err = os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	case resuming && isResults(name):
		r.created = true
		r.file, err = openPartial(name + ".partial")
	default:
		r.file, err = os.OpenFile(name, os.O_WRONLY, 0)
	}
	if err != nil {
		return nil, err
	}
	if err := r.prepare(tell); err != nil {
		r.file.Close()
		return nil, err
	}
	r.csv = csv.NewWriter(r.file)
	_ = r.csv.Write(fatesHeader) // flush tells
	return r, r.flush()
}

// openPartial opens a new file, or one that a run which was killed has left.
func openPartial(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case !info.Mode().IsRegular() || info.Size() > 0 && !startsAsResults(f):
		err = fmt.Errorf("%s is not what an earlier run has left; rename it", name)
	default:
		_, err = f.Seek(0, io.SeekStart)
		err = errors.Join(err, f.Truncate(0))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// prepare refuses a file that holds something, and keeps its readers to its owner.
func (r *results) prepare(tell func(string)) error {
	info, err := r.file.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return nil // such as a pipe
	case info.Size() > 0:
		return fmt.Errorf("%s is not empty; name a new file", r.name)
	case runtime.GOOS == "windows" || info.Mode().Perm()&0o077 == 0:
		return nil
	}
	if err := r.file.Chmod(0o600); err != nil {
		return fmt.Errorf("others can read %s, and that can't be changed (%w); name a new file", r.name, err)
	}
	tell(fmt.Sprintf("others could read %s; now only you can", r.name))
	return nil
}

// isResults reports whether a file starts as one of ours does.
func isResults(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	return startsAsResults(f)
}

func startsAsResults(in io.Reader) bool {
	line, err := bufio.NewReader(in).ReadString('\n')
	return err == nil && strings.TrimSpace(line) == strings.Join(fatesHeader, ",")
}

func (r *results) add(f fate) error {
	if r == nil {
		return nil
	}
	return r.csv.Write(f.record())
}

// flush writes what was added, so that a process that is killed loses none of it; a power cut may.
func (r *results) flush() error {
	if r == nil {
		return nil
	}
	r.csv.Flush()
	return r.csv.Error()
}

// finish closes the file, and takes it away again where there is nothing to keep,
// so that the same command can be run again.
func (r *results) finish(keep bool) error {
	if r == nil {
		return nil
	}
	err := r.flush()
	if closeErr := r.file.Close(); err == nil {
		err = closeErr
	}
	switch written := r.file.Name(); {
	case err != nil:
		return err
	case !keep && r.created:
		return os.Remove(written)
	case written != r.name && r.created:
		return os.Rename(written, r.name)
	}
	return nil
}
