//go:build unix

package servers

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Postgres starts a PostgreSQL server with these settings, such as "fsync=off". The error wraps
// exec.ErrNotFound if PostgreSQL is not installed.
func Postgres(settings ...string) (*Server, error) {
	initdb, err := find("initdb")
	if err != nil {
		return nil, err
	}
	s, err := postgres(settings...)
	if err != nil {
		return nil, err
	}
	if err := s.once(initdb, "-D", s.data(), "-U", "smslink", "-A", "trust", "-E", "UTF8", "--no-sync"); err != nil {
		return s.orStop(err)
	}
	return s.orStop(s.Start())
}

func postgres(settings ...string) (*Server, error) {
	binary, err := find("postgres")
	if err != nil {
		return nil, err
	}
	// SIGQUIT is an immediate shutdown: no checkpoint, and recovery at the next start.
	s, err := newServer("pgx", syscall.SIGQUIT, "postgres")
	if err != nil {
		return nil, err
	}
	s.binary = binary
	s.DSN = fmt.Sprintf("postgres://smslink@127.0.0.1:%d/postgres?sslmode=disable", s.Port)
	s.args = []string{"-D", s.data(), "-p", fmt.Sprint(s.Port), "-h", "127.0.0.1", "-k", s.Dir}
	settings = append([]string{"wal_level=replica", "max_wal_senders=5", "log_min_messages=fatal"}, settings...)
	for _, setting := range settings {
		s.args = append(s.args, "-c", setting)
	}
	return s, nil
}

// Standby starts an asynchronous standby of a PostgreSQL server.
func (s *Server) Standby() (*Server, error) {
	backup, err := find("pg_basebackup")
	if err != nil {
		return nil, err
	}
	standby, err := postgres()
	if err != nil {
		return nil, err
	}
	if err := standby.once(backup, "-h", "127.0.0.1", "-p", fmt.Sprint(s.Port), "-U", "smslink",
		"-D", standby.data(), "-R", "-c", "fast"); err != nil {
		return standby.orStop(err)
	}
	return standby.orStop(standby.Start())
}

// Promote makes a standby the primary.
func (s *Server) Promote() error {
	control, err := find("pg_ctl")
	if err != nil {
		return err
	}
	return s.once(control, "-D", s.data(), "-w", "promote")
}

// PgBouncer starts PgBouncer in transaction mode before a PostgreSQL server.
func (s *Server) PgBouncer() (*Server, error) {
	binary, err := find("pgbouncer")
	if err != nil {
		return nil, err
	}
	b, err := newServer("pgx", syscall.SIGKILL, "postgres")
	if err != nil {
		return nil, err
	}
	b.binary = binary
	b.DSN = fmt.Sprintf("postgres://smslink@127.0.0.1:%d/postgres?sslmode=disable&default_query_exec_mode=exec", b.Port)
	config := filepath.Join(b.Dir, "pgbouncer.ini")
	b.args = []string{config}
	settings := fmt.Appendf(nil, `
[databases]
* = host=127.0.0.1 port=%d user=smslink
[pgbouncer]
listen_addr=127.0.0.1
listen_port=%d
auth_type=any
auth_file=
unix_socket_dir=
pool_mode=transaction
default_pool_size=20
max_client_conn=500
server_login_retry=0.2
`, s.Port, b.Port)
	if err := os.WriteFile(config, settings, 0o644); err != nil {
		return b.orStop(err)
	}
	return b.orStop(b.Start())
}
