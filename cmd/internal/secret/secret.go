// Package secret reads, or creates, the file with the secret of a webhook's URL.
package secret

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"

	"github.com/go-smslink/smslink/cmd/internal/safefile"
	"github.com/go-smslink/smslink/webhook"
)

// Read reads the secret, or creates a file with a new one. If everyone can read the file, Read sets
// its mode to 0600 and writes a line to notes, except that it is an error if the file is behind a
// symbolic link. It never changes a file that holds no secret.
func Read(name string, notes io.Writer) (string, error) {
	info, err := os.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return makeSecret(name)
	}
	if err != nil {
		return "", err
	}
	isLink := info.Mode()&fs.ModeSymlink != 0
	open := safefile.NoFollow
	if isLink { // as Kubernetes mounts its secrets
		open = os.OpenFile
	}
	f, err := open(name, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, 64<<10)) // far more than the longest secret
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(string(raw))
	if _, err := webhook.Reports(secret, func(context.Context, webhook.Report) error { return nil }, nil); err != nil {
		return "", fmt.Errorf("%s holds no secret: %w", name, err)
	}
	return secret, keepPrivate(f, isLink, notes)
}

// keepPrivate keeps others from reading a file that everyone can read.
func keepPrivate(f *os.File, isLink bool, notes io.Writer) error {
	info, err := f.Stat()
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o007 == 0:
		return nil
	case runtime.GOOS == "windows": // whose modes say nothing
		return nil
	case isLink:
		return fmt.Errorf("everyone can read %s, which is a symbolic link; make its target readable by its owner only "+
			"(Kubernetes: defaultMode: 0400)", f.Name())
	}
	if err := f.Chmod(0o600); err != nil {
		return fmt.Errorf("everyone can read it, and its mode can't be changed: %w", err)
	}
	fmt.Fprintf(notes, "smslink: everyone could read the secret in %s; its mode is 0600 now\n", f.Name())
	return nil
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
