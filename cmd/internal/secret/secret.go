// Package secret reads the file of the secret that reports must name.
package secret

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
)

// Read reads the secret, or makes a file with a new one. A file that everybody can read
// becomes its owner's alone, and a line on notes says so.
func Read(name string, notes io.Writer) (string, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(name)
	}
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 && runtime.GOOS != "windows" { // whose modes say nothing
		if err := f.Chmod(0o600); err != nil {
			return "", fmt.Errorf("everybody can read it, and that can't be changed: %w", err)
		}
		fmt.Fprintf(notes, "smslink: everybody could read the secret in %s; its mode is 0600 now\n", name)
	}
	raw, err := io.ReadAll(io.LimitReader(f, 64<<10)) // far more than the longest secret
	return strings.TrimSpace(string(raw)), err
}

func makeSecret(name string) (string, error) {
	secret := rand.Text()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(secret + "\n")
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name) // so that no part of a secret is read as one
		return "", err
	}
	return secret, nil
}
