// Package porttest gives tests ports for programs that are told theirs, and for
// servers that go and come back.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// The ports lie below those that systems hand out to whoever asks for any, or calls
// somebody: none of those takes the place of a program that is not there yet, or is
// being started again. They lie below those of the lab's meshes too.
const first, last = 11_000, 19_999

// taken are the ports that this process has given away.
var taken sync.Map

// Address is a loopback address on which nobody listens, another one each time.
func Address(t testing.TB) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", first+rand.IntN(last-first+1))
		if _, given := taken.LoadOrStore(address, true); given {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}
