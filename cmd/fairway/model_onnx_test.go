package main

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
)

// foreignONNX is a file as another program lays it out; model/onnx makes them.
func foreignONNX(name string) string {
	return filepath.Join("..", "..", "model", "onnx", "testdata", name)
}

// TestONNXRuntimeAgrees trains a network of each kind, exports it, and lets
// ONNX Runtime and fairway answer the same raw rows: those of the recording,
// and some with unknown and absurd values.
func TestONNXRuntimeAgrees(t *testing.T) {
	onnxRuntime(t)
	history, schema := shop(t, time.Hour), shopSchema(t)
	for _, kind := range model.Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			folder := t.TempDir()
			file, exported, back := filepath.Join(folder, "shop.model"), filepath.Join(folder, "shop.onnx"), filepath.Join(folder, "back.model")
			mustCall(t, "train", "--recording", history, "--schema", schema, "--out", file, "--epochs", "3", "--network", string(kind))
			if kind == model.Outcome {
				letAllAnswer(t, file)
			}
			mustCall(t, "model", "export", file, "--format", "onnx", "--out", exported)
			m, recording, err := openFor(t.Context(), file, history, "")
			if err != nil {
				t.Fatal(err)
			}
			defer recording.Close()
			if m.Routing == nil || m.Failure == nil {
				t.Fatal("a network was not trained")
			}
			frames := framesOf(t, m, recording)
			routing, failing := routingRows(m.Routing, frames), rowsOf(m.Failure.Columns, frames)
			rng := rand.New(rand.NewPCG(7, 8))
			compare := func(what string, routing, failing []float32) {
				shape := []int{len(routing) / len(m.Routing.Columns), len(m.Routing.Columns)}
				if places := len(m.Routing.Routes); places > 0 {
					shape = []int{shape[0] / places, places, shape[1]}
				}
				n := len(m.Failure.Columns)
				got := inONNXRuntime(t, exported, map[string]numbers{"routing": tensorOf(false, routing, shape...), "failure": tensorOf(false, failing, len(failing)/n, n)})
				agree(t, what+", routing", got["routing_outputs"], answerAll(t, m.Routing, routing))
				agree(t, what+", failure", got["failure_logits"], answer(t, &m.Failure.Scaler, m.Failure.Layers, failing))
			}
			compare("recorded", routing, failing)
			compare("wild", wildRows(rng, &m.Routing.Scaler, 500*max(len(m.Routing.Routes), 1)), wildRows(rng, &m.Failure.Scaler, 500))

			mustCall(t, "model", "import", "--onnx", exported, "--out", back)
			again, err := model.Load(back)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(m, again); diff != "" {
				t.Errorf("imported again it is another model: %s", diff)
			}
		})
	}
}

// letAllAnswer makes the mean of the ensemble the answer of a model.
func letAllAnswer(t *testing.T, file string) {
	t.Helper()
	m, err := model.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	if m.Routing.Mean = true; len(m.Routing.Members) == 0 {
		t.Fatal("no members were trained")
	}
	if err := model.Save(file, m); err != nil {
		t.Fatal(err)
	}
}

// answerAll is the answer of a network or, where that is to answer, the mean
// over its members.
func answerAll(t *testing.T, n *model.Network, raw []float32) answered {
	t.Helper()
	mean := answer(t, &n.Scaler, n.Layers, raw)
	if !n.Mean {
		return mean
	}
	for _, layers := range n.Members {
		a := answer(t, &n.Scaler, layers, raw)
		for i := range a.values {
			mean.values[i] += a.values[i]
			mean.largest[i] = max(mean.largest[i], a.largest[i])
		}
	}
	for i := range mean.values {
		mean.values[i] /= float64(1 + len(n.Members))
	}
	return mean
}

// answered is what fairway serves with, and the largest value on the way to
// each: where large ones cancel out, float32 leaves less of the result.
type answered struct{ values, largest []float64 }

func answer(t *testing.T, s *model.Scaler, layers []model.Layer, raw []float32) answered {
	t.Helper()
	x := make([]float32, len(raw))
	for at, n := 0, len(s.Center); at < len(raw); at += n {
		s.Apply(x[at:at+n], raw[at:at+n])
	}
	var a answered
	rows := len(x) / layers[0].In
	largest := make([]float64, rows)
	for depth := range layers {
		network, err := predict.Bare(layers[:depth+1])
		if err != nil {
			t.Fatal(err)
		}
		out := make([]float32, rows*network.Out())
		network.Forward(out, x)
		a.values, a.largest = a.values[:0], a.largest[:0]
		for i, v := range out {
			row := i / network.Out()
			largest[row] = max(largest[row], math.Abs(float64(v)))
			a.values = append(a.values, float64(v))
		}
	}
	for i := range a.values {
		a.largest = append(a.largest, largest[i/(len(a.values)/rows)])
	}
	return a
}

