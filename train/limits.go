package train

import (
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Limits are what an endpoint of a service must not exceed.
type Limits struct {
	Latency float64 // of the tail (see Seen.Tail), seconds; +Inf: it is not known
	Errors  float64 // ratio
}

// limitOf is the limit, in seconds, of a service of which these are tail
// latencies, sorted, and nobody configured one; +Inf of none.
func limitOf(tails []float64) float64 {
	if len(tails) == 0 {
		return math.Inf(1)
	}
	return features.UsualLimit(quantile(tails, 0.25), quantile(tails, 0.5), quantile(tails, 0.75))
}

// tails are some of the tail latencies of each service, spread evenly over the
// time: of those of the training part, and of all, which count where there is
// no training part.
type tails struct{ training, all map[string]*thinned }

func newTails() *tails { return &tails{map[string]*thinned{}, map[string]*thinned{}} }

func (t *tails) add(service string, training bool, s *Seen) {
	tail := s.Tail()
	if !(tail > 0) {
		return
	}
	if training {
		thinnedOf(t.training, service).add(tail)
	}
	thinnedOf(t.all, service).add(tail)
}

// limits are those of the services, but for what their objectives configure.
func (t *tails) limits(services []string, objectiveOf func(service string) mesh.Objective) map[string]Limits {
	found := map[string]Limits{}
	for _, service := range services {
		o := objectiveOf(service)
		l := Limits{o.MaxLatency.Seconds(), o.MaxErrorRatio}
		if o.MaxLatency <= 0 {
			from := t.training[service]
			if from == nil {
				from = t.all[service]
			}
			l.Latency = limitOf(from.sorted())
		}
		found[service] = l
	}
	return found
}

// thinned keeps every n-th of a stream of numbers, and doubles n when it is
// full.
type thinned struct {
	kept        []float64
	every, skip int
}

const mostThinned = 1 << 14

func thinnedOf(in map[string]*thinned, service string) *thinned {
	if in[service] == nil {
		in[service] = &thinned{every: 1}
	}
	return in[service]
}

func (t *thinned) add(x float64) {
	if t.skip++; t.skip < t.every {
		return
	}
	t.skip = 0
	if t.kept = append(t.kept, x); len(t.kept) < mostThinned {
		return
	}
	for i := range mostThinned / 2 {
		t.kept[i] = t.kept[2*i]
	}
	t.kept, t.every = t.kept[:mostThinned/2], 2*t.every
}

func (t *thinned) sorted() []float64 {
	if t == nil {
		return nil
	}
	return slices.Sorted(slices.Values(t.kept))
}

// FindLimits walks the windows of a recording and says what the endpoints of
// each service must not exceed: what the objective says, and where it has no
// MaxLatency, a multiple of what is usual in the part of the split that is for
// training, or in all of them where there is none. That the limit of a part
// that judges comes of that part is no look ahead: it says what a failure is,
// and no forecast is told it.
func FindLimits(windows iter.Seq2[mesh.Window, error], split datasets.Split, o mesh.Objective) (map[string]Limits, error) {
	return findLimits(windows, split, Config{Objective: o}.objectiveOf)
}

func findLimits(windows iter.Seq2[mesh.Window, error], split datasets.Split, objectiveOf func(service string) mesh.Objective) (map[string]Limits, error) {
	t := newTails()
	services := map[string]bool{}
	for w, err := range windows {
		if err != nil {
			return nil, err
		}
		services[w.Service] = true
		for i := range w.Endpoints {
			s := seen(&w, i)
			t.add(w.Service, split.Part(w.Time) == datasets.Train, &s)
		}
	}
	return t.limits(slices.Collect(maps.Keys(services)), objectiveOf), nil
}

// limitsOf are the limits of each service in the training part of a set.
func limitsOf(set *Set, services []Service, cfg Config) map[string]Limits {
	t := newTails()
	set.each(datasets.Train, func(_ int, m *Moment) {
		for k := range m.Now {
			t.add(m.Service, true, &m.Now[k])
		}
	})
	var names []string
	for _, s := range services {
		names = append(names, s.Name)
	}
	return t.limits(names, cfg.objectiveOf)
}

// The causes of failures.
const (
	Gone    = "gone"    // down, or vanished from the metrics while others are there
	Erring  = "errors"  // beyond the limit of the error ratio
	TooSlow = "latency" // beyond the limit of the tail latency
)

// breach says what of a window is a failure, or "". Being gone is one by
// itself; the others need to last.
func (l Limits) breach(s *Seen, minRequests float64) string {
	switch {
	case s.Up == 0:
		return Gone
	case !(s.Requests >= minRequests):
		return ""
	case s.ErrorRatio > l.Errors:
		return Erring
	case s.Tail() > l.Latency:
		return TooSlow
	}
	return ""
}

// gap is how far failures of an endpoint must be apart not to be one: 40 steps,
// which are ten minutes at the usual 15 s, and never more than these; but longer
// than a window that still shows the last of the failure. For as long after a
// failure, there is nothing to forecast.
func gap(t mesh.Timing) time.Duration {
	return max(min(40*t.Step, 10*time.Minute), t.Range+t.Delay)
}

// together is how far apart endpoints begin to fail of one cause, at most: they
// are seen to within a window's range of each other, give or take a step each.
func together(t mesh.Timing) time.Duration { return t.Range + 2*t.Step }
