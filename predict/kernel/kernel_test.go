package kernel

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// random returns layers of the given widths, ReLU after all but the last, with
// weights of the size that training begins with (He et al. 2015).
func random(rng *rand.Rand, widths ...int) []Layer {
	var layers []Layer
	for i := 1; i < len(widths); i++ {
		in, out := widths[i-1], widths[i]
		l := Layer{In: in, Out: out, W: normal(rng, in*out), B: normal(rng, out), ReLU: i < len(widths)-1}
		for j := range l.W {
			l.W[j] *= float32(math.Sqrt(2 / float64(in)))
		}
		layers = append(layers, l)
	}
	return layers
}

func normal(rng *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}

// plain is the definition, in float64.
func plain(layers []Layer, row []float32) []float64 {
	x := make([]float64, len(row))
	for i, v := range row {
		x[i] = float64(v)
	}
	for _, l := range layers {
		y := make([]float64, l.Out)
		for o := range y {
			y[o] = float64(l.B[o])
			for k, v := range x {
				y[o] += float64(l.W[o*l.In+k]) * v
			}
			if l.ReLU {
				y[o] = math.Max(y[o], 0) // of NaN: NaN
			}
		}
		x = y
	}
	return x
}

func TestForwardIsTheDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, widths := range [][]int{{1, 1}, {3, 8}, {20, 128, 64, 32, 5}, {7, 9, 17, 1}, {40, 64, 32, 10}, {8, 1, 8}} {
		layers := random(rng, widths...)
		network, err := Pack(layers)
		if err != nil {
			t.Fatal(err)
		}
		const rows = 50
		in, out := widths[0], widths[len(widths)-1]
		x, dst := normal(rng, rows*in), make([]float32, rows*out)
		for i := 0; i < len(x); i += 3 {
			x[i] = 0 // takes the short way
		}
		network.Forward(dst, x)
		for r := range rows {
			for o, want := range plain(layers, x[r*in:(r+1)*in]) {
				if got := float64(dst[r*out+o]); math.Abs(got-want) > 1e-5*(1+math.Abs(want)) {
					t.Fatalf("%v, row %d, output %d: %v; want %v", widths, r, o, got, want)
				}
			}
		}
	}
}

// TestNaNReachesTheOutputs guards against the ReLU that makes an answer out of
// nothing.
func TestNaNReachesTheOutputs(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	network, err := Pack(random(rng, 20, 128, 64, 32, 5))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		x, dst := normal(rng, 20), make([]float32, 5)
		x[i] = float32(math.NaN())
		network.Forward(dst, x)
		for o, v := range dst {
			if v == v {
				t.Fatalf("input %d is NaN, output %d is %v", i, o, v)
			}
		}
	}
	y := [width / 2]float32{float32(math.NaN()), -1, 1, float32(math.Inf(-1)), float32(math.Inf(1))}
	rectify(&y, 0)
	if y[0] == y[0] || y[1] != 0 || y[2] != 1 || y[3] != 0 || !math.IsInf(float64(y[4]), 1) {
		t.Errorf("ReLU: %v", y)
	}
}

// TestRowsAreIndependent: what a row answers does not depend on those before
// it, to the bit.
func TestRowsAreIndependent(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	network, err := Pack(random(rng, 12, 40, 3))
	if err != nil {
		t.Fatal(err)
	}
	x, all, one := normal(rng, 12*9), make([]float32, 3*9), make([]float32, 3)
	network.Forward(all, x)
	for r := 8; r >= 0; r-- {
		network.Forward(one, x[r*12:(r+1)*12])
		for o := range one {
			if one[o] != all[r*3+o] {
				t.Fatalf("row %d: %v alone, %v among others", r, one, all[r*3:r*3+3])
			}
		}
	}
}

func TestPackRefuses(t *testing.T) {
	ok := Layer{In: 2, Out: 1, W: []float32{1, 2}, B: []float32{3}}
	edit := func(f func(*Layer)) []Layer {
		l := ok
		l.W = append([]float32(nil), ok.W...)
		f(&l)
		return []Layer{l}
	}
	tests := map[string]struct {
		layers []Layer
		want   string
	}{
		"no layers":   {nil, "needs a layer"},
		"no inputs":   {edit(func(l *Layer) { l.In = 0 }), "layer 1: shape 0 → 1"},
		"huge":        {edit(func(l *Layer) { l.In, l.Out = math.MaxInt32, math.MaxInt32 }), "out of range"},
		"few weights": {edit(func(l *Layer) { l.W = l.W[:1] }), "1 weights and 1 biases"},
		"no bias":     {edit(func(l *Layer) { l.B = nil }), "2 weights and 0 biases"},
		"NaN":         {edit(func(l *Layer) { l.W[1] = float32(math.NaN()) }), "parameter 1 is NaN"},
		"infinite":    {edit(func(l *Layer) { l.W[0] = float32(math.Inf(1)) }), "parameter 0 is +Inf"},
		"no chain":    {[]Layer{ok, ok}, "layer 2: takes 2 inputs; 1 come in"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := Pack(test.layers); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want one with %q", err, test.want)
			}
		})
	}
}

func TestForwardAllocatesNothing(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	network, err := Pack(random(rng, 20, 128, 64, 32, 5))
	if err != nil {
		t.Fatal(err)
	}
	x, dst := normal(rng, 200), make([]float32, 50)
	if n := testing.AllocsPerRun(100, func() { network.Forward(dst, x) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
