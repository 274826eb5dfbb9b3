package features

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
	"github.com/fairway-mesh/fairway/mesh"
)

// Extractor turns windows into frames. It remembers any number of services
// and endpoints, some 10 KB for each endpoint with a schema of ten series, and
// forgets those that were not seen for Config.Forget. It is not safe for
// concurrent use.
type Extractor struct {
	cfg      Config
	services map[string]*service
	stable   []float64 // scratch
	surprise []float64 // scratch: squares, of the endpoints
	tails    []float64 // scratch: the watched latencies of a window
	among    among     // scratch
	view     view      // scratch
}

// service is what is remembered of one service.
type service struct {
	time                 time.Time // of the newest window
	step                 float64   // seconds between the last two windows; 0 before the second
	halfLife             float64   // of trends, seconds; 0 before the second window
	schema               *mesh.Schema
	series               []string // of the schema, which the trackers follow
	compared             []int    // places of those that are compared with the peers'
	peers                *anomaly.Peers
	demand               demand
	tails                tails
	sent                 float64   // requests/s that the newest window says were sent
	capacities, excesses lasting   // how much of their deviations lasts
	scatter              mean      // variance of one window's excess
	served               float64   // log of the requests that an endpoint serves at once; NaN unknown
	noise                mean      // variance of the log capacity that one request tells
	readings             []reading // of the newest window; scratch
	place                place
	memories             map[string]*memory
	order                []*memory // of the newest window's endpoints
	frame                Frame
}

// New returns an extractor without memory. It panics when cfg does not
// validate.
func New(cfg Config) *Extractor {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	return &Extractor{cfg: cfg, services: map[string]*service{}, view: view{
		errorLimit: cfg.Objective.MaxErrorRatio,
		horizon:    cfg.Horizon.Seconds(),
	}}
}

// Push advances the service of w by one window and returns its frame, which is
// valid until the next Push of that service and shares the slices of w. A
// window that is malformed, or not later than the last one of its service, is
// an error and leaves the memory as it was. Once a service's endpoints are
// known, Push does not allocate.
func (x *Extractor) Push(w mesh.Window) (*Frame, error) {
	if err := check(&w); err != nil {
		return nil, fmt.Errorf("features: window of service %q at %s: %w", w.Service, w.Time.Format(time.RFC3339), err)
	}
	s := x.services[w.Service]
	if s == nil {
		s = &service{memories: map[string]*memory{}, noise: guess(noiseFirst, noiseWindows), scatter: guess(excessFirst, excessMemory)}
		x.services[w.Service] = s
	} else if !w.Time.After(s.time) {
		return nil, fmt.Errorf("features: window of service %q at %s is not after the one before, %s: push windows once, in time order",
			w.Service, w.Time.Format(time.RFC3339Nano), s.time.Format(time.RFC3339Nano))
	}
	s.follow(w.Schema, x.cfg.Anomaly)
	c := s.tick(&w, x.cfg)
	s.gather(&w, &c, x.cfg)
	x.advance(s, &w, &c)
	x.climb(s, &w, &c)
	x.fill(s, &w, &c)
	return &s.frame, nil
}

// Rename calls an endpoint of a service otherwise from now on: it is found out that the
// two are one. What is known by the new name already stands.
func (x *Extractor) Rename(service, from, to string) {
	s := x.services[service]
	if s == nil || from == to {
		return
	}
	if m := s.memories[from]; m != nil {
		delete(s.memories, from)
		if s.memories[to] == nil {
			s.memories[to] = m
		}
	}
}

// Forget drops what is known of a service that is no more.
func (x *Extractor) Forget(service string) { delete(x.services, service) }

// follow takes over the schema. Trackers of other series start anew.
func (s *service) follow(schema *mesh.Schema, cfg anomaly.Config) {
	if schema == s.schema {
		return
	}
	s.schema, s.place = schema, placeOf(schema)
	same := slices.EqualFunc(s.series, schema.Series, func(name string, q mesh.Series) bool { return name == q.Name })
	if same && s.series != nil {
		return
	}
	s.series = s.series[:0]
	for _, q := range schema.Series {
		s.series = append(s.series, q.Name)
	}
	s.compare()
	for _, m := range s.memories {
		m.track(s, cfg)
	}
}

