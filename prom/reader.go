package prom

import (
	"context"
	"slices"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

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
	if s.histograms != nil {
		return storage.NewListSeriesIterator(mixed{s})
	}
	return storage.NewListSeriesIterator(list(s.samples))
}

// list implements storage.Samples for plain numbers.
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

// mixed implements storage.Samples for a series with native histograms.
type mixed struct{ *series }

func (m mixed) Len() int { return len(m.samples) }
func (m mixed) Get(i int) chunks.Sample {
	if h := m.histograms[i]; h != nil {
		return &histogramSample{m.samples[i], h}
	}
	return &m.samples[i]
}

// histogramSample implements chunks.Sample.
type histogramSample struct {
	sample
	h *histogram.FloatHistogram
}

// FH gives a copy: the engine computes in place with what it gets.
func (s *histogramSample) FH() *histogram.FloatHistogram { return s.h.Copy() }
func (s *histogramSample) Type() chunkenc.ValueType      { return chunkenc.ValFloatHistogram }
func (s *histogramSample) Copy() chunks.Sample           { return &histogramSample{s.sample, s.h.Copy()} }
