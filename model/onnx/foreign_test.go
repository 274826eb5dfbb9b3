package onnx

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// foreign is a file as another program lays it out, and what it calculates.
type foreign struct {
	file file
	raw  bool // takes raw columns
	// columns in, and the layers after the given scaling of them.
	in            int
	center, scale []float32 // nil for none
	layers        []model.Layer
	tail          string
}

// outcomeWidth is how many columns the outcome network takes.
const outcomeWidth = 30

// foreigners are kept in testdata, where the tests of cmd/fairway run them in
// ONNX Runtime. The layouts are those that the programs of their names write.
var foreigners = map[string]func() *foreign{
	"keras-outcome.onnx": kerasOutcome, "keras-fixed5.onnx": kerasFixed5,
	"pytorch-failure.onnx": pytorchFailure, "pytorch-softmax.onnx": pytorchSoftmax,
}

// kerasOutcome is a Keras network with a Normalization in front, as tf2onnx
// writes it: MatMul with weights in × out, Add and Relu, values called x:0, and
// the properties of no one.
func kerasOutcome() *foreign {
	rng := rand.New(rand.NewPCG(11, 1))
	columns := len(features.Outcome())
	s := scaler(rng, columns)
	f := &foreign{raw: true, in: columns, center: s.Center, scale: s.Scale, layers: layers(rng, columns, 12, 8, model.OutcomeOutputs)}
	g := graph{name: "tf2onnx", inputs: []value{input("features", float32Kind, int64(columns))}}
	g.initializers = append(g.initializers, single("outcome/normalization/sub/y:0", s.Center, 1, int64(columns)), single("outcome/normalization/Sqrt:0", s.Scale, 1, int64(columns)))
	x := g.keras("outcome/normalization/sub", "Sub", "features", "outcome/normalization/sub/y:0")
	x = g.keras("outcome/normalization/truediv", "Div", x, "outcome/normalization/Sqrt:0")
	g.kerasLayers(x, "outcome", f.layers)
	g.nodes = append(g.nodes, node{name: "Identity", op: "Identity", inputs: []string{last(&g)}, outputs: []string{"dense_2"}})
	g.outputs = []value{input("dense_2", float32Kind, model.OutcomeOutputs)}
	f.file = file{irVersion: 8, producer: "tf2onnx", producerVersion: "1.16.1 15c810", graph: g, opsets: []opset{{version: 15}, {domain: "ai.onnx.ml", version: 2}}}
	return f
}

// kerasFixed5 takes five routes of four columns as a matrix, flattened by a
// Reshape, and ends in the Softmax that Keras networks have.
func kerasFixed5() *foreign {
	rng := rand.New(rand.NewPCG(11, 2))
	f := &foreign{in: 20, layers: layers(rng, 20, 16, 8, 5), tail: "Softmax"}
	g := graph{name: "tf2onnx", inputs: []value{input("routes", float32Kind, 5, 4)}}
	g.initializers = append(g.initializers, tensor{name: "const_fold_opt__22", kind: int64Kind, dims: []int64{2}, data: append(bytes.Repeat([]byte{0xff}, 8), 20, 0, 0, 0, 0, 0, 0, 0)})
	g.nodes = append(g.nodes, node{name: "fixed/flatten/Reshape", op: "Reshape", inputs: []string{"routes", "const_fold_opt__22"}, outputs: []string{"fixed/flatten/Reshape:0"}})
	g.kerasLayers("fixed/flatten/Reshape:0", "fixed", f.layers)
	g.nodes = append(g.nodes, node{name: "fixed/dense_2/Softmax", op: "Softmax", inputs: []string{last(&g)}, outputs: []string{"dense_2"}, attributes: []attribute{integer("axis", -1)}})
	g.outputs = []value{input("dense_2", float32Kind, 5)}
	f.file = file{irVersion: 8, producer: "tf2onnx", producerVersion: "1.16.1 15c810", graph: g, opsets: []opset{{version: 15}}}
	return f
}

