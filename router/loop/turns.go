package loop

import (
	"sync"
	"sync/atomic"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// turns is the lock under which a loop decides. To decide on the windows of a large mesh
// takes a good part of a second, which what is discovered need not wait for: whoever
// holds the lock takes that in between two services, and before it lets go.
type turns struct {
	mu    sync.Mutex
	found atomic.Pointer[discovery.Snapshot] // that nobody has taken in; the newest
	know  func(*discovery.Snapshot)          // takes one in, while the lock is held
	in    bool                               // it does so now
}

func (t *turns) Lock() { t.mu.Lock() }

// Unlock lets go of the lock. A snapshot that has come since is taken in before; if one
// comes just then, whoever gets the lock next does it.
func (t *turns) Unlock() {
	for {
		t.heed()
		t.mu.Unlock()
		if t.found.Load() == nil || !t.mu.TryLock() {
			return
		}
	}
}

// leave has a snapshot taken in: at once where nobody holds the lock, else by who does.
func (t *turns) leave(s *discovery.Snapshot) {
	t.found.Store(s)
	if t.mu.TryLock() {
		t.Unlock()
	}
}

// heed takes in what has been discovered meanwhile. Who holds the lock calls it where
// nothing is half done.
func (t *turns) heed() {
	if t.in || t.found.Load() == nil {
		return
	}
	if s := t.found.Swap(nil); s != nil {
		t.in = true
		t.know(s)
		t.in = false
	}
}
