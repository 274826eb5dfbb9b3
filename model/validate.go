package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// maxWidth bounds the inputs and outputs of a layer, maxLayers their number,
// maxMembers that of the further networks: far beyond any use here, and small enough to multiply without overflow.
const (
	maxWidth   = 1 << 16
	maxLayers  = 64
	maxMembers = 64
)

// Validate reports everything that is wrong with m: what a predictor could not
// be made of, or what would make it answer nonsense.
func (m *Model) Validate() error {
	var errs problems
	errs.add(m.Format == Format, "format is %q; want %q", m.Format, Format)
	errs.add(len(m.Schema.Series) > 0, "schema %q has no series", m.Schema.Name)
	errs.add(m.Timing.Step > 0 && m.Timing.Range > 0 && m.Timing.Horizon > 0 && m.Timing.Delay >= 0,
		"timing is %+v; want a step, a range and a horizon above 0 and a delay that is not negative", m.Timing)
	o := m.Objective
	errs.add(o.Deadline > 0 && o.MaxLatency >= 0 && o.Percentile > 0 && o.Percentile < 1, "objective is %+v; want a deadline above 0 and a percentile between 0 and 1", o)
	errs.add(o.ErrorCost >= 0 && finite(o.ErrorCost) && o.MaxErrorRatio >= 0 && o.MaxErrorRatio <= 1, "objective is %+v; want an error cost that is not negative and a max error ratio from 0 to 1", o)
	if m.Features != nil {
		errs.wrap("features", m.Features.Validate())
	}
	errs.add(m.Routing != nil || m.Failure != nil, "neither a routing nor a failure network")
	if m.Routing != nil {
		errs.wrap("routing", m.Routing.validate())
	}
	if m.Failure != nil {
		errs.wrap("failure", m.Failure.validate(m))
	}
	errs.wrap("card", m.Card.validate())
	return errs.join("model: ")
}

func (n *Network) validate() error {
	var errs problems
	errs.wrap("", validateColumns(n.Columns, &n.Scaler))
	in, out := len(n.Columns), 0
	switch n.Kind {
	case Outcome:
		out = OutcomeOutputs
		b := n.Bounds
		if b == (Bounds{}) {
			errs.add(false, "it has no factors that bound its corrections, as the outcome networks of a former fairway, whose outputs meant something else: train again, or use the program that wrote it")
			break
		}
		errs.add(b.Capacity > 1 && b.Stretch > 1 && b.Level > 1 && finite(b.Capacity+b.Stretch+b.Level), "bounds are %+v; want factors above 1", b)
	case Softmax:
		out = 1
	case Fixed5:
		out = 5
		in *= out
		errs.add(len(n.Routes) == out, "%d routes; a fixed5 network has 5", len(n.Routes))
		for i, name := range n.Routes {
			errs.add(name == "" || slices.Index(n.Routes, name) == i, "route %q occurs twice", name)
		}
	default:
		errs.add(false, "kind is %q; want one of %v", n.Kind, Kinds())
		return errs.join("")
	}
	errs.add(n.Kind == Fixed5 || len(n.Routes) == 0, "routes belong to fixed5 networks only")
	errs.wrap("", validateLayers(n.Layers, in, out))
	errs.add(n.Kind == Outcome || len(n.Members) == 0, "members belong to outcome networks only")
	errs.add(len(n.Members) <= maxMembers, "%d members; want at most %d", len(n.Members), maxMembers)
	errs.add(!n.Mean || len(n.Members) > 0, "the mean of members is to answer, and there are none")
	for i, layers := range n.Members {
		errs.wrap(fmt.Sprintf("member %d", i+1), n.validateMember(layers))
	}
	if n.Doubt != nil {
		errs.wrap("doubt", n.Doubt.validate(n))
	}
	return errs.join("")
}

