//go:build unix

package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// nonblocking has a pipe opened that nobody writes to.
const nonblocking = syscall.O_NONBLOCK

// writer names whoever else can write to a directory; "" is nobody but root.
func writer(info fs.FileInfo) string {
	s, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && s.Uid != 0 && int(s.Uid) != os.Geteuid():
		return fmt.Sprintf("user %d, its owner", s.Uid)
	case info.Mode()&0o002 != 0:
		return "everybody"
	}
	return ""
}

// turn waits until no other process writes to the directory, and keeps others from it
// until it is released or the process ends. Where a file system has no locks there is
// none: of two that write at the same moment the older entry may stay until the next.
func turn(ctx context.Context, root *os.Root) (release func(), err error) {
	dir, err := root.Open(".")
	if err != nil {
		return nil, err
	}
	for {
		err := unix.Flock(int(dir.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return func() { dir.Close() }, nil
		}
		sleep(ctx, time.Millisecond)
		if ctx.Err() != nil {
			dir.Close()
			return nil, ctx.Err()
		}
	}
}
