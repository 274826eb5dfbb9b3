package train

import (
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// place is one endpoint in one moment.
type place struct {
	moment *Moment
	index  int
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

// survivals walks every history of the set. Decisions within a failure, and
// for a while after one, are left out: to call a failure that is under way is
// no forecast. A history's own limits come before those that are given. Of
// histories that were drawn from, the fates tell the examples, and the onsets
// are counted already.
func survivals(set *Set, found map[string]Limits, minRequests float64) (examples []example, onsets []onset) {
	for h := range set.Histories {
		history := &set.Histories[h]
		if history.Drawn != nil {
			for i := range history.Moments {
				m := &history.Moments[i]
				examples = append(examples, fated(m, m.Fates, h)...)
			}
			continue
		}
		limits := found
		if history.limits != nil {
			limits = history.limits
		}
		e, o := survivalsOf(history, h, set.foresight(h), limits, minRequests)
		examples, onsets = append(examples, e...), append(onsets, o...)
	}
	return examples, onsets
}

func survivalsOf(history *History, h int, t mesh.Timing, found map[string]Limits, minRequests float64) (examples []example, onsets []onset) {
	w := NewWatch(t, history.Split, found, minRequests)
	tell := func(held heldWindow, told Told) { examples = append(examples, fated(held.moment, told.Fates, h)...) }
	for i := range history.Moments {
		m := &history.Moments[i]
		w.push(heldWindow{m.Service, m.Time, m.Endpoints, m}, func(k int) Seen { return m.Now[k] }, tell)
	}
	w.finish(tell)
	for _, i := range w.Incidents() {
		for _, f := range i.Failures {
			onsets = append(onsets, onset{i.Service, f.Endpoint, h, f.Start})
		}
	}
	return examples, onsets
}

// failureBins is how many bins the horizon is cut into, at most.
const failureBins = 8

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
