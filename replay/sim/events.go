package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// The kinds of events.
const (
	Slow       = "slow"       // Factor times slower
	Fixed      = "fixed"      // every request takes Latency, however many there are
	Stall      = "stall"      // accepts requests, and does nothing
	Crash      = "crash"      // refuses at once; what was there is lost, with an error
	Lost       = "lost"       // cut off: answers nothing, not even with an error
	Errors     = "errors"     // answers a part Ratio with an error, after the usual time
	SinkHole   = "sink_hole"  // answers a part Ratio with an error at once
	Leak       = "leak"       // memory grows for Lead, the end of it is slow, then a crash
	Saturation = "saturation" // slower and slower for Lead, then a stall
	Restart    = "restart"    // down for Down, then cold: Factor times slower, less so over Warm
	// Ramps: for Lead it gets worse, up to Brink, and then it breaks.
	MemoryRamp  = "memory_ramp"  // memory grows to Brink times the idle one; then a crash
	LatencyRamp = "latency_ramp" // up to Brink times slower; then Factor times
	ErrorRamp   = "error_ramp"   // answers a part of up to Brink with an error; then a part Ratio
)

// Event is something that happens to some endpoints at a time, for a time.
type Event struct {
	Kind string        `yaml:"kind"`
	At   time.Duration `yaml:"at"`
	// For is how long it lasts; of leak, saturation and ramps the outage after Lead.
	// 0: until the end.
	For    time.Duration `yaml:"for"`
	Select Select        `yaml:"select"`
	// Every lets the selected begin one after another, so far apart.
	Every   time.Duration `yaml:"every"`
	Factor  float64       `yaml:"factor"`
	Latency time.Duration `yaml:"latency"`
	Ratio   float64       `yaml:"ratio"`
	Lead    time.Duration `yaml:"lead"`
	Brink   float64       `yaml:"brink"`
	// Recovers is the part of the selected that look as if they were failing
	// for half to nine tenths of Lead, and recover: decoys.
	Recovers float64       `yaml:"recovers"`
	Down     time.Duration `yaml:"down"`
	Warm     time.Duration `yaml:"warm"`
}

// Select says which endpoints an event is about: in exactly one way.
type Select struct {
	Index []int  `yaml:"index"` // positions, from 0
	Any   int    `yaml:"any"`   // so many, drawn by the seed
	Zone  string `yaml:"zone"`
	All   bool   `yaml:"all"`
}

func (e *Event) defaults(s *Scenario) {
	if e.Ratio == 0 && e.Kind == SinkHole {
		e.Ratio = 1
	}
	if e.Kind == Restart {
		e.For = e.Down + e.Warm
		if e.Factor == 0 {
			e.Factor = 1
		}
	}
	if e.For == 0 {
		e.For = max(s.Duration-e.At-e.Lead, 0)
	}
}

func (e *Event) check(p *problems, path string, s *Scenario) {
	need := func(ok bool, field string, value any, want string) {
		p.check(ok, path+"."+field, "is %v; %s wants %s", value, e.Kind, want)
	}
	switch e.Kind {
	case Slow:
		need(e.Factor > 0 && !math.IsInf(e.Factor, 0), "factor", e.Factor, "more than 0")
	case Fixed:
		need(e.Latency > 0, "latency", e.Latency, "more than 0")
	case Stall, Crash, Lost:
	case Errors, SinkHole:
		need(e.Ratio > 0 && e.Ratio <= 1, "ratio", e.Ratio, "more than 0 and at most 1")
	case Leak, Saturation:
		need(e.Lead > 0, "lead", e.Lead, "more than 0")
		need(e.Recovers >= 0 && e.Recovers <= 1, "recovers", e.Recovers, "0 to 1")
	case MemoryRamp, LatencyRamp, ErrorRamp:
		need(e.Lead > 0, "lead", e.Lead, "more than 0")
		need(e.Recovers >= 0 && e.Recovers <= 1, "recovers", e.Recovers, "0 to 1")
		e.checkBreak(need)
	case Restart:
		need(e.Down > 0, "down", e.Down, "more than 0")
		need(e.Warm >= 0, "warm", e.Warm, "0 or more")
		need(e.Factor >= 1 && !math.IsInf(e.Factor, 0), "factor", e.Factor, "1 or more")
	default:
		p.add(path+".kind", "is %q; use one of slow, fixed, stall, crash, lost, errors, sink_hole, leak, saturation, restart", e.Kind)
	}
	p.check(e.At >= 0 && e.At < max(s.Duration, 1), path+".at", "is %v; want a time within the duration, %v", e.At, s.Duration)
	p.check(e.For > 0 && e.For <= maxTime, path+".for", "is %v; want more than 0 and at most %v", e.For, maxTime)
	p.check(e.Every >= 0 && e.Every <= s.Duration, path+".every", "is %v; want 0 to the duration, %v", e.Every, s.Duration)
	for _, x := range []struct {
		name  string
		value time.Duration
	}{{"lead", e.Lead}, {"latency", e.Latency}, {"down", e.Down}, {"warm", e.Warm}} {
		p.check(x.value >= 0 && x.value <= maxTime, path+"."+x.name, "is %v; want 0 to %v", x.value, maxTime)
	}
	e.Select.check(p, path+".select", s)
}

