package sim

import (
	"cmp"
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Service is the name of the one service of a simulated mesh, unless it has
// its own.
const Service = "simulated"

// Scenario describes a simulated mesh, its load and its faults. Times of
// events and steps count from the start, warm-up included.
type Scenario struct {
	Name   string `yaml:"name"`
	About  string `yaml:"about"`
	Source string `yaml:"source"` // whose experiment this is, and what was changed
	// Service is what the one service is called, for scenarios that are made of
	// something that has a name; empty: Service.
	Service string `yaml:"-"`
	// Seeds is how many runs a comparison makes, of seeds 1, 2, ….
	Seeds int `yaml:"seeds"`
	// WarmUp is not judged; Duration is the time in which requests arrive.
	WarmUp   time.Duration `yaml:"warm_up"`
	Duration time.Duration `yaml:"duration"`
	// Deadline is when a proxy gives a request up, and what a failed one costs.
	Deadline time.Duration `yaml:"deadline"`
	// Network is the delay of one way between any proxy and any endpoint.
	Network     time.Duration `yaml:"network"`
	Proxies     Proxies       `yaml:"proxies"`
	Arrivals    Arrivals      `yaml:"arrivals"`
	Work        Work          `yaml:"work"` // of classes that name none
	Classes     []Class       `yaml:"classes"`
	Groups      []Group       `yaml:"endpoints"`
	Antagonists []Antagonist  `yaml:"antagonists"`
	Events      []Event       `yaml:"events"`
	Metrics     Metrics       `yaml:"metrics"`
	Decisions   Decisions     `yaml:"decisions"`
}

// Proxies send the requests, each with a picker of its own.
type Proxies struct {
	Count int  `yaml:"count"`
	Skew  Skew `yaml:"skew"`
}

// Skew lets a part of the proxies send a part of the requests; zero: all the same.
type Skew struct {
	Proxies  float64 `yaml:"proxies"`
	Requests float64 `yaml:"requests"`
}

// Class is a kind of requests.
type Class struct {
	Name  string  `yaml:"name"`
	Share float64 `yaml:"share"` // relative to those of the others
	Work  Work    `yaml:"work"`
}

// The disciplines of endpoints.
const (
	FIFO    = "fifo"    // each worker serves one request; the others wait for their turn
	Sharing = "sharing" // all are served at once and share the cores, at most one each
)

// Group is a number of equal endpoints.
type Group struct {
	Count int `yaml:"count"`
	// Name is that of an endpoint that is alone in its group, as Scenario.Service.
	Name string `yaml:"-"`
	// Workers is the number of workers (fifo) or cores (sharing, where it need
	// not be whole): the nominal capacity together with the speed.
	Workers    float64 `yaml:"workers"`
	Discipline string  `yaml:"discipline"`
	// Burst is how many cores are used where they are free; 0: as Workers.
	Burst float64 `yaml:"burst"`
	// Queue is how many requests may wait beyond those that are served (fifo),
	// or be there at all (sharing); more are refused. 0: any number.
	Queue  int     `yaml:"queue"`
	Speed  Speed   `yaml:"speed"`
	Subset string  `yaml:"subset"`
	Zone   string  `yaml:"zone"`
	Memory float64 `yaml:"memory"` // bytes when idle; default 256e6
}

// Metrics says how the slow loop sees the mesh: every endpoint is scraped once
// in Scrape; windows of Range are made every Step, of samples that are Delay
// old. Weights reach each proxy up to Jitter later than the first.
type Metrics struct {
	Scrape time.Duration `yaml:"scrape"`
	Delay  time.Duration `yaml:"delay"`
	Step   time.Duration `yaml:"step"`
	Range  time.Duration `yaml:"range"`
	Jitter time.Duration `yaml:"jitter"`
}

// Decisions says what the slow loop suffers from.
type Decisions struct {
	// Delay is the time from a window to the first proxy that has its weights.
	Delay time.Duration `yaml:"delay"`
	Down  Span          `yaml:"down"`  // nothing is decided: proxies keep what they have
	Stale Span          `yaml:"stale"` // no scrape arrives, but decisions are made
}

// Span is a part of the run, without its end; empty when both are 0.
type Span struct {
	From time.Duration `yaml:"from"`
	To   time.Duration `yaml:"to"`
}

func (s Span) holds(t int64) bool { return t >= int64(s.From) && t < int64(s.To) }

// defaults fills in what a file may leave out.
func (s *Scenario) defaults() {
	set := func(d *time.Duration, x time.Duration) {
		if *d == 0 {
			*d = x
		}
	}
	if s.Seeds == 0 {
		s.Seeds = 10
	}
	set(&s.Deadline, time.Second)
	if s.Proxies.Count == 0 {
		s.Proxies.Count = 1
	}
	if s.Arrivals.Process == "" {
		s.Arrivals.Process = Poisson
	}
	s.Work.defaults(Work{Distribution: Exponential})
	if len(s.Classes) == 0 {
		s.Classes = []Class{{Name: "all", Share: 1}}
	}
	for i := range s.Classes {
		s.Classes[i].Work.defaults(s.Work)
	}
	for i := range s.Groups {
		s.Groups[i].defaults()
	}
	for i := range s.Antagonists {
		s.Antagonists[i].defaults()
	}
	for i := range s.Events {
		s.Events[i].defaults(s)
	}
	set(&s.Metrics.Scrape, 5*time.Second)
	set(&s.Metrics.Step, s.Metrics.Scrape)
	set(&s.Metrics.Range, 2*s.Metrics.Scrape)
	set(&s.Metrics.Delay, time.Second)
}

func (g *Group) defaults() {
	if g.Count == 0 {
		g.Count = 1
	}
	if g.Workers == 0 {
		g.Workers = 1
	}
	if g.Discipline == "" {
		g.Discipline = FIFO
	}
	if g.Burst == 0 {
		g.Burst = g.Workers
	}
	if len(g.Speed.Values) == 0 && g.Speed.Spread == 0 {
		g.Speed.Values = []float64{1}
	}
	if g.Memory == 0 {
		g.Memory = 256e6
	}
}

// What a scenario may ask for: at most ten years, within which sums of a few
// times are exact, and as many proxies and endpoints as fit into memory.
const (
	maxTime  = 10 * 365 * 24 * time.Hour
	maxCount = 100_000
	minTime  = time.Millisecond // between things that happen again and again
)

// Validate reports everything that is wrong.
func (s *Scenario) Validate() error {
	p := &problems{}
	p.check(s.Name != "", "name", "is empty; give the scenario one")
	p.check(s.Seeds > 0, "seeds", "is %d; want 1 or more", s.Seeds)
	p.check(s.Duration > 0 && s.Duration <= maxTime, "duration", "is %v; want more than 0 and at most %v", s.Duration, maxTime)
	p.check(s.WarmUp >= 0 && s.WarmUp < max(s.Duration, 1), "warm_up", "is %v; want 0 or more, and less than the duration, %v", s.WarmUp, s.Duration)
	p.check(s.Deadline > 0 && s.Deadline <= maxTime, "deadline", "is %v; want more than 0 and at most %v", s.Deadline, maxTime)
	p.check(s.Network >= 0 && s.Network < max(s.Deadline/2, 1), "network", "is %v; want 0 or more, and less than half the deadline", s.Network)
	p.check(s.Proxies.Count > 0 && s.Proxies.Count <= maxCount, "proxies.count", "is %d; want 1 to %d", s.Proxies.Count, maxCount)
	k := s.Proxies.Skew
	p.check(k == Skew{} || k.Proxies > 0 && k.Proxies < 1 && k.Requests > 0 && k.Requests < 1,
		"proxies.skew", "is {proxies: %v, requests: %v}; want two parts between 0 and 1", k.Proxies, k.Requests)
	s.Arrivals.check(p, "arrivals", s.Duration)
	shares, checked := 0.0, false
	for i, c := range s.Classes {
		path := fmt.Sprintf("classes.%d", i)
		p.check(c.Name != "", path+".name", "is empty")
		p.check(c.Share >= 0 && !math.IsInf(c.Share, 0), path+".share", "is %v; want 0 or more", c.Share)
		shares += c.Share
		switch {
		case c.Work != s.Work:
			c.Work.check(p, path+".work")
		case !checked:
			checked = true
			s.Work.check(p, "work")
		}
	}
	p.check(shares > 0, "classes", "have no shares; give one of them more than 0")
	for i := range s.Groups {
		s.Groups[i].check(p, fmt.Sprintf("endpoints.%d", i))
	}
	if n := s.Count(); n <= 0 || n > maxCount {
		p.add("endpoints", "are %d; want 1 to %d, in one or more groups", n, maxCount)
		return p.err() // what follows is about endpoints
	}
	for i := range s.Antagonists {
		s.Antagonists[i].check(p, fmt.Sprintf("antagonists.%d", i))
	}
	for i := range s.Events {
		s.Events[i].check(p, fmt.Sprintf("events.%d", i), s)
	}
	s.Metrics.check(p, "metrics")
	s.Decisions.check(p, "decisions")
	return p.err()
}

func (g *Group) check(p *problems, path string) {
	p.check(g.Count > 0 && g.Count <= maxCount, path+".count", "is %d; want 1 to %d", g.Count, maxCount)
	p.check(g.Workers > 0 && !math.IsInf(g.Workers, 0), path+".workers", "is %v; want more than 0", g.Workers)
	switch g.Discipline {
	case FIFO:
		p.check(g.Workers == math.Trunc(g.Workers), path+".workers", "is %v; with fifo workers are whole", g.Workers)
		p.check(g.Burst == g.Workers, path+".burst", "is %v; only with sharing more cores than workers can be used", g.Burst)
	case Sharing:
		p.check(g.Burst >= g.Workers && !math.IsInf(g.Burst, 0), path+".burst", "is %v; want at least the workers, %v", g.Burst, g.Workers)
	default:
		p.add(path+".discipline", "is %q; use fifo or sharing", g.Discipline)
	}
	p.check(g.Name == "" || g.Count == 1, path+".count", "is %d; a name is that of one endpoint", g.Count)
	p.check(g.Queue >= 0, path+".queue", "is %d; want 0 (any number) or more", g.Queue)
	p.check(g.Memory > 0 && !math.IsInf(g.Memory, 0), path+".memory", "is %v; want more than 0", g.Memory)
	g.Speed.check(p, path+".speed", g.Count)
}

func (m Metrics) check(p *problems, path string) {
	for _, x := range []struct {
		name  string
		value time.Duration
		least time.Duration
	}{{"scrape", m.Scrape, minTime}, {"step", m.Step, minTime}, {"range", m.Range, minTime}, {"delay", m.Delay, 0}, {"jitter", m.Jitter, 0}} {
		p.check(x.value >= x.least && x.value <= maxTime, path+"."+x.name, "is %v; want %v to %v", x.value, x.least, maxTime)
	}
}

func (d Decisions) check(p *problems, path string) {
	p.check(d.Delay >= 0 && d.Delay <= maxTime, path+".delay", "is %v; want 0 to %v", d.Delay, maxTime)
	for _, s := range []struct {
		name string
		Span
	}{{"down", d.Down}, {"stale", d.Stale}} {
		p.check(s.Span == Span{} || s.From >= 0 && s.To > s.From, path+"."+s.name, "is from %v to %v; want 0 ≤ from < to", s.From, s.To)
	}
}

// Capacities are the nominal ones of the endpoints with this seed, in requests
// per second: what an operator knows of the machines, without antagonists and
// faults.
func (s *Scenario) Capacities(seed uint64) []float64 {
	work, shares := 0.0, 0.0
	for _, c := range s.Classes {
		work += c.Share * c.Work.Mean.Seconds()
		shares += c.Share
	}
	var out []float64
	speeds := stream(seed, speedStream)
	for _, g := range s.Groups {
		for i := range g.Count {
			out = append(out, g.Workers*g.Speed.of(i, speeds)*shares/work)
		}
	}
	return out
}

func (s *Scenario) service() string { return cmp.Or(s.Service, Service) }

// Count is the number of endpoints of all groups.
func (s *Scenario) Count() int {
	n := 0
	for _, g := range s.Groups {
		n += g.Count
	}
	return n
}

// Endpoints are those of all groups in their order, which is also that of
// their names unless groups give them.
func (s *Scenario) Endpoints() []mesh.Endpoint {
	var out []mesh.Endpoint
	for _, g := range s.Groups {
		for range g.Count {
			out = append(out, mesh.Endpoint{Name: cmp.Or(g.Name, fmt.Sprintf("e%03d", len(out))), Subset: g.Subset, Zone: g.Zone})
		}
	}
	return out
}
