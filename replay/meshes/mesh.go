package meshes

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// The first seeds of meshes, by what they are for; each use has Seeds of them.
// Scenarios are run with the seeds from 1 on.
const (
	Training   = 1_000_000
	Validation = 2_000_000
	Tuning     = 3_000_000
	Seeds      = 1_000_000
)

// Part is what a recording of the mesh of a seed is for; None for seeds that
// have no use, and for those of tuning, which are not recorded.
func Part(seed uint64) datasets.Part {
	switch seed / Seeds {
	case Training / Seeds, FailingTraining / Seeds:
		return datasets.Train
	case Validation / Seeds, FailingValidation / Seeds:
		return datasets.Validation
	case FailingTest / Seeds:
		return datasets.Test
	}
	return datasets.None
}

// What a mesh may cost: requests and scrapes of one run, in some seconds of one
// core.
const (
	fewestRequests = 5_000
	mostRequests   = 1_500_000
	mostScrapes    = 40_000
)

// Scenario draws the mesh of a seed. It is to be run with that seed too. A
// draw that would cost too much to record, or has too few requests to judge a
// p99 by, is drawn anew: what is left out are large fleets whose metrics are
// thousands of service times old.
func Scenario(seed uint64) *sim.Scenario {
	d := newDraw(seed)
	for {
		s := d.scenario()
		least, _ := cost(s, seed)
		requests, scrapes := cost(recorded(*s), seed)
		if least >= fewestRequests && requests <= mostRequests && scrapes <= mostScrapes {
			s.Name = fmt.Sprintf("mesh-%d", seed)
			s.About = "Drawn at random."
			s.Source = fmt.Sprintf("package meshes, seed %d", seed)
			return s
		}
	}
}

// Recorded draws the mesh of a seed as it is to be recorded: for at least 70
// windows. Some meshes are shorter, as some scenarios are, where it counts how
// a policy begins.
func Recorded(seed uint64) *sim.Scenario { return recorded(*Scenario(seed)) }

func recorded(s sim.Scenario) *sim.Scenario {
	s.Duration = max(s.Duration, 70*s.Metrics.Step)
	return &s
}

// cost is how many requests and scrapes a run is expected to have.
func cost(s *sim.Scenario, seed uint64) (requests, scrapes float64) {
	capacity := 0.0
	for _, c := range s.Capacities(seed) {
		capacity += c
	}
	load, from := s.Arrivals.Load, time.Duration(0)
	for _, step := range s.Arrivals.Steps {
		requests += load * capacity * (step.At - from).Seconds()
		load, from = step.Load, step.At
	}
	requests += load * capacity * (s.Duration - from).Seconds()
	return requests, float64(s.Count()) * s.Duration.Seconds() / s.Metrics.Scrape.Seconds()
}

// scenario draws all parts. Faults and their like are measured in windows: how
// long a mesh is watched, too.
func (d *draw) scenario() *sim.Scenario {
	work := d.work()
	s := &sim.Scenario{Seeds: 1, Work: work, Network: d.duration(50*time.Microsecond, 2*time.Millisecond, time.Microsecond)}
	s.Metrics = d.metrics(work.Mean)
	s.Duration = d.windows(s, 15, 280)
	s.WarmUp = min(s.Duration/3, d.windows(s, 3, 40))
	s.Deadline = d.duration(max(250*time.Millisecond, 5*work.Mean), 20*time.Second, time.Millisecond)
	s.Proxies = d.proxies()
	s.Classes = d.classes(work)
	s.Groups = d.groups()
	s.Arrivals = d.arrivals(s)
	s.Antagonists = d.antagonists(s)
	s.Events = d.events(s)
	s.Decisions = d.decisions(s)
	return s
}
