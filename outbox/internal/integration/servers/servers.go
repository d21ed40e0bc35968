//go:build unix

// Package servers starts PostgreSQL, MariaDB and PgBouncer on 127.0.0.1, each in a folder of its
// own and as an unprivileged user, for tests that also crash them.
package servers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	_ "github.com/go-sql-driver/mysql" // a driver
	_ "github.com/jackc/pgx/v5/stdlib" // a driver
)

// Server is a database server, or PgBouncer.
type Server struct {
	Port   int
	Dir    string // its data, removed by Stop
	Driver string // of database/sql
	DSN    string

	binary  string
	args    []string
	account *syscall.Credential // nil = our own
	crash   syscall.Signal
	process *exec.Cmd
	exited  chan struct{} // closed once the process has ended
}

// newServer makes the folder of a server that is to run as one of the users, if we are root.
func newServer(driver string, crash syscall.Signal, users ...string) (*Server, error) {
	dir, err := os.MkdirTemp("", "smslink-outbox-")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Driver: driver, crash: crash}
	if s.Port, err = freePort(); err != nil {
		return nil, err
	}
	if os.Getuid() != 0 {
		return s, nil
	}
	for _, name := range append(users, "nobody") {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		s.account = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		return s, os.Chown(dir, uid, gid)
	}
	return nil, errors.New("servers: there is no unprivileged user")
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// command runs as the server's user, with the server's folder as its own.
func (s *Server) command(binary string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = s.Dir
	// MariaDB's temporary tables collide in a shared folder.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.Dir, "TMPDIR=" + s.Dir, "LC_ALL=C.UTF-8"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.account}
	return cmd
}

func (s *Server) once(binary string, args ...string) error {
	if out, err := s.command(binary, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("servers: %s: %w: %s", filepath.Base(binary), err, out)
	}
	return nil
}

// Start starts the server, and waits until it answers.
func (s *Server) Start() error {
	log, err := os.OpenFile(filepath.Join(s.Dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.process = s.command(s.binary, s.args...)
	s.process.Stdout, s.process.Stderr = log, log
	if err := s.process.Start(); err != nil {
		return err
	}
	process, exited := s.process, make(chan struct{})
	s.exited = exited
	go func() {
		_ = process.Wait() // a server that is killed ends with an error
		close(exited)
	}()
	db, err := sql.Open(s.Driver, s.DSN)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for range 600 {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		err = db.PingContext(ctx)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			text, _ := os.ReadFile(filepath.Join(s.Dir, "server.log"))
			return fmt.Errorf("servers: %s has ended: %s", filepath.Base(s.binary), text)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return fmt.Errorf("servers: %s does not answer: %w", filepath.Base(s.binary), err)
}

// Crash ends the server without letting it write anything more.
func (s *Server) Crash() error {
	if err := s.process.Process.Signal(s.crash); err != nil {
		return err
	}
	<-s.exited
	return nil
}

// Stop ends the server and removes its folder.
func (s *Server) Stop() {
	if s.process != nil {
		_ = s.Crash()
	}
	_ = os.RemoveAll(s.Dir)
}

// orStop returns the server, or stops it if it could not be started.
func (s *Server) orStop(err error) (*Server, error) {
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// Through returns the DSN for a proxy of the server.
func (s *Server) Through(port int) string {
	return strings.Replace(s.DSN, fmt.Sprintf("127.0.0.1:%d", s.Port), fmt.Sprintf("127.0.0.1:%d", port), 1)
}

// Open opens the server's database.
func (s *Server) Open() (*sql.DB, error) { return sql.Open(s.Driver, s.DSN) }

// find returns the path of a program. Debian keeps PostgreSQL's out of PATH, and has wrappers of
// the same names there.
func find(name string) (string, error) {
	if found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name); len(found) > 0 {
		return found[len(found)-1], nil
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if path, err := exec.LookPath("/usr/sbin/" + name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("servers: there is no %s: %w", name, exec.ErrNotFound)
}
