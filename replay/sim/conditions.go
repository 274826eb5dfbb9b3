package sim

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// turn lets a fault become what it is from now on, and comes back when that
// changes.
func (r *run) turn(k int32) {
	f := r.faults[k]
	r.agenda.add(f.at(r.now, r.endpoints[f.endpoint].memory), r.turn, k)
	r.condition(f.endpoint)
}

// condition puts an endpoint under all that antagonists and faults do to it.
func (r *run) condition(i int32) {
	e := &r.endpoints[i]
	e.advance(r.now)
	was := e.conditions
	e.conditions = conditions{speed: e.base * r.flux[i], cores: r.cores[i]}
	for _, f := range r.faults {
		if f.endpoint != i || !f.on {
			continue
		}
		e.speed /= f.slower
		e.leaked += f.memory
		e.down = e.down || f.down
		if f.still {
			e.speed = 0
		}
		switch f.Kind {
		case Lost:
			e.lost = true
		case Errors:
			e.errors = 1 - (1-e.errors)*(1-f.Ratio)
		case ErrorRamp:
			e.errors = 1 - (1-e.errors)*(1-f.failing)
		case SinkHole:
			e.hole = 1 - (1-e.hole)*(1-f.Ratio)
		case Fixed:
			e.fixed = int64(f.Latency)
		}
	}
	if e.down && !was.down || e.lost && !was.lost {
		r.empty(e)
	}
	r.completions.set(i, e.pace())
}

// empty takes everything from an endpoint that has crashed, whose proxies see
// their connections break, or was cut off, whose proxies see nothing.
func (r *run) empty(e *endpoint) {
	r.levelled(e)
	slots := make([]int32, 0, len(e.running)+e.waiting.n)
	for _, j := range e.running {
		slots = append(slots, j.slot)
	}
	for e.waiting.n > 0 {
		slots = append(slots, e.waiting.pop())
	}
	e.running, e.queued = e.running[:0], 0
	e.inFlight -= len(slots)
	for _, slot := range slots {
		switch q := &r.requests[slot]; {
		case q.ended:
			r.free(slot)
		case e.lost:
			q.state = gone
		default:
			r.answer(slot, 503)
		}
	}
	if e.down {
		e.counts.restart()
		e.signals = newSignals(r.now, e.counts)
	}
}

// antagonize starts the antagonists.
func (r *run) antagonize(random *rand.Rand) {
	for k := range r.scenario.Antagonists {
		a := &r.scenario.Antagonists[k]
		switch a.Kind {
		case Fluctuating:
			r.fluctuate(a, random)
		case Tenants:
			r.moveIn(a, random)
		}
	}
}

func (r *run) fluctuate(a *Antagonist, random *rand.Rand) {
	var flip func(int32)
	flip = func(int32) {
		for i := range r.endpoints {
			if r.flux[i] = 1; random.Uint64()&1 == 1 {
				r.flux[i] = a.Factor
			}
			r.condition(int32(i))
		}
		r.agenda.add(r.now+int64(a.Interval), flip, 0)
	}
	flip(0)
}

// moveIn gives each endpoint's machine its tenants.
func (r *run) moveIn(a *Antagonist, random *rand.Rand) {
	hot := make([]bool, len(r.endpoints))
	for _, i := range random.Perm(len(hot))[:int(math.Round(a.Hot*float64(len(hot))))] {
		hot[i] = true
		r.flux[i] /= a.Drag
	}
	var move func(int32)
	move = func(i int32) {
		e := &r.endpoints[i]
		spare, floor := e.burst-e.workers*a.Floor, e.workers*a.Floor
		taken := 1.0
		if !hot[i] { // Pareto, of which all beyond the whole is the whole
			taken = min((1-a.Free)*(a.Shape-1)/a.Shape*math.Pow(1-random.Float64(), -1/a.Shape), 1)
		}
		r.cores[i] = floor + spare*(1-taken)
		r.condition(i)
		r.agenda.add(r.now+max(int64(random.ExpFloat64()*float64(a.Interval)), 1), move, i)
	}
	for i := range r.endpoints {
		move(int32(i))
	}
}

func (r *run) noteFaults() {
	epoch := func(t int64) time.Time { return time.Unix(0, t).UTC() }
	for _, f := range r.faults {
		if f.from >= r.end {
			continue
		}
		noted := datasets.Fault{
			Service: r.scenario.service(), Endpoint: r.result.Endpoints[f.endpoint], Kind: f.name(),
			Start: epoch(f.from), End: epoch(min(f.to, r.end)), Severity: f.severity(),
		}
		if at, ok := f.breaks(); ok && at < r.end {
			noted.Fails = epoch(at)
		}
		r.result.Faults = append(r.result.Faults, noted)
	}
}
