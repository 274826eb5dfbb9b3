package prom

import (
	"cmp"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// seal ends the filling: it brings the samples into the order of time, finds
// the scrape intervals, puts the stale markers and sorts the index. The error
// is for a series with two different values at one time.
func (m *memory) seal() error {
	m.byLabels = nil
	for _, s := range m.series {
		dropped, err := s.order()
		if err != nil {
			return err
		}
		m.count -= dropped
	}
	var all []int64
	own := make([]int64, len(m.series))
	for i, s := range m.series {
		gaps := s.gaps()
		all = append(all, gaps...)
		own[i] = median(gaps)
	}
	usual := median(all)
	longest := usual
	for i, s := range m.series {
		interval := own[i]
		if interval == 0 {
			interval = usual
		}
		longest = max(longest, interval)
		s.markStale(interval)
		name := s.labels.Get(model.MetricNameLabel)
		m.byName[name] = append(m.byName[name], s)
	}
	for _, list := range m.byName {
		slices.SortFunc(list, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	}
	slices.SortFunc(m.series, func(a, b *series) int { return labels.Compare(a.labels, b.labels) })
	m.interval = time.Duration(usual) * time.Millisecond
	m.slowest = time.Duration(longest) * time.Millisecond
	return nil
}

// order sorts the samples of a series that needs it by time and drops exact
// repetitions; it returns how many.
func (s *series) order() (dropped int, err error) {
	if !s.disordered {
		return 0, nil
	}
	s.disordered = false
	if s.histograms == nil {
		slices.SortStableFunc(s.samples, func(a, b sample) int { return cmp.Compare(a.t, b.t) })
	} else {
		sort.Stable(byTime{s})
	}
	kept := 1
	for i := 1; i < len(s.samples); i++ {
		if x := s.samples[i]; x.t == s.samples[kept-1].t {
			if err := s.repeats(kept-1, x, s.histogram(i)); err != nil {
				return 0, err
			}
			continue
		}
		s.samples[kept] = s.samples[i]
		if s.histograms != nil {
			s.histograms[kept] = s.histograms[i]
		}
		kept++
	}
	dropped = len(s.samples) - kept
	s.samples = s.samples[:kept]
	if s.histograms != nil {
		s.histograms = s.histograms[:kept]
	}
	return dropped, nil
}

// byTime sorts numbers and histograms together.
type byTime struct{ *series }

func (b byTime) Len() int           { return len(b.samples) }
func (b byTime) Less(i, j int) bool { return b.samples[i].t < b.samples[j].t }
func (b byTime) Swap(i, j int) {
	b.samples[i], b.samples[j] = b.samples[j], b.samples[i]
	b.histograms[i], b.histograms[j] = b.histograms[j], b.histograms[i]
}

// someGaps bounds how many gaps of a series are looked at for their median.
const someGaps = 201

// gaps returns times between neighbouring samples, some of them if they are many.
func (s *series) gaps() []int64 {
	stride := max(1, len(s.samples)/someGaps)
	var gaps []int64
	for i := stride; i < len(s.samples); i += stride {
		if !value.IsStaleNaN(s.samples[i-1].v) {
			gaps = append(gaps, s.samples[i].t-s.samples[i-1].t)
		}
	}
	return gaps
}

// silence is how long a series may say nothing before it has ended, for its
// scrape interval.
func silence[T int64 | time.Duration](interval T) T { return interval*2 + interval/2 }

// markStale puts a stale marker, as a Prometheus would have when a target
// vanished, wherever two and a half scrape intervals pass without a sample:
// one scrape may fail, two in a row end the series. Without it the engine
// would show a dead series as alive for the whole lookback.
func (s *series) markStale(interval int64) {
	if interval == 0 || len(s.samples) == 0 {
		return
	}
	silence := silence(interval)
	ends := func(i int) bool {
		last := i+1 == len(s.samples) || s.samples[i+1].t-s.samples[i].t > silence
		return last && !value.IsStaleNaN(s.samples[i].v)
	}
	marks := 0
	for i := range s.samples {
		if ends(i) {
			marks++
		}
	}
	marked := make([]sample, 0, len(s.samples)+marks)
	var histograms []*histogram.FloatHistogram
	if s.histograms != nil {
		histograms = make([]*histogram.FloatHistogram, 0, cap(marked))
	}
	for i, x := range s.samples {
		marked = append(marked, x)
		if s.histograms != nil {
			histograms = append(histograms, s.histograms[i])
		}
		if ends(i) {
			marked = append(marked, sample{x.t + silence, staleMarker})
			if s.histograms != nil {
				histograms = append(histograms, nil)
			}
		}
	}
	s.samples, s.histograms = marked, histograms
}

// staleMarker is the value of a sample that says: the series ends here.
var staleMarker = math.Float64frombits(value.StaleNaN)

func median(x []int64) int64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[len(x)/2]
}