// pytorchFailure has what torch.onnx.export writes of Linear, BatchNorm1d and
// ReLU in evaluation: Gemm with weights out × in, the statistics as
// initializers, and a Sigmoid at the end.
func pytorchFailure() *foreign {
	rng := rand.New(rand.NewPCG(11, 3))
	columns := len(features.Failure())
	plain := layers(rng, columns, 12, 3)
	f := &foreign{in: columns, tail: "Sigmoid", layers: plain}
	g := graph{name: "main_graph", inputs: []value{input("input", float32Kind, int64(columns))}, outputs: []value{input("output", float32Kind, 3)}}
	weights := func(i int) (string, string) {
		l, name := &plain[i], fmt.Sprintf("net.%d", 3*i)
		g.initializers = append(g.initializers, single(name+".weight", l.W, int64(l.Out), int64(l.In)), single(name+".bias", l.B, int64(l.Out)))
		return name + ".weight", name + ".bias"
	}
	gemm := []attribute{real("alpha", 1), real("beta", 1), integer("transB", 1)}
	w, b := weights(0)
	g.nodes = append(g.nodes, node{name: "/net/net.0/Gemm", op: "Gemm", inputs: []string{"input", w, b}, outputs: []string{"/net/net.0/Gemm_output_0"}, attributes: gemm})
	statistics := []string{"net.1.weight", "net.1.bias", "net.1.running_mean", "net.1.running_var"}
	var parts [4][]float32
	for i, name := range statistics {
		parts[i] = normal(rng, 12, 1)
		if i == 3 {
			for j, v := range parts[i] {
				parts[i][j] = v*v + 0.1
			}
		}
		g.initializers = append(g.initializers, single(name, parts[i], 12))
	}
	g.nodes = append(g.nodes, node{name: "/net/net.1/BatchNormalization", op: "BatchNormalization", inputs: append([]string{"/net/net.0/Gemm_output_0"}, statistics...),
		outputs: []string{"/net/net.1/BatchNormalization_output_0"}, attributes: []attribute{real("epsilon", 1e-5), real("momentum", 0.9), integer("training_mode", 0)}})
	g.nodes = append(g.nodes, node{name: "/net/net.2/Relu", op: "Relu", inputs: []string{"/net/net.1/BatchNormalization_output_0"}, outputs: []string{"/net/net.2/Relu_output_0"}})
	w, b = weights(1)
	g.nodes = append(g.nodes,
		node{name: "/net/net.3/Gemm", op: "Gemm", inputs: []string{"/net/net.2/Relu_output_0", w, b}, outputs: []string{"/net/net.3/Gemm_output_0"}, attributes: gemm},
		node{name: "/net/net.4/Sigmoid", op: "Sigmoid", inputs: []string{"/net/net.3/Gemm_output_0"}, outputs: []string{"output"}})
	f.file = file{irVersion: 8, producer: "pytorch", producerVersion: "2.4.1", graph: g, opsets: []opset{{version: 17}}}
	// What the normalization amounts to.
	first := &plain[0]
	for o := range first.Out {
		by := float64(parts[0][o]) / math.Sqrt(float64(parts[3][o])+1e-5)
		for i := range first.In {
			first.W[o*first.In+i] = float32(float64(first.W[o*first.In+i]) * by)
		}
		first.B[o] = float32((float64(first.B[o])-float64(parts[2][o]))*by + float64(parts[1][o]))
	}
	return f
}

// pytorchSoftmax is what the exporter of PyTorch 2.6 writes of a network in
// double precision: weights transposed by a node, MatMul and Add, foreign sets
// of operators that nothing uses, and a Dropout left in.
func pytorchSoftmax() *foreign {
	rng := rand.New(rand.NewPCG(11, 4))
	columns := len(features.Routing())
	f := &foreign{in: columns, layers: layers(rng, columns, 10, 1)}
	g := graph{name: "main_graph", inputs: []value{input("x", float64Kind, int64(columns))}, outputs: []value{input("linear_1", float64Kind, 1)}}
	x := "x"
	for i := range f.layers {
		l, name, suffix := &f.layers[i], fmt.Sprintf("mlp.%d", i), ""
		if i > 0 {
			suffix = fmt.Sprintf("_%d", i)
		}
		g.initializers = append(g.initializers, double(name+".weight", l.W, int64(l.Out), int64(l.In)), double(name+".bias", l.B, int64(l.Out)))
		w, y := fmt.Sprintf("val_%d", 2*i), fmt.Sprintf("val_%d", 2*i+1)
		g.nodes = append(g.nodes,
			node{name: "node_Transpose" + suffix, op: "Transpose", inputs: []string{name + ".weight"}, outputs: []string{w}, attributes: []attribute{{name: "perm", kind: 7, is: []int64{1, 0}}}},
			node{name: "node_MatMul" + suffix, op: "MatMul", inputs: []string{x, w}, outputs: []string{y}},
			node{name: "node_Add" + suffix, op: "Add", inputs: []string{y, name + ".bias"}, outputs: []string{"linear" + suffix}})
		x = "linear" + suffix
		if l.ReLU {
			g.nodes = append(g.nodes, node{name: "node_Relu" + suffix, op: "Relu", inputs: []string{x}, outputs: []string{"relu" + suffix}},
				node{name: "node_Dropout" + suffix, op: "Dropout", inputs: []string{"relu" + suffix}, outputs: []string{"dropout" + suffix, "mask" + suffix}})
			x = "dropout" + suffix
		}
	}
	f.file = file{irVersion: 10, producer: "pytorch", producerVersion: "2.6.0", graph: g, opsets: []opset{{domain: "pkg.onnxscript.torch_lib.common", version: 1}, {version: 18}}}
	return f
}

