package prom

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// sample is one value at a time in Unix milliseconds.
type sample struct {
	t int64
	v float64
}

// series is one recorded series, its samples in ascending time.
type series struct {
	labels  labels.Labels
	samples []sample
}

// memory holds series in memory as a storage.Queryable. It is filled by one
// goroutine, sealed, and only read from then on.
type memory struct {
	series      []*series
	byName      map[string][]*series
	count       int   // samples, without stale markers
	first, last int64 // of all samples
	interval    time.Duration
	slowest     time.Duration // the longest scrape interval of any series
}

func newMemory() *memory {
	return &memory{byName: map[string][]*series{}, first: math.MaxInt64, last: math.MinInt64}
}

// open adds an empty series.
func (m *memory) open(l labels.Labels) *series {
	s := &series{labels: l}
	m.series = append(m.series, s)
	return s
}

// add appends a sample. Samples of a series must ascend in time; one that is
// repeated with the same value is dropped.
func (m *memory) add(s *series, t int64, v float64) error {
	if n := len(s.samples); n > 0 && t <= s.samples[n-1].t {
		before := s.samples[n-1]
		switch {
		case t < before.t:
			return fmt.Errorf("%s: the sample at %s comes after the one at %s; the samples of a series must be in ascending time: sort the dump, or make it again",
				s.labels, clock(t), clock(before.t))
		case v != before.v && !(math.IsNaN(v) && math.IsNaN(before.v)):
			return fmt.Errorf("%s: two values at %s, %v and %v; was one series dumped twice?", s.labels, clock(t), before.v, v)
		}
		return nil
	}
	s.samples = append(s.samples, sample{t, v})
	m.count++
	m.first, m.last = min(m.first, t), max(m.last, t)
	return nil
}

// progress says how far the reading came, for errors.
func (m *memory) progress() string {
	if m.count == 0 {
		return "no sample was read before it"
	}
	return fmt.Sprintf("%d samples of %d series up to %s were read before it", m.count, len(m.series), clock(m.last))
}

// seal ends the filling: it finds the scrape intervals, puts the stale markers
// and sorts the index.
func (m *memory) seal() {
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
}

// someGaps bounds how many gaps of a series are looked at for their median.
const someGaps = 201

// gaps returns times between neighbouring samples, some of them if they are many.
func (s *series) gaps() []int64 {
	stride := max(1, len(s.samples)/someGaps)
	var gaps []int64
	for i := stride; i < len(s.samples); i += stride {
		gaps = append(gaps, s.samples[i].t-s.samples[i-1].t)
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
	marks := 1
	for i := 1; i < len(s.samples); i++ {
		if s.samples[i].t-s.samples[i-1].t > silence {
			marks++
		}
	}
	marked := make([]sample, 0, len(s.samples)+marks)
	for i, x := range s.samples {
		if marked = append(marked, x); i+1 == len(s.samples) || s.samples[i+1].t-x.t > silence {
			marked = append(marked, sample{x.t + silence, math.Float64frombits(value.StaleNaN)})
		}
	}
	s.samples = marked
}

func median(x []int64) int64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[len(x)/2]
}

// Querier implements storage.Queryable. The engine trims to the time range.
func (m *memory) Querier(_, _ int64) (storage.Querier, error) { return reader{m}, nil }

// reader implements storage.Querier.
type reader struct{ *memory }

func (r reader) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	candidates := r.series
	for _, m := range matchers {
		if m.Type == labels.MatchEqual && m.Name == model.MetricNameLabel {
			candidates = r.byName[m.Value]
		}
	}
	var found []*series
	for _, s := range candidates {
		if matches(s.labels, matchers) {
			found = append(found, s)
		}
	}
	return &seriesSet{found: found, at: -1}
}

func matches(l labels.Labels, matchers []*labels.Matcher) bool {
	for _, m := range matchers {
		if !m.Matches(l.Get(m.Name)) {
			return false
		}
	}
	return true
}

func (r reader) LabelValues(_ context.Context, name string, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var values []string
	for _, s := range r.series {
		if v := s.labels.Get(name); v != "" && matches(s.labels, matchers) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return slices.Compact(values), nil, nil
}

func (r reader) LabelNames(_ context.Context, _ *storage.LabelHints, matchers ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	var names []string
	for _, s := range r.series {
		if matches(s.labels, matchers) {
			s.labels.Range(func(l labels.Label) { names = append(names, l.Name) })
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil, nil
}

func (reader) Close() error { return nil }

// seriesSet implements storage.SeriesSet.
type seriesSet struct {
	found []*series
	at    int
}

func (s *seriesSet) Next() bool                      { s.at++; return s.at < len(s.found) }
func (s *seriesSet) At() storage.Series              { return s.found[s.at] }
func (*seriesSet) Err() error                        { return nil }
func (*seriesSet) Warnings() annotations.Annotations { return nil }

// Labels and Iterator implement storage.Series.
func (s *series) Labels() labels.Labels { return s.labels }

func (s *series) Iterator(chunkenc.Iterator) chunkenc.Iterator {
	return storage.NewListSeriesIterator(list(s.samples))
}

// list implements storage.Samples.
type list []sample

func (l list) Get(i int) chunks.Sample { return &l[i] }
func (l list) Len() int                { return len(l) }

// sample implements chunks.Sample.
func (s *sample) T() int64                      { return s.t }
func (s *sample) ST() int64                     { return 0 }
func (s *sample) F() float64                    { return s.v }
func (s *sample) H() *histogram.Histogram       { return nil }
func (s *sample) FH() *histogram.FloatHistogram { return nil }
func (s *sample) Type() chunkenc.ValueType      { return chunkenc.ValFloat }
func (s *sample) Copy() chunks.Sample           { c := *s; return &c }

// clock writes a time in Unix milliseconds for people.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
