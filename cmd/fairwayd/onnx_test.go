package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/model/onnx"
)

// TestImported: a network that another program wrote decides.
func TestImported(t *testing.T) {
	file, err := os.Open(filepath.Join("..", "..", "model", "onnx", "testdata", "keras-outcome.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	f, err := onnx.Read(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := f.Dense(true)
	if err != nil {
		t.Fatal(err)
	}
	path := persistence(t)
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if m.Routing, err = d.Routing(model.Outcome, features.Outcome(), nil, nil); err != nil {
		t.Fatal(err)
	}
	m.Name = "imported"
	if err := model.Save(path, m); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--recording", recording(t), "--model", path, "--speed", "10")
	got := p.first(t, func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL })
	if got.ModelVersion != "imported" || len(got.Weights) != 2 {
		t.Errorf("got %v", got)
	}
}
