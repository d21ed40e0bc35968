package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// results is the CSV file that keeps what became of each row. Nil keeps nothing.
type results struct {
	name    string
	file    *os.File // under another name while it replaces one of an earlier run
	csv     *csv.Writer
	created bool
}

// createResults opens the file before anything is sent, so that a name that can't
// be written costs nothing. It does not write over a file that holds something:
// remote ids can't be had again. But where a journal has them, a results file
// of an earlier run is replaced once the new one is whole.
func createResults(name string, resuming bool) (*results, error) {
	if name == "" {
		return nil, nil
	}
	r := &results{name: name, created: true}
	err := r.open(os.O_EXCL, name)
	switch {
	case errors.Is(err, fs.ErrExist) && resuming && isResults(name):
		r.file, err = os.CreateTemp(filepath.Dir(name), filepath.Base(name)+"-*") // readable for its owner alone
	case errors.Is(err, fs.ErrExist):
		r.created = false
		err = r.open(0, name)
	}
	if err != nil {
		return nil, err
	}
	if info, err := r.file.Stat(); err != nil || info.Mode().IsRegular() && info.Size() > 0 {
		r.file.Close()
		return nil, fmt.Errorf("%s is not empty; name a new file", name)
	}
	r.csv = csv.NewWriter(r.file)
	_ = r.csv.Write(fatesHeader) // flush tells
	return r, r.flush()
}

func (r *results) open(flag int, name string) (err error) {
	create := os.O_CREATE
	if !r.created {
		create = 0
	}
	r.file, err = os.OpenFile(name, flag|create|os.O_WRONLY, 0o600)
	return err
}

// isResults tells whether a file starts as one of ours does.
func isResults(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	line, err := bufio.NewReader(f).ReadString('\n')
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