// keras appends a node whose value is called as TensorFlow calls it.
func (g *graph) keras(name, op string, inputs ...string) string {
	g.nodes = append(g.nodes, node{name: name, op: op, inputs: inputs, outputs: []string{name + ":0"}})
	return name + ":0"
}

func (g *graph) kerasLayers(x, network string, layers []model.Layer) {
	for i := range layers {
		l, name := &layers[i], network+"/dense"
		if i > 0 {
			name += fmt.Sprintf("_%d", i)
		}
		w, b := name+"/MatMul/ReadVariableOp:0", name+"/BiasAdd/ReadVariableOp:0"
		g.initializers = append(g.initializers, single(w, turned(l.W, l.Out, l.In), int64(l.In), int64(l.Out)), single(b, l.B, int64(l.Out)))
		x = g.keras(name+"/BiasAdd", "Add", g.keras(name+"/MatMul", "MatMul", x, w), b)
		if l.ReLU {
			x = g.keras(name+"/Relu", "Relu", x)
		}
	}
}

func last(g *graph) string { return g.nodes[len(g.nodes)-1].outputs[0] }

// TestForeign reads each layout and holds it to the layers that it was made
// of, and the files in testdata to what is made here.
func TestForeign(t *testing.T) {
	for name, make := range foreigners {
		t.Run(name, func(t *testing.T) {
			f := make()
			content := f.file.encode()
			golden := filepath.Join("testdata", name)
			if kept, err := os.ReadFile(golden); err != nil || !bytes.Equal(kept, content) {
				if err := os.WriteFile(golden+".new", content, 0o644); err != nil {
					t.Error(err)
				}
				t.Errorf("the file is not %s (%v); it was written to %s.new", golden, err, golden)
			}
			d, err := read(t, content).Dense(f.raw)
			if err != nil {
				t.Fatal(err)
			}
			if d.Tail != f.tail || d.Inputs != f.in || (d.Scaler != nil) != f.raw {
				t.Fatalf("%d inputs, tail %q, scaler %v; want %d, %q, %v", d.Inputs, d.Tail, d.Scaler != nil, f.in, f.tail, f.raw)
			}
			f.compare(t, d)
			if d, err = read(t, content).Dense(false); err != nil || d.Scaler != nil {
				t.Fatalf("scaling as a part of the first layer: %v, scaler %v", err, d.Scaler)
			}
			f.compare(t, d)
		})
	}
}

// compare runs random rows through the layers that the file was made of and
// through those that were read.
func (f *foreign) compare(t *testing.T, d *Dense) {
	t.Helper()
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		row := normal(rng, f.in, 2)
		want, got := make([]float64, f.in), make([]float64, f.in)
		for i, v := range row {
			want[i], got[i] = float64(v), float64(v)
			if f.center != nil {
				want[i] = (want[i] - float64(f.center[i])) / float64(f.scale[i])
			}
			if d.Scaler != nil {
				got[i] = (got[i] - float64(d.Scaler.Center[i])) / float64(d.Scaler.Scale[i])
			}
		}
		want, got = plain(f.layers, want), plain(d.Layers, got)
		for o := range want {
			if math.Abs(got[o]-want[o]) > 1e-5*(1+math.Abs(want[o])) {
				t.Fatalf("output %d is %v; want %v", o, got[o], want[o])
			}
		}
	}
}
