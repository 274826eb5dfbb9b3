package api

import (
	"sync"
	"time"
)

// maturity is how long a count of requests in flight stands without being told
// again: a proxy that sends an endpoint nothing any more does not say so.
const maturity = 10 * time.Second

// inFlight adds up what proxies report to have in flight at each endpoint. It
// is safe for concurrent use.
type inFlight struct {
	mu     sync.Mutex
	places map[place]*standing
	named  map[string]*teller // those that outlive a stream
	swept  time.Time
}

// maxNamed bounds the tellers with names: who calls makes them up.
const maxNamed = 10_000

// place is an endpoint of a service, by the table's own strings.
type place struct{ service, endpoint string }

// standing is what is told of one endpoint.
type standing struct {
	sum  int64
	at   time.Time // the newest
	told map[*teller]told
}

type told struct {
	n  int64
	at time.Time
}

// teller is one stream of reports, or all reports of a named proxy. Counts mean
// something once one is above 0: a proxy that leaves the field out tells none.
type teller struct {
	name   string // or ""
	counts bool
	places map[place]struct{}
	at     time.Time
}

func newInFlight() *inFlight {
	return &inFlight{places: map[place]*standing{}, named: map[string]*teller{}}
}

// teller is the one of that name, or one that nobody else has.
func (b *inFlight) teller(name string, now time.Time) *teller {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	t := b.named[name]
	if t == nil {
		t = &teller{places: map[place]struct{}{}}
		if name != "" && len(b.named) < maxNamed {
			t.name = name
			b.named[name] = t
		}
	}
	t.at = now
	return t
}

// tell is one count, and reports whether the teller counts at all.
func (b *inFlight) tell(t *teller, p place, n int64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	if t.at = now; !t.counts && n == 0 {
		return false
	}
	t.counts = true
	s := b.places[p]
	if s == nil {
		s = &standing{told: map[*teller]told{}}
		b.places[p] = s
	}
	s.sum += n - s.told[t].n
	s.at, s.told[t] = now, told{n, now}
	t.places[p] = struct{}{}
	return true
}

// leave forgets what a teller told, unless it has a name.
func (b *inFlight) leave(t *teller) {
	if t.name != "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for p := range t.places {
		b.forget(p, t)
	}
}

// forget may be told twice.
func (b *inFlight) forget(p place, t *teller) {
	s := b.places[p]
	if s == nil {
		return
	}
	s.sum -= s.told[t].n
	delete(s.told, t)
	delete(t.places, p)
	if len(s.told) == 0 {
		delete(b.places, p)
	}
}

// sum is what is in flight at the endpoint, and when the newest part of that
// was told; ok is false where nothing is known.
func (b *inFlight) sum(p place, now time.Time) (n int64, at time.Time, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	if s := b.places[p]; s != nil {
		return s.sum, s.at, true
	}
	return 0, time.Time{}, false
}

// sweep forgets what is too old, at most every second.
func (b *inFlight) sweep(now time.Time) {
	if now.Sub(b.swept) < time.Second {
		return
	}
	b.swept = now
	old := now.Add(-maturity)
	for p, s := range b.places {
		for t, x := range s.told {
			if x.at.Before(old) {
				b.forget(p, t)
			}
		}
	}
	for name, t := range b.named {
		if t.at.Before(old) {
			delete(b.named, name)
		}
	}
}