// agree holds ONNX Runtime and fairway to 1e-5 of one plus the value. One output
// in a thousand may be further apart, by 1e-5 of one plus the largest value on
// the way to it: the outcome network begins as a curve that is carried past
// large constants, and two orders of summing differ by more than one rounding.
func agree(t *testing.T, what string, runtime []float64, ours answered) {
	t.Helper()
	if len(runtime) != len(ours.values) || len(runtime) == 0 {
		t.Fatalf("%s: ONNX Runtime has %d outputs, fairway %d", what, len(runtime), len(ours.values))
	}
	const limit = 1e-5
	worst, beyond := 0.0, 0
	for i, want := range runtime {
		apart := math.Abs(ours.values[i] - want)
		if !(apart <= limit*(1+max(ours.largest[i], math.Abs(want)))) {
			t.Fatalf("%s: output %d is %v in ONNX Runtime and %v here", what, i, want, ours.values[i])
		}
		if apart /= 1 + math.Abs(want); apart > limit {
			beyond++
		}
		worst = max(worst, apart)
	}
	if beyond > len(runtime)/1000 {
		t.Errorf("%s: %d of %d outputs are more than %v apart", what, beyond, len(runtime), limit)
	}
	t.Logf("%s: %d outputs agree within %.2g", what, len(runtime), worst)
}

// TestForeignNetworksAsONNXRuntime reads files laid out as Keras and PyTorch do
// and holds what is served of them to what ONNX Runtime makes of the files.
func TestForeignNetworksAsONNXRuntime(t *testing.T) {
	onnxRuntime(t)
	sigmoid := func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }
	each := func(f func(float64) float64) func([]float64) {
		return func(row []float64) {
			for i := range row {
				row[i] = f(row[i])
			}
		}
	}
	softmax := func(row []float64) {
		sum := 0.0
		for i, v := range row {
			row[i] = math.Exp(v)
			sum += row[i]
		}
		for i := range row {
			row[i] /= sum
		}
	}
	columns := strings.Join(features.Routing()[:4], ",")
	for _, c := range []struct {
		file, input   string
		double, cubed bool
		tail          func([]float64)
		flags         []string
	}{
		{file: "keras-outcome.onnx", input: "features", tail: func([]float64) {}, flags: []string{"--kind", "outcome", "--columns", strings.Join(features.Outcome(), ",")}},
		{file: "keras-fixed5.onnx", input: "routes", cubed: true, tail: softmax, flags: []string{"--kind", "fixed5", "--columns", columns, "--scaler", scalerFile(t, 4), "--routes", "a,b,c,d,e"}},
		{file: "pytorch-failure.onnx", input: "input", tail: each(sigmoid), flags: []string{"--kind", "failure", "--columns", strings.Join(features.Failure(), ","), "--scaler", scalerFile(t, len(features.Failure())), "--bins", "20s,40s,60s"}},
		{file: "pytorch-softmax.onnx", input: "x", double: true, tail: func([]float64) {}, flags: []string{"--kind", "softmax", "--columns", strings.Join(features.Routing(), ","), "--scaler", scalerFile(t, 20)}},
	} {
		t.Run(c.file, func(t *testing.T) {
			m, _ := imported(t, c.file, append(c.flags, "--schema", "lab")...)
			var s *model.Scaler
			var layers []model.Layer
			if m.Routing != nil {
				s, layers = &m.Routing.Scaler, m.Routing.Layers
			} else {
				s, layers = &m.Failure.Scaler, m.Failure.Layers
			}
			rng := rand.New(rand.NewPCG(9, 10))
			const rows = 300
			var x []float32
			for len(x) < rows*layers[0].In {
				// Further out fairway clips what these files do not.
				i := len(x) % len(s.Center)
				x = append(x, s.Center[i]+float32(5*(2*rng.Float64()-1))*s.Scale[i])
			}
			dims := []int{rows, layers[0].In}
			if c.cubed {
				dims = []int{rows, 5, 4}
			}
			got := inONNXRuntime(t, foreignONNX(c.file), map[string]numbers{c.input: tensorOf(c.double, x, dims...)})
			ours := answer(t, s, layers, x)
			for at, n := 0, layers[len(layers)-1].Out; at < len(ours.values); at += n {
				c.tail(ours.values[at : at+n])
			}
			for _, outputs := range got {
				agree(t, c.file, outputs, ours)
			}
		})
	}
}
