package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

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
