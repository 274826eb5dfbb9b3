package siege

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
)

// Rates are the request rates of the endpoints of a recording, one number for
// each window: each endpoint is taken for a caller of the API, as a sidecar before
// it would be.
type Rates struct {
	Step   float64 // seconds
	Series [][]float64
}

// Recorded reads the rates of a recording.
func Recorded(ctx context.Context, path string) (_ Rates, err error) {
	recording, err := datasets.Open(ctx, path, "")
	if err != nil {
		return Rates{}, err
	}
	defer func() { err = errors.Join(err, recording.Close()) }()
	timing := recording.Timing(0, 0)
	out, by := Rates{Step: timing.Step.Seconds()}, map[string]int{}
	for w, err := range recording.Windows(ctx, timing) {
		if err != nil {
			return Rates{}, err
		}
		seconds := w.End.Sub(w.Start).Seconds()
		for i, e := range w.Endpoints {
			at, known := by[w.Service+"/"+e.Name]
			if !known {
				at = len(out.Series)
				by[w.Service+"/"+e.Name] = at
				out.Series = append(out.Series, nil)
			}
			if i < len(w.Requests) && w.Requests[i] >= 0 && !math.IsInf(w.Requests[i], 0) {
				out.Series[at] = append(out.Series[at], w.Requests[i]/seconds)
			}
		}
	}
	if len(out.Series) == 0 {
		return Rates{}, errors.New("siege: " + path + ": no endpoint")
	}
	return out, nil
}

// curve plays a series again and again, forwards and backwards so that it does not
// jump, from somewhere, times scale.
func (r *Rates) curve(rng *rand.Rand, scale float64) func(at float64) float64 {
	series := r.Series[rng.IntN(len(r.Series))]
	from := rng.IntN(2 * len(series))
	return func(at float64) float64 {
		i := (from + int(at/r.Step)) % (2 * len(series))
		if i >= len(series) {
			i = 2*len(series) - 1 - i
		}
		return scale * series[i]
	}
}

// highest is the highest rate of all series.
func (r *Rates) highest() (x float64) {
	for _, s := range r.Series {
		x = max(x, slices.Max(s))
	}
	return x
}

// mean is that of all series.
func (r *Rates) mean() float64 {
	sum, n := 0.0, 0
	for _, s := range r.Series {
		for _, x := range s {
			sum, n = sum+x, n+1
		}
	}
	return sum / float64(max(n, 1))
}
