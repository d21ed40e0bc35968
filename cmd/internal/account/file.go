package account

import (
	"bufio"
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
	name := f.name
	if name == "" {
		if c.Getenv(EnvConnectionID) != "" || c.Getenv(EnvPassword) != "" {
			return c, nil
		}
		name = defaultFile(c)
		if _, err := os.Stat(name); name == "" || errors.Is(err, fs.ErrNotExist) {
			return c, nil
		}
	}
	values, err := readAccount(name)
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

// source says where the account is read from.
func (f *File) source(c cli.Console) string {
	switch {
	case f.name != "":
		return f.name
	case c.Getenv(EnvConnectionID) != "" || c.Getenv(EnvPassword) != "":
		return "the environment"
	}
	return defaultFile(c)
}

// defaultFile returns the file in the user's configuration folder, or "" if that is not known.
func defaultFile(c cli.Console) string {
	if folder := c.Getenv("XDG_CONFIG_HOME"); filepath.IsAbs(folder) {
		return filepath.Join(folder, "smslink", "account")
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return ""
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
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" { // whose modes say nothing
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
			return nil, fmt.Errorf("%s:%d: %s stands there twice", name, n, variable)
		}
		values[variable] = unquoted(strings.TrimSpace(value))
	}
	if values[EnvConnectionID] == "" || values[EnvPassword] == "" {
		return nil, fmt.Errorf("%s lacks %s or %s", name, EnvConnectionID, EnvPassword)
	}
	return values, lines.Err()
}

// unquoted takes the quotes of a shell off a value.
func unquoted(value string) string {
	for _, quote := range []string{`"`, `'`} {
		if len(value) >= 2 && strings.HasPrefix(value, quote) && strings.HasSuffix(value, quote) {
			return value[1 : len(value)-1]
		}
	}
	return value
}
