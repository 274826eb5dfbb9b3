//go:build !unix

package durable

import "os"

// Lock does nothing where there is no flock: let one program at a time write to a
// directory there.
func Lock(string, os.FileMode) (release func() error, err error) {
	return func() error { return nil }, nil
}
