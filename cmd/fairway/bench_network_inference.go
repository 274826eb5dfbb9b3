package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"

	"github.com/fairway-mesh/fairway/predict/kernel"
	"github.com/fairway-mesh/fairway/predict/kernel/origin"
)

// inferenceFigures compare the forward pass of the origin's network, with
// weights that were trained, with others', on one thread and in one run.
type inferenceFigures struct {
	Kernels string `json:"kernels"` // what ours ran on: "AVX-512", "AVX2" or "Go"
	// Zeros is the share of zeros after each layer: the kernel skips them where
	// a row comes alone.
	Zeros []float64 `json:"zeros"`
	// Rows by how many go into one call: "1", "10", "100", "1000".
	Rows map[string]rowFigures `json:"rows"`
	// ONNXRuntime is its version, or why it was not measured.
	ONNXRuntime string `json:"onnx_runtime"`
}

// rowFigures are of one size of call. Times are the medians of the rounds;
// ratios are of another's time to ours in the same round, the median again:
// above 1 ours is faster. What did not run is null.
type rowFigures struct {
	Ours     float64 `json:"ns_per_row"`
	Portable float64 `json:"portable_ns_per_row"` // the same in Go alone
	Gemv     float64 `json:"gemv_ns_per_row"`     // gonum, row by row
	Gemm     float64 `json:"gemm_ns_per_row"`     // gonum, all rows at once

	VsPortable float64 `json:"vs_portable"`
	VsGemv     float64 `json:"vs_gemv"`
	VsGemm     float64 `json:"vs_gemm"`

	onnxFigures
}

// onnxFigures are measured in a process of their own, which runs our kernel in
// turn with ONNX Runtime, on the same weights and rows: the ratio is of times in
// that process.
type onnxFigures struct {
	ONNX   *float64 `json:"onnx_runtime_ns_per_row"`
	VsONNX *float64 `json:"vs_onnx_runtime"`
}

const inferenceRounds = 31

var inferenceRows = []int{1, 10, 100, 1000}

// benchInference trains the network (on something made up, for a second or two),
// and measures. It takes about half a minute, most of it for ONNX Runtime, which
// needs a Go toolchain, a C compiler, npm and fairway's source: without them it
// is left out.
func benchInference(ctx context.Context, log io.Writer) (f inferenceFigures, err error) {
	if err := ctx.Err(); err != nil {
		return f, err
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // gonum's Gemm would use them all
	layers, x := origin.Train(1)
	network, err := kernel.Pack(layers)
	if err != nil {
		return f, err
	}
	f.Kernels, f.Rows = network.Kernels(), map[string]rowFigures{}
	if f.Zeros, err = origin.Zeros(layers, x); err != nil {
		return f, err
	}
	for _, rows := range inferenceRows {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		r := measureRows(layers, network, x[:rows*network.In()], rows)
		fmt.Fprintf(log, "inference, %d rows, ns a row: fairway %.0f, in Go alone %.0f, gonum's Gemv %.0f, its Gemm %.0f\n", rows, r.Ours, r.Portable, r.Gemv, r.Gemm)
		f.Rows[strconv.Itoa(rows)] = r
	}
	if err := f.addONNX(ctx, log); err != nil {
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
		f.ONNXRuntime = "not measured: " + err.Error()
	}
	fmt.Fprintf(log, "inference, ONNX Runtime: %s\n", f.ONNXRuntime)
	return f, nil
}

// addONNX builds and runs the program that has ONNX Runtime beside our kernel.
func (f *inferenceFigures) addONNX(ctx context.Context, log io.Writer) (err error) {
	source, err := onnxRuntimeSource(ctx)
	if err != nil {
		return err
	}
	if err := installONNXRuntime(ctx, log); err != nil {
		return err
	}
	directory, err := os.MkdirTemp("", "fairway-bench-")
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, os.RemoveAll(directory)) }()
	program := filepath.Join(directory, "onnxruntime")
	build := exec.CommandContext(ctx, "go", "build", "-C", source, "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%s does not build: %w: %.300s", source, err, out)
	}
	run := exec.CommandContext(ctx, program)
	var stderr bytes.Buffer
	run.Stderr = io.MultiWriter(log, &stderr)
	out, err := run.Output()
	if err != nil {
		return fmt.Errorf("%w: %.300s", err, strings.TrimSpace(stderr.String()))
	}
	var theirs struct {
		Version string                 `json:"version"`
		Rows    map[string]onnxFigures `json:"rows"`
	}
	if err := json.Unmarshal(out, &theirs); err != nil {
		return err
	}
	for _, n := range inferenceRows {
		rows := strconv.Itoa(n)
		ours := f.Rows[rows]
		ours.onnxFigures = theirs.Rows[rows]
		if ours.ONNX == nil || ours.VsONNX == nil {
			return fmt.Errorf("%s printed no figures of %s rows", source, rows)
		}
		fmt.Fprintf(log, "inference, %s rows: ONNX Runtime %.0f ns a row, %.2f times ours\n", rows, *ours.ONNX, *ours.VsONNX)
		f.Rows[rows] = ours
	}
	f.ONNXRuntime = theirs.Version
	return nil
}

