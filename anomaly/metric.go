package anomaly

import "math"

const (
	// settle is after how many values distances are worth remembering: the
	// scale of fewer is mostly luck.
	settle = 8
	// still is the relative change below which a value has not changed:
	// rounding, not news.
	still = 1e-9
	// shrink is how fast the range of the past narrows, in parts of Alpha, so
	// that one outlier does not hide the next for ever.
	shrink = 0.05
	// strange is the surprise from which values are held back, and spell how
	// many of them in a row count as one in the past. They are not independent:
	// a fault would otherwise look normal after a few windows. Extreme-value
	// statistics declusters its samples for the same reason.
	strange, spell = 2, 8
	// smooth is the weight of the newest surprise: an EMA of span 3.
	smooth = 0.5
	// farthest stands for any distance when the past knows no scale at all.
	farthest = 1 << 8
)

// metric is what is remembered of one metric: less than a kilobyte. Its fields
// are exported to encoding/binary only.
type metric struct {
	N                uint64  // values seen
	Level, Scale     float64 // slow mean and slow mean absolute deviation, of clipped values
	Low, High        float64 // range of the past, slowly narrowing
	Recent           float64 // surprise, smoothed
	Residual, Outlie tail    // distances from the level, and outside the range
	Held             uint64  // strange values in a row, not yet in the tails
	Far, Out         float64 // the largest distances among them
}

// push returns how surprising v is to the past, and its signed distance from
// the level, then makes it part of the past.
func (m *metric) push(v float64, cfg Config) (surprise, signed float64) {
	if m.N == 0 {
		m.N, m.Level, m.Low, m.High = 1, v, v, v
		return 0, math.NaN()
	}
	residual := m.distance(v - m.Level)
	signed = math.Copysign(residual, v-m.Level)
	outside := m.distance(max(v-m.High, m.Low-v, 0))
	if m.N >= uint64(cfg.Warmup) {
		a, b := m.Residual.surprise(residual), m.Outlie.surprise(outside)
		surprise = pool(max(a, b), (a+b)/2)
	}
	m.remember(residual, outside, surprise)
	m.learn(v, cfg)
	return surprise, signed
}

// remember makes two distances part of the past: at once, or a spell of strange
// ones as its largest.
func (m *metric) remember(residual, outside, surprise float64) {
	if m.N < settle {
		return
	}
	if surprise >= strange {
		m.Held++
		m.Far, m.Out = max(m.Far, residual), max(m.Out, outside)
		if m.Held < spell {
			return
		}
		residual, outside = m.Far, m.Out
	} else if m.Held > 0 {
		m.Residual.add(m.Far)
		m.Outlie.add(m.Out)
	}
	m.Held, m.Far, m.Out = 0, 0, 0
	m.Residual.add(residual)
	m.Outlie.add(outside)
}

// distance is a difference in units of the metric's scale.
func (m *metric) distance(d float64) float64 {
	d = math.Abs(d)
	switch {
	case d <= still*math.Abs(m.Level):
		return 0
	case d >= farthest*m.Scale: // also when the scale is zero
		return farthest
	}
	return d / m.Scale
}

// learn moves level, scale and range. The first values count equally; later
// ones are clipped, so that a burst neither moves the level nor widens the
// scale by more than it would over a long time.
func (m *metric) learn(v float64, cfg Config) {
	m.N++
	alpha := max(cfg.Alpha, 1/float64(m.N))
	d := v - m.Level
	if bound := cfg.Clip * m.Scale; m.N > settle && bound > 0 {
		d = min(max(d, -bound), bound)
	}
	m.Level += alpha * d
	m.Scale += alpha * (math.Abs(d) - m.Scale)
	narrowing := shrink * cfg.Alpha
	m.Low = min(v, m.Low+narrowing*(m.Level-m.Low))
	m.High = max(v, m.High+narrowing*(m.Level-m.High))
}

// pool weighs the strongest against the many, as the benchmark liked best.
func pool(strongest, mean float64) float64 { return 0.3*strongest + 0.7*mean }
