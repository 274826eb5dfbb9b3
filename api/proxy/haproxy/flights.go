package haproxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/router"
)

// flights counts the requests that all proxies together have in flight at each
// endpoint: those that were decided here and whose end was not told yet. It is
// bounded: of more than its places at once, and of those whose end never comes, the
// oldest are taken for ended. It is safe for concurrent use.
type flights struct {
	begun   atomic.Uint64 // number of the last request
	ended   atomic.Int64  // when an end was told last, in Unix nanoseconds
	lost    atomic.Uint64
	places  []place
	renewal sync.Mutex
	fleets  sync.Map // of *fleet, by service
}

// place is that of one request in so many.
type place struct {
	mu      sync.Mutex // nobody waits for it unless requests come round
	number  uint64     // 0: free
	at      time.Time
	service *fleet
	to      *standing
}

// fleet has the endpoints of the routes that it was made for.
type fleet struct {
	routes    *router.Routes
	endpoints map[string]*standing
	standing  []*standing             // as the routes' Endpoints stand; of both lines while a trial is on
	peers     []atomic.Pointer[peers] // by the Place of answers
}

// standing is an endpoint.
type standing struct {
	name     string
	inFlight atomic.Int64
}

// newFlights numbers requests from first on, so that what proxies tell of requests
// that a daemon before this one decided means none of ours.
func newFlights(places int, first uint64) *flights {
	f := &flights{places: make([]place, places)}
	f.begun.Store(first)
	return f
}

// fleet is that of the routes. An endpoint that stays keeps its count.
func (f *flights) fleet(routes *router.Routes) *fleet {
	if known, ok := f.fleets.Load(routes.Service); ok && known.(*fleet).routes == routes {
		return known.(*fleet)
	}
	f.renewal.Lock()
	defer f.renewal.Unlock()
	var last *fleet
	if known, ok := f.fleets.Load(routes.Service); ok {
		last = known.(*fleet)
	}
	next := newFleet(routes, last)
	f.fleets.Store(routes.Service, next)
	return next
}

// begin counts a request and returns its number.
func (f *flights) begin(service *fleet, to *standing, now time.Time) int64 {
	number := f.begun.Add(1)
	to.inFlight.Add(1)
	p := &f.places[number%uint64(len(f.places))]
	p.mu.Lock()
	if p.number != 0 {
		p.end()
		f.lost.Add(1)
	}
	p.number, p.at, p.service, p.to = number, now, service, to
	p.mu.Unlock()
	return int64(number)
}

// end forgets a request: where it went and when it was decided. ok is false where
// it is not known (any more).
func (f *flights) end(number int64, now time.Time) (service *fleet, to *standing, since time.Time, ok bool) {
	p := &f.places[uint64(number)%uint64(len(f.places))]
	p.mu.Lock()
	defer p.mu.Unlock()
	if number <= 0 || p.number != uint64(number) {
		return nil, nil, time.Time{}, false
	}
	f.ended.Store(now.UnixNano())
	service, to, since = p.service, p.to, p.at
	p.end()
	return service, to, since, true
}

func (p *place) end() {
	p.to.inFlight.Add(-1)
	p.number, p.service, p.to = 0, nil, nil
}

// told reports whether the ends of requests are being told: without them the counts
// say nothing.
func (f *flights) told(now time.Time) bool {
	return now.Sub(time.Unix(0, f.ended.Load())) < maturity
}

// maturity is how long after the last end was told the counts are believed.
const maturity = 10 * time.Second

// sweep takes requests for ended that were decided before, and forgets services
// that the table does not know any more.
func (f *flights) sweep(before time.Time, table *router.Table) {
	for i := range f.places {
		p := &f.places[i]
		p.mu.Lock()
		if p.number != 0 && p.at.Before(before) {
			p.end()
			f.lost.Add(1)
		}
		p.mu.Unlock()
	}
	look := table.Look()
	f.fleets.Range(func(service, _ any) bool {
		if len(look.Load(service.(string)).Endpoints) == 0 {
			f.fleets.Delete(service)
		}
		return true
	})
}
