package main

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/predict/kernel"
	"github.com/fairway-mesh/fairway/predict/kernel/origin"
)

// TestBenchInferenceContendersAgree: what is compared computes the same.
func TestBenchInferenceContendersAgree(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	var layers []kernel.Layer
	for i, out := range origin.Widths[1:] {
		in := origin.Widths[i]
		l := kernel.Layer{In: in, Out: out, W: make([]float32, in*out), B: make([]float32, out), ReLU: i+2 < len(origin.Widths)}
		for j := range l.W {
			l.W[j] = float32(rng.NormFloat64() * math.Sqrt(2/float64(in)))
		}
		for j := range l.B {
			l.B[j] = float32(rng.NormFloat64())
		}
		layers = append(layers, l)
	}
	network, err := kernel.Pack(layers)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 11
	x := make([]float32, rows*20)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	want := make([]float32, rows*5)
	network.Forward(want, x)
	for name, call := range map[string]func(dst, x []float32){
		"portable": network.Portable().Forward, "Gemv": newLayerwise(layers, 1).gemv, "Gemm": newLayerwise(layers, rows).gemm,
	} {
		got := make([]float32, len(want))
		call(got, x)
		for i := range got {
			if !(math.Abs(float64(got[i]-want[i])) <= 1e-4) {
				t.Errorf("%s: output %d is %v; the kernel has %v", name, i, got[i], want[i])
			}
		}
	}
}

// TestBenchInferenceStops when it is told to.
func TestBenchInferenceStops(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := benchInference(ctx, t.Output()); err != context.Canceled {
		t.Errorf("error %v; want %v", err, context.Canceled)
	}
}

// TestBenchInferenceWithoutGo: what cannot be measured is null, and the reason
// is told.
func TestBenchInferenceWithoutGo(t *testing.T) {
	t.Setenv("PATH", "")
	f := inferenceFigures{Rows: map[string]rowFigures{"1": {Ours: 1}}}
	if err := f.addONNX(t.Context(), t.Output()); err == nil || !strings.Contains(err.Error(), "no Go toolchain") {
		t.Errorf("error %v; want one that misses the toolchain", err)
	}
	text, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(text), `"vs_onnx_runtime":null`) {
		t.Errorf("%s (%v): want null", text, err)
	}
}
