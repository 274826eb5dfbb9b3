package prom

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// sample is one value at a time in Unix milliseconds.
type sample struct {
	t int64
	v float64
}

// series is one recorded series. Once sealed its samples ascend in time.
type series struct {
	labels  labels.Labels
	samples []sample
	// histograms is nil, or has one for each sample: nil where that is a
	// plain number. The value of a histogram's sample does not matter.
	histograms []*histogram.FloatHistogram
	disordered bool
}

// memory holds series in memory as a storage.Queryable. It is filled by one
// goroutine, sealed, and only read from then on.
type memory struct {
	series      []*series
	byLabels    map[string]*series // while it is filled
	byName      map[string][]*series
	count       int   // samples, without stale markers that were put by seal
	first, last int64 // of all samples
	interval    time.Duration
	slowest     time.Duration // the longest scrape interval of any series
}

func newMemory() *memory {
	return &memory{
		byLabels: map[string]*series{}, byName: map[string][]*series{},
		first: math.MaxInt64, last: math.MinInt64,
	}
}

// open returns the series with these labels, which may be new.
func (m *memory) open(l labels.Labels) *series {
	key := string(l.Bytes(nil))
	s := m.byLabels[key]
	if s == nil {
		s = &series{labels: l}
		m.series = append(m.series, s)
		m.byLabels[key] = s
	}
	return s
}

// add appends a number. Samples may come in any order; the error is for two
// values at one time, as far as it shows already.
func (m *memory) add(s *series, t int64, v float64) error {
	if s.histograms != nil {
		return m.append(s, t, v, nil)
	}
	if n := len(s.samples); n > 0 && t <= s.samples[n-1].t {
		if t == s.samples[n-1].t {
			return s.repeats(n-1, sample{t, v}, nil)
		}
		s.disordered = true
	}
	s.samples = append(s.samples, sample{t, v})
	m.counted(t)
	return nil
}

// addHistogram is add for a native histogram, which m keeps.
func (m *memory) addHistogram(s *series, t int64, h *histogram.FloatHistogram) error {
	if s.histograms == nil {
		s.histograms = make([]*histogram.FloatHistogram, len(s.samples))
	}
	return m.append(s, t, 0, h)
}

func (m *memory) append(s *series, t int64, v float64, h *histogram.FloatHistogram) error {
	if n := len(s.samples); n > 0 && t <= s.samples[n-1].t {
		if t == s.samples[n-1].t {
			return s.repeats(n-1, sample{t, v}, h)
		}
		s.disordered = true
	}
	s.samples = append(s.samples, sample{t, v})
	s.histograms = append(s.histograms, h)
	m.counted(t)
	return nil
}

// end puts a stale marker: the series says nothing from t on.
func (m *memory) end(s *series, t int64) {
	if n := len(s.samples); n > 0 && t <= s.samples[n-1].t {
		s.disordered = true
	}
	s.samples = append(s.samples, sample{t, staleMarker})
	if s.histograms != nil {
		s.histograms = append(s.histograms, nil)
	}
}

func (m *memory) counted(t int64) {
	m.count++
	m.first, m.last = min(m.first, t), max(m.last, t)
}

// repeats returns nil if sample i says the same as x or h at the same time, or
// if one of them is a stale marker: the first one stays.
func (s *series) repeats(i int, x sample, h *histogram.FloatHistogram) error {
	before := s.samples[i].v
	own := s.histogram(i)
	switch {
	case value.IsStaleNaN(x.v) || value.IsStaleNaN(before):
		return nil
	case own != nil && h != nil && own.Equals(h):
		return nil
	case own != nil || h != nil:
		return fmt.Errorf("%s: two different native histograms, or one beside a number, at %s; was one series dumped twice?", s.labels, clock(x.t))
	case x.v != before && !(math.IsNaN(x.v) && math.IsNaN(before)):
		return fmt.Errorf("%s: two values at %s, %v and %v; was one series dumped twice?", s.labels, clock(x.t), before, x.v)
	}
	return nil
}

// histogram returns the native histogram of sample i; nil if it is a number.
func (s *series) histogram(i int) *histogram.FloatHistogram {
	if s.histograms == nil {
		return nil
	}
	return s.histograms[i]
}

// progress says how far the reading came, for errors.
func (m *memory) progress() string {
	if m.count == 0 {
		return "no sample was read before it"
	}
	return fmt.Sprintf("%d samples of %d series up to %s were read before it", m.count, len(m.series), clock(m.last))
}

// clock writes a time in Unix milliseconds for people.
func clock(ms int64) string { return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05.000Z") }
