package anomaly

import "math"

const (
	// settle is after how many values distances are worth remembering: the
	// scale of fewer is mostly luck.
	settle = 8
	// still is the relative change below which a value has not changed:
	// rounding, not news.
	still = 1e-9
	// shrink is by what part the range of the past narrows with each value, so
	// that one outlier does not hide the next for ever.
	shrink = 0.00025
	// smooth is the weight of the newest surprise: an EMA of span 3.
	smooth = 0.5
	// farthest stands for any distance when the past knows no scale at all.
	farthest = 1 << 8
)

// metric is what is remembered of one metric. Its fields are exported to
// encoding/binary only.
type metric struct {
	N            uint64  // values seen
	Level, Scale float64 // slow mean and slow mean absolute deviation, of clipped values
	Low, High    float64 // range of the past, slowly narrowing
	Recent       float64 // surprise, smoothed
	Season       season
	// Distances from the level, outside the range, from the hour's level, and
	// from the nearest stretch of the past.
	Residual, Outlie, Seasonal, Strays past
}

// push returns how surprising v is to the past, then makes it part of the past.
// A metric that is not golden has no neighbours.
func (m *metric) push(at, v float64, golden *neighbours, cfg *Config) (surprise float64) {
	if m.N == 0 {
		m.N, m.Level, m.Low, m.High = 1, v, v, v
		m.Season.push(at, v, v, 0, cfg.Clip)
		if golden != nil {
			golden.push(v)
		}
		return 0
	}
	residual := distance(v-m.Level, m.Scale, m.Level)
	outside := distance(max(v-m.High, m.Low-v, 0), m.Scale, m.Level)
	var all pooling
	if m.N >= settle {
		all.add(m.Residual.push(residual, cfg.Warmup-settle))
		all.add(m.Outlie.push(outside, cfg.Warmup-settle))
	}
	if d, ok := m.Season.push(at, v, m.Level, m.Scale, cfg.Clip); ok {
		all.add(m.Seasonal.push(d, cfg.Warmup-settle))
	}
	if golden != nil {
		if d, ok := golden.push(v); ok {
			all.add(m.Strays.push(distance(d, m.Scale, m.Level), cfg.Warmup-settle))
		}
	}
	if m.N >= uint64(cfg.Warmup) {
		surprise = all.pooled()
	}
	m.learn(v, cfg)
	return surprise
}

// pooling weighs the strongest of some surprises against all of them, as the
// benchmark liked best.
type pooling struct{ most, sum, count float64 }

func (p *pooling) add(surprise float64) {
	p.most, p.sum, p.count = max(p.most, surprise), p.sum+surprise, p.count+1
}

func (p *pooling) pooled() float64 {
	if p.count == 0 {
		return 0
	}
	return pool(p.most, p.sum/p.count)
}

func pool(strongest, mean float64) float64 { return 0.3*strongest + 0.7*mean }

// distance is the size of a difference in units of a scale, which itself is
// beside a level.
func distance(d, scale, level float64) float64 {
	d = math.Abs(d)
	switch {
	case d <= still*math.Abs(level):
		return 0
	case d >= farthest*scale: // also when the scale is zero
		return farthest
	}
	return d / scale
}

// learn moves level, scale and range. The first values count equally; later
// ones are clipped, so that a burst neither moves the level nor widens the
// scale by more than it would over a long time.
func (m *metric) learn(v float64, cfg *Config) {
	m.N++
	alpha := max(cfg.Alpha, 1/float64(m.N))
	d := v - m.Level
	if bound := cfg.Clip * m.Scale; m.N > settle && bound > 0 {
		d = min(max(d, -bound), bound)
	}
	m.Level += alpha * d
	m.Scale += alpha * (math.Abs(d) - m.Scale)
	m.Low = min(v, m.Low+shrink*(m.Level-m.Low))
	m.High = max(v, m.High+shrink*(m.Level-m.High))
}
