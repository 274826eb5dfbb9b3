// Program onnxruntime compares the kernel with ONNX Runtime on the origin's
// network: the same trained weights, the same rows, one thread, in turns within
// one process. It prints one JSON line. It is a module of its own because it
// needs cgo, a C compiler and ONNX Runtime's library, which the tests of
// cmd/fairway and `fairway bench network` let npm bring:
//
//	go run -C predict/kernel/onnxruntime .
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"runtime"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/model/onnx"
	"github.com/fairway-mesh/fairway/predict/kernel"
	"github.com/fairway-mesh/fairway/predict/kernel/origin"
)

// figures are what is printed.
type figures struct {
	Version string                `json:"version"` // of ONNX Runtime
	Rows    map[string]rowFigures `json:"rows"`    // by how many go into one call
}

// rowFigures are medians of the rounds; the ratio is of the times in the same
// round: above 1 the kernel is faster.
type rowFigures struct {
	Kernel     float64 `json:"kernel_ns_per_row"`
	ONNX       float64 `json:"onnx_runtime_ns_per_row"`
	Ratio      float64 `json:"vs_onnx_runtime"`
	Difference float64 `json:"difference"` // the largest of two outputs
}

func main() {
	library := flag.String("library", "", "libonnxruntime (default the one that npm brought)")
	rounds := flag.Int("rounds", 31, "how often the two take turns")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *library, max(1, *rounds)); err != nil {
		fmt.Fprintln(os.Stderr, "onnxruntime:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, library string, rounds int) error {
	if library == "" {
		var err error
		if library, err = installed(); err != nil {
			return err
		}
	}
	layers, x := origin.Train(1)
	f, err := compare(ctx, library, layers, x, rounds)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// compare measures calls of 1, 10, 100 and 1000 rows.
func compare(ctx context.Context, library string, layers []kernel.Layer, x []float32, rounds int) (f figures, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	network, err := kernel.Pack(layers)
	if err != nil {
		return f, err
	}
	version, closeLibrary, err := openLibrary(library)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, closeLibrary()) }()
	f = figures{Version: version, Rows: map[string]rowFigures{}}
	for _, rows := range []int{1, 10, 100, 1000} {
		if err := ctx.Err(); err != nil {
			return f, err
		}
		r, err := compareRows(network, layers, x[:rows*network.In()], rows, rounds)
		if err != nil {
			return f, err
		}
		f.Rows[fmt.Sprint(rows)] = r
	}
	return f, nil
}

func compareRows(network *kernel.Network, layers []kernel.Layer, x []float32, rows, rounds int) (f rowFigures, err error) {
	s, err := newSession(encoded(layers), x, rows, network.In(), network.Out())
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	dst := make([]float32, rows*network.Out())
	var ours, theirs, ratios []float64
	for range rounds {
		own := origin.PerCall(func() { network.Forward(dst, x) })
		other := origin.PerCall(func() { err = cmp.Or(err, s.run()) })
		if err != nil {
			return f, err
		}
		ours, theirs, ratios = append(ours, own/float64(rows)), append(theirs, other/float64(rows)), append(ratios, other/own)
	}
	f = rowFigures{Kernel: origin.Middle(ours), ONNX: origin.Middle(theirs), Ratio: origin.Middle(ratios)}
	for i, v := range s.outputs() {
		f.Difference = max(f.Difference, math.Abs(float64(v-dst[i])))
	}
	return f, nil
}

// encoded are the layers as an ONNX model.
func encoded(layers []kernel.Layer) []byte {
	var all []model.Layer
	for _, l := range layers {
		all = append(all, model.Layer{In: l.In, Out: l.Out, ReLU: l.ReLU, W: l.W, B: l.B})
	}
	return onnx.Bare(all)
}
