package onnx

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/fairway-mesh/fairway/model"
)

// irVersion and operators are old enough for any runtime in use: ONNX 1.10,
// of 2021.
const (
	irVersion = 8
	operators = 13
)

// Keys of the properties in a file. What is in modelKey is enough to read the
// model again; the others are for people and programs that are not fairway.
const (
	modelKey  = "fairway.model" // the model as JSON, without the weights
	hashKey   = "fairway.schema_hash"
	whitenKey = "fairway.routing.whiten" // what model.Doubt.Whiten holds, as JSON
)

// parameters of the layer that says how unusual a row is: no part of what the
// graph calculates.
type parameters struct {
	W []float32 `json:"w"`
	B []float32 `json:"b"`
}

// The graph's inputs are called after the networks; their outputs as follows.
const (
	routing        = "routing"
	failure        = "failure"
	routingOutputs = "routing_outputs"
	failureOutputs = "failure_logits"
)

// Write writes m's networks as one ONNX graph: raw columns in, of any number of
// rows, raw outputs out. NaN stands for an unknown value, as in a frame. Equal
// models make equal files.
func Write(w io.Writer, m *model.Model) error {
	if err := m.Validate(); err != nil {
		return err
	}
	f := &file{irVersion: irVersion, producer: "fairway", opsets: []opset{{version: operators}}, graph: graph{name: name(m), doc: doc}}
	if n := m.Routing; n != nil {
		f.graph.ensemble(f.graph.scaled(routing, len(n.Routes), &n.Scaler), n)
	}
	if h := m.Failure; h != nil {
		f.graph.network(f.graph.scaled(failure, 0, &h.Scaler), failureOutputs, h.Layers)
	}
	if err := f.describe(m); err != nil {
		return err
	}
	if _, err := w.Write(f.encode()); err != nil {
		return fmt.Errorf("onnx: write: %w", err)
	}
	return nil
}

// Bare returns a graph of dense layers alone, without a model around them: rows
// that are scaled already in, as "x", and out, as "y". It is there to measure
// other runtimes on the same network. The last layer must have no ReLU.
func Bare(layers []model.Layer) []byte {
	f := &file{irVersion: irVersion, producer: "fairway", opsets: []opset{{version: operators}}, graph: graph{name: "network"}}
	f.graph.inputs = []value{{name: "x", kind: float32Kind, dims: []dim{{name: "batch"}, {size: int64(layers[0].In)}}}}
	f.graph.network("x", "y", layers)
	return f.encode()
}

const doc = "Inputs are raw feature columns, one row per endpoint (fixed5: five routes per row); NaN is unknown. " +
	"Outputs are raw: fairway's docs/onnx.md says what they mean."

func name(m *model.Model) string {
	if m.Name == "" {
		return "fairway"
	}
	return m.Name
}

// scaled appends an input and what scales it, and returns the scaled rows. With
// routes, each row of the input has one more axis: the routes, each with all
// columns; they are joined.
func (g *graph) scaled(in string, routes int, s *model.Scaler) string {
	columns := int64(len(s.Center))
	shape := []dim{{name: "batch"}}
	if routes > 0 {
		shape = append(shape, dim{size: int64(routes)})
	}
	g.inputs = append(g.inputs, value{name: in, kind: float32Kind, dims: append(shape, dim{size: columns})})
	constant := func(part string, values []float32, dims ...int64) string {
		return g.constant(in+"/"+part, values, dims...)
	}
	unknown := g.node("IsNaN", in+"/unknown", []string{in})
	x := g.node("Where", in+"/known", []string{unknown, constant("impute", s.Impute, columns), in})
	x = g.node("Sub", in+"/centered", []string{x, constant("center", s.Center, columns)})
	x = g.node("Div", in+"/scaled", []string{x, constant("scale", s.Scale, columns)})
	x = g.node("Clip", in+"/clipped", []string{x, constant("low", []float32{-model.Clip}), constant("high", []float32{model.Clip})})
	if routes > 0 {
		x = g.node("Flatten", in+"/flat", []string{x}, attribute{name: "axis", kind: intAttribute, i: 1})
	}
	return x
}

// ensemble appends a routing network after x, and its members, each with an
// output of its own.
func (g *graph) ensemble(x string, n *model.Network) {
	outputs := outputsOf(n)
	g.network(x, outputs[0], n.Layers)
	for i, layers := range n.Members {
		g.network(x, outputs[i+1], layers)
	}
	if n.Mean {
		g.node("Mean", routingOutputs, outputs)
		g.outputs = append(g.outputs, value{name: routingOutputs, kind: float32Kind, dims: g.outputs[0].dims})
	}
}

// outputsOf names the outputs of n's Layers, then of its members.
func outputsOf(n *model.Network) []string {
	names := []string{routingOutputs}
	if n.Mean {
		names[0] = "routing_member0"
	}
	for i := range n.Members {
		names = append(names, fmt.Sprintf("routing_member%d", i+1))
	}
	return names
}

// network appends layers after x, and the output that they end in. The last
// layer has no ReLU.
func (g *graph) network(x, out string, layers []model.Layer) {
	for i := range layers {
		l := &layers[i]
		made := fmt.Sprintf("%s/layer%d", out, i+1)
		weight := g.constant(made+"/weight", l.W, int64(l.Out), int64(l.In))
		bias := g.constant(made+"/bias", l.B, int64(l.Out))
		if i == len(layers)-1 {
			made = out
		}
		x = g.node("Gemm", made, []string{x, weight, bias}, attribute{name: "transB", kind: intAttribute, i: 1})
		if l.ReLU {
			x = g.node("Relu", made+"/relu", []string{x})
		}
	}
	g.outputs = append(g.outputs, value{name: out, kind: float32Kind, dims: []dim{{name: "batch"}, {size: int64(layers[len(layers)-1].Out)}}})
}

// node appends one that makes the value of its own name.
func (g *graph) node(op, name string, inputs []string, attributes ...attribute) string {
	g.nodes = append(g.nodes, node{op: op, name: name, inputs: inputs, outputs: []string{name}, attributes: attributes})
	return name
}

func (g *graph) constant(name string, values []float32, dims ...int64) string {
	data := make([]byte, 0, 4*len(values))
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	g.initializers = append(g.initializers, tensor{name: name, kind: float32Kind, dims: dims, data: data})
	return name
}

// describe sets the properties.
func (f *file) describe(m *model.Model) error {
	header, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	timing, err := json.Marshal(m.Timing)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	objective, err := json.Marshal(m.Objective)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	f.metadata = [][2]string{
		{modelKey, string(header)}, {"fairway.schema", m.Schema.Name}, {hashKey, m.Schema.Hash()},
		{"fairway.timing", string(timing)}, {"fairway.objective", string(objective)},
	}
	if n := m.Routing; n != nil {
		f.metadata = append(f.metadata, [2]string{"fairway.routing.kind", string(n.Kind)}, [2]string{"fairway.routing.columns", strings.Join(n.Columns, ",")})
		if len(n.Routes) > 0 {
			f.metadata = append(f.metadata, [2]string{"fairway.routing.routes", strings.Join(n.Routes, ",")})
		}
		if n.Doubt != nil {
			text, err := json.Marshal(parameters{n.Doubt.Whiten.W, n.Doubt.Whiten.B})
			if err != nil {
				return fmt.Errorf("onnx: %w", err)
			}
			f.metadata = append(f.metadata, [2]string{whitenKey, string(text)})
		}
	}
	if h := m.Failure; h != nil {
		f.metadata = append(f.metadata, [2]string{"fairway.failure.columns", strings.Join(h.Columns, ",")})
	}
	return nil
}
