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
func answerAll(t *testing.T, n *model.Network, raw []float32) []float64 {
	t.Helper()
	mean := answer(t, &n.Scaler, n.Layers, raw)
	if !n.Mean {
		return mean
	}
	for _, layers := range n.Members {
		for i, v := range answer(t, &n.Scaler, layers, raw) {
			mean[i] += v
		}
	}
	for i := range mean {
		mean[i] /= float64(1 + len(n.Members))
	}
	return mean
}

// answer is what fairway serves with.
func answer(t *testing.T, s *model.Scaler, layers []model.Layer, raw []float32) []float64 {
	t.Helper()
	network, err := predict.Bare(layers)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(raw))
	for at, n := 0, len(s.Center); at < len(raw); at += n {
		s.Apply(x[at:at+n], raw[at:at+n])
	}
	out := make([]float32, len(x)/network.In()*network.Out())
	network.Forward(out, x)
	wide := make([]float64, len(out))
	for i, v := range out {
		wide[i] = float64(v)
	}
	return wide
}

// agree holds ONNX Runtime and fairway to 1e-5 of one plus the value.
func agree(t *testing.T, what string, runtime, ours []float64) {
	t.Helper()
	if len(runtime) != len(ours) || len(runtime) == 0 {
		t.Fatalf("%s: ONNX Runtime has %d outputs, fairway %d", what, len(runtime), len(ours))
	}
	worst := 0.0
	for i, want := range runtime {
		apart := math.Abs(ours[i]-want) / (1 + math.Abs(want))
		if !(apart <= 1e-5) {
			t.Fatalf("%s: output %d is %v in ONNX Runtime and %v here", what, i, want, ours[i])
		}
		worst = max(worst, apart)
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
			for at, n := 0, layers[len(layers)-1].Out; at < len(ours); at += n {
				c.tail(ours[at : at+n])
			}
			for _, outputs := range got {
				agree(t, c.file, outputs, ours)
			}
		})
	}
}
