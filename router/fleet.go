package router

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
)

// fleets is the memory that a policy which sets weights from metrics has of
// services, by their names.
type fleets[E any] map[string]*fleet[E]

// fleet is the memory of one service: an E of each endpoint of its newest
// window. Who is not in it is forgotten, and met as a new one when it is back.
type fleet[E any] struct {
	End    time.Time // of the newest window
	Shown  time.Time // end of the newest window in which an endpoint reported
	ByName map[string]*E

	order   []*E    // those of the frame's endpoints, in its order
	elapsed float64 // seconds between the ends of the last two windows; 0 at first
	fresh   bool    // the frame is a new window
}

// meet takes in whose window f is. An endpoint that is new has a zero E.
func (m fleets[E]) meet(f *features.Frame) *fleet[E] {
	v := m[f.Service]
	if v == nil {
		v = &fleet[E]{ByName: map[string]*E{}}
		m[f.Service] = v
	}
	v.elapsed, v.fresh = 0, f.End.After(v.End)
	if v.fresh {
		if !v.End.IsZero() {
			v.elapsed = f.End.Sub(v.End).Seconds()
		}
		v.End = f.End
	}
	v.order = v.order[:0]
	for i := range f.Endpoints {
		e := v.ByName[f.Endpoints[i].Name]
		if e == nil {
			e = new(E)
			v.ByName[f.Endpoints[i].Name] = e
		}
		v.order = append(v.order, e)
	}
	if len(v.ByName) > len(f.Endpoints) {
		for name := range v.ByName {
			if f.Find(name) < 0 {
				delete(v.ByName, name)
			}
		}
	}
	return v
}

// tidy drops what JSON can say and no policy saves: null.
func (m *fleets[E]) tidy() {
	services := map[string]*fleet[E](*m)
	drop(&services, func(v *fleet[E]) bool { drop(&v.ByName, func(*E) bool { return true }); return true })
	*m = services
}

// reported notes that the window shows something of at least one endpoint.
func (v *fleet[E]) reported() { v.Shown = v.End }

// trust raises the decision's age to that of the last report, and declines
// where there never was one, or none for too long.
func (v *fleet[E]) trust(dst *Decision, f *features.Frame, cfg Config) error {
	if v.Shown.IsZero() {
		return declinef(WarmUp, "no endpoint has reported yet")
	}
	dst.Age = max(dst.Age, f.Time.Sub(v.Shown))
	if limit := cfg.staleAfter(f); dst.Age > limit {
		return declinef(Stale, "metrics are %v old, more than %v", dst.Age, limit)
	}
	return nil
}

// begin makes dst the empty decision of a formula; it declines with NoEndpoints.
func begin(dst *Decision, f *features.Frame, name string) error {
	dst.reset(f)
	dst.Policy, dst.Source = name, SourceRules
	if len(f.Endpoints) == 0 {
		return NoEndpoints
	}
	return nil
}

// finish makes scores the weights: who has none gets the mean of the others
// (gRFC A58), and who is known to be down gets nothing while others are up.
func finish(dst *Decision, f *features.Frame) {
	all := allDown(f)
	for i := range dst.Weights {
		if !all && isDown(f, i) {
			dst.Weights[i] = math.NaN()
		}
	}
	fillMean(dst.Weights)
	for i := range dst.Weights {
		if !all && isDown(f, i) {
			dst.Weights[i] = 0
		}
	}
	dst.Weights.Normalize()
}

// capacityOf is the load in requests/s at which endpoint i saturates, at the
// slow level of the features' memory (columns capacity_rps and
// capacity_vs_past), so that a slow-down of minutes does not move it; NaN when
// nothing is known. That memory has, in this order: good requests over
// utilization; by Little's law, the most requests ever in flight over the
// latency; the highest load ever; the last two times 1.25.
func capacityOf(f *features.Frame, i int) float64 {
	now := column(f, i, "capacity_rps")
	if moved := column(f, i, "capacity_vs_past"); !math.IsNaN(moved) {
		now *= math.Exp(-moved)
	}
	if !(now > 0) || math.IsInf(now, 0) {
		return math.NaN()
	}
	return now
}

// column is a feature of endpoint i; NaN when the frame does not have it.
func column(f *features.Frame, i int, name string) float64 {
	k := f.Column(name)
	if k < 0 {
		return math.NaN()
	}
	return float64(f.Row(i)[k])
}

// positive is x, or NaN where it is not a finite number above 0.
func positive(x float64) float64 {
	if x > 0 && !math.IsInf(x, 0) {
		return x
	}
	return math.NaN()
}

// counted is x, or NaN where it is not a finite number of at least 0.
func counted(x float64) float64 {
	if x >= 0 && !math.IsInf(x, 0) {
		return x
	}
	return math.NaN()
}

// ratio is x, held within 0 to 1; NaN where it is none.
func ratio(x float64) float64 { return min(max(x, 0), 1) }
