package train

import (
	"math"
	"math/rand/v2"

	"github.com/fairway-mesh/fairway/model"
)

// trunk are the origin's hidden layers, and droppedLayers how many of them
// have dropout after them.
var trunk = []int{128, 64, 32}

const droppedLayers = 2

// initial draws hidden weights after He et al., "Delving deep into rectifiers"
// (ICCV 2015). The last layer begins at zero: an untrained network says the
// same of everything.
func initial(random *rand.Rand, widths ...int) []model.Layer {
	layers := make([]model.Layer, len(widths)-1)
	for i := range layers {
		l := model.Layer{In: widths[i], Out: widths[i+1], ReLU: i < len(layers)-1}
		l.W, l.B = make([]float32, l.In*l.Out), make([]float32, l.Out)
		if l.ReLU {
			spread := math.Sqrt(2 / float64(l.In))
			for j := range l.W {
				l.W[j] = float32(spread * random.NormFloat64())
			}
		}
		layers[i] = l
	}
	return layers
}

// queueing are the coefficients of 1, ρ, ρ², ρ⁴, ρ⁸ in the answer to load
// that an outcome network begins with: 1/(1−ρ) of M/M/1 up to ρ = 0.8 or so,
// steep but finite beyond it.
var queueing = [5]float64{1, 1, 0.5, 1.5, 4}

// leastErrors is the error ratio that an endpoint without errors begins with.
const leastErrors = 1e-3

// errorSlope is by how much the logit of the error ratio begins to grow with ρ.
const errorSlope = 0.5

// bend is a piecewise linear function of one input that the untrained network
// is to compute: values at knots, which are in the units of the column.
type bend struct {
	input         int // -1: constant, the value at the first knot
	knots, values []float64
}

// persistence is what the first outputs of an outcome network are to say
// before any training: the curve passes through what is measured now, at the
// load of now, and bends with load as a textbook queue does; errors are as now.
func persistence(in *inputs, usual func(name string) float64) map[int]bend {
	loads := []float64{0, 0.1, 0.2, 0.3, 0.45, 0.6, 0.75, 0.9, 1.1, 1.4, 2, 3}
	bends := map[int]bend{}
	for k := range queueing {
		b := bend{input: in.find("load_now"), knots: loads}
		if b.input < 0 {
			b.knots = []float64{usual("load_now")}
		}
		for _, load := range b.knots {
			b.values = append(b.values, softplusInverse(queueing[k]/ladder(load)))
		}
		bends[k] = b
	}
	b := bend{input: in.find("error_ratio"), knots: []float64{0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.7, 0.95}}
	if b.input < 0 {
		b.knots = []float64{usual("error_ratio")}
	}
	for _, e := range b.knots {
		b.values = append(b.values, logit(math.Min(math.Max(e, leastErrors), 1-leastErrors)))
	}
	bends[5] = b
	return bends
}

// ladder is the sum of the queueing curve at a load.
func ladder(load float64) float64 {
	sum := 0.0
	for k, p := range basis(load) {
		sum += queueing[k] * p
	}
	return sum
}

// carry writes bends into the first units of a four-layer network: hinges in
// the first layer, their sums in the second, passed on by the third to the
// outputs. It returns how many units of each hidden layer it took. Those are
// learned like any other; the rest of the network begins by adding nothing.
func carry(layers []model.Layer, scaler *model.Scaler, bends map[int]bend) []int {
	hinges, carriers := 0, 0
	unit := map[[2]float64]int{} // of a hinge: input, knot
	for output := range layers[3].Out {
		b, ok := bends[output]
		if !ok {
			continue
		}
		lift := 1 - minimum(b.values)
		second := &layers[1]
		clear(second.W[carriers*second.In:][:second.In])
		second.B[carriers] = float32(b.values[0] + lift)
		slope := 0.0
		for i := 0; b.input >= 0 && i < len(b.knots); i++ {
			next := 0.0
			if i+1 < len(b.knots) {
				next = (b.values[i+1] - b.values[i]) / (b.knots[i+1] - b.knots[i])
			}
			key := [2]float64{float64(b.input), b.knots[i]}
			if _, ok := unit[key]; !ok {
				unit[key] = hinges
				hinge(&layers[0], hinges, b.input, scaler, b.knots[i])
				hinges++
			}
			second.W[carriers*second.In+unit[key]] = float32(next - slope)
			slope = next
		}
		third := &layers[2]
		clear(third.W[carriers*third.In:][:third.In])
		third.W[carriers*third.In+carriers], third.B[carriers] = 1, 0
		layers[3].W[output*layers[3].In+carriers] = 1
		layers[3].B[output] = float32(-lift)
		carriers++
	}
	return []int{hinges, carriers, carriers}
}

// hinge makes a unit max(0, v − knot), v being the input before scaling.
func hinge(l *model.Layer, unit, input int, scaler *model.Scaler, knot float64) {
	clear(l.W[unit*l.In:][:l.In])
	l.W[unit*l.In+input] = scaler.Scale[input]
	l.B[unit] = float32(float64(scaler.Center[input]) - knot)
}

func minimum(values []float64) float64 {
	least := values[0]
	for _, v := range values {
		least = math.Min(least, v)
	}
	return least
}
