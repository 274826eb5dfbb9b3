package anomaly

import (
	"fmt"
	"math"
	"slices"
)

// Tracker watches the metrics of one endpoint. Its memory is constant: 2.4 kB
// for each metric.
type Tracker struct {
	cfg       Config
	metrics   []metric
	golden    []neighbours // of the metrics that cfg.Golden names
	excess    float64      // pooled surprise beyond what chance brings, smoothed
	strongest []float64    // scratch: the largest surprises, descending
}

// Score is how strange the newest values are.
type Score struct {
	// Value is in [0, 1]: 0 when nothing is strange, which is most of the
	// time; above 0.5 about once in a thousand values of mere noise.
	Value float64
	// Top is the metric that is strangest of late, or -1 when none is.
	Top int
	// Pooled is what Value is made of, before it is smoothed and bounded:
	// −log10 of the probability of the newest values, beyond what chance brings.
	Pooled float64
	// Warm says whether any metric has a past to compare with.
	Warm bool
}

// New returns a tracker of that many metrics, without a past. It panics on a
// negative number or a Config that does not validate.
func New(metrics int, cfg Config) *Tracker {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	if metrics < 0 {
		panic(fmt.Sprintf("anomaly: %d metrics", metrics))
	}
	some, _ := slices.BinarySearch(cfg.Golden, metrics)
	cfg.Golden = slices.Clone(cfg.Golden[:some])
	t := &Tracker{
		cfg: cfg, metrics: make([]metric, metrics), golden: make([]neighbours, len(cfg.Golden)),
		strongest: make([]float64, 0, min(cfg.Strongest, metrics)),
	}
	for i := range t.golden {
		t.golden[i] = newNeighbours(stretch, recall)
	}
	return t
}

// Len is how many metrics the tracker watches.
func (t *Tracker) Len() int { return len(t.metrics) }

// Push takes the next value of each metric, seen at a time in Unix seconds (NaN
// where it is unknown), and returns how strange they are, judged by the past
// alone; then they become part of it. Values that are NaN or infinite, or from
// 1e150 on, are skipped: the metric stays as it is. dst[m] becomes the surprise
// of metric m, −log10 of its probability smoothed as the score is: 0 while its
// past is short, and fading while it is skipped. Both slices must have a place
// for each metric, else Push panics; dst may be nil. Push does not allocate.
func (t *Tracker) Push(dst []float64, at float64, values []float64) Score {
	if len(values) != len(t.metrics) || dst != nil && len(dst) != len(t.metrics) {
		panic(fmt.Sprintf("anomaly: %d values and %d places for %d metrics", len(values), len(dst), len(t.metrics)))
	}
	score := Score{Top: -1}
	t.strongest = t.strongest[:0]
	present, golden, top := 0, 0, 0.0
	for i := range t.metrics {
		m := &t.metrics[i]
		var near *neighbours
		if golden < len(t.golden) && t.cfg.Golden[golden] == i {
			near = &t.golden[golden]
			golden++
		}
		surprise := 0.0
		if v := values[i]; usable(v) {
			warm := m.N >= uint64(t.cfg.Warmup)
			surprise = m.push(at, v, near, &t.cfg)
			if warm {
				present++
				score.Warm = true
				t.keep(surprise)
			}
		}
		m.Recent += smooth * (surprise - m.Recent)
		if m.Recent > top && m.Recent >= notable {
			top, score.Top = m.Recent, i
		}
		if dst != nil {
			dst[i] = m.Recent
		}
	}
	score.Pooled = t.pooled() - chance(present, t.cfg.Strongest)
	t.excess += smooth * (score.Pooled - t.excess)
	score.Value = squash(t.excess)
	return score
}

const (
	// largest is the largest number that is taken for a value: differences of
	// two must not overflow.
	largest = 1e150
	// notable is the least surprise that makes a metric Top: 1 in 10.
	notable = 1
)

// keep inserts a surprise among the strongest.
func (t *Tracker) keep(surprise float64) {
	s := t.strongest
	if len(s) < cap(s) {
		s = append(s, 0)
	} else if surprise <= s[len(s)-1] {
		return
	}
	i := len(s) - 1
	for ; i > 0 && s[i-1] < surprise; i-- {
		s[i] = s[i-1]
	}
	s[i] = surprise
	t.strongest = s
}

// pooled joins the strongest surprises of this push.
func (t *Tracker) pooled() float64 {
	if len(t.strongest) == 0 {
		return 0
	}
	sum := 0.0
	for _, s := range t.strongest {
		sum += s
	}
	return pool(t.strongest[0], sum/float64(len(t.strongest)))
}

// chance is what pooled is on average when nothing is strange and the metrics
// are independent: −log10 of a uniform probability is exponential with mean
// 1/ln 10, and the i-th largest of n such has mean (1/i + … + 1/n)/ln 10
// (Rényi 1953).
func chance(n, strongest int) float64 {
	if n == 0 {
		return 0
	}
	strongest = min(strongest, n)
	tail, top, sum := 0.0, 0.0, 0.0
	for i := n; i >= 1; i-- {
		tail += 1 / float64(i)
		if i <= strongest {
			sum += tail
		}
		top = tail
	}
	return pool(top, sum/float64(strongest)) / math.Ln10
}

// squash maps an excess of surprise to [0, 1): flat at 0, so that small excess
// stays near nothing.
func squash(excess float64) float64 {
	x := max(excess, 0) / 1.3
	return 1 - math.Exp(-x*x)
}
