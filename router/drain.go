package router

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/router/rules"
)

// drainage is what forecasts have done to an endpoint.
type drainage struct {
	On      bool    // a forecast asks for it, or has lately
	Goal    float64 // the part of its weight that is to be taken away
	Part    float64 // what is taken away now, 0 to 1; 1 leaves the floor
	Calm    int     // windows since a forecast last asked
	Again   int     // how often it has asked anew before all was given back
	HeldOut bool    // chosen by lot to be left alone
	Why     string  // what the forecast said that asked last
}

// active reports whether the drain takes up one of the places.
func (d *drainage) active() bool { return d.On || d.Part > 0 }

// A drain takes drainWindows windows, or fewer if a failure may come before. It
// begins at half of the threshold for all of a weight, with half of the weight,
// and has passed below a quarter in each of calmWindows windows: of twice as many
// when it comes back before all is given back, and so on, at most of mostCalm.
const (
	drainWindows = 3
	calmWindows  = 3
	mostCalm     = 48
	beginsAt     = 0.5 // of Config.FailureThreshold
	passesBelow  = 0.25
)

// DrainTime is how long a drain takes at most: from the first decision on a
// forecast that is at Config.FailureThreshold or above, and stays there, to the
// one that has the endpoint at its floor. Step is the time between windows,
// endpoints how many have equal shares. At default limits and four endpoints or
// more these are three decisions, two steps apart. A proxy has a decision as much
// later as it asks.
func DrainTime(step time.Duration, endpoints int, l rules.Limits) time.Duration {
	share := 1 / float64(max(endpoints, 1))
	const rounding = 1e-9
	windows := max(drainWindows, int(math.Ceil(share*(1-l.Floor)/l.Step-rounding)))
	return time.Duration(windows-1) * step
}

// drain moves the drains on by one window, which has taken step. Those that go on
// come before those that begin, so that two endpoints do not take turns, and the
// likeliest failure before others. Ejections come before all of them.
func (p *eject) drain(state *ejections, dst *Decision, f *features.Frame, step time.Duration, limits rules.Limits) {
	excess := p.excess(state, dst)
	order := make([]int, 0, len(excess))
	n, failing := state.count(dst, f.Time)
	places := maxEjected(limits, n)
	for i, e := range dst.Endpoints {
		s := state.ByName[e.Name]
		switch {
		case s.Gone, s.Out, s.ill() > 0, s.holds(f.Time):
			s.Drain = drainage{}
			if (s.Down || s.holds(f.Time)) && !s.Gone && !s.Out {
				places--
			}
		case excess[i] >= p.begins() || s.Drain.active():
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := &state.of(dst, a).Drain, &state.of(dst, b).Drain
		if x.active() != y.active() {
			return cmp.Compare(y.Part+1, x.Part+1)
		}
		return cmp.Or(cmp.Compare(y.Goal, x.Goal), cmp.Compare(excess[b], excess[a]))
	})
	if p.panicking(n, failing+len(order)) {
		places = 0
	}
	for k, i := range order {
		d := &state.of(dst, i).Drain
		if k >= places {
			*d = drainage{}
			continue
		}
		p.warn(d, excess[i], dst, f, i)
		if d.Part = p.moved(d, dst, i, step, limits.Step); !d.active() {
			*d = drainage{}
		}
	}
}

func (p *eject) begins() float64 { return beginsAt * p.cfg.FailureThreshold }

// excess is by how much the lower bound of each endpoint's forecast is above the
// median of its peers' that are well, which is what is its own: what the whole
// service is in for, no endpoint is drained for. It is 0 where there is no
// forecast, where the metrics cannot be believed, and where an endpoint has no
// peer that could serve in its place. The lower bound counts: a calibration on a
// handful of failures says 0.8 and may mean 0.3, and what is drained in vain
// loads its peers.
func (p *eject) excess(state *ejections, dst *Decision) []float64 {
	excess := make([]float64, len(dst.Endpoints))
	if dst.Reason == WarmUp || dst.Reason == Stale || len(dst.Failures) != len(excess) {
		return excess
	}
	well := make([]float64, 0, len(excess))
	for i := range excess {
		if s := state.of(dst, i); !s.Gone && !s.Out && s.ill() == 0 {
			well = append(well, dst.Failures[i].Low)
		}
	}
	slices.Sort(well)
	for i := range excess {
		if s := state.of(dst, i); !s.Gone && !s.Out && s.ill() == 0 && len(well) > 1 {
			low := dst.Failures[i].Low
			excess[i] = low - medianWithout(well, low)
		}
	}
	return excess
}

// medianWithout is the median, the upper one of two, of sorted numbers without one
// that is among them.
func medianWithout(sorted []float64, one float64) float64 {
	k := (len(sorted) - 1) / 2
	if at, _ := slices.BinarySearch(sorted, one); at <= k {
		k++
	}
	return sorted[k]
}

// warn takes in what the forecast says of endpoint i. What it asked for once is
// held until it has passed: a forecast that comes and goes does not move weights.
func (p *eject) warn(d *drainage, excess float64, dst *Decision, f *features.Frame, i int) {
	switch {
	case excess >= p.begins():
		if !d.On {
			if d.Part > 0 {
				d.Again++
			}
			d.On, d.HeldOut = true, p.lot(f, i) < p.cfg.HoldOut
		}
		d.Calm, d.Why = 0, p.why(dst, f, i)
		d.Goal = max(d.Goal, min(excess/p.cfg.FailureThreshold, 1))
	case excess >= passesBelow*p.cfg.FailureThreshold:
		d.Calm = 0
	default:
		d.Calm++
	}
	const enough = 8 // doublings: beyond mostCalm, and no overflow, whatever was restored
	if d.Calm >= min(calmWindows<<min(max(d.Again, 0), enough), mostCalm) {
		d.On, d.Goal, d.HeldOut = false, 0, false
	}
}

// moved is the part that is taken away after one window more. A drain is over
// before the first tenth of the failures that the forecast expects, as far as
// the step allows, and takes no longer than drainWindows. It is undone in the
// time of a slow start.
func (p *eject) moved(d *drainage, dst *Decision, i int, step time.Duration, most float64) float64 {
	switch {
	case d.HeldOut:
		return 0
	case !d.On && p.cfg.SlowStart <= 0:
		return 0
	case !d.On:
		return max(d.Part-float64(step)/float64(p.cfg.SlowStart), 0)
	}
	windows := float64(drainWindows)
	if first := dst.Failures; i < len(first) && first[i].Time[0] >= 0 && step > 0 {
		windows = min(max(math.Floor(first[i].Time[0]/step.Seconds()), 1), drainWindows)
	}
	move := d.Goal / windows
	if w := dst.Weights[i]; w > 0 {
		move = min(move, most/w)
	}
	return max(d.Part, min(d.Part+move, d.Goal))
}