func (x *Select) check(p *problems, path string, s *Scenario) {
	ways := 0
	for _, used := range []bool{len(x.Index) > 0, x.Any != 0, x.Zone != "", x.All} {
		if used {
			ways++
		}
	}
	p.check(ways == 1, path, "selects in %d ways; use one of index, any, zone, all", ways)
	n := s.Count()
	for _, i := range x.Index {
		p.check(i >= 0 && i < n, path+".index", "has %d; want 0 to %d", i, n-1)
	}
	p.check(x.Any >= 0 && x.Any <= n, path+".any", "is %d; want 1 to %d", x.Any, n)
	if x.Zone != "" {
		p.check(len(x.of(s, nil)) > 0, path+".zone", "is %q, where no endpoint is", x.Zone)
	}
}

// of are the positions that are selected.
func (x *Select) of(s *Scenario, r *rand.Rand) []int {
	if x.Any > 0 {
		return r.Perm(s.Count())[:x.Any]
	}
	if len(x.Index) > 0 {
		return x.Index
	}
	var out []int
	for i, e := range s.Endpoints() {
		if x.All || e.Zone == x.Zone {
			out = append(out, i)
		}
	}
	return out
}

// fault is an event at one endpoint, and what it does there at the moment.
type fault struct {
	*Event
	endpoint  int32
	from      int64 // begins
	fails     int64 // of leak, saturation and ramps: the end of the lead
	to        int64
	decoy     bool
	on        bool
	slower    float64 // 1: no effect
	down      bool
	still     bool    // serves nothing
	failing   float64 // of ramps: part of the answers that are errors
	memory    float64 // bytes more
	tickEvery int64
}

// leakSize is how much memory a leak takes until the crash, relative to that
// of the idle endpoint.
const leakSize = 7

// faults unfolds the events, with everything drawn that is.
func (s *Scenario) faults(r *rand.Rand) []*fault {
	var all []*fault
	for k := range s.Events {
		e := &s.Events[k]
		selected := e.Select.of(s, r)
		decoys := int(math.Round(e.Recovers * float64(len(selected))))
		order := r.Perm(len(selected))
		for n, i := range selected {
			f := &fault{Event: e, endpoint: int32(i), from: begins(e, n), slower: 1}
			f.fails = f.from + int64(e.Lead)
			f.to = f.fails + int64(e.For)
			if f.decoy = order[n] < decoys; f.decoy {
				f.to = f.from + int64((0.5+0.4*r.Float64())*float64(e.Lead))
			}
			switch e.Kind {
			case Leak, Saturation, MemoryRamp, LatencyRamp, ErrorRamp:
				f.tickEvery = max(int64(e.Lead)/100, 1)
			case Restart:
				f.tickEvery = max(int64(e.Warm)/50, int64(time.Millisecond))
			}
			all = append(all, f)
		}
	}
	return all
}

// begins is when the n-th of the selected is hit; beyond the time of any run
// all is one.
func begins(e *Event, n int) int64 {
	return int64(e.At) + int64(min(float64(n)*float64(e.Every), float64(maxTime)))
}

// at sets what the fault does from now on, and says when that changes again.
func (f *fault) at(now int64, idle float64) int64 {
	f.on = now >= f.from && now < f.to
	f.slower, f.down, f.still, f.failing, f.memory = 1, false, false, 0, 0
	if !f.on {
		if now < f.from {
			return f.from
		}
		return never
	}
	switch f.Kind {
	case Slow:
		f.slower = f.Factor
	case Stall:
		f.still = true
	case Crash:
		f.down = true
	case Leak:
		progress := min(float64(now-f.from)/float64(f.Lead), 1)
		f.memory = progress * leakSize * idle
		f.slower = 1 + 3*max(progress-0.75, 0)/0.25 // the last quarter is spent on collecting garbage
		f.down = now >= f.fails && !f.decoy
	case Saturation:
		progress := min(float64(now-f.from)/float64(f.Lead), 1)
		f.slower = 1 / (1 - 0.9*progress)
		f.still = now >= f.fails && !f.decoy
	case MemoryRamp, LatencyRamp, ErrorRamp:
		f.ramp(now, idle)
	case Restart:
		since := float64(now - f.from - int64(f.Down))
		f.down = since < 0
		if !f.down {
			f.slower = 1 + (f.Factor-1)*max(1-since/float64(f.Warm), 0)
		}
	}
	return f.next(now)
}

func (f *fault) next(now int64) int64 {
	switch {
	case f.Kind == Restart && f.down:
		return f.from + int64(f.Down)
	case f.tickEvery == 0 || f.down || f.still:
		return f.to
	case f.fails > now:
		return min(now+f.tickEvery, f.fails, f.to)
	}
	return min(now+f.tickEvery, f.to)
}

// drains reports whether the endpoint should get no requests while it lasts,
// and from when.
func (f *fault) drains() (from int64, ok bool) {
	switch f.Kind {
	case Stall, Crash, Lost:
		return f.from, true
	case Fixed:
		return f.from, true
	case Errors, SinkHole:
		return f.from, f.Ratio >= 0.5
	case Leak, Saturation, MemoryRamp, LatencyRamp, ErrorRamp:
		return f.fails, !f.decoy
	}
	return 0, false
}

func (f *fault) severity() float64 {
	switch f.Kind {
	case Slow, Restart, LatencyRamp:
		return f.Factor
	case Fixed:
		return f.Latency.Seconds()
	case Errors, SinkHole, ErrorRamp:
		return f.Ratio
	case MemoryRamp:
		return f.Brink
	case Leak, Saturation:
		return f.Lead.Seconds()
	}
	return 1
}

func (f *fault) name() string {
	if f.decoy {
		return f.Kind + datasets.DecoySuffix
	}
	return f.Kind
}
