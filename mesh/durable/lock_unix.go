//go:build unix

package durable

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Lock holds the file at path, which is made where it is missing, until it is released
// or the process ends, and fails when another holds it.
func Lock(path string, mode os.FileMode) (release func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, mode)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f.Close, nil
}