// validateMember makes sure that a member can stand for the network.
func (n *Network) validateMember(layers []Layer) error {
	if len(layers) != len(n.Layers) {
		return fmt.Errorf("%d layers; the network has %d", len(layers), len(n.Layers))
	}
	for i := range layers {
		a, b := &layers[i], &n.Layers[i]
		if a.Out != b.Out || a.ReLU != b.ReLU {
			return fmt.Errorf("layer %d has %d outputs (ReLU %v); the network's has %d (%v)", i+1, a.Out, a.ReLU, b.Out, b.ReLU)
		}
		if err := a.validate(b.In); err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
	}
	return nil
}

func (c *Card) validate() error {
	for service, endpoints := range c.Levels {
		for endpoint, level := range endpoints {
			if !finite(level.LatencySeconds) || !finite(level.CapacityRPS) {
				return fmt.Errorf("level of %s/%s is %+v; want finite numbers, 0 for unknown", service, endpoint, level)
			}
		}
	}
	return nil
}

func validateColumns(columns []string, s *Scaler) error {
	if len(columns) == 0 {
		return errors.New("no columns")
	}
	for i, name := range columns {
		if name == "" || slices.Index(columns, name) != i {
			return fmt.Errorf("column %d is called %q; names are not empty and not twice", i, name)
		}
	}
	for _, part := range []struct {
		name   string
		values []float32
	}{{"center", s.Center}, {"scale", s.Scale}, {"impute", s.Impute}, {"low", s.Low}, {"high", s.High}} {
		if len(part.values) != len(columns) {
			return fmt.Errorf("scaler: %d values of %s for %d columns", len(part.values), part.name, len(columns))
		}
		for i, v := range part.values {
			if !finite(float64(v)) || part.name == "scale" && v <= 0 {
				return fmt.Errorf("scaler: %s of %s is %v; want finite numbers, and a scale above 0", part.name, columns[i], v)
			}
		}
	}
	for i, name := range columns {
		if s.Low[i] > s.High[i] {
			return fmt.Errorf("scaler: low of %s, %v, is above its high, %v", name, s.Low[i], s.High[i])
		}
	}
	return nil
}

func validateLayers(layers []Layer, in, out int) error {
	if len(layers) == 0 || len(layers) > maxLayers {
		return fmt.Errorf("%d layers; want 1 to %d", len(layers), maxLayers)
	}
	for i := range layers {
		l := &layers[i]
		if err := l.validate(in); err != nil {
			return fmt.Errorf("layer %d: %w", i+1, err)
		}
		in = l.Out
	}
	last := layers[len(layers)-1]
	if last.Out != out || last.ReLU {
		return fmt.Errorf("the last layer has %d outputs (ReLU %v); want %d without ReLU", last.Out, last.ReLU, out)
	}
	return nil
}

func (l *Layer) validate(in int) error {
	if err := l.checkShape(); err != nil {
		return err
	}
	if l.In != in {
		return fmt.Errorf("it takes %d inputs; %d come in", l.In, in)
	}
	if len(l.W) != l.In*l.Out || len(l.B) != l.Out {
		return fmt.Errorf("%d weights and %d biases; %d → %d has %d and %d", len(l.W), len(l.B), l.In, l.Out, l.In*l.Out, l.Out)
	}
	for _, values := range [][]float32{l.W, l.B} {
		for i, v := range values {
			if !finite(float64(v)) {
				return fmt.Errorf("parameter %d is %v", i, v)
			}
		}
	}
	return nil
}

func (l *Layer) checkShape() error {
	if l.In < 1 || l.Out < 1 || l.In > maxWidth || l.Out > maxWidth {
		return fmt.Errorf("a layer is %d → %d; want 1 to %d on both sides", l.In, l.Out, maxWidth)
	}
	return nil
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// problems collects what is wrong.
type problems []error

func (p *problems) add(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) wrap(what string, err error) {
	switch {
	case err == nil:
	case what == "":
		*p = append(*p, err)
	default:
		*p = append(*p, fmt.Errorf("%s: %w", what, err))
	}
}

func (p problems) join(prefix string) error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("%s%w", prefix, errors.Join(p...))
}
