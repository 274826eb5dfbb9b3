package onnx

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// Routing makes a routing network of a dense one: columns name its inputs (of
// one route), the scaler is what brings them to it, nil when the network
// scales them itself. What is not in a scaler is completed. Routes are for
// Fixed5.
func (d *Dense) Routing(kind model.Kind, columns []string, scaler *model.Scaler, routes []string) (*model.Network, error) {
	n := &model.Network{Kind: kind, Columns: columns, Layers: d.Layers, Routes: routes}
	places, out, tail := 1, 0, ""
	switch kind {
	case model.Outcome:
		out, n.Bounds = model.OutcomeOutputs, model.DefaultBounds()
	case model.Softmax:
		out, tail = 1, "Sigmoid"
	case model.Fixed5:
		places, out, tail = 5, 5, "Softmax"
		if len(routes) != places {
			return nil, fmt.Errorf("onnx: %d routes are named; a fixed5 network has %d (an empty name is a place that none takes)", len(routes), places)
		}
	default:
		return nil, fmt.Errorf("onnx: kind is %q; want one of %v", kind, model.Kinds())
	}
	if err := d.means(string(kind), columns, places, out, tail); err != nil {
		return nil, err
	}
	var err error
	n.Scaler, err = d.scaled(columns, places, scaler)
	return n, err
}

// Failure makes a failure network of a dense one, without a calibration: its
// probabilities are taken as they are. bins are the upper edges, the last of
// which is the horizon.
func (d *Dense) Failure(columns []string, scaler *model.Scaler, bins []time.Duration) (*model.Hazard, error) {
	h := &model.Hazard{Columns: columns, Layers: d.Layers, Bins: bins}
	if len(bins) == 0 {
		return nil, fmt.Errorf("onnx: no bins of time are named; the network has %d outputs, each of which is one", d.outputs())
	}
	if err := d.means("failure", columns, 1, len(bins), "Sigmoid"); err != nil {
		return nil, err
	}
	var err error
	h.Scaler, err = d.scaled(columns, 1, scaler)
	return h, err
}

func (d *Dense) outputs() int { return d.Layers[len(d.Layers)-1].Out }

// means refuses a network that cannot mean what is said of it.
func (d *Dense) means(kind string, columns []string, places, out int, tail string) error {
	var unknown []string
	for i, name := range columns {
		if !slices.ContainsFunc(features.Columns(), func(c features.Column) bool { return c.Name == name }) {
			unknown = append(unknown, fmt.Sprintf("%q", name))
		}
		if slices.Index(columns, name) != i {
			return fmt.Errorf("onnx: column %s is named twice", name)
		}
	}
	switch {
	case len(unknown) > 0:
		return fmt.Errorf("onnx: no frame has the columns %s; `fairway model import --help` says where they are listed", strings.Join(unknown, ", "))
	case places > 1 && d.Inputs != places*len(columns):
		return fmt.Errorf("onnx: the network takes %d values, and %d columns of each of %d routes are named", d.Inputs, len(columns), places)
	case d.Inputs != places*len(columns):
		return fmt.Errorf("onnx: the network takes %d values, and %d columns are named", d.Inputs, len(columns))
	case d.outputs() != out:
		return fmt.Errorf("onnx: the network has %d outputs; of kind %s it would have %d", d.outputs(), kind, out)
	case d.Tail != "" && d.Tail != tail:
		return fmt.Errorf("onnx: the network ends in a %s, which is no part of one of kind %s; export it without", d.Tail, kind)
	}
	return nil
}

// scaled returns the scaler of a network, whole.
func (d *Dense) scaled(columns []string, places int, s *model.Scaler) (model.Scaler, error) {
	if s == nil {
		if d.Scaler == nil {
			return model.Scaler{}, fmt.Errorf("onnx: the network does not scale its inputs, and no scaler is given")
		}
		own := *d.Scaler
		if len(own.Center) == places*len(columns) {
			for _, values := range []*[]float32{&own.Center, &own.Scale, &own.Impute} {
				if !alike(*values, len(columns)) {
					return own, fmt.Errorf("onnx: the network scales a column of one route otherwise than of another; want the same for all")
				}
				*values = (*values)[:len(columns)]
			}
		}
		s = &own
	}
	whole := *s
	for _, part := range []struct {
		name   string
		values []float32
		must   bool
	}{{"center", s.Center, true}, {"scale", s.Scale, true}, {"impute", s.Impute, false}, {"low", s.Low, false}, {"high", s.High, false}} {
		if n := len(part.values); n != len(columns) && (part.must || n > 0) {
			return whole, fmt.Errorf("onnx: scaler: %d values of %s for %d columns", n, part.name, len(columns))
		}
	}
	if len(whole.Impute) == 0 {
		whole.Impute = slices.Clone(whole.Center)
	}
	low, high := len(whole.Low) == 0, len(whole.High) == 0
	for i, center := range whole.Center {
		if low {
			whole.Low = append(whole.Low, center-model.Clip*whole.Scale[i])
		}
		if high {
			whole.High = append(whole.High, center+model.Clip*whole.Scale[i])
		}
	}
	return whole, nil
}

// alike reports whether values repeat after n.
func alike(values []float32, n int) bool {
	for i := n; i < len(values); i++ {
		if values[i] != values[i-n] {
			return false
		}
	}
	return true
}
