package cache

import (
	"container/list"
	"sync"
)

// inMemory is the name of the first layer.
const inMemory = "memory"

// memory is the first layer: the newest entry of each key that was used of late, in so
// many bytes.
type memory struct {
	mu      sync.Mutex
	left    int
	byKey   map[string]*list.Element
	entries list.List // of Entry, the last used first
}

func newMemory(bytes int) *memory {
	return &memory{left: bytes, byKey: map[string]*list.Element{}}
}

func (m *memory) get(key string) (Entry, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at, ok := m.byKey[key]
	if !ok {
		return Entry{}, false
	}
	m.entries.MoveToFront(at)
	return at.Value.(Entry), true
}

// put keeps an entry unless there is a newer one. It returns that which is kept, and how
// many others had to go.
func (m *memory) put(e Entry) (newest Entry, evicted int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if at, ok := m.byKey[e.Key]; ok {
		if was := at.Value.(Entry); was.Time.After(e.Time) {
			return was, 0
		}
		m.remove(at)
	}
	m.byKey[e.Key] = m.entries.PushFront(e)
	for m.left -= size(e); m.left < 0 && m.entries.Len() > 1; evicted++ {
		m.remove(m.entries.Back())
	}
	return e, evicted
}

func (m *memory) remove(at *list.Element) {
	e := m.entries.Remove(at).(Entry)
	delete(m.byKey, e.Key)
	m.left += size(e)
}

// size is about what an entry takes.
func size(e Entry) int { return len(e.Key) + len(e.Version) + len(e.Value) + 128 }
