package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/model/onnx"
	"github.com/fairway-mesh/fairway/prom"
)

// model makes the model, and says how where there was a choice.
func (o *importOptions) model() (m *model.Model, how string, err error) {
	input, err := os.Open(o.onnx)
	if err != nil {
		return nil, "", err
	}
	defer input.Close()
	f, err := onnx.Read(input)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", o.onnx, err)
	}
	if o.kind == "" {
		if m, err = f.Model(); err != nil {
			return nil, "", fmt.Errorf("%s: %w; for a network of others say what it is with --kind", o.onnx, err)
		}
	} else {
		if m, err = o.frame(); err != nil {
			return nil, "", err
		}
		if how, err = o.fill(m, f); err != nil {
			return nil, "", fmt.Errorf("%s: %w", o.onnx, err)
		}
		if err := m.Validate(); err != nil {
			return nil, "", err
		}
	}
	if err := extremes(m); err != nil {
		return nil, "", fmt.Errorf("%s: %w", o.onnx, err)
	}
	return m, how, nil
}

// frame is the model without the network.
func (o *importOptions) frame() (*model.Model, error) {
	m := &model.Model{Format: model.Format}
	if o.like != "" {
		like, err := model.Load(o.like)
		if err != nil {
			return nil, err
		}
		*m = *like
		// The figures were measured with the network that is replaced.
		m.Version, m.Created, m.Card.Figures = 0, time.Time{}, nil
		m.Card.Notes = slices.Clone(like.Card.Notes)
	} else {
		schema, err := prom.LoadSchema(o.schema)
		if err != nil {
			return nil, err
		}
		m.Schema, m.Objective = *schema, mesh.DefaultObjective()
		m.Timing = o.timing(schema)
	}
	m.Name = strings.TrimSuffix(filepath.Base(o.out), filepath.Ext(o.out))
	m.Card.MadeBy = "fairway model import"
	return m, nil
}

// timing is as a recording's would be. Nobody says how late metrics are: a
// window, unless --scrape does.
func (o *importOptions) timing(s *mesh.Schema) mesh.Timing {
	scrape := cmp.Or(o.scrape, o.window, s.Step, 15*time.Second)
	return datasets.TimingFor(s, scrape, o.window, o.horizon)
}

// fill puts the network into m, where the one that it is like may be.
func (o *importOptions) fill(m *model.Model, f *onnx.File) (how string, err error) {
	columns, err := o.named()
	if err != nil {
		return "", err
	}
	var known []string
	var scaler *model.Scaler
	switch {
	case o.kind == failureKind && m.Failure != nil:
		known, scaler = m.Failure.Columns, &m.Failure.Scaler
	case m.Routing != nil && o.kind == string(m.Routing.Kind):
		known, scaler = m.Routing.Columns, &m.Routing.Scaler
	}
	if columns == nil {
		columns = known
	}
	if columns == nil {
		return "", usagef("--columns or --columns-file: name what the network takes; there is no %s network to be like", o.kind)
	}
	d, err := f.Dense(o.scaler == "")
	if err != nil {
		return "", err
	}
	switch {
	case o.scaler != "":
		how = "inputs are scaled as " + o.scaler + " says\n"
		if scaler, err = readScaler(o.scaler); err != nil {
			return "", err
		}
	case d.Scaler != nil:
		how, scaler = "inputs are scaled as the network itself does\n", nil
	case scaler != nil && slices.Equal(columns, known):
		how = "inputs are scaled as in " + o.like + "\n"
	default:
		return "", usagef("--scaler: the network does not scale its inputs, and there is no %s network with the same columns to be like", o.kind)
	}
	what := "routing network of kind " + o.kind
	if o.kind == failureKind {
		what = "failure network"
		err = o.fillFailure(m, d, columns, scaler)
	} else {
		err = o.fillRouting(m, d, columns, scaler)
	}
	note := fmt.Sprintf("%s imported from %s, made by %s: what it was trained on and how well it does is not known here", what, filepath.Base(o.onnx), f.Producer())
	m.Card.Notes = append(m.Card.Notes, note)
	return how, err
}

func (o *importOptions) fillRouting(m *model.Model, d *onnx.Dense, columns []string, scaler *model.Scaler) (err error) {
	var bounds model.Bounds
	kind, routes, like := model.Kind(o.kind), o.routes, m.Routing
	if n := like; n != nil && n.Kind == kind {
		bounds = n.Bounds
		if routes == nil {
			routes = n.Routes
		}
	}
	if m.Routing, err = d.Routing(kind, columns, scaler, routes); err != nil {
		return err
	}
	if bounds != (model.Bounds{}) {
		m.Routing.Bounds = bounds
	}
	// The same columns, scaled alike, are as unusual as for the other network.
	if like != nil && like.Doubt != nil && scaler == &like.Scaler {
		doubt := *like.Doubt
		doubt.Spread = nil
		m.Routing.Doubt = &doubt
	}
	return nil
}

func (o *importOptions) fillFailure(m *model.Model, d *onnx.Dense, columns []string, scaler *model.Scaler) (err error) {
	var bins []time.Duration
	rate := 0.0
	if h := m.Failure; h != nil {
		bins, rate = h.Bins, h.BaseRate
	}
	if o.bins != nil {
		bins = nil
		for _, text := range o.bins {
			edge, err := time.ParseDuration(strings.TrimSpace(text))
			if err != nil {
				return usagef("--bins: %w", err)
			}
			bins = append(bins, edge)
		}
	}
	if m.Failure, err = d.Failure(columns, scaler, bins); err != nil {
		return err
	}
	m.Failure.BaseRate = rate
	return nil
}

// named returns the columns that the flags name, nil when they name none.
func (o *importOptions) named() ([]string, error) {
	if o.columnsFile == "" {
		return o.columns, nil
	}
	text, err := os.ReadFile(o.columnsFile)
	if err != nil {
		return nil, err
	}
	columns := strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(", \t\r\n", r) })
	if len(columns) == 0 {
		return nil, fmt.Errorf("%s names no columns", o.columnsFile)
	}
	return columns, nil
}

func readScaler(path string) (*model.Scaler, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	s := &model.Scaler{}
	if err := decoder.Decode(s); err != nil {
		return nil, fmt.Errorf("%s: want {\"center\": […], \"scale\": […]}, and if known impute, low and high: %w", path, err)
	}
	return s, nil
}
