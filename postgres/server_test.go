package postgres

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
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// server is a real PostgreSQL in a directory of its own, on a unix socket.
type server struct {
	programs, directory string
	credential          *syscall.Credential // root may not run it: the user postgres does
	process             *exec.Cmd
	exited              chan error
	log                 *bytes.Buffer
}

// shared serves all tests that do not stop it; nil when there is no
// PostgreSQL on this machine.
var shared *server

func TestMain(m *testing.M) {
	os.Exit(func() int {
		s, err := newServer()
		if err == nil {
			err = s.start()
			defer os.RemoveAll(s.directory)
		}
		if err != nil {
			if os.Getenv("CI") == "true" || !errors.Is(err, errNoPostgreSQL) {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
			return m.Run()
		}
		defer s.stop()
		shared = s
		return m.Run()
	}())
}

var errNoPostgreSQL = errors.New("no PostgreSQL on this machine: apt-get install postgresql")

func newServer() (*server, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return nil, err
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		return nil, errNoPostgreSQL
	}
	s := &server{programs: filepath.Dir(found[len(found)-1])}
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

func (s *server) giveUpRoot() error {
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

func (s *server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.programs, name), args...)
	c.Dir = s.directory
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.credential}
	return c
}

// start returns when the server answers.
func (s *server) start() error {
	s.process = s.command("postgres", "-D", filepath.Join(s.directory, "data"), "-k", s.directory,
		"-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=50")
	s.log = &bytes.Buffer{}
	s.process.Stderr = s.log
	if err := s.process.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- s.process.Wait() }()
	s.exited = exited
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, s.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case err := <-exited:
			return fmt.Errorf("postgres ended: %v\n%s", err, s.log)
		case <-ctx.Done():
			return errors.Join(err, s.stop())
		case <-time.After(20 * time.Millisecond): // until it listens, there is nothing to wait on
		}
	}
}

// stop ends the server and all its connections.
func (s *server) stop() error {
	if err := s.process.Process.Signal(syscall.SIGINT); err != nil { // fast shutdown
		return err
	}
	return <-s.exited
}

func (s *server) url(database string) string {
	return fmt.Sprintf("host=%s user=fairway dbname=%s", s.directory, database)
}

// deadline bounds a test that would otherwise hang.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

var databases atomic.Int64

// fresh is the URL of a new, empty database.
func fresh(t *testing.T) string {
	t.Helper()
	if shared == nil {
		t.Skip(errNoPostgreSQL)
	}
	name := fmt.Sprint("test", databases.Add(1))
	run(t, shared.url("postgres"), "CREATE DATABASE "+name)
	return shared.url(name)
}

// run executes one statement over a connection of its own.
func run(t *testing.T, url, statement string) {
	t.Helper()
	ctx := deadline(t)
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatal(err)
	}
}

func open(t *testing.T, url string) *Database {
	t.Helper()
	db, err := Open(deadline(t), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}
