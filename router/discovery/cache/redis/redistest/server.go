// Package redistest runs a real Redis for tests.
package redistest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Server is a Redis on a socket of its own. It can be killed and started again, with
// what it had.
type Server struct {
	directory string
	args      []string
	port      string // in place of PORT in args
	running   *exec.Cmd
	ended     chan struct{} // closed when running has
}

// Start runs a server until the test ends, with more settings than a socket asks for;
// PORT in them is a free port, which Port tells. The test is skipped where there is no
// Redis, and fails where CI is true.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("redis-server is not installed")
		}
		t.Skip("redis-server is not installed")
	}
	directory, err := os.MkdirTemp("", "redis") // the path of a socket has to be short
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{directory: directory, args: args}
	t.Cleanup(func() { s.Kill(); os.RemoveAll(directory) })
	for range 20 { // somebody else may take a port before it does
		if s.port, err = free(); err == nil {
			err = s.Start()
		}
		if err == nil {
			return s
		}
	}
	t.Fatal(err)
	return nil
}

func free() (port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err = net.SplitHostPort(l.Addr().String())
	return port, err
}

// Start starts the server, again after Kill, and waits until it answers.
func (s *Server) Start() error {
	args := []string{"--port", "0", "--unixsocket", s.Socket(), "--dir", s.directory, "--save", "", "--appendonly", "yes", "--appendfsync", "always"}
	for _, a := range s.args {
		args = append(args, strings.ReplaceAll(a, "PORT", s.port))
	}
	running, ended := exec.Command("redis-server", args...), make(chan struct{})
	said := &bytes.Buffer{}
	running.Stdout = said
	if err := running.Start(); err != nil {
		return err
	}
	s.running, s.ended = running, ended
	go func() { defer close(ended); _ = running.Wait() }() // says "signal: killed"
	for range 3000 {
		if s.answers() {
			return nil
		}
		select {
		case <-ended:
			return fmt.Errorf("redis-server ended: %s", said)
		case <-time.After(10 * time.Millisecond): // until it listens, there is nothing to wait on
		}
	}
	return fmt.Errorf("redis-server in %s does not answer", s.directory)
}

// answers reports whether it does, be it that it wants a password.
func (s *Server) answers() bool {
	conn, err := net.Dial("unix", s.Socket())
	if err != nil {
		return false
	}
	defer conn.Close()
	answer := make([]byte, len("+PONG"))
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	_, err = conn.Read(answer)
	return err == nil && (string(answer) == "+PONG" || string(answer) == "-NOAU") // not "-LOADING"
}

// Kill is kill -9.
func (s *Server) Kill() {
	if s.running != nil {
		_ = s.running.Process.Kill()
		<-s.ended
		s.running = nil
	}
}

// Socket is the path that it listens at.
func (s *Server) Socket() string { return filepath.Join(s.directory, "s") }

// Port is the one that stands for PORT in its settings.
func (s *Server) Port() string { return s.port }

// URL names it to what is tested.
func (s *Server) URL() string { return "unix://" + s.Socket() }
