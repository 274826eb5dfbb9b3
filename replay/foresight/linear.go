package foresight

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// linear is Prometheus' predict_linear: the least-squares line through the
// values of a range, which is as long as the horizon, carried on to the end of
// the horizon. It alarms where that is beyond the limit.
type linear struct {
	ring    ring
	horizon time.Duration
}

func newLinear(horizon time.Duration) *linear {
	return &linear{ring{span: horizon, held: map[[2]string][]timed{}}, horizon}
}

func (l *linear) Forecast(dst []Forecast, f *features.Frame) error {
	for i := range dst {
		dst[i] = unknown
		latency, errors := limitsOf(f, i)
		list := l.ring.push(f, i, [3]float64{tail(f, i) / latency, features.Ratio(f.At(i, mesh.ErrorRatio)) / errors})
		reached := nan
		for quantity := range 2 {
			level, slope, ok := line(list, f.Time, quantity)
			if !ok {
				continue
			}
			at := math.Max(level+slope*l.horizon.Seconds(), 0)
			reached = greatest(reached, at)
		}
		if f.At(i, mesh.Up) == 0 {
			reached = math.Inf(1)
		}
		dst[i].Score = half(reached)
	}
	return nil
}

// line is the least-squares line at now, and its slope per second. As in
// Prometheus it takes two values.
func line(list []timed, now time.Time, quantity int) (level, slope float64, ok bool) {
	var n, x, y, xx, xy float64
	for _, one := range list {
		v := one.v[quantity]
		if math.IsNaN(v) || math.IsInf(v, 0) {
			continue
		}
		t := one.at.Sub(now).Seconds()
		n, x, y, xx, xy = n+1, x+t, y+v, xx+t*t, xy+t*v
	}
	spread := n*xx - x*x
	if n < 2 || !(spread > 0) {
		return 0, 0, false
	}
	slope = (n*xy - x*y) / spread
	return (y - slope*x) / n, slope, true
}
