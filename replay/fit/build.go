package fit

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// build makes the scenario out of what was seen.
func (f *Fit) build(h *history, l *requestLog, cfg Config) error {
	queue := l.refusals(h)
	usuals, found := make([]usual, len(h.endpoints)), make([]states, len(h.endpoints))
	workers := make([]float64, len(h.endpoints))
	for e := range h.endpoints {
		var err error
		if usuals[e], found[e], err = usualOf(h, e, cfg); err != nil {
			return err
		}
		workers[e] = usuals[e].workers.Value
	}
	wrong := func(e, k int) bool { return found[e].wrong(k) }
	networks := networksOf(h, l, wrong)
	network := together(networks)
	served := l.served(h, workers, wrong)
	typical := 0.0
	for _, u := range usuals {
		typical += u.service.Value / float64(len(usuals))
	}
	s := &sim.Scenario{
		Name: "fit", About: fmt.Sprintf("service %s of %s, fitted", h.service, filepath.Base(f.Recording)), Seeds: 10,
		Duration: h.duration(), Deadline: l.deadline, Network: time.Duration(network * float64(time.Second)),
		Proxies: sim.Proxies{Count: cfg.Proxies}, Metrics: sim.Metrics{Scrape: h.scrape, Step: behaviourStep, Delay: h.scrape},
	}
	if s.Deadline == 0 {
		s.Deadline = time.Second
	}
	for e, u := range usuals {
		own := events(h, e, found[e], u.service.Value)
		if u.errors.Value > 0 && u.errors.Value > 2*u.errors.Error {
			own = append(own, sim.Event{Kind: sim.Errors, Ratio: min(u.errors.Value, 1), For: s.Duration, Select: sim.Select{Index: []int{e}}})
		}
		s.Events = append(s.Events, own...)
		s.Groups = append(s.Groups, sim.Group{
			Count: 1, Workers: math.Round(u.workers.Value), Queue: queue, Speed: sim.Speed{Values: []float64{typical / u.service.Value}},
			Subset: h.endpoints[e].Subset, Zone: h.endpoints[e].Zone,
		})
		samples := 0
		for _, x := range served[e] {
			samples += len(x)
		}
		f.Endpoints = append(f.Endpoints, Endpoint{h.endpoints[e], u.workers, u.service, u.capacity, u.errors, networks[e], samples, len(own)})
	}
	if len(l.requests) > 0 {
		f.workOfLog(s, l, served, network, usuals, typical)
	} else {
		s.Work = workOfMetrics(h, wrong, typical)
	}
	s.Arrivals = arrivalsOf(h, l)
	s.Complete()
	f.Queue, f.Scenario, f.behaviour = queue, s, sharesOf(h, l)
	if err := s.Validate(); err != nil {
		return fmt.Errorf("%w what the mesh is: %w", ErrTooLittle, err)
	}
	return nil
}

// networksOf is half of what requests took longer at the proxy than at the
// endpoint, by the means of windows in which both counted the same requests.
func networksOf(h *history, l *requestLog, wrong func(e, k int) bool) []Estimate {
	type sum struct {
		n, seconds float64
		expired    bool
	}
	sums := make([][]sum, len(h.endpoints))
	for e := range sums {
		sums[e] = make([]sum, h.n)
	}
	for i := range l.requests {
		q := &l.requests[i]
		if q.endpoint < 0 {
			continue
		}
		switch s := &sums[q.endpoint][q.at/h.window]; {
		case q.status == 0 || q.status > 501:
			s.expired = true
		default:
			s.n, s.seconds = s.n+1, s.seconds+q.latency
		}
	}
	networks := make([]Estimate, len(h.endpoints))
	for e := range networks {
		var ways []float64
		for k, s := range sums[e] {
			if d := s.seconds/s.n - h.seen[e][k].mean; !s.expired && s.n >= leastRequests && !wrong(e, k) && !math.IsNaN(d) {
				ways = append(ways, d/2)
			}
		}
		networks[e] = meanOf(ways)
	}
	return networks
}

// together is the mean of some estimates, each of which counts the more the
// surer it is; none of them and less than nothing is 0.
func together(estimates []Estimate) float64 {
	sum, weights := 0.0, 0.0
	for _, e := range estimates {
		if w := 1 / (e.Error * e.Error); w > 0 && !math.IsInf(w, 0) && !math.IsNaN(e.Value) {
			sum, weights = sum+w*e.Value, weights+w
		}
	}
	if weights == 0 {
		return 0
	}
	return max(sum/weights, 0)
}

// workOfLog gives each class the distribution that its requests show which did
// not have to wait, and the whole of them the mean that the metrics tell.
func (f *Fit) workOfLog(s *sim.Scenario, l *requestLog, served [][][]float64, network float64, usuals []usual, typical float64) {
	counts := make([]float64, len(l.classes))
	for i := range l.requests {
		counts[l.requests[i].class]++
	}
	shapes := make([]shape, len(l.classes))
	mean := 0.0
	for c := range l.classes {
		var sample []float64
		for e := range served {
			for _, latency := range served[e][c] {
				if w := (latency - 2*network) * typical / usuals[e].service.Value; w > 0 {
					sample = append(sample, w)
				}
			}
		}
		if len(sample) < 30 { // too few to tell a shape
			sample = []float64{typical}
		}
		shapes[c] = shapeOf(sample)
		mean += counts[c] / float64(len(l.requests)) * shapes[c].work.Mean.Seconds()
	}
	for c, name := range l.classes {
		work := shapes[c].work
		work.Mean = time.Duration(work.Mean.Seconds() * typical / mean * float64(time.Second))
		s.Classes = append(s.Classes, sim.Class{Name: name, Share: counts[c], Work: work})
		f.Report.Classes = append(f.Report.Classes, Class{name, counts[c] / float64(len(l.requests)), work.Mean, work.Distribution, work.Shape, shapes[c].distance})
	}
}

// workOfMetrics takes the shape from what the median is to the mean where hardly
// anybody waits: exponential where that is about ln 2, else lognormal.
func workOfMetrics(h *history, wrong func(e, k int) bool, typical float64) sim.Work {
	var ratios []float64
	for e := range h.seen {
		for k := range h.seen[e] {
			if s := &h.seen[e][k]; !wrong(e, k) && s.busy < 0.3*s.workers && s.answered*h.window.Seconds() >= leastRequests {
				ratios = append(ratios, s.p50/s.mean)
			}
		}
	}
	w := sim.Work{Distribution: sim.Exponential, Mean: time.Duration(typical * float64(time.Second))}
	if ratio := medianOf(ratios); math.Abs(ratio-math.Ln2) > 0.05 {
		w.Distribution, w.Shape = sim.Lognormal, math.Sqrt(2*math.Log(1/min(max(ratio, 0.1), 0.99)))
	}
	return w
}

// arrivalsOf are those of the log, or as many as the metrics counted, at random
// times within their windows.
func arrivalsOf(h *history, l *requestLog) sim.Arrivals {
	if len(l.requests) > 1 {
		if a, ok := sim.ArrivalsAt(l.times()); ok {
			return a
		}
	}
	a := sim.Arrivals{Process: sim.Poisson}
	for k := range h.n {
		rate := 0.0
		for e := range h.seen {
			if x := h.seen[e][k].requests; x > 0 {
				rate += x
			}
		}
		a.Steps = append(a.Steps, sim.Step{At: time.Duration(k) * h.window, Rate: rate})
	}
	a.Rate, a.Steps = a.Steps[0].Rate, slices.Delete(a.Steps, 0, 1)
	return a
}
