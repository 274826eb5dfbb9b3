package train

import (
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// consecutive is how many windows in a row must breach a limit before that is
// a failure; being down is one at once. The first and the last of them must
// share no sample: else one slow request, or one error among a dozen requests,
// would be a failure, for every overlapping window that it lies in repeats it.
const consecutive = 2

// tailFactor and tailSpread set the limit of a service's tail latency where
// nobody configured one: so many times its median in training, and so many
// standard deviations above it, whichever is more.
const tailFactor, tailSpread = 3, 8

// limits are what an endpoint of a service must not exceed.
type limits struct{ latency, errors float64 }

// limitsOf configures the limits of each service, from the objective or else
// from the training part.
func limitsOf(set *Set, services []Service, o mesh.Objective) map[string]limits {
	found := map[string]limits{}
	for _, s := range services {
		l := limits{latency: o.MaxLatency.Seconds(), errors: o.MaxErrorRatio}
		if o.MaxLatency <= 0 {
			l.latency = usualTail(set, s.Name)
		}
		found[s.Name] = l
	}
	return found
}

func usualTail(set *Set, service string) float64 {
	var tails []float64
	for h := range set.Histories {
		history := &set.Histories[h]
		for i := range history.Moments {
			m := &history.Moments[i]
			if m.Service != service || !m.Time.Before(history.Split.TrainEnd) {
				continue
			}
			for k := range m.Now {
				if tail := m.Now[k].Tail(); tail > 0 {
					tails = append(tails, tail)
				}
			}
		}
	}
	if len(tails) == 0 {
		return math.Inf(1)
	}
	slices.Sort(tails)
	median := quantile(tails, 0.5)
	deviation := (quantile(tails, 0.75) - quantile(tails, 0.25)) / 1.349
	return max(tailFactor*median, median+tailSpread*deviation)
}

// breach reports whether the window shows a failure, and whether it is one by
// itself.
func (l limits) breach(s *Seen, minRequests float64) (breach, atOnce bool) {
	if s.Up == 0 {
		return true, true
	}
	if !(s.Requests >= minRequests) {
		return false, false
	}
	return s.ErrorRatio > l.errors || s.Tail() > l.latency, false
}

// place is one endpoint in one moment.
type place struct {
	moment *Moment
	index  int
}

// failure is one breach, from the first decision that sees it to the last.
type failure struct{ start, end time.Time }

// failuresOf lists the failures of one endpoint, whose places are in order of
// time.
func failuresOf(places []place, l limits, t mesh.Timing, minRequests float64) []failure {
	var list []failure
	var run failure
	length, sure := 0, false
	flush := func() {
		lasting := length >= consecutive && run.end.Sub(run.start) >= t.Range
		if lasting || length > 0 && sure {
			list = append(list, run)
		}
		length, sure = 0, false
	}
	for _, p := range places {
		at := p.moment.Time
		breach, atOnce := l.breach(&p.moment.Now[p.index], minRequests)
		if length > 0 && (!breach || at.Sub(run.end) > t.Step*3/2) {
			flush()
		}
		if !breach {
			continue
		}
		if length == 0 {
			run.start = at
		}
		run.end = at
		length++
		sure = sure || atOnce
	}
	flush()
	return list
}

// example is one decision about one endpoint that works: whether it fails
// within the horizon, and for how long that was watched.
type example struct {
	place
	failed  bool
	after   time.Duration // until the failure is seen, or until nobody watched
	history int
}

// onset is the beginning of a failure that was not another's continuation.
type onset struct {
	service, endpoint string
	history           int
	at                time.Time
}

// survivals walks every endpoint of the set. Decisions within a failure, and
// within the purge time after one, are left out: to call a failure that is
// under way is no forecast. Of histories that were drawn from, the fates tell
// the examples, and the onsets are counted already.
func survivals(set *Set, found map[string]limits, minRequests float64) (examples []example, onsets []onset) {
	for h := range set.Histories {
		history := &set.Histories[h]
		if history.Drawn != nil {
			examples = append(examples, fated(history, h)...)
			continue
		}
		e, o := survivalsOf(history, h, set.foresight(h), found, minRequests)
		examples, onsets = append(examples, e...), append(onsets, o...)
	}
	return examples, onsets
}

func survivalsOf(history *History, h int, t mesh.Timing, found map[string]limits, minRequests float64) (examples []example, onsets []onset) {
	for _, places := range endpointsOf(history) {
		service := places[0].moment.Service
		list := failuresOf(places, found[service], t, minRequests)
		for i, f := range list {
			if i == 0 || f.start.Sub(list[i-1].end) > t.Purge() {
				onsets = append(onsets, onset{service, places[0].moment.Endpoints[places[0].index], h, f.start})
			}
		}
		examples = append(examples, watched(places, list, t, h)...)
	}
	return examples, onsets
}

// endpointsOf groups the places of a history by endpoint, in order of the
// first appearance.
func endpointsOf(h *History) [][]place {
	type key struct{ service, endpoint string }
	at := map[key]int{}
	var groups [][]place
	for i := range h.Moments {
		m := &h.Moments[i]
		for k, name := range m.Endpoints {
			g, ok := at[key{m.Service, name}]
			if !ok {
				g = len(groups)
				at[key{m.Service, name}] = g
				groups = append(groups, nil)
			}
			groups[g] = append(groups[g], place{m, k})
		}
	}
	return groups
}

func watched(places []place, list []failure, t mesh.Timing, history int) []example {
	var examples []example
	last := places[len(places)-1].moment.Time
	next := 0
	for _, p := range places {
		at := p.moment.Time
		for next < len(list) && !at.Before(list[next].start) {
			next++ // failures before next have begun
		}
		if next > 0 && at.Sub(list[next-1].end) <= t.Purge() {
			continue
		}
		e := example{place: p, after: min(last.Sub(at), t.Horizon), history: history}
		if next < len(list) {
			if until := list[next].start.Sub(at); until <= t.Horizon {
				e.failed, e.after = true, until
			}
		}
		examples = append(examples, e)
	}
	return examples
}

// failureBins is how many bins the horizon is cut into, at most.
const failureBins = 6

// binsOf are the upper edges of bins that grow with their distance, whole
// steps each; the last is the horizon.
func binsOf(t mesh.Timing) []time.Duration {
	first := min(t.Step, t.Horizon)
	ratio := float64(t.Horizon) / float64(first)
	var edges []time.Duration
	for b := range failureBins {
		edge := time.Duration(float64(first) * math.Pow(ratio, float64(b)/(failureBins-1)))
		edge = min((edge+t.Step/2)/t.Step*t.Step, t.Horizon)
		if b == failureBins-1 {
			edge = t.Horizon
		}
		if edge > 0 && (len(edges) == 0 || edge > edges[len(edges)-1]) {
			edges = append(edges, edge)
		}
	}
	return edges
}

// binned is the target of an example: bins at risk, whether it failed in the
// last of them, weight.
func (e *example) binned(bins []time.Duration, weight float64) [3]float32 {
	if !e.failed {
		risk := 0
		for risk < len(bins) && bins[risk] <= e.after {
			risk++
		}
		return [3]float32{float32(risk), 0, float32(weight)}
	}
	risk, _ := slices.BinarySearch(bins, e.after)
	return [3]float32{float32(risk + 1), 1, float32(weight)}
}