// tick lets the time pass up to the window. After a gap trends start anew.
func (s *service) tick(w *mesh.Window, cfg Config) clock {
	c := clock{
		now:    seconds(w.Time),
		recent: keeps(cfg.Recent), past: keeps(cfg.Past), peak: keeps(peakPasts * cfg.Past),
		gap: cfg.Gap, quantile: cfg.Objective.Percentile, excused: cfg.Objective.MaxErrorRatio / 2,
	}
	span := w.End.Sub(w.Start).Seconds()
	c.span, c.fresh, c.noise = span, span, s.noise.value()
	if !s.time.IsZero() {
		c.dt = w.Time.Sub(s.time).Seconds()
		if s.halfLife == 0 {
			// Half of what is looked ahead, so that a fault that is over is
			// soon forgotten; three windows at least, to see a slope in.
			s.halfLife = max(cfg.Horizon.Seconds()/2, 1.5*span, 3*c.dt)
		}
		if c.dt > cfg.Gap*max(s.step, span) {
			for _, m := range s.memories {
				m.reset()
			}
		}
		s.step = c.dt
	}
	if c.dt > 0 {
		c.fresh = min(c.dt, span)
	}
	c.new = c.fresh / span
	c.halfLife, s.time = s.halfLife, w.Time
	return c
}

// gather puts the memories of the window's endpoints in order, makes new ones,
// and drops those not seen for long.
func (s *service) gather(w *mesh.Window, c *clock, cfg Config) {
	s.order = s.order[:0]
	for i := range w.Endpoints {
		name := w.Endpoints[i].Name
		m := s.memories[name]
		if m == nil || c.now-m.Seen > cfg.Forget.Seconds() {
			m = &memory{state: blank(), ramp: unramped}
			m.Seen = c.now
			if c.dt > 0 { // of the first window's it is not known when they came
				m.Born = 0
			}
			m.track(s, cfg.Anomaly)
			s.memories[name] = m
		}
		s.order = append(s.order, m)
	}
	for name, m := range s.memories {
		if c.now-m.Seen > cfg.Forget.Seconds() {
			delete(s.memories, name)
		}
	}
}

// advance makes the window part of the memories of its endpoints. Those it
// does not name stay as they are.
func (x *Extractor) advance(s *service, w *mesh.Window, c *clock) {
	x.stable = slices.Grow(x.stable[:0], len(s.series))[:len(s.series)]
	x.surprise = x.surprise[:0]
	s.capacities.pass()
	s.excesses.pass()
	s.readings = slices.Grow(s.readings[:0], len(s.order))[:len(s.order)]
	s.sent = 0
	x.among.reset()
	for i, m := range s.order {
		r := s.place.read(w, i)
		s.readings[i] = r
		m.stable(x.stable, w, i, &s.place, &r)
		m.score = m.tracker.Push(m.surprise, c.now, x.stable)
		x.among.gather(s, m, x.stable)
		copy(m.Scores[1:], m.Scores[:])
		m.Scores[0] = m.score.Value
		s.sent += m.demanded(&r, c)
		m.advance(&r, c)
		if e := m.advanceCapacity(&r, c, &s.capacities); !isNaN(e) {
			x.surprise = append(x.surprise, e)
		}
	}
	x.among.judge(s, x.cfg.Anomaly.Warmup)
	if e := typical(x.surprise); !isNaN(e) {
		s.noise.add(keeps(noiseWindows), min(max(e, noiseLeast), noiseClip*c.noise), 1-keeps(noiseWindows))
	}
	s.pool(c)
	for i, m := range s.order {
		m.advanceService(&s.readings[i], c)
	}
	s.serve()
	x.surprise = s.settle(x.surprise[:0], c)
}

