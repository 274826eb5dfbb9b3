// Package pgtest runs a real PostgreSQL for tests.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Server is a real PostgreSQL in a directory of its own, on a unix socket. One
// goroutine uses it.
type Server struct {
	programs, directory string
	credential          *syscall.Credential // root may not run it: the user postgres does
	process             *exec.Cmd
	exited              chan error
	log                 *bytes.Buffer
}

// ErrNone says what is missing.
var ErrNone = errors.New("no PostgreSQL on this machine: apt-get install postgresql")

// New makes an empty server that does not run yet; ErrNone where there is no
// PostgreSQL. Remove it in the end.
func New() (*Server, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, ErrNone
	}
	s := &Server{programs: filepath.Dir(found[len(found)-1])}
	if s.directory, err = os.MkdirTemp("", "pg"); err != nil {
		return nil, err
	}
	if os.Getuid() == 0 {
		if err := s.giveUpRoot(); err != nil {
			return nil, errors.Join(err, os.RemoveAll(s.directory))
		}
	}
	initdb := s.command("initdb", "--auth=trust", "--username=fairway", "--no-sync", "--no-instructions", "--pgdata="+filepath.Join(s.directory, "data"))
	if text, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("initdb: %w\n%s", err, text), os.RemoveAll(s.directory))
	}
	return s, nil
}

func (s *Server) giveUpRoot() error {
	account, err := user.Lookup("postgres")
	if err != nil {
		return fmt.Errorf("root may not run PostgreSQL and there is no user postgres: %w", err)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err != nil {
		return err
	}
	gid, err := strconv.Atoi(account.Gid)
	if err != nil {
		return err
	}
	s.credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(s.directory, uid, gid)
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.programs, name), args...)
	c.Dir = s.directory
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	return c
}

// Start returns when the server answers.
func (s *Server) Start() error {
	s.process = s.command("postgres", "-D", filepath.Join(s.directory, "data"), "-k", s.directory,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50")
	s.log = &bytes.Buffer{}
	s.process.Stderr = s.log
	if err := s.process.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	process := s.process
	go func() { exited <- process.Wait() }()
	s.exited = exited
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case err := <-exited:
			return fmt.Errorf("postgres ended: %v\n%s", err, s.log)
		case <-ctx.Done():
			return errors.Join(err, s.Stop())
		case <-time.After(20 * time.Millisecond): // until it listens, there is nothing to wait on
		}
	}
}

// Stop ends the server and all its connections. It can be started again.
func (s *Server) Stop() error {
	if err := s.process.Process.Signal(syscall.SIGINT); err != nil { // fast shutdown
		return err
	}
	err := <-s.exited
	s.process = nil
	return err
}

// URL names a database of the server; "postgres" is there from the start.
func (s *Server) URL(database string) string {
	return fmt.Sprintf("postgres:///%s?host=%s&user=fairway", database, s.directory)
}

// Remove deletes what a stopped server leaves.
func (s *Server) Remove() error { return os.RemoveAll(s.directory) }

// Start runs a server until the test ends. The test is skipped where there is
// no PostgreSQL, and fails where CI is true.
func Start(t testing.TB) *Server {
	t.Helper()
	s, err := New()
	if errors.Is(err, ErrNone) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Remove() })
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.process != nil {
			s.Stop()
		}
	})
	return s
}
