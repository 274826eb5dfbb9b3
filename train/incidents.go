package train

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// Incident is what an on-call engineer is woken for once: an endpoint of a
// service fails, or several that begin to fail together.
type Incident struct {
	Service  string
	Failures []EndpointFailure // in order of their starts
	// Start is that of the first decision that sees a breach, End that of the
	// last one so far.
	Start, End time.Time
	// Part is the one part of the split that the whole incident belongs to,
	// whatever part it lasts into.
	Part datasets.Part
}

// EndpointFailure is the part that one endpoint has in an incident: from its
// first breach to the last, with pauses in between that were short.
type EndpointFailure struct {
	Endpoint   string
	Start, End time.Time
	Cause      string // of the first breach: Gone, Erring, TooSlow
}

// Class tells, by the faults that were injected, whether anything announced
// the incident: datasets.Ramp, Sudden, Recovered (what was to recover by itself
// failed nevertheless) or Benign; "" where it overlaps no fault. The first that
// any of its endpoints has counts.
func (i *Incident) Class(faults []datasets.Fault) string {
	order := []string{datasets.Ramp, datasets.Sudden, datasets.Recovered, datasets.Benign}
	best := len(order)
	for k := range faults {
		f := &faults[k]
		if f.Service == i.Service && i.within(f) {
			best = min(best, slices.Index(order, f.Class()))
		}
	}
	if best == len(order) {
		return ""
	}
	return order[best]
}

// within reports whether an endpoint begins to fail during a fault of its own.
// The last window that a fault was in is seen when it is over.
func (i *Incident) within(f *datasets.Fault) bool {
	late := max(f.End.Sub(f.Start)/10, 10*time.Second)
	return slices.ContainsFunc(i.Failures, func(e EndpointFailure) bool {
		return e.Endpoint == f.Endpoint && !e.Start.Before(f.Start) && !e.Start.After(f.End.Add(late))
	})
}

// Incidents walks a recording twice: for the limits that no objective of cfg
// configures, and for what exceeds them. They are in order of their starts.
// Memory does not grow with the recording.
func Incidents(ctx context.Context, rec *datasets.Recording, t mesh.Timing, cfg Config) ([]Incident, error) {
	split := rec.Split(t)
	limits, err := findLimits(rec.Windows(ctx, t), split, cfg.objectiveOf)
	if err != nil {
		return nil, fmt.Errorf("train: %w", err)
	}
	w := NewWatch(t, split, limits, cfg.MinRequests)
	for window, err := range rec.Windows(ctx, t) {
		if err != nil {
			return nil, fmt.Errorf("train: %w", err)
		}
		w.Push(&window, func(Told) {})
	}
	w.Finish(func(Told) {})
	return w.Incidents(), nil
}

// join finds the incident of a failure that is proven now, or begins one.
func (w *Watch) join(service string, f EndpointFailure) (incident int) {
	near := together(w.timing)
	for k := len(w.incidents) - 1; k >= 0; k-- {
		i := &w.incidents[k]
		if f.Start.Sub(i.last()) > gap(w.timing)+w.lasting {
			break // they are about in order
		}
		if i.Service == service && !f.Start.Before(i.Start.Add(-near)) && !f.Start.After(i.last().Add(near)) {
			i.Failures = append(i.Failures, f)
			if f.Start.Before(i.Start) {
				i.Start, i.Part = f.Start, w.part(f.Start)
			}
			i.End = latest(i.End, f.End)
			return k
		}
	}
	w.incidents = append(w.incidents, Incident{service, []EndpointFailure{f}, f.Start, f.End, w.part(f.Start)})
	return len(w.incidents) - 1
}

// last is when the last of the endpoints began to fail.
func (i *Incident) last() time.Time {
	last := i.Start
	for k := range i.Failures {
		last = latest(last, i.Failures[k].Start)
	}
	return last
}

// prolong notes that a failure of an incident is seen until now.
func (w *Watch) prolong(incident int, endpoint string, now time.Time) {
	i := &w.incidents[incident]
	for k := range i.Failures {
		if i.Failures[k].Endpoint == endpoint {
			i.Failures[k].End = now
		}
	}
	i.End = latest(i.End, now)
}

// part is the part of the split that an incident belongs to; where it begins in
// a gap, that of the decisions before it.
func (w *Watch) part(start time.Time) datasets.Part {
	if p := w.split.Part(start); p != datasets.None {
		return p
	}
	return w.split.Part(start.Add(-w.timing.Purge()))
}

// Incidents are those so far, in order of their starts; after Finish, all. A
// Fate names one by its place in it.
func (w *Watch) Incidents() []Incident {
	list := slices.Clone(w.incidents)
	for k := range list {
		list[k].Failures = slices.SortedStableFunc(slices.Values(list[k].Failures), func(a, b EndpointFailure) int {
			return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.Endpoint, b.Endpoint))
		})
	}
	return list
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
