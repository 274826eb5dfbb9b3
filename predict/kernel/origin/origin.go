// Package origin trains the origin's network, and times what runs it, for
// benchmarks: 20 → 128 → 64 → 32 → 5, four features of each of five routes in, a
// preference for each out.
// What it learns is made up. The benchmarks need it because weights that were
// trained leave more zeros after a ReLU than those that were drawn, and the
// kernel skips zeros.
package origin

import (
	"math"
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/predict/kernel"
)

// Widths are the inputs and the outputs of each layer.
var Widths = []int{20, 128, 64, 32, 5}

// Shape of the training: Adam with the origin's figures.
const (
	samples = 8192
	epochs  = 20
	batch   = 256
	rate    = 1e-3
	dropout = 0.2 // of the first two layers' outputs
	// sparse is what an output of the first layer costs for being above 0 (an
	// L1 penalty). It makes up for inputs that are drawn independently: with
	// recorded metrics, which move together, 72 % of these outputs were 0.
	sparse = 0.018
)

// Train returns the layers of the network, and rows of inputs as they come in
// training, whole ones of 20. The same seed gives the same bits on the same
// kind of machine.
func Train(seed uint64) (layers []kernel.Layer, rows []float32) {
	rng := newRand(seed)
	x, best := problem(rng)
	n := newNet(rng)
	for range epochs {
		for from := 0; from < samples; from += batch {
			n.step(rng, x[from*Widths[0]:(from+batch)*Widths[0]], best[from:from+batch])
		}
	}
	for _, l := range n {
		layers = append(layers, l.Layer)
	}
	return layers, x[:1024*Widths[0]]
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// problem draws moments: what each of five routes looks like (latency, errors,
// load, capacity, standardised) and which answered best a moment later.
func problem(rng *rand.Rand) (x []float32, best []int) {
	x, best = make([]float32, samples*20), make([]int, samples)
	for s := range samples {
		least := math.Inf(1)
		for route := range 5 {
			var f [4]float64
			for i := range f {
				f[i] = rng.NormFloat64()
				x[s*20+route*4+i] = float32(f[i])
			}
			wait := math.Exp(0.5*f[2]-0.7*f[3]) + math.Exp(0.6*f[0])
			if cost := wait + 2*max(f[1], 0) + 0.3*rng.NormFloat64(); cost < least {
				least, best[s] = cost, route
			}
		}
	}
	return x, best
}

// Zeros is the share of zeros that come out of the layers, one number for each,
// for rows of inputs.
func Zeros(layers []kernel.Layer, rows []float32) ([]float64, error) {
	var shares []float64
	for i := range layers {
		n, err := kernel.Pack(layers[:i+1])
		if err != nil {
			return nil, err
		}
		y := make([]float32, len(rows)/n.In()*n.Out())
		n.Forward(y, rows)
		zeros := 0
		for _, v := range y {
			if v == 0 {
				zeros++
			}
		}
		shares = append(shares, float64(zeros)/float64(len(y)))
	}
	return shares, nil
}

// net is the network in training.
type net []*layer

type layer struct {
	kernel.Layer
	y, mask   []float32 // outputs of a batch, and what they are multiplied by
	dy        []float32
	dW, dB    []float32
	w, b      adam
	dropped   bool
	lastInput []float32
}

func newNet(rng *rand.Rand) net {
	var n net
	for i, out := range Widths[1:] {
		in := Widths[i]
		l := &layer{Layer: kernel.Layer{In: in, Out: out, W: make([]float32, in*out), B: make([]float32, out), ReLU: i+2 < len(Widths)}, dropped: i < 2}
		for j := range l.W {
			l.W[j] = float32(rng.NormFloat64() * math.Sqrt(2/float64(in)))
		}
		l.y, l.mask, l.dy = make([]float32, batch*out), make([]float32, batch*out), make([]float32, batch*out)
		l.dW, l.dB = make([]float32, in*out), make([]float32, out)
		l.w, l.b = newAdam(in*out), newAdam(out)
		n = append(n, l)
	}
	return n
}

// step learns from one batch.
func (n net) step(rng *rand.Rand, x []float32, best []int) {
	for _, l := range n {
		l.forward(rng, x)
		x = l.y
	}
	last := n[len(n)-1]
	for s, b := range best {
		softmax(last.dy[s*last.Out:(s+1)*last.Out], last.y[s*last.Out:(s+1)*last.Out])
		last.dy[s*last.Out+b]--
	}
	for i := len(n) - 1; i >= 0; i-- {
		var below []float32
		if i > 0 {
			below = n[i-1].dy
		}
		n[i].backward(below)
	}
}

func (l *layer) forward(rng *rand.Rand, x []float32) {
	l.lastInput = x
	kernel.Gemm(false, true, batch, l.Out, l.In, 1, x, l.In, l.W, l.In, 0, l.y, l.Out)
	for i := range l.y {
		l.mask[i] = 1
		v := l.y[i] + l.B[i%l.Out]
		switch {
		case l.ReLU && v < 0:
			l.mask[i] = 0
		case l.dropped && rng.Float32() < dropout:
			l.mask[i] = 0
		case l.dropped:
			l.mask[i] = 1 / (1 - dropout)
		}
		l.y[i] = v * l.mask[i]
	}
}

// backward turns the gradient of the outputs into those of the parameters and,
// but for the first layer, of the inputs, and corrects the parameters.
func (l *layer) backward(below []float32) {
	clear(l.dB)
	for i := range l.dy {
		if below == nil && l.y[i] > 0 {
			l.dy[i] += sparse
		}
		l.dy[i] *= l.mask[i]
		l.dB[i%l.Out] += l.dy[i]
	}
	kernel.Gemm(true, false, l.Out, l.In, batch, 1, l.dy, l.Out, l.lastInput, l.In, 0, l.dW, l.In)
	if below != nil {
		kernel.Gemm(false, false, batch, l.In, l.Out, 1, l.dy, l.Out, l.W, l.In, 0, below, l.In)
	}
	l.w.correct(l.W, l.dW)
	l.b.correct(l.B, l.dB)
}

func softmax(dst, x []float32) {
	most, sum := x[0], float32(0)
	for _, v := range x {
		most = max(most, v)
	}
	for i, v := range x {
		dst[i] = float32(math.Exp(float64(v - most)))
		sum += dst[i]
	}
	for i := range dst {
		dst[i] /= sum
	}
}

// adam is the memory of Adam for some parameters.
type adam struct {
	steps        float64
	mean, square []float32
}

func newAdam(n int) adam { return adam{mean: make([]float32, n), square: make([]float32, n)} }

// correct moves parameters against a gradient that is summed over a batch.
func (a *adam) correct(values, gradient []float32) {
	const beta1, beta2 = 0.9, 0.999
	a.steps++
	step := float32(rate * math.Sqrt(1-math.Pow(beta2, a.steps)) / (1 - math.Pow(beta1, a.steps)))
	for i, g := range gradient {
		g /= batch
		a.mean[i] = beta1*a.mean[i] + (1-beta1)*g
		a.square[i] = beta2*a.square[i] + (1-beta2)*g*g
		values[i] -= step * a.mean[i] / (float32(math.Sqrt(float64(a.square[i]))) + 1e-8)
	}
}
