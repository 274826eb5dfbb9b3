package main

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/datasets"
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

func framesOf(t *testing.T, m *model.Model, r *datasets.Recording) []*features.Frame {
	t.Helper()
	var frames []*features.Frame
	extractor := features.New(m.FeatureConfig())
	for w, err := range r.Windows(t.Context(), m.Timing) {
		if err != nil {
			t.Fatal(err)
		}
		f, err := extractor.Push(w)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f.Clone())
	}
	return frames
}

// rowsOf has the named columns of each endpoint of each frame.
func rowsOf(columns []string, frames []*features.Frame) []float32 {
	var x []float32
	for _, f := range frames {
		for i := range f.Endpoints {
			for _, name := range columns {
				x = append(x, f.Row(i)[f.Column(name)])
			}
		}
	}
	return x
}

// routingRows are of each endpoint or, of a fixed5 network, of each frame; then
// a route that is not there has the center of each column, as docs/onnx.md says.
func routingRows(n *model.Network, frames []*features.Frame) []float32 {
	if n.Kind != model.Fixed5 {
		return rowsOf(n.Columns, frames)
	}
	var x []float32
	for _, f := range frames {
		for _, route := range n.Routes {
			i := f.Find(route)
			for j, name := range n.Columns {
				v := n.Scaler.Center[j]
				if i >= 0 {
					v = f.Row(i)[f.Column(name)]
				}
				x = append(x, v)
			}
		}
	}
	return x
}

// wildRows has values from where the scaler expects them, and some that are
// unknown, infinite or far out.
func wildRows(rng *rand.Rand, s *model.Scaler, rows int) []float32 {
	var x []float32
	for range rows {
		for i, center := range s.Center {
			v := float64(center) + 2*rng.NormFloat64()*float64(s.Scale[i])
			switch rng.IntN(20) {
			case 0:
				v = math.NaN()
			case 1:
				v *= 1e6
			case 2:
				v = math.Inf(1 - 2*rng.IntN(2))
			}
			x = append(x, float32(v))
		}
	}
	return x
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

// imported calls the program on a file of others and returns the model.
func imported(t *testing.T, file string, flags ...string) (*model.Model, string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "imported.model")
	mustCall(t, append([]string{"model", "import", "--onnx", foreignONNX(file), "--out", out}, flags...)...)
	m, err := model.Load(out)
	if err != nil {
		t.Fatal(err)
	}
	return m, out
}

