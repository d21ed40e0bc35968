package account

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/go-smslink/smslink/cmd/internal/cli"
	"github.com/go-smslink/smslink/cmd/internal/safefile"
)

// File is the value of --account: the name of a file that holds the account.
type File struct{ name string }

// AddTo adds the flag to a command.
func (f *File) AddTo(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.name, "account", "", "read the account from `FILE`, instead of the environment")
}

// Console returns a console whose environment has the account: that of the file if --account names
// one, else the environment's own, else that of the default file if there is one.
func (f *File) Console(c cli.Console) (cli.Console, error) {
	name := f.chosen(c)
	if name == "" {
		return c, nil
	}
	values, err := readAccount(name)
	if f.name == "" && errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, cli.Exit(cli.ExitNotSent, fmt.Errorf("--account: %w", err))
	}
	getenv := c.Getenv
	c.Getenv = func(variable string) string {
		if value, ok := values[variable]; ok {
			return value
		}
		return getenv(variable)
	}
	return c, nil
}

// chosen returns the file to read, or "" for the environment.
func (f *File) chosen(c cli.Console) string {
	if f.name != "" || c.Getenv(EnvConnectionID) != "" || c.Getenv(EnvPassword) != "" {
		return f.name
	}
	return defaultFile(c)
}

// source says where the account is read from.
func (f *File) source(c cli.Console) string { return cmp.Or(f.chosen(c), "the environment") }

// defaultFile returns the file in the user's configuration folder, or "" if there is no such
// folder.
func defaultFile(c cli.Console) string {
	folder := c.Getenv("XDG_CONFIG_HOME")
	if !filepath.IsAbs(folder) {
		var err error
		if folder, err = os.UserConfigDir(); err != nil {
			return ""
		}
	}
	return filepath.Join(folder, "smslink", "account")
}

// readAccount reads a file of lines such as SMSLINK_PASSWORD=…, which a shell can read, too. It
// refuses a file that others can read.
func readAccount(name string) (map[string]string, error) {
	f, info, err := safefile.Regular(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // Windows has no such modes
		return nil, fmt.Errorf("others can read %s, which holds a password: chmod 600 %s", name, name)
	}
	values := map[string]string{}
	lines := bufio.NewScanner(io.LimitReader(f, 64<<10))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		variable, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if variable = strings.TrimSpace(variable); !ok || variable != EnvConnectionID && variable != EnvPassword {
			return nil, fmt.Errorf("%s:%d: the line is neither %s=… nor %s=…", name, n, EnvConnectionID, EnvPassword)
		}
		if _, given := values[variable]; given {
			return nil, fmt.Errorf("%s:%d: %s is set twice", name, n, variable)
		}
		values[variable] = unquoted(strings.TrimSpace(value))
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if values[EnvConnectionID] == "" || values[EnvPassword] == "" {
		return nil, fmt.Errorf("%s lacks %s or %s", name, EnvConnectionID, EnvPassword)
	}
	return values, nil
}

// unquoted returns a value without the quotes that a shell needs.
func unquoted(value string) string {
	last := len(value) - 1
	if last > 0 && value[0] == value[last] && (value[0] == '"' || value[0] == '\'') {
		return value[1:last]
	}
	return value
}
