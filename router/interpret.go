package router

import (
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// LoadInterpretation is Dahlin's basic load interpretation (Dahlin,
// "Interpreting stale load information", TPDS 2000): the requests in flight of
// the last scrape are taken for what they are, some seconds old. The weights
// are those that would have evened out the queues once all requests have
// arrived that are expected from that scrape until the next one: a water-fill.
// On fresh metrics it sends to the shortest queue alone, on very old ones
// evenly.
//
// Arrivals are the service's rate times the age of the window plus the time
// between windows, or plus the parameter horizon where it is above 0. Most
// schemas bring requests in flight as their average over the window, which is
// older, and smoother, than the gauge at its end.
//
// With capacity = 1 queues are evened out in time rather than in number: each
// counts by its endpoint's capacity (see capacityOf).
//
// It declines with WarmUp where no endpoint tells what it has in flight. An
// endpoint that does not is taken for one with the mean queue.
func LoadInterpretation(v Values) Policy {
	return &interpretation{horizon: v["horizon"], capacity: v["capacity"] >= 0.5, services: fleets[spacing]{}}
}

var interpretationParameters = []picker.Parameter{
	{Name: "horizon", Default: 0, Min: 0, Max: 300, Unit: picker.Duration, Help: "time until the next scrape; 0: as between the last two"},
	{Name: "capacity", Default: 0, Min: 0, Max: 1, Unit: picker.Count, Help: "1: queues count by the endpoint's capacity"},
}

type interpretation struct {
	horizon        float64
	capacity       bool
	services       fleets[spacing]
	queues, speeds []float64
}

// spacing is the time in seconds between the last two windows that an endpoint
// was in; that of the service is the longest.
type spacing struct{ Seconds float64 }

func (p *interpretation) Name() string { return "load_interpretation" }

func (p *interpretation) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	step := p.step(f)
	if !p.board(f) {
		return declinef(WarmUp, "no endpoint tells what it has in flight")
	}
	arrivals := serviceRate(f) * (max(dst.Age.Seconds(), 0) + step)
	fill(dst.Weights, p.queues, p.speeds, arrivals)
	finish(dst, f)
	return nil
}

// step is the time until the next scrape in seconds.
func (p *interpretation) step(f *features.Frame) float64 {
	v := p.services.meet(f)
	longest := 0.0
	for _, s := range v.order {
		if v.elapsed > 0 {
			s.Seconds = v.elapsed
		}
		longest = max(longest, s.Seconds)
	}
	switch {
	case p.horizon > 0:
		return p.horizon
	case longest > 0:
		return longest
	case f.Schema != nil:
		return f.Schema.Step.Seconds()
	}
	return 0
}

// board reads the queues and the speeds, relative to their mean; speed 0 keeps
// what is down out of it. It reports whether anyone tells its queue.
func (p *interpretation) board(f *features.Frame) bool {
	n := len(f.Endpoints)
	p.queues, p.speeds = sized(p.queues, n), sized(p.speeds, n)
	told, all := false, allDown(f)
	for i := range p.queues {
		p.queues[i], p.speeds[i] = counted(f.At(i, mesh.InFlight)), 1
		if p.capacity {
			p.speeds[i] = capacityOf(f, i)
		}
		told = told || !math.IsNaN(p.queues[i])
	}
	fillMean(p.queues)
	fillMean(p.speeds)
	mesh.Weights(p.speeds).Normalize()
	for i := range p.speeds {
		p.speeds[i] *= float64(n)
		if !all && isDown(f, i) {
			p.speeds[i] = 0
		}
	}
	return told
}

// fill pours arrivals over queues of the given speeds, 0 of those that get
// nothing, up to one level of time, and writes what each takes. Arrivals below
// a thousandth of a request count as that: the limit is the shortest queue.
func fill(taken, queues, speeds []float64, arrivals float64) {
	arrivals = max(arrivals, 1e-3)
	order := make([]int, 0, len(queues))
	for i, s := range speeds {
		taken[i] = 0
		if s > 0 {
			order = append(order, i)
		}
	}
	slices.SortFunc(order, func(a, b int) int {
		switch x, y := queues[a]/speeds[a], queues[b]/speeds[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	queue, speed, under := 0.0, 0.0, 0
	for k, i := range order { // the level if those up to k are under water
		next := (arrivals + queue + queues[i]) / (speed + speeds[i])
		if k > 0 && next <= queues[i]/speeds[i] {
			break
		}
		queue, speed, under = queue+queues[i], speed+speeds[i], k+1
	}
	for _, i := range order[:under] {
		taken[i] = max(speeds[i]*(arrivals+queue)/speed-queues[i], 0)
	}
}
