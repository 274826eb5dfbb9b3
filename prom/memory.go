package prom

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// memory holds series in memory as a storage.Queryable. It is filled by one
// goroutine, sealed, and only read from then on.
type memory struct {
	series      []*packed
	byLabels    map[string]*packed // while it is filled
	byName      map[string][]*packed
	count       int   // samples, without stale markers
	first, last int64 // of all samples
	interval    time.Duration
	slowest     time.Duration // the longest scrape interval of any series
	notes       []string      // what whoever wrote the dump had to say of it
}

func newMemory() *memory {
	return &memory{
		byLabels: map[string]*packed{}, byName: map[string][]*packed{},
		first: math.MaxInt64, last: math.MinInt64,
	}
}

// open returns the series with these labels, which may be new.
func (m *memory) open(l labels.Labels) *packed {
	key := string(l.Bytes(nil))
	s := m.byLabels[key]
	if s == nil {
		s = &packed{labels: l}
		m.series = append(m.series, s)
		m.byLabels[key] = s
	}
	return s
}

// add appends a number. Samples may come in any order; the error is for two
// values at one time, as far as it shows already.
func (m *memory) add(s *packed, t int64, v float64) error {
	return m.append(s, point{sample{t, v}, nil})
}

// addHistogram is add for a native histogram, which m keeps.
func (m *memory) addHistogram(s *packed, t int64, h *histogram.FloatHistogram) error {
	return m.append(s, point{sample{t, 0}, h})
}

// remark keeps a note on the dump, once, of many the first.
func (m *memory) remark(note string) {
	if len(m.notes) < manyRemarks && !slices.Contains(m.notes, note) {
		m.notes = append(m.notes, note)
	}
}

// end puts a stale marker: the series says nothing from t on.
func (m *memory) end(s *packed, t int64) { s.append(point{sample{t, staleMarker}, nil}) }

func (m *memory) append(s *packed, p point) error {
	if s.count > 0 && p.t == s.newest.t {
		return s.repeats(s.newest, p)
	}
	s.append(p)
	m.count++
	m.first, m.last = min(m.first, p.t), max(m.last, p.t)
	return nil
}

// repeats returns nil if two points of one time say the same, or if one of
// them is a stale marker: the first one stays.
func (s *packed) repeats(a, b point) error {
	switch {
	case value.IsStaleNaN(a.v) || value.IsStaleNaN(b.v):
		return nil
	case a.h != nil && b.h != nil && a.h.Equals(b.h):
		return nil
	case a.h != nil || b.h != nil:
		return fmt.Errorf("%s: two different native histograms, or one beside a number, at %s; was one series dumped twice?", s.labels, clock(b.t))
	case a.v != b.v && !(math.IsNaN(a.v) && math.IsNaN(b.v)):
		return fmt.Errorf("%s: two values at %s, %v and %v; was one series dumped twice?", s.labels, clock(b.t), a.v, b.v)
	}
	return nil
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
