package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/model"
)

// TestBenchForecastModel makes a forecast of few meshes: it can be read, says
// nothing of where the meshes lay, and is the same when it is made again of the
// same recordings.
func TestBenchForecastModel(t *testing.T) {
	dir := t.TempDir()
	made := func(name string) (file, other string) {
		file, other = filepath.Join(dir, name+".model"), filepath.Join(dir, name+"-other.model")
		if out, log, err := call(t, "bench", "forecast-model", "--dir", filepath.Join(dir, "meshes"), "--training", "5", "--validation", "4", "--epochs", "1",
			"--out", file, "--logistic", other); err != nil || !strings.Contains(out, "wrote ") {
			t.Fatal(err, out, log)
		}
		return file, other
	}
	a, other := made("a")
	b, _ := made("b")
	first, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(b); err != nil || !bytes.Equal(first, second) {
		t.Errorf("%v: made again it is another", err)
	}
	m, err := model.Load(a)
	if err != nil {
		t.Fatal(err)
	}
	rival, err := model.Load(other)
	if err != nil {
		t.Fatal(err)
	}
	if m.Routing != nil || m.Failure == nil || len(m.Failure.Layers) == len(rival.Failure.Layers) {
		t.Error("it is not a forecast of one form, with the other beside it")
	}
	if m.Timing.Horizon != forecastSteps*m.Timing.Step {
		t.Errorf("timing %+v", m.Timing)
	}
	for _, r := range m.Card.Recordings {
		if strings.Contains(r.Path, "/") {
			t.Errorf("the card says where %s lay", r.Path)
		}
	}
	for _, arguments := range [][]string{{}, {"--out", filepath.Join(dir, "x"), "--training", "0"}} {
		if _, _, err := call(t, append([]string{"bench", "forecast-model"}, arguments...)...); exitStatus(err) != 2 {
			t.Errorf("%q: %v; want a wrong call", arguments, err)
		}
	}
}
