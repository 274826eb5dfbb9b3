package threat

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
)

// Limit is a limit of package guard that a caller exceeded.
type Limit uint32

// The limits.
const (
	Rate Limit = 1 << iota
	Streams
	Connections
	Handshakes
)

func (l Limit) String() string {
	var names []string
	for i, name := range [...]string{"rate", "streams", "connections", "handshakes"} {
		if l&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Tier is what is in force for a caller: 0 is nothing beyond what is configured.
type Tier uint32

const (
	enforced Tier = 1 << (4 + iota)
	quarantined
)

// Level is that which the tier was made of.
func (t Tier) Level() Level { return Level(t & 3) }

// Enforced tells whether it is carried out, or only told.
func (t Tier) Enforced() bool { return t&enforced != 0 }

// Quarantined tells whether a high threat is answered, without endpoints.
func (t Tier) Quarantined() bool { return t&quarantined != 0 }

// Subject is one caller, or all strangers. Its exported methods are safe for
// concurrent use, take no lock and allocate nothing unless something is new. A
// nil Subject is nobody, who is not judged.
type Subject struct {
	name string
	key  key
	tier atomic.Uint32

	asked  [askedWords]atomic.Uint64  // services, in this window
	ever   [everWords]atomic.Uint64   // services, since it is remembered
	denied [deniedWords]atomic.Uint64 // things, in this hour

	newServices, newDenied, failures atomic.Int64 // in this window
	admitted, attempted              atomic.Int64
	exceeded                         atomic.Uint32
	exampling                        sync.Mutex
	examples                         []string // of what is new
	past                                      // the judge's
}

// past is what the judge remembers of a subject, under its lock.
type past struct {
	held        int // by how many callers
	active      time.Time
	windows     int // it was judged in
	known       int // services ever asked
	services    recent
	hour        recent // of services
	lately      int64  // services since the last part of the hour
	things      recent // that were denied
	failed      recent
	rate        *anomaly.Tracker // nil until it called
	frozen      []byte           // the tracker as it was when the level was raised
	excess      float64          // of surprise about the rate, smoothed
	attempts    [lately]float64  // messages/s
	passed      [lately]float64
	base        anomaly.Level // of the rate
	peak, burst peak          // of the rate, and of it over its baseline
	edges       anomaly.Level // of new services in ten minutes
	hourly      anomaly.Level // in an hour
	breadth     anomaly.Level // of services asked in a window
	faults      anomaly.Level // of handshakes that failed in a minute

	level    Level
	until    time.Time // of the level
	kept     time.Time // until, as it was saved last
	since    time.Time
	signal   string
	reason   string
	readings []Reading
	told     Level     // what the log and metrics were told last, overrides included
	override *Override // in force
}

// Name is who it is.
func (s *Subject) Name() string { return s.name }

// Tier is what is in force.
func (s *Subject) Tier() Tier {
	if s == nil {
		return 0
	}
	return Tier(s.tier.Load())
}

// Asked notes that it asks about a service; whether it may does not matter.
func (s *Subject) Asked(service string) {
	if s == nil {
		return
	}
	h := maphash.String(seed, service)
	if word, mask := bit(s.asked[:], h); word.Load()&mask == 0 {
		s.first(h, service)
	}
}

// first is Asked for the first time in a window.
func (s *Subject) first(h uint64, service string) {
	put(s.asked[:], h)
	if put2(s.ever[:], s.key.of(service)) {
		s.newServices.Add(1)
		s.example(service)
	}
}

// mostExamples bounds the names that are kept to explain, and longestExample
// each of them.
const mostExamples, longestExample = 8, 120

func (s *Subject) example(what string) {
	s.exampling.Lock()
	defer s.exampling.Unlock()
	if len(s.examples) == mostExamples {
		copy(s.examples, s.examples[1:])
		s.examples = s.examples[:mostExamples-1]
	}
	s.examples = append(s.examples, strings.ToValidUTF8(strings.Clone(what[:min(len(what), longestExample)]), "?"))
}

// Denied notes that it may not do something, such as to call a method, or to ask
// about a service.
func (s *Subject) Denied(thing string) {
	if s != nil && put2(s.denied[:], s.key.of(thing)) {
		s.newDenied.Add(1)
	}
}

// Failed notes that something went wrong in a handshake by which it had proved
// who it is.
func (s *Subject) Failed() {
	if s != nil {
		s.failures.Add(1)
	}
}

// Exceeded notes that it exceeded a limit.
func (s *Subject) Exceeded(l Limit) {
	if s != nil {
		s.exceeded.Or(uint32(l))
	}
}

// Sent notes the messages of a second: those that were let pass, and all.
func (s *Subject) Sent(admitted, attempted int64) {
	if s == nil || attempted == 0 {
		return
	}
	s.admitted.Add(admitted)
	s.attempted.Add(attempted)
}

// age makes what is remembered of the latest minutes as many windows older, in which
// nobody was judged; next is the window to come.
func (s *Subject) age(next, by int) {
	if by <= 0 {
		return
	}
	for _, r := range [...]*recent{&s.services, &s.things, &s.failed} {
		r.age(next-1, by)
	}
	s.hour.age(s.hours(), by/(memory/span))
	for _, ring := range [...]*[lately]float64{&s.attempts, &s.passed} {
		old := newestFirst(ring, s.windows)
		*ring = [lately]float64{}
		for age := 0; age+by < lately; age++ {
			ring[slot(s.windows, age+by)] = old[age]
		}
	}
}

// slot is where a ring has the value of so many windows before the latest; next is the
// window to come.
func slot(next, age int) int { return ((next-1-age)%lately + lately) % lately }

// newestFirst turns a ring.
func newestFirst(ring *[lately]float64, next int) (out [lately]float64) {
	for age := range out {
		out[age] = ring[slot(next, age)]
	}
	return out
}

// hours is the part of the hour that was counted last.
func (s *Subject) hours() int { return max(s.windows-1, 0) / (memory / span) }
