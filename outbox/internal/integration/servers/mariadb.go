//go:build unix

package servers

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
)

// MariaDB starts a MariaDB server with these options, such as "--innodb-flush-log-at-trx-commit=2".
// Its own character set is latin1, as those of many old servers are. The error wraps
// exec.ErrNotFound if MariaDB is not installed.
func MariaDB(options ...string) (*Server, error) {
	binary, err := find("mariadbd")
	if err != nil {
		return nil, err
	}
	install, err := find("mariadb-install-db")
	if err != nil {
		return nil, err
	}
	s, err := newServer("mysql", syscall.SIGKILL, "mysql")
	if err != nil {
		return nil, err
	}
	s.binary = binary
	s.DSN = fmt.Sprintf("root@tcp(127.0.0.1:%d)/?interpolateParams=true", s.Port)
	s.args = append([]string{
		"--no-defaults", "--datadir=" + s.data(),
		"--port=" + fmt.Sprint(s.Port), "--bind-address=127.0.0.1",
		"--socket=" + filepath.Join(s.Dir, "s"), "--pid-file=" + filepath.Join(s.Dir, "pid"),
		"--character-set-server=latin1", "--innodb-buffer-pool-size=256M",
	}, options...)
	if err := s.once(install, "--no-defaults", "--datadir="+s.data(),
		"--auth-root-authentication-method=normal", "--skip-name-resolve"); err != nil {
		return s.orStop(err)
	}
	if err := s.Start(); err != nil {
		return s.orStop(err)
	}
	db, err := s.Open()
	if err != nil {
		return s.orStop(err)
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(context.Background(), "CREATE DATABASE outbox") // everyone may use "test"
	s.DSN = strings.Replace(s.DSN, "/?", "/outbox?", 1)
	return s.orStop(err)
}
