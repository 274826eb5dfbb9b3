package nab

import (
	"math"
	"strconv"
)

const (
	gaussianRows, gaussianStep = 6400, 100
	leastDeviation             = 1e-6
)

// WindowedGaussian is the benchmark's own simple detector, as published: how far
// a value lies from the mean of the last 6,400 in standard deviations, as a
// probability. It is here to check the scorer with, and to be compared with.
func WindowedGaussian(s *Series) []float64 {
	scores := make([]float64, len(s.Values))
	var window, waiting []float64
	mean, deviation := 0.0, 1.0
	for i, v := range s.Values {
		if i > 0 {
			scores[i] = shortened(1 - math.Erfc(math.Abs(v-mean)/deviation/math.Sqrt2)/2)
		}
		if len(window) < gaussianRows {
			window = append(window, v)
			mean, deviation = moments(window)
			continue
		}
		if waiting = append(waiting, v); len(waiting) == gaussianStep {
			window = append(window[gaussianStep:], waiting...)
			waiting = waiting[:0]
			mean, deviation = moments(window)
		}
	}
	return scores
}

func moments(values []float64) (mean, deviation float64) {
	for _, v := range values {
		mean += v
	}
	mean /= float64(len(values))
	for _, v := range values {
		deviation += (v - mean) * (v - mean)
	}
	if deviation = math.Sqrt(deviation / float64(len(values))); deviation == 0 {
		deviation = leastDeviation
	}
	return mean, deviation
}

// shortened keeps the twelve digits that the published runs kept: scores that
// differ in the thirteenth were one.
func shortened(x float64) float64 {
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 12, 64), 64)
	return x
}
