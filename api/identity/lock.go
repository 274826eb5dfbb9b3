//go:build unix

package identity

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock waits until no other process holds path, for at most patience. The lock
// ends with unlock, or with the process.
func lock(path string, patience time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	const pause = 5 * time.Millisecond
	for waited := time.Duration(0); ; waited += pause {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil
		}
		if waited >= patience {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w: another process holds it", path, err)
		}
		time.Sleep(pause)
	}
}
