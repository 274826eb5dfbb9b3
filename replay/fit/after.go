package fit

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// After is the fitted mesh as it was from a time of the recording on, to let
// others compete in it: with the recorded arrivals from then, and what was the
// matter with endpoints from then. Service and endpoints have their own names,
// so that rules and models know them. What the endpoints are like is still
// fitted to the whole recording. A zero time is the beginning.
func (f *Fit) After(from time.Time) (*sim.Scenario, error) {
	offset := max(from.Sub(f.start), 0)
	if from.IsZero() {
		offset = 0
	}
	s := *f.Scenario
	if s.Duration -= offset; s.Duration <= 0 {
		return nil, fmt.Errorf("fit: %s: nothing was fitted after %s; take an earlier time", f.Recording, from.UTC().Format(time.RFC3339))
	}
	s.Name, s.Service = f.Service, f.Service
	s.Groups = slices.Clone(s.Groups)
	for i := range s.Groups {
		s.Groups[i].Name = f.Endpoints[i].Name
	}
	s.Events = eventsAfter(s.Events, offset, s.Duration)
	arrivals, err := f.arrivalsAfter(offset)
	if err != nil {
		return nil, fmt.Errorf("fit: %s: %w", f.Recording, err)
	}
	s.Arrivals = arrivals
	return &s, s.Validate()
}

// eventsAfter are those that are not over yet, without what was before.
func eventsAfter(events []sim.Event, offset, duration time.Duration) []sim.Event {
	var out []sim.Event
	for _, e := range events {
		if e.At -= offset; e.At < 0 {
			e.For, e.At = e.For+e.At, 0
		}
		if e.For = min(e.For, duration-e.At); e.For > 0 {
			out = append(out, e)
		}
	}
	return out
}

func (f *Fit) arrivalsAfter(offset time.Duration) (sim.Arrivals, error) {
	a := f.Scenario.Arrivals
	if a.Process == sim.Log {
		first, _ := slices.BinarySearch(f.times, offset)
		times := slices.Clone(f.times[first:])
		for i := range times {
			times[i] -= offset
		}
		if a, ok := sim.ArrivalsAt(times); ok {
			return a, nil
		}
		return a, fmt.Errorf("%w what arrives: the request log has %d requests of %s in the judged part", ErrTooLittle, len(times), f.Service)
	}
	var steps []sim.Step
	for _, step := range a.Steps {
		if step.At <= offset {
			a.Rate = step.Rate
			continue
		}
		steps = append(steps, sim.Step{At: step.At - offset, Rate: step.Rate})
	}
	a.Steps = steps
	return a, nil
}

// Arrivals says in words where the arrivals are from.
func (f *Fit) Arrivals() string {
	if f.Scenario.Arrivals.Process == sim.Log {
		return "those of the request log"
	}
	return "Poisson, at the rate of the metrics"
}
