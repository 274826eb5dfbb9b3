package foresight

import (
	"hash/fnv"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
)

// Baselines are what a forecast has to beat. They see the same frames as it
// does, and the limits that the frames are made with. A score of one half is
// their own rule, such as at the limit; their thresholds are nevertheless
// chosen in calibration, as everyone's.
func Baselines(seed uint64) []Entry {
	return []Entry{
		scored("base rate", func(*features.Frame, int) float64 { return 0.5 }),
		scored("random", func(f *features.Frame, i int) float64 { return drawn(f, i, seed) }),
		scored("static threshold", func(f *features.Frame, i int) float64 { return half(nearest(f, i)) }),
		{Name: "burn rate", New: func(t mesh.Timing) (Forecaster, error) { return newBurn(t.Horizon), nil }},
		{Name: "predict_linear", New: func(t mesh.Timing) (Forecaster, error) { return newLinear(t.Horizon), nil }},
		scored("anomalous now", func(f *features.Frame, i int) float64 { return f.Anomalies[i].Score }),
		scored("first passage", firstPassage),
		{Name: "origin", New: func(mesh.Timing) (Forecaster, error) { return &origin{}, nil }},
	}
}

// half maps a multiple of a limit to a score: the limit itself to one half.
func half(multiple float64) float64 {
	switch {
	case math.IsInf(multiple, 1):
		return 1
	case multiple > 0:
		return multiple / (1 + multiple)
	case multiple <= 0:
		return 0
	}
	return nan
}

// greatest ignores what is unknown.
func greatest(list ...float64) float64 {
	out := nan
	for _, x := range list {
		if !(out >= x) && !math.IsNaN(x) {
			out = x
		}
	}
	return out
}

// limitsOf is what endpoint i must not exceed, as the frame says; of a frame
// that does not, the objective.
func limitsOf(f *features.Frame, i int) (latency, errors float64) {
	latency, errors = f.Objective.MaxLatency.Seconds(), f.Objective.MaxErrorRatio
	if latency <= 0 {
		latency = f.Objective.Deadline.Seconds()
	}
	if own := column(f, i, "latency_limit_seconds"); own > 0 {
		latency = own
	}
	return latency, errors
}

// column is a feature by name; NaN where the frame has none.
func column(f *features.Frame, i int, name string) float64 {
	if c := f.Column(name); c >= 0 {
		return float64(f.Row(i)[c])
	}
	return nan
}

// tail is the latency that failures are told by.
func tail(f *features.Frame, i int) float64 {
	for _, name := range [...]string{mesh.LatencyP99, mesh.LatencyP90, mesh.LatencyMean} {
		if v := features.Amount(f.At(i, name)); v > 0 {
			return v
		}
	}
	return nan
}

// nearest is how near an endpoint is to the limit that it is nearest to; one
// that is down is beyond all.
func nearest(f *features.Frame, i int) float64 {
	if f.At(i, mesh.Up) == 0 {
		return math.Inf(1)
	}
	latency, errors := limitsOf(f, i)
	return greatest(tail(f, i)/latency, features.Ratio(f.At(i, mesh.ErrorRatio))/errors)
}

// drawn is a number that depends on nothing but where and when.
func drawn(f *features.Frame, i int, seed uint64) float64 {
	h := fnv.New64a()
	h.Write([]byte(f.Service))
	h.Write([]byte{0})
	h.Write([]byte(f.Endpoints[i].Name))
	x := h.Sum64() ^ seed*0x9e3779b97f4a7c15 ^ uint64(f.Time.UnixNano())
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9 // the end of splitmix64
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return float64((x^x>>31)>>11) / (1 << 53)
}

// firstPassage is the extractor's trend alone: the greater of the
// probabilities to cross a limit within the horizon.
func firstPassage(f *features.Frame, i int) float64 {
	return greatest(column(f, i, "crossing_latency"), column(f, i, "crossing_error"))
}

// origin is the mission's formula.
type origin struct{ scores []float64 }

func (o *origin) Forecast(dst []Forecast, f *features.Frame) error {
	o.scores = append(o.scores[:0], make([]float64, len(dst))...)
	if err := predict.OriginForecast(o.scores, f); err != nil {
		return err
	}
	for i := range dst {
		dst[i] = unknown
		dst[i].Score = o.scores[i]
	}
	return nil
}

// timed is what a ring remembers of one window.
type timed struct {
	at time.Time
	v  [3]float64
}

// ring remembers a span of time of each endpoint.
type ring struct {
	span time.Duration
	held map[[2]string][]timed
}

// push adds what an endpoint shows and returns all that is not too old, the
// oldest first.
func (r *ring) push(f *features.Frame, i int, v [3]float64) []timed {
	key := [2]string{f.Service, f.Endpoints[i].Name}
	list := append(r.held[key], timed{f.Time, v})
	first := 0
	for f.Time.Sub(list[first].at) > r.span {
		first++
	}
	if first > len(list)/2 { // so that what is forgotten is freed
		list = append([]timed(nil), list[first:]...)
		first = 0
	}
	r.held[key] = list
	return list[first:]
}
