package kernel

import (
	"math"
	"math/rand/v2"
	"slices"
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

// drawn returns a network of random shape, and its layers.
func drawn(t *testing.T, rng *rand.Rand, widest int) ([]Layer, *Network) {
	t.Helper()
	widths := []int{1 + rng.IntN(widest)}
	for range 1 + rng.IntN(4) {
		widths = append(widths, 1+rng.IntN(widest))
	}
	layers := random(rng, widths...)
	layers[len(layers)-1].ReLU = rng.IntN(2) == 0
	return layers, packAll(t, layers)
}

func packAll(t *testing.T, layers []Layer) *Network {
	t.Helper()
	network, err := Pack(layers)
	if err != nil {
		t.Fatal(err)
	}
	return network
}

// inputs draws rows, a third of whose values are zeros of either sign.
func inputs(rng *rand.Rand, n int) []float32 {
	x := normal(rng, n)
	for i := range x {
		if rng.IntN(3) == 0 {
			x[i] = float32(math.Copysign(0, float64(x[i])))
		}
	}
	return x
}

// TestForwardIsTheDefinition tries many shapes and numbers of rows.
func TestForwardIsTheDefinition(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		check := func(layers []Layer, rows int) {
			network := packAll(t, layers)
			in, out := network.In(), network.Out()
			x, dst := inputs(rng, rows*in), make([]float32, rows*out)
			network.Forward(dst, x)
			for r := range rows {
				for o, want := range plain(layers, x[r*in:(r+1)*in]) {
					if got := float64(dst[r*out+o]); !(math.Abs(got-want) <= 2e-5*(1+math.Abs(want))) {
						t.Fatalf("%d layers from %d inputs, row %d of %d, output %d: %v; want %v", len(layers), in, r, rows, o, got, want)
					}
				}
			}
		}
		for in := 1; in < 36; in++ {
			for out := 1; out < 100; out += 1 + rng.IntN(9) {
				check(random(rng, in, out), 1+rng.IntN(15))
			}
		}
		for _, widths := range [][]int{{20, 128, 64, 32, 5}, {7, 9, 17, 1}, {40, 64, 32, 10}, {8, 1, 8}, {300, 257, 65}} {
			for _, rows := range []int{0, 1, fewRows, block - 1, block, 2*block + 7} {
				check(random(rng, widths...), rows)
			}
		}
		for range 50 {
			layers, _ := drawn(t, rng, 90)
			check(layers, 1+rng.IntN(60))
		}
	})
}

// FuzzForward tries shapes that nobody thought of.
func FuzzForward(f *testing.F) {
	f.Add(uint64(1), uint8(20), uint8(128), uint8(5), uint8(10))
	f.Add(uint64(2), uint8(0), uint8(0), uint8(0), uint8(0))
	f.Add(uint64(3), uint8(15), uint8(16), uint8(17), uint8(255))
	f.Fuzz(func(t *testing.T, seed uint64, in, hidden, out, rows uint8) {
		rng := rand.New(rand.NewPCG(seed, 0))
		layers := random(rng, int(in)+1, int(hidden)+1, int(out)+1)
		network := packAll(t, layers)
		x, dst := inputs(rng, int(rows)*network.In()), make([]float32, int(rows)*network.Out())
		for _, forward := range []func(dst, x []float32){network.Forward, network.Portable().Forward} {
			forward(dst, x)
			for r := range int(rows) {
				for o, want := range plain(layers, x[r*network.In():(r+1)*network.In()]) {
					if got := float64(dst[r*network.Out()+o]); !(math.Abs(got-want) <= 1e-4*(1+math.Abs(want))) {
						t.Fatalf("row %d, output %d: %v; want %v", r, o, got, want)
					}
				}
			}
		}
	})
}

