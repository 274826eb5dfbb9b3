package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// TestImportRefusesWhatRunsAway: one parameter of 1e15 may be served as a p99 of
// 1e15 times the p90, whichever network it is in; one as it was trained goes
// through.
func TestImportRefusesWhatRunsAway(t *testing.T) {
	m, _ := imported(t, "keras-outcome.onnx", "--kind", "outcome", "--schema", "lab", "--columns", strings.Join(features.Outcome(), ","))
	folder := t.TempDir()
	file, exported := filepath.Join(folder, "wild.model"), filepath.Join(folder, "wild.onnx")
	back := func() error {
		if err := model.Save(file, m); err != nil {
			t.Fatal(err)
		}
		mustCall(t, "model", "export", file, "--out", exported)
		_, _, err := call(t, "model", "import", "--onnx", exported, "--out", filepath.Join(folder, "back.model"))
		return err
	}
	if err := back(); err != nil {
		t.Fatal(err)
	}
	refused := func(what string, wild *float32) {
		t.Helper()
		was := *wild
		*wild = 1e15
		if err := back(); exitStatus(err) != 1 || !strings.Contains(err.Error(), "routing network: output") {
			t.Errorf("%s: %v; want that its outputs are refused", what, err)
		}
		*wild = was
	}
	layers := m.Routing.Layers
	refused("a bias", &layers[len(layers)-1].B[model.OutcomeOutputs-1])
	refused("a weight of an input", &layers[0].W[3])
	m.Routing.Members = [][]model.Layer{{}}
	for _, l := range layers {
		m.Routing.Members[0] = append(m.Routing.Members[0], model.Layer{In: l.In, Out: l.Out, ReLU: l.ReLU, W: append([]float32(nil), l.W...), B: append([]float32(nil), l.B...)})
	}
	refused("a member", &m.Routing.Members[0][0].W[3])
}