// climb looks over the endpoints, and follows what leads to failures.
func (x *Extractor) climb(s *service, w *mesh.Window, c *clock) {
	x.tails = x.tails[:0]
	for i := range s.readings {
		if tail := math.Log(s.readings[i].watched(c.quantile)); !isNaN(tail) {
			x.tails = append(x.tails, tail)
		}
	}
	slices.Sort(x.tails)
	s.tails.add(x.tails)
	x.view.service, x.view.now, x.view.span = s, c.now, w.End.Sub(w.Start).Seconds()
	x.view.latencyLimit = s.latencyLimit(&x.cfg)
	x.view.survey(s.order)
	for i, m := range s.order {
		m.climb(&s.readings[i], &x.view, c)
	}
}

// fill writes the frame.
func (x *Extractor) fill(s *service, w *mesh.Window, c *clock) {
	f, n := &s.frame, len(s.order)
	f.Window, f.Names, f.Objective, f.Horizon = *w, columnNames, x.cfg.Objective, x.view.horizon
	f.X = slices.Grow(f.X[:0], n*len(columns))[:n*len(columns)]
	f.Anomalies = slices.Grow(f.Anomalies[:0], n)[:n]
	f.Step, f.Delay = c.fresh, w.Time.Sub(w.End)
	if c.dt > 0 {
		f.Step = c.dt
	}
	f.Unrest = s.restless()
	f.Demand = s.demand.ready(x.view.total, s.sent)
	for i, m := range s.order {
		x.view.m = m
		row := f.Row(i)
		for k := range columns {
			row[k] = finite(columns[k].value(&x.view))
		}
		f.Anomalies[i].Score = m.score.Value
		f.Anomalies[i].Top = strangest(f.Anomalies[i].Top[:0], m.surprise, s.series, nil)
		f.Anomalies[i].VsPeers = strangest(f.Anomalies[i].VsPeers[:0], x.among.of(s, i), s.series, s.compared)
	}
}

// finite turns what a float32 cannot hold into unknown.
func finite(v float64) float32 {
	if v >= -math.MaxFloat32 && v <= math.MaxFloat32 {
		return float32(v)
	}
	return float32(math.NaN())
}

// seconds is a time as seconds since 1970.
func seconds(t time.Time) float64 { return float64(t.Unix()) + float64(t.Nanosecond())/1e9 }

// check reports what makes a window no window.
func check(w *mesh.Window) error {
	switch {
	case w.Schema == nil:
		return fmt.Errorf("it has no schema")
	case len(w.Values) != len(w.Endpoints)*len(w.Schema.Series):
		return fmt.Errorf("it has %d values; %d endpoints with %d series need %d",
			len(w.Values), len(w.Endpoints), len(w.Schema.Series), len(w.Endpoints)*len(w.Schema.Series))
	case w.Requests != nil && len(w.Requests) != len(w.Endpoints):
		return fmt.Errorf("it has request counts of %d endpoints, not of its %d", len(w.Requests), len(w.Endpoints))
	case !w.End.After(w.Start) || w.End.After(w.Time):
		return fmt.Errorf("its span from %s to %s is empty, or ends after the decision", w.Start.Format(time.RFC3339Nano), w.End.Format(time.RFC3339Nano))
	}
	return distinct(w.Endpoints)
}

// distinct reports an endpoint that a window names twice. In the order of
// their names, as windows should have them, a glance at the neighbour will do.
func distinct(endpoints []mesh.Endpoint) error {
	ordered := true
	for i := 1; i < len(endpoints); i++ {
		ordered = ordered && endpoints[i-1].Name < endpoints[i].Name
	}
	if ordered {
		return nil
	}
	seen := make(map[string]bool, len(endpoints))
	for _, e := range endpoints {
		if seen[e.Name] {
			return fmt.Errorf("it names endpoint %q twice", e.Name)
		}
		seen[e.Name] = true
	}
	return nil
}
