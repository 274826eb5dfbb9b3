package contest

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// Ratio is how many times as much one entry has of something as another, by a
// paired t test of the logarithms, seed by seed.
type Ratio struct {
	Value, Low, High float64 // NaN where unknown
	// Differs is the chance of a ratio as far from 1, where it is 1; Within of
	// one as low, where the ratio is the margin that was asked for; Beyond of one
	// as high. None is corrected for how many are looked at.
	Differs, Within, Beyond float64
}

// RatioOf compares two entries. margin is a ratio too, such as 1.03.
func RatioOf(own, other []float64, margin, level float64) Ratio {
	c, p, _ := paired(own, other, true, level)
	r := Ratio{1 + float64(c.Value), 1 + float64(c.Low), 1 + float64(c.High), p, math.NaN(), math.NaN()}
	var d []float64
	for i := range own {
		if x := math.Log(own[i]/other[i]) - math.Log(margin); !notFinite(x) {
			d = append(d, x)
		}
	}
	if len(d) >= 2 {
		r.Within = below(d)
		r.Beyond = 1 - r.Within
	}
	return r
}

// below is the chance of a mean as low where it is 0.
func below(d []float64) float64 {
	mean, sd := moments(d)
	if sd == 0 {
		switch {
		case mean < -same:
			return 0
		case mean > same:
			return 1
		}
		return 0.5
	}
	n := float64(len(d))
	return distuv.StudentsT{Sigma: 1, Nu: n - 1}.CDF(mean / (sd / math.Sqrt(n)))
}

// Holm corrects p values for how many there are (Scandinavian Journal of
// Statistics 1979); those that are NaN do not count.
func Holm(p []float64) []float64 { return holm(p) }
