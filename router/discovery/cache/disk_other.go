//go:build !unix

package cache

import (
	"context"
	"io/fs"
	"os"
)

const nonblocking = 0

// writer does not know who can write to a directory there.
func writer(fs.FileInfo) string { return "" }

// turn does nothing where there is no flock: of two that write at the same moment the
// older entry may stay until the next.
func turn(context.Context, *os.Root) (release func(), err error) { return func() {}, nil }
