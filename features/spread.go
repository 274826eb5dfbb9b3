package features

import (
	"math"
	"slices"
)

// typical is the variance that the squares of the endpoints speak of, NaN of
// none: by their median, for one endpoint that changes must not hide it. It
// sorts them. The median of the square of a standard normal is 0.455.
func typical(squares []float64) float64 {
	if len(squares) == 0 {
		return math.NaN()
	}
	slices.Sort(squares)
	n := len(squares)
	return (squares[(n-1)/2] + squares[n/2]) / 2 / 0.455
}

// spread returns the mean of what of says of each endpoint, NaN when it says
// nothing of any, and the variance between endpoints, beyond that with which
// each is known: by moments (DerSimonian and Laird 1986). Between endpoints that
// differ widely, each counts alike.
func spread(all []*memory, of func(m *memory) (value, variance float64)) (middle, between float64) {
	var weight, squares, q, n float64
	var sum mean
	for _, m := range all {
		if x, v := of(m); !isNaN(x) {
			sum.add(1, x, 1/v)
			weight, squares, n = weight+1/v, squares+1/(v*v), n+1
		}
	}
	middle = sum.value()
	for _, m := range all {
		if x, v := of(m); !isNaN(x) {
			q += (x - middle) * (x - middle) / v
		}
	}
	if n > 1 {
		between = max(q-(n-1), 0) / (weight - squares/weight)
	}
	sum = mean{}
	for _, m := range all {
		if x, v := of(m); !isNaN(x) {
			sum.add(1, x, 1/(v+between))
		}
	}
	return sum.value(), between
}

// towards is the posterior mean of a value that is known with a variance, of
// those that spread so around a middle.
func towards(x, variance, middle, between float64) float64 {
	return (x*between + middle*variance) / (between + variance)
}
