package train

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"

	"github.com/fairway-mesh/fairway/model"
)

// moments sums rows and their products.
type moments struct {
	n        float64
	sum      []float64
	products *mat.SymDense
}

func newMoments(width int) *moments {
	return &moments{sum: make([]float64, width), products: mat.NewSymDense(width, nil)}
}

// add takes in rows.
func (m *moments) add(x []float32) {
	for width := len(m.sum); len(x) > 0; x = x[width:] {
		m.n++
		for i, v := range x[:width] {
			m.sum[i] += float64(v)
			for j := i; j < width; j++ {
				m.products.SetSym(i, j, m.products.At(i, j)+float64(v)*float64(x[j]))
			}
		}
	}
}

// A column that hardly varied counts as leastDeviation wide, in scaled units,
// and a direction that never varied as having leastVariance of the correlations:
// else the least rounding there would be the greatest distance.
const (
	leastDeviation = 0.1
	leastVariance  = 0.01
)

// whitening maps rows to their principal components, each brought to variance 1.
func (m *moments) whitening() (model.Layer, error) {
	width := len(m.sum)
	mean, deviation := make([]float64, width), make([]float64, width)
	for i := range mean {
		mean[i] = m.sum[i] / m.n
		deviation[i] = math.Max(math.Sqrt(math.Max(m.products.At(i, i)/m.n-mean[i]*mean[i], 0)), leastDeviation)
	}
	correlation := mat.NewSymDense(width, nil)
	for i := range mean {
		for j := i; j < width; j++ {
			correlation.SetSym(i, j, (m.products.At(i, j)/m.n-mean[i]*mean[j])/(deviation[i]*deviation[j]))
		}
	}
	var eigen mat.EigenSym
	if m.n == 0 || !eigen.Factorize(correlation, true) {
		return model.Layer{}, fmt.Errorf("train: the correlations of %d inputs over %v rows cannot be decomposed", width, m.n)
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	layer := model.Layer{In: width, Out: width, W: make([]float32, width*width), B: make([]float32, width)}
	for k, value := range eigen.Values(nil) {
		long, shift := math.Sqrt(math.Max(value, 0)+leastVariance), 0.0
		for i := range mean {
			w := vectors.At(i, k) / (long * deviation[i])
			layer.W[k*width+i] = float32(w)
			shift -= w * mean[i]
		}
		layer.B[k] = float32(shift)
	}
	return layer, nil
}
