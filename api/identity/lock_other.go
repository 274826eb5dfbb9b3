//go:build !unix

package identity

import "time"

// lock does nothing where files cannot be locked as on Unix: let one process
// make the authority there, before others start.
func lock(string, time.Duration) (unlock func(), err error) { return func() {}, nil }
