package model

import (
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// Hazard is a discrete-time survival network (Gensheimer and Narasimhan,
// "A scalable discrete-time survival model for neural networks", PeerJ 2019):
// one logit per bin of time, sigmoid of which is the probability of failing in
// the bin given that the endpoint did not fail before it. With one layer it is a
// logistic regression per bin.
type Hazard struct {
	Columns []string `json:"columns"`
	Scaler  Scaler   `json:"scaler"`
	Layers  []Layer  `json:"layers"`
	// Bins are the upper edges, increasing; the first bin begins at 0 and the
	// last edge is the horizon.
	Bins []time.Duration `json:"bins"`
	// Calibration is that of all endpoints, Classes those of endpoints with as
	// much traffic, where validation had enough failures of each.
	Calibration Calibration `json:"calibration"`
	Classes     []Class     `json:"classes,omitempty"`
	// Levels are the quantiles of the network's time to the failure below which
	// 10, 50 and 90 % of the failures in validation came (conformal prediction of
	// a distribution: Chernozhukov, Wüthrich and Zhu, PNAS 118, 2021). All zero:
	// 0.1, 0.5 and 0.9.
	Levels [3]float64 `json:"levels,omitzero"`
	// BaseRate is the frequency of failures within the horizon in training.
	BaseRate float64 `json:"base_rate"`
}

// Class is the calibration of endpoints by the requests of their window
// (Mondrian: Vovk, Gammerman and Shafer, "Algorithmic Learning in a Random
// World", 2005).
type Class struct {
	// Requests is from how many requests in a window on the class holds, up to
	// the next class's.
	Requests    float64     `json:"requests"`
	Calibration Calibration `json:"calibration"`
}

// Calibration maps the network's probability of failing within the horizon to
// the frequency seen in validation: knots of a nondecreasing function, linear
// between them, constant outside. Low and High are the two probabilities of
// Venn–Abers prediction (Vovk and Petej, UAI 2014): had this decision been seen
// in validation and failed, and had it not. No knots: identity, and nothing is
// known of the bounds.
type Calibration struct {
	X    []float64 `json:"x"` // increasing, in [0, 1]
	Y    []float64 `json:"y"` // nondecreasing, in [0, 1]
	Low  []float64 `json:"low"`
	High []float64 `json:"high"`
}

// For is the calibration of an endpoint with so many requests in its window;
// NaN: unknown, the pooled one's.
func (h *Hazard) For(requests float64) *Calibration {
	c := &h.Calibration
	for i := range h.Classes {
		if requests >= h.Classes[i].Requests {
			c = &h.Classes[i].Calibration
		}
	}
	return c
}

// TimeLevels are the Levels, or what they are by default.
func (h *Hazard) TimeLevels() [3]float64 {
	if h.Levels == [3]float64{} {
		return [3]float64{0.1, 0.5, 0.9}
	}
	return h.Levels
}

// TimingFor is how a recording with another step than the model's is looked at
// for its forecast: as many steps ahead. The time of a forecast is in steps.
func (m *Model) TimingFor(own mesh.Timing) mesh.Timing {
	own.Horizon = time.Duration(float64(m.Timing.Horizon) * float64(own.Step) / float64(m.Timing.Step)).Round(time.Millisecond)
	return own
}

// FeaturesFor is the Config of the extractor whose frames are to be forecast
// with that timing.
func (m *Model) FeaturesFor(t mesh.Timing) features.Config {
	cfg := m.FeatureConfig()
	cfg.Horizon = m.TimingFor(t).Horizon
	return cfg
}

// Paced is a model that only forecasts failures, as it is asked where windows
// come with another step: all that it says of time is then of as many steps. Any
// other model is as it is, because what it learned of load is of its own windows.
func (m *Model) Paced(own mesh.Timing) *Model {
	if m.Routing != nil || m.Failure == nil || own.Step <= 0 {
		return m
	}
	paced, failure, cfg := *m, *m.Failure, m.FeaturesFor(own)
	paced.Timing, paced.Failure, paced.Features = m.TimingFor(own), &failure, &cfg
	failure.Bins = slices.Clone(failure.Bins)
	for i, edge := range failure.Bins {
		failure.Bins[i] = time.Duration(float64(edge) * float64(paced.Timing.Horizon) / float64(m.Timing.Horizon)).Round(time.Millisecond)
	}
	return &paced
}

func (h *Hazard) validate(m *Model) error {
	var errs problems
	errs.wrap("", validateColumns(h.Columns, &h.Scaler))
	errs.add(len(h.Bins) > 0, "no bins")
	for i, edge := range h.Bins {
		errs.add(edge > 0 && (i == 0 || edge > h.Bins[i-1]), "bin %d ends at %v; edges increase from 0", i, edge)
	}
	if len(h.Bins) > 0 {
		last := h.Bins[len(h.Bins)-1]
		errs.add(last == m.Timing.Horizon, "the last bin ends at %v; want the horizon, %v", last, m.Timing.Horizon)
	}
	errs.add(h.BaseRate >= 0 && h.BaseRate <= 1, "base rate is %v; want 0 to 1", h.BaseRate)
	errs.wrap("calibration", h.Calibration.validate())
	for i, c := range h.Classes {
		errs.add(finite(c.Requests) && c.Requests >= 0 && (i == 0 || c.Requests > h.Classes[i-1].Requests), "class %d begins at %v requests; they increase from 0", i, c.Requests)
		errs.wrap(fmt.Sprintf("calibration of class %d", i), c.Calibration.validate())
	}
	levels := h.TimeLevels()
	errs.add(levels[0] >= 0 && levels[2] <= 1 && slices.IsSorted(levels[:]), "levels of the time are %v; want them to rise within 0 and 1", levels)
	errs.wrap("", validateLayers(h.Layers, len(h.Columns), len(h.Bins)))
	return errs.join("")
}

func (c *Calibration) validate() error {
	n := len(c.X)
	if len(c.Y) != n || len(c.Low) != n || len(c.High) != n {
		return fmt.Errorf("%d, %d, %d and %d values of x, y, low and high; want as many of each", n, len(c.Y), len(c.Low), len(c.High))
	}
	for i := range n {
		low, y, high := c.Low[i], c.Y[i], c.High[i]
		if !(0 <= low && low <= y && y <= high && high <= 1) {
			return fmt.Errorf("knot %d: want 0 ≤ low ≤ y ≤ high ≤ 1; have %v, %v, %v", i, low, y, high)
		}
		if !(0 <= c.X[i] && c.X[i] <= 1) || i > 0 && (c.X[i] <= c.X[i-1] || y < c.Y[i-1]) {
			return fmt.Errorf("knot %d: x must increase and y not decrease, both within 0 and 1", i)
		}
	}
	return nil
}

// forgetful drops a failure network of before its inputs knew the limits that
// its labels know: it would be given numbers of another meaning.
func (m *Model) forgetful() error {
	if m.Failure == nil {
		return nil
	}
	if m.Routing == nil {
		return fmt.Errorf("its failure network is of a former fairway, whose frames meant something else: train again, or use the program that wrote it")
	}
	m.Failure = nil
	m.Card.Notes = append(m.Card.Notes, "the failure network of a former fairway was left out: its frames meant something else")
	return nil
}
