package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// socketMode lets the daemon's user and group connect, and nobody else.
const socketMode = 0o660

// listenUnix listens at a socket in the file system. One that a daemon left
// behind when it was killed is replaced; one that somebody answers at, or a
// file that is no socket, is left alone. The file goes with the listener.
//
// The socket is made under another name and moved, so that nobody ever connects
// to one with the permissions of the umask.
func listenUnix(path string) (net.Listener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp(filepath.Dir(path), ".fw") // short: a socket's path has 107 bytes at most
	if err != nil {
		return nil, fmt.Errorf("unix:%s: %w", path, err)
	}
	defer os.RemoveAll(directory)
	fresh := filepath.Join(directory, "s")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: fresh, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("unix:%s: %w", path, err)
	}
	l.SetUnlinkOnClose(false) // of the name that it was made under
	if err := errors.Join(os.Chmod(fresh, socketMode), os.Rename(fresh, path)); err != nil {
		l.Close()
		return nil, fmt.Errorf("unix:%s: %w", path, err)
	}
	return &socket{UnixListener: l, path: path}, nil
}

// removeStale removes a socket at which nobody answers.
func removeStale(path string) error {
	at, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("unix:%s: %w", path, err)
	case at.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("unix:%s is a file, not a socket: name another path, or remove it", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	switch {
	case err == nil:
		conn.Close()
		return fmt.Errorf("unix:%s: somebody listens there: stop that daemon, or name another path", path)
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("unix:%s: whether somebody listens there cannot be told: %w", path, err)
}

// socket is a listener that has been moved to path.
type socket struct {
	*net.UnixListener
	path   string
	remove sync.Once
}

// Addr is where it can be reached.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close removes the file while it is still ours, and once: what is there later
// belongs to the next daemon.
func (s *socket) Close() (err error) {
	s.remove.Do(func() {
		if err = os.Remove(s.path); errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	})
	return errors.Join(s.UnixListener.Close(), err)
}