// TestPathsAgree holds the vector kernels to those in Go.
func TestPathsAgree(t *testing.T) {
	if !vector {
		t.Skip("there are no vector kernels for this processor")
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for range 100 {
		_, network := drawn(t, rng, 150)
		rows := 1 + rng.IntN(40)
		x := inputs(rng, rows*network.In())
		fast, slow := make([]float32, rows*network.Out()), make([]float32, rows*network.Out())
		network.Forward(fast, x)
		network.Portable().Forward(slow, x)
		for i := range fast {
			if !(math.Abs(float64(fast[i]-slow[i])) <= 2e-5*(1+math.Abs(float64(slow[i])))) {
				t.Fatalf("%d rows of %d inputs, output %d: %v, and %v in Go", rows, network.In(), i, fast[i], slow[i])
			}
		}
	}
}

// TestNaNReachesTheOutputs guards against the ReLU that makes an answer out of
// nothing, in any row and at any input.
func TestNaNReachesTheOutputs(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 6))
		layers := random(rng, 20, 128, 64, 32, 5)
		layers[len(layers)-1].ReLU = true
		network := packAll(t, layers)
		for _, rows := range []int{1, 2, 7, 10, 25, 30} {
			for bad := range rows {
				x, dst := normal(rng, 20*rows), make([]float32, 5*rows)
				at := bad*20 + rng.IntN(20)
				x[at] = float32(math.NaN())
				network.Forward(dst, x)
				for i, v := range dst {
					if (v != v) != (i/5 == bad) {
						t.Fatalf("input %d of %d rows is NaN, output %d is %v", at, rows, i, v)
					}
				}
			}
		}
		for i := range 20 {
			x, dst := normal(rng, 20), make([]float32, 5)
			x[i] = float32(math.NaN())
			network.Forward(dst, x)
			if slices.ContainsFunc(dst, func(v float32) bool { return v == v }) {
				t.Fatalf("input %d is NaN, outputs are %v", i, dst)
			}
		}
	})
}

// TestReLU passes special values through a layer that only rectifies, one by
// one and as a batch.
func TestReLU(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		nan, inf := float32(math.NaN()), float32(math.Inf(1))
		for _, relu := range []bool{true, false} {
			network := packAll(t, []Layer{{In: 1, Out: 1, W: []float32{1}, B: []float32{0}, ReLU: relu}})
			x := []float32{nan, -nan, -1, 1, -inf, inf, 0, float32(math.Copysign(0, -1)), -1e-45, 1e-45, math.MaxFloat32}
			dst := make([]float32, len(x))
			network.Forward(dst, x)
			for i, v := range x {
				want, one := v, []float32{0}
				if relu && v < 0 {
					want = 0
				}
				network.Forward(one, x[i:i+1])
				for _, got := range []float32{dst[i], one[0]} {
					if got != want && got == got || (want != want) != (got != got) {
						t.Errorf("ReLU %v of %v is %v", relu, v, got)
					}
				}
			}
		}
	})
}

// TestRowsAreIndependent: what a row answers does not depend on those beside
// it, to the bit, not even on the sign of a zero.
func TestRowsAreIndependent(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(7, 8))
		for rows := 1; rows <= 2*block+9; rows++ {
			_, network := drawn(t, rng, 70)
			in, out := network.In(), network.Out()
			x, all, one := inputs(rng, in*rows), make([]float32, out*rows), make([]float32, out)
			network.Forward(all, x)
			for r := rows - 1; r >= 0; r-- {
				network.Forward(one, x[r*in:(r+1)*in])
				for o := range one {
					if math.Float32bits(one[o]) != math.Float32bits(all[r*out+o]) {
						t.Fatalf("row %d of %d: %v alone, %v among others", r, rows, one, all[r*out:(r+1)*out])
					}
				}
			}
		}
	})
}

// TestZerosHaveNoSign: a sum that rounds to −0 stays so where the zeros after it
// are skipped, and becomes 0 where they are added.
func TestZerosHaveNoSign(t *testing.T) {
	onEveryPath(t, func(t *testing.T) {
		negative := float32(math.Copysign(0, -1))
		network := packAll(t, []Layer{{In: 3, Out: 40, W: slices.Repeat([]float32{1e-30, 1, 1}, 40), B: slices.Repeat([]float32{0, negative}, 20)}})
		row := []float32{-1e-30, 0, 0}
		one, all := make([]float32, 40), make([]float32, 40*30)
		network.Forward(one, row)
		network.Forward(all, slices.Repeat(row, 30))
		for i, v := range all {
			if v != 0 || math.Float32bits(v) != math.Float32bits(one[i%40]) {
				t.Fatalf("output %d: %v among others, %v alone", i, v, one[i%40])
			}
		}
	})
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
	onEveryPath(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(9, 10))
		network := packAll(t, random(rng, 20, 128, 64, 32, 5))
		if want := strings.Split(t.Name(), "/")[1]; network.Kernels() != want || network.Portable().Kernels() != "Go" {
			t.Errorf("runs on %s; want %s", network.Kernels(), want)
		}
		for _, rows := range []int{1, 10, 100} {
			x, dst := normal(rng, 20*rows), make([]float32, 5*rows)
			if n := testing.AllocsPerRun(100, func() { network.Forward(dst, x) }); n != 0 {
				t.Errorf("%d rows: %v allocations", rows, n)
			}
		}
	})
}
