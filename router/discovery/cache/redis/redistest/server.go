// Package redistest runs a real Redis for tests.
package redistest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Server is a Redis on a socket of its own. It can be killed and started again, with
// what it had.
type Server struct {
	directory string
	running   *exec.Cmd
}

// Start runs a server until the test ends. The test is skipped where there is no Redis,
// and fails where CI is true.
func Start(t testing.TB) *Server {
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
	s := &Server{directory: directory}
	t.Cleanup(func() { s.Kill(); os.RemoveAll(directory) })
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Start starts the server, again after Kill, and waits until it answers.
func (s *Server) Start() error {
	s.running = exec.Command("redis-server", "--port", "0", "--unixsocket", s.Socket(), "--dir", s.directory, "--save", "", "--appendonly", "yes", "--appendfsync", "always")
	if err := s.running.Start(); err != nil {
		return err
	}
	for range 3000 {
		if s.answers() {
			return nil
		}
		time.Sleep(10 * time.Millisecond) // until it listens, there is nothing to wait on
	}
	return fmt.Errorf("redis-server in %s does not answer", s.directory)
}

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
	return err == nil && string(answer) == "+PONG" // not "-LOADING"
}

// Kill is kill -9.
func (s *Server) Kill() {
	if s.running != nil {
		_ = s.running.Process.Kill()
		_ = s.running.Wait() // says "signal: killed"
		s.running = nil
	}
}

// Socket is the path that it listens at.
func (s *Server) Socket() string { return filepath.Join(s.directory, "s") }

// URL names it to what is tested.
func (s *Server) URL() string { return "unix://" + s.Socket() }
