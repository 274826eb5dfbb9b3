package picker

// linear is the Linear rule of Prequal's §5.2 on the same probes: the least
// (1−λ)·latency + λ·α·in flight, λ = 0.5. The paper sets α to the median
// response at one request in flight, 75 ms in its testbed: the default. α = 0
// measures that instead, from answers of endpoints with at most one in flight;
// until there is one, α is 75 ms.
type linear struct {
	share, alpha float64
	measured     bool
	seen         float64
}

const paperAlpha = 0.075 // seconds

func newLinear(c Config, s settings) Picker {
	l := &linear{share: s["share"], alpha: s["alpha"]}
	if l.alpha == 0 {
		l.alpha, l.measured = paperAlpha, true
	}
	return newProber(c, s, l)
}

func (l *linear) rank(e *pooled, _ int) rank {
	return rank{0, (1-l.share)*e.latency + l.share*l.alpha*e.inFlight, 0}
}

// probed moves α a step toward the median: up where the answer is above it and
// down where it is below, by a share of it that shrinks to 1 %.
func (l *linear) probed(_ int, inFlight, latency, _ float64) {
	if !l.measured || inFlight > 1 || latency <= 0 {
		return
	}
	if l.seen++; l.seen == 1 {
		l.alpha = latency
		return
	}
	step := max(1/l.seen, 0.01)
	if latency > l.alpha {
		l.alpha *= 1 + step
	} else if latency < l.alpha {
		l.alpha /= 1 + step
	}
}

func (l *linear) done(int, float64) {}

func (l *linear) grow(int) {}