// scalerFile has center 0 and scale 1 for n columns.
func scalerFile(t *testing.T, n int) string {
	t.Helper()
	s := map[string][]float32{"center": make([]float32, n), "scale": make([]float32, n)}
	for i := range n {
		s["scale"][i] = 1
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "scaler.json")
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
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

// TestImportedNetworkIsServed imports a network of Keras and lets it decide on
// a bundled recording.
func TestImportedNetworkIsServed(t *testing.T) {
	recording := filepath.Join("..", "..", "datasets", "recordings", "lab-test")
	list := filepath.Join(t.TempDir(), "columns")
	if err := os.WriteFile(list, []byte(strings.Join(features.Outcome(), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	m, file := imported(t, "keras-outcome.onnx", "--kind", "outcome", "--schema", "lab", "--columns-file", list, "--scrape", "2s")
	if len(m.Card.Notes) != 1 || !strings.Contains(m.Card.Notes[0], "tf2onnx") {
		t.Errorf("the card notes %q; want where the network comes from", m.Card.Notes)
	}
	known := 0
	rows := readTable(t, mustCall(t, "predict", "--recording", recording, "--model", file))
	for _, r := range rows {
		if p := r["mean_seconds"]; p != "" && p != "NaN" {
			known++
		}
	}
	if known < len(rows)/2 || known == 0 {
		t.Errorf("%d of %d rows have a predicted latency", known, len(rows))
	}
	table := mustCall(t, "replay", "--recording", recording, "--model", file, "--policies", "round_robin,fairway")
	if !strings.Contains(table, "fairway") {
		t.Errorf("the replay does not show the policy:\n%s", table)
	}

	// Like it, and with a failure network beside it.
	both := filepath.Join(t.TempDir(), "both.model")
	said := mustCall(t, "model", "import", "--onnx", foreignONNX("pytorch-failure.onnx"), "--out", both, "--kind", "failure", "--like", file,
		"--columns", strings.Join(features.Failure(), ","), "--scaler", scalerFile(t, len(features.Failure())), "--bins", "20s,40s,60s")
	if !strings.Contains(said, "scaled as") {
		t.Errorf("import does not say how inputs are scaled: %s", said)
	}
	two, err := model.Load(both)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m.Routing, two.Routing); diff != "" || two.Failure == nil || len(two.Card.Notes) != 2 {
		t.Errorf("the other network was not kept, or the new one is not there: %s", diff)
	}
}

// TestImportLike takes what no flag names from the model that it is to be like.
func TestImportLike(t *testing.T) {
	columns := strings.Join(features.Routing()[:4], ",")
	first, file := imported(t, "keras-fixed5.onnx", "--kind", "fixed5", "--schema", "lab", "--columns", columns, "--scaler", scalerFile(t, 4), "--routes", "a,b,c,d,", "--horizon", "40s")
	again, _ := imported(t, "keras-fixed5.onnx", "--kind", "fixed5", "--like", file)
	if diff := cmp.Diff(first.Routing, again.Routing); diff != "" || first.Timing != again.Timing || first.Timing.Horizon != 40*time.Second {
		t.Errorf("it is not like the model: timing %+v and %+v, %s", first.Timing, again.Timing, diff)
	}
	// Columns in another order are not what the model's scaler is for.
	_, _, err := call(t, "model", "import", "--onnx", foreignONNX("keras-fixed5.onnx"), "--out", filepath.Join(t.TempDir(), "m"), "--kind", "fixed5", "--like", file,
		"--columns", "share,log_request_rate,log_service_rate,candidate_load")
	if err == nil || !strings.Contains(err.Error(), "--scaler") {
		t.Errorf("other columns: %v; want that a scaler is needed", err)
	}
}

// TestModelImportRefuses holds each refusal to a way out.
func TestModelImportRefuses(t *testing.T) {
	out := filepath.Join(t.TempDir(), "m")
	keras := foreignONNX("keras-outcome.onnx")
	columns := strings.Join(features.Outcome(), ",")
	for _, c := range []struct {
		status int
		want   string
		args   []string
	}{
		{2, "--onnx", nil},
		{2, "--kind says what it is", []string{"--onnx", keras, "--columns", columns}},
		{2, "want one of [failure outcome softmax fixed5]", []string{"--onnx", keras, "--kind", "deep"}},
		{2, "one of --like MODEL and --schema NAME", []string{"--onnx", keras, "--kind", "outcome"}},
		{2, "--routes is for", []string{"--onnx", keras, "--kind", "outcome", "--schema", "lab", "--routes", "a"}},
		{2, "--horizon is for --schema", []string{"--onnx", keras, "--kind", "outcome", "--like", "x", "--horizon", "1m"}},
		{2, "--columns or --columns-file", []string{"--onnx", keras, "--kind", "outcome", "--schema", "lab"}},
		{2, "--scaler: the network does not scale", []string{"--onnx", foreignONNX("pytorch-softmax.onnx"), "--kind", "softmax", "--schema", "lab", "--columns", "up"}},
		{2, "--bins: ", []string{"--onnx", foreignONNX("pytorch-failure.onnx"), "--kind", "failure", "--schema", "lab", "--columns", strings.Join(features.Failure(), ","), "--scaler", scalerFile(t, len(features.Failure())), "--bins", "soon"}},
		{1, "the last bin ends at 30s; want the horizon", []string{"--onnx", foreignONNX("pytorch-failure.onnx"), "--kind", "failure", "--schema", "lab", "--columns", strings.Join(features.Failure(), ","), "--scaler", scalerFile(t, len(features.Failure())), "--bins", "10s,20s,30s"}},
		{1, "was not written by fairway", []string{"--onnx", keras}},
		{1, "not an ONNX file", []string{"--onnx", "main.go"}},
		{1, "no such file", []string{"--onnx", "none.onnx"}},
		{1, "built-in ones", []string{"--onnx", keras, "--kind", "outcome", "--schema", "none", "--columns", columns}},
		{1, `no frame has the columns "nonsense"`, []string{"--onnx", keras, "--kind", "outcome", "--schema", "lab", "--columns", columns + ",nonsense"}},
		{1, "of kind softmax it would have 1", []string{"--onnx", keras, "--kind", "softmax", "--schema", "lab", "--columns", columns}},
		{1, "want {\"center\"", []string{"--onnx", keras, "--kind", "outcome", "--schema", "lab", "--columns", columns, "--scaler", "main.go"}},
	} {
		_, _, err := call(t, append([]string{"model", "import", "--out", out}, c.args...)...)
		if exitStatus(err) != c.status || !strings.Contains(err.Error(), c.want) {
			t.Errorf("fairway model import %q ends with %d: %v; want %d and %q", c.args, exitStatus(err), err, c.status, c.want)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("a refused import wrote a file")
	}
	for _, args := range [][]string{{"export", "none", "--out", out}, {"export", keras, "--out", out}} {
		if _, _, err := call(t, append([]string{"model"}, args...)...); exitStatus(err) != 1 {
			t.Errorf("fairway model %q: %v", args, err)
		}
	}
	if _, _, err := call(t, "model", "export", "m", "--format", "pmml", "--out", out); exitStatus(err) != 2 || !strings.Contains(err.Error(), "want onnx") {
		t.Errorf("an unknown format: %v", err)
	}
}
