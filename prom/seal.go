package prom

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/common/model"
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
		s.close()
		name := s.labels.Get(model.MetricNameLabel)
		m.byName[name] = append(m.byName[name], s)
	}
	for _, list := range m.byName {
		slices.SortFunc(list, func(a, b *packed) int { return labels.Compare(a.labels, b.labels) })
	}
	slices.SortFunc(m.series, func(a, b *packed) int { return labels.Compare(a.labels, b.labels) })
	m.interval = time.Duration(usual) * time.Millisecond
	m.slowest = time.Duration(longest) * time.Millisecond
	return nil
}

// order sorts the samples of a series that needs it by time and drops exact
// repetitions; it returns how many, stale markers aside.
func (s *packed) order() (dropped int, err error) {
	if !s.disordered {
		return 0, nil
	}
	all := s.points()
	slices.SortStableFunc(all, func(a, b point) int { return cmp.Compare(a.t, b.t) })
	kept := all[:1]
	for _, p := range all[1:] {
		if before := kept[len(kept)-1]; p.t == before.t {
			if err := s.repeats(before, p); err != nil {
				return 0, err
			}
			if !value.IsStaleNaN(p.v) {
				dropped++
			}
			continue
		}
		kept = append(kept, p)
	}
	s.replace(kept)
	return dropped, nil
}

// someChunks bounds how many chunks of a series are looked at for their gaps.
const someChunks = 3

// gaps returns times between neighbouring samples, some of them if they are many.
func (s *packed) gaps() []int64 {
	if s.mixed != nil {
		return s.mixed.gaps(nil)
	}
	some := min(someChunks, len(s.chunks))
	var gaps []int64
	for i := range some {
		from := i * len(s.chunks) / some
		part := packed{chunks: s.chunks[from : from+1]}
		gaps = part.points().gaps(gaps)
	}
	return gaps
}

// gaps adds the times between neighbours to others; what comes after a stale
// marker is no neighbour.
func (p points) gaps(to []int64) []int64 {
	for i := 1; i < len(p); i++ {
		if !value.IsStaleNaN(p[i-1].v) {
			to = append(to, p[i].t-p[i-1].t)
		}
	}
	return to
}

// silence is how long a series may say nothing before it has ended, for its
// scrape interval.
func silence[T int64 | time.Duration](interval T) T { return interval*2 + interval/2 }

// markStale puts a stale marker, as a Prometheus would have when a target
// vanished, wherever two and a half scrape intervals pass without a sample:
// one scrape may fail, two in a row end the series. Without it the engine
// would show a dead series as alive for the whole lookback.
func (s *packed) markStale(interval int64) {
	if interval == 0 || s.count == 0 {
		return
	}
	silence := silence(interval)
	if s.longest > silence {
		all := s.points()
		marked := make(points, 0, len(all)+1)
		for i, p := range all {
			if i > 0 && p.t-all[i-1].t > silence && !value.IsStaleNaN(all[i-1].v) {
				marked = append(marked, point{sample{all[i-1].t + silence, staleMarker}, nil})
			}
			marked = append(marked, p)
		}
		s.replace(marked)
	}
	if !value.IsStaleNaN(s.newest.v) {
		s.append(point{sample{s.newest.t + silence, staleMarker}, nil})
	}
}

// intervals returns the scrape intervals that the gaps of some series tell: the
// usual one of all, and that of the slowest.
func intervals(series [][]int64) (usual, slowest time.Duration) {
	var all []int64
	for _, gaps := range series {
		all = append(all, gaps...)
		slowest = max(slowest, time.Duration(median(gaps))*time.Millisecond)
	}
	return time.Duration(median(all)) * time.Millisecond, slowest
}

func median(x []int64) int64 {
	if len(x) == 0 {
		return 0
	}
	slices.Sort(x)
	return x[len(x)/2]
}