// onnxRuntimeSource is the folder of that program, in the module that the
// working directory belongs to.
func onnxRuntimeSource(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("no Go toolchain: %w", err)
	}
	source := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "predict", "kernel", "onnxruntime")
	if _, err := os.Stat(filepath.Join(source, "go.mod")); err != nil {
		return "", fmt.Errorf("run it in fairway's source: %w", err)
	}
	return source, nil
}

// oneByOne is how many rows at most those get that compute them one by one: a
// row takes them as long as any other, and a call must be short beside what the
// system runs at a time.
const oneByOne = 100

// measureRows lets the contenders take turns.
func measureRows(layers []kernel.Layer, network *kernel.Network, x []float32, rows int) rowFigures {
	in, out, some := network.In(), network.Out(), min(rows, oneByOne)
	portable, dst := network.Portable(), make([]float32, rows*out)
	one, all := newLayerwise(layers, 1), newLayerwise(layers, rows)
	contenders := []struct {
		rows int
		call func()
	}{
		{rows, func() { network.Forward(dst, x) }},
		{some, func() { portable.Forward(dst[:some*out], x[:some*in]) }},
		{some, func() { one.gemv(dst[:some*out], x[:some*in]) }},
		{rows, func() { all.gemm(dst, x) }},
	}
	times, ratios := make([][]float64, len(contenders)), make([][]float64, len(contenders))
	for round := range inferenceRounds {
		for i, c := range contenders {
			times[i] = append(times[i], origin.PerCall(c.call)/float64(c.rows))
			ratios[i] = append(ratios[i], times[i][round]/times[0][round])
		}
	}
	return rowFigures{
		Ours: origin.Middle(times[0]), Portable: origin.Middle(times[1]), Gemv: origin.Middle(times[2]), Gemm: origin.Middle(times[3]),
		VsPortable: origin.Middle(ratios[1]), VsGemv: origin.Middle(ratios[2]), VsGemm: origin.Middle(ratios[3]),
	}
}

// layerwise is the network on gonum's products, as anyone would write it.
type layerwise struct {
	layers  []kernel.Layer
	outputs [][]float32 // of each layer
}

func newLayerwise(layers []kernel.Layer, rows int) layerwise {
	l := layerwise{layers: layers}
	for _, layer := range layers {
		l.outputs = append(l.outputs, make([]float32, rows*layer.Out))
	}
	return l
}

// gemv computes the rows one by one.
func (l layerwise) gemv(dst, x []float32) {
	in, out := l.layers[0].In, l.layers[len(l.layers)-1].Out
	for ; len(x) > 0; x, dst = x[in:], dst[out:] {
		row := x[:in]
		for i, layer := range l.layers {
			y := l.outputs[i]
			copy(y, layer.B)
			blas32.Gemv(blas.NoTrans, 1, blas32.General{Rows: layer.Out, Cols: layer.In, Stride: layer.In, Data: layer.W},
				blas32.Vector{N: layer.In, Inc: 1, Data: row}, 1, blas32.Vector{N: layer.Out, Inc: 1, Data: y})
			rectifyIf(layer.ReLU, y)
			row = y
		}
		copy(dst, row)
	}
}

// gemm computes all rows, layer by layer.
func (l layerwise) gemm(dst, x []float32) {
	for i, layer := range l.layers {
		y, rows := l.outputs[i], len(x)/layer.In
		for r := range rows {
			copy(y[r*layer.Out:], layer.B)
		}
		blas32.Gemm(blas.NoTrans, blas.Trans, 1, blas32.General{Rows: rows, Cols: layer.In, Stride: layer.In, Data: x},
			blas32.General{Rows: layer.Out, Cols: layer.In, Stride: layer.In, Data: layer.W},
			1, blas32.General{Rows: rows, Cols: layer.Out, Stride: layer.Out, Data: y})
		rectifyIf(layer.ReLU, y)
		x = y
	}
	copy(dst, x)
}

func rectifyIf(relu bool, y []float32) {
	if !relu {
		return
	}
	for i, v := range y {
		if v < 0 {
			y[i] = 0
		}
	}
}
