package train

import (
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// consecutive is how many windows in a row must breach a limit before that is
// a failure; being gone is one at once. The first and the last of them must
// share no sample: else one slow request, or one error among a dozen requests,
// would be a failure, for every overlapping window that it lies in repeats it.
const consecutive = 2

// Watch tells what becomes of the endpoints of a recording while its windows
// stream by: who fails, in which incident, and for how long the others were
// watched without failing. It holds the windows of a horizon and little more.
// It is not safe for concurrent use.
//
// An endpoint fails from the first of two or more windows on that breach a
// limit with enough requests, or at once when it is gone: down, or vanished
// from the metrics while others of its service are there. One that had no
// request before it went was taken out of service; that is no failure.
type Watch struct {
	timing      mesh.Timing
	split       datasets.Split
	limits      map[string]Limits
	minRequests float64
	lasting     time.Duration // in which a breach is proven to be a failure, or not

	courses   map[[2]string]*course // by service and endpoint
	held      []heldWindow
	incidents []Incident
	pushed    int
}

// NewWatch begins a watch; limits are by service (see FindLimits). The horizon
// of the timing says how long after a window a failure counts as foretold.
func NewWatch(t mesh.Timing, split datasets.Split, limits map[string]Limits, minRequests float64) *Watch {
	return &Watch{timing: t, split: split, limits: limits, minRequests: minRequests, lasting: t.Range + 3*t.Step, courses: map[[2]string]*course{}}
}

// Told is what became of the endpoints of one window.
type Told struct {
	Service   string
	Time      time.Time
	Endpoints []string
	Fates     []Fate // by endpoint
}

// Fate says what becomes of one endpoint after a decision.
type Fate struct {
	// Watched: it works; else it fails or has failed lately, and there is nothing
	// to forecast: neither learned from nor judged.
	Watched bool
	// Failed: it begins to fail After the decision, within the horizon, in
	// Incidents()[Incident].
	Failed bool
	// After is the time until the failure is seen. Without one, until the
	// horizon, or for how long it was watched, where that is less: what it would
	// have come to then is not known.
	After    time.Duration
	Incident int
}

// heldWindow waits for its fates; moment is nil where nobody gave one.
type heldWindow struct {
	service   string
	at        time.Time
	endpoints []string
	moment    *Moment
}

// course is what happened to one endpoint, as far as a window that is held may
// ask.
type course struct {
	failures []failure
	holes    []spell
	seen     time.Time // the last that was known of it; zero: nothing yet
	sure     time.Time // until then, it is known whether it failed
	idle     bool      // it had no request when it was last seen
	away     bool      // and went since
	run      run
}

// failure is one that is proven, from the first breach to the last.
type failure struct {
	spell
	incident int
}

type spell struct{ start, end time.Time }

// run is breaches in a row.
type run struct {
	spell
	length int
	cause  string // of the first
	sure   bool
	proven bool
}

// Push takes the next window in order of time, of any service, and calls tell
// with each earlier one that is sealed now: in the order in which they came,
// and for every window that was pushed, sooner or later.
func (w *Watch) Push(window *mesh.Window, tell func(Told)) {
	names := make([]string, len(window.Endpoints))
	for i := range window.Endpoints {
		names[i] = window.Endpoints[i].Name
	}
	held := heldWindow{service: window.Service, at: window.Time, endpoints: names}
	w.push(held, func(i int) Seen { return seen(window, i) }, func(_ heldWindow, t Told) { tell(t) })
}

// Finish tells the fates of the windows that are left: nobody watched any
// longer.
func (w *Watch) Finish(tell func(Told)) {
	w.finish(func(_ heldWindow, t Told) { tell(t) })
}

func (w *Watch) push(h heldWindow, now func(i int) Seen, tell func(heldWindow, Told)) {
	for i, name := range h.endpoints {
		s := now(i)
		w.look(h.service, name, h.at, &s)
	}
	w.held = append(w.held, h)
	for len(w.held) > 0 && h.at.Sub(w.held[0].at) > w.timing.Horizon+w.lasting {
		w.tell(tell)
	}
	if w.pushed++; w.pushed%1024 == 0 {
		w.forget()
	}
}

func (w *Watch) finish(tell func(heldWindow, Told)) {
	for len(w.held) > 0 {
		w.tell(tell)
	}
}

// look goes on with the course of an endpoint.
func (w *Watch) look(service, endpoint string, at time.Time, s *Seen) {
	key := [2]string{service, endpoint}
	c := w.courses[key]
	if c == nil {
		c = &course{}
		w.courses[key] = c
	}
	if c.run.length > 0 && at.Sub(c.run.end) > w.timing.Step*3/2 {
		c.run = run{}
	}
	cause := w.limits[service].breach(s, w.minRequests)
	c.away = c.away || cause == Gone && c.idle && c.run.length == 0
	if s.blind() || cause == Gone && c.away {
		c.run = run{}
		return
	}
	c.sight(at, 3*w.timing.Step)
	if cause == "" {
		c.run, c.sure, c.idle = run{}, at, s.Requests == 0
		return
	}
	r := &c.run
	if r.length == 0 {
		r.start, r.cause = at, cause
	}
	r.end = at
	r.length++
	r.sure = r.sure || cause == Gone
	w.prove(c, service, endpoint)
}

// blind reports whether nothing is known.
func (s *Seen) blind() bool {
	return s.Up != s.Up && s.Requests != s.Requests && s.ErrorRatio != s.ErrorRatio && s.Tail() != s.Tail()
}

// sight notes that something was known of it now. What was away, or not seen for
// longer than a scrape or two that failed, was not watched.
func (c *course) sight(at time.Time, patience time.Duration) {
	if !c.seen.IsZero() && (c.away || at.Sub(c.seen) > patience) {
		c.holes = append(c.holes, spell{c.sure, at})
	}
	c.seen, c.away = at, false
}

// prove makes a failure of a run that is one, or of the endpoint's last one if
// that is not long over.
func (w *Watch) prove(c *course, service, endpoint string) {
	r := &c.run
	if !r.proven {
		if r.proven = r.sure || r.length >= consecutive && r.end.Sub(r.start) >= w.timing.Range; !r.proven {
			return
		}
		if n := len(c.failures); n == 0 || r.start.Sub(c.failures[n-1].end) > gap(w.timing) {
			incident := w.join(service, EndpointFailure{endpoint, r.start, r.end, r.cause})
			c.failures, c.sure = append(c.failures, failure{r.spell, incident}), r.end
			return
		}
	}
	last := &c.failures[len(c.failures)-1]
	last.end, c.sure = r.end, r.end
	w.prolong(last.incident, endpoint, r.end)
}

// tell tells the fates of the first window that is held.
func (w *Watch) tell(tell func(heldWindow, Told)) {
	h := w.held[0]
	w.held[0] = heldWindow{}
	w.held = w.held[1:]
	t := Told{h.service, h.at, h.endpoints, make([]Fate, len(h.endpoints))}
	for i, name := range h.endpoints {
		if c := w.courses[[2]string{h.service, name}]; c != nil {
			t.Fates[i] = w.fate(c, h.at)
		}
	}
	tell(h, t)
}

// fate is what became of an endpoint after a decision. Of an incident that
// lasts into another part of the split, that part learns nothing.
func (w *Watch) fate(c *course, at time.Time) Fate {
	for k := range c.failures {
		f := &c.failures[k]
		switch {
		case !f.start.After(at):
			if at.Sub(f.end) <= gap(w.timing) {
				return Fate{}
			}
		case f.start.Sub(at) <= w.timing.Horizon && !c.hidden(at, f.start):
			own, part := w.split.Part(at), w.incidents[f.incident].Part
			if own != part && own != datasets.None && part != datasets.None {
				return Fate{}
			}
			return Fate{Watched: true, Failed: true, After: f.start.Sub(at), Incident: f.incident}
		}
	}
	return Fate{Watched: true, After: min(max(c.until(at).Sub(at), 0), w.timing.Horizon)}
}

// hidden reports whether it was not watched for a while between two times.
func (c *course) hidden(from, to time.Time) bool {
	for _, h := range c.holes {
		if h.start.Before(to) && h.end.After(from) {
			return true
		}
	}
	return false
}

// until is how long after a decision it is known, without a break, whether the
// endpoint failed. Of breaches that nothing proved, as those that a recording
// ends with, nobody knows.
func (c *course) until(at time.Time) time.Time {
	for _, h := range c.holes {
		if h.end.After(at) {
			return h.start
		}
	}
	return c.sure
}

// forget gives up what no window that is held asks for.
func (w *Watch) forget() {
	if len(w.held) == 0 {
		return
	}
	oldest := w.held[0].at
	old := oldest.Add(-gap(w.timing) - w.lasting)
	for key, c := range w.courses {
		for len(c.failures) > 1 && c.failures[0].end.Before(old) {
			c.failures = c.failures[1:]
		}
		for len(c.holes) > 0 && c.holes[0].end.Before(old) {
			c.holes = c.holes[1:]
		}
		if c.seen.Before(old) {
			delete(w.courses, key)
		}
	}
}
