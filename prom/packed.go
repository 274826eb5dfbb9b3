package prom

import (
	"math"
	"sort"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// packed is one recorded series. Once sealed its samples ascend in time.
// Numbers are kept as Prometheus keeps them, in chunks: about three bytes each
// instead of sixteen, all told, in a recording of the lab.
type packed struct {
	labels     labels.Labels
	count      int // samples, with stale markers
	chunks     []chunk
	filling    chunkenc.Appender // of the last chunk
	newest     point             // the one that was added last
	longest    int64             // time between two samples that follow each other
	disordered bool
	// mixed has the samples instead, once there is a native histogram.
	mixed points
}

// chunk is a part of the numbers of a series. last is the time of the sample
// that was added last.
type chunk struct {
	*chunkenc.XORChunk
	last int64
}

// chunkLength is how many samples a chunk has: few enough to find one in, and
// many enough for the first one, which is whole, not to matter.
const chunkLength = 120

// sample is one value at a time in Unix milliseconds.
type sample struct {
	t int64
	v float64
}

// point is a sample, or the native histogram h. It implements chunks.Sample.
type point struct {
	sample
	h *histogram.FloatHistogram
}

// staleMarker is the value of a sample that says: the series ends here.
var staleMarker = math.Float64frombits(value.StaleNaN)

func (s *packed) append(p point) {
	if s.count > 0 {
		s.disordered = s.disordered || p.t <= s.newest.t
		s.longest = max(s.longest, p.t-s.newest.t)
	}
	if p.h != nil && s.mixed == nil {
		s.mixed = s.points()
		s.chunks, s.filling = nil, nil
	}
	switch {
	case s.mixed != nil:
		s.mixed = append(s.mixed, p)
	case s.count%chunkLength == 0:
		s.begin()
		fallthrough
	default:
		s.filling.Append(0, p.t, p.v)
		s.chunks[len(s.chunks)-1].last = p.t
	}
	s.newest = p
	s.count++
}

// begin ends the chunk that was filled and begins another.
func (s *packed) begin() {
	if n := len(s.chunks); n > 0 {
		s.chunks[n-1].Compact()
	}
	c := chunkenc.NewXORChunk()
	filling, err := c.Appender()
	if err != nil {
		panic(err) // the chunk is empty
	}
	s.chunks = append(s.chunks, chunk{XORChunk: c})
	s.filling = filling
}

// close ends the filling.
func (s *packed) close() {
	if n := len(s.chunks); n > 0 {
		s.chunks[n-1].Compact()
	}
	s.filling = nil
}

// points returns all samples.
func (s *packed) points() points {
	all := make(points, 0, s.count+1)
	if s.mixed != nil {
		return append(all, s.mixed...)
	}
	for it := s.Iterator(nil); it.Next() != chunkenc.ValNone; {
		t, v := it.At()
		all = append(all, point{sample{t, v}, nil})
	}
	return all
}

// replace puts other samples in the place of all.
func (s *packed) replace(all points) {
	s.count, s.chunks, s.filling, s.longest, s.disordered = 0, nil, nil, 0, false
	if s.mixed != nil {
		s.mixed = points{}
	}
	for _, p := range all {
		s.append(p)
	}
}

// Labels and Iterator implement storage.Series.
func (s *packed) Labels() labels.Labels { return s.labels }

func (s *packed) Iterator(reuse chunkenc.Iterator) chunkenc.Iterator {
	if s.mixed != nil {
		return storage.NewListSeriesIterator(s.mixed)
	}
	n, ok := reuse.(*numbers)
	if !ok {
		n = &numbers{}
	}
	n.enter(s.chunks)
	return n
}

// numbers walks through the chunks of a series and can be used again for
// another one. It implements chunkenc.Iterator.
type numbers struct {
	chunkenc.Iterator         // of the chunk that it is in
	last              int64   // the time of the last sample there
	rest              []chunk // those that follow
	state             chunkenc.ValueType
}

// enter goes before the first sample of these chunks.
func (n *numbers) enter(all []chunk) {
	n.state = chunkenc.ValNone
	if len(all) == 0 {
		n.Iterator, n.last, n.rest = chunkenc.NewNopIterator(), math.MinInt64, nil
		return
	}
	n.Iterator, n.last, n.rest = all[0].Iterator(n.Iterator), all[0].last, all[1:]
}

func (n *numbers) Next() chunkenc.ValueType {
	n.state = n.Iterator.Next()
	if n.state == chunkenc.ValNone && len(n.rest) > 0 {
		n.enter(n.rest)
		n.state = n.Iterator.Next()
	}
	return n.state
}

// milliseconds since the Unix epoch. The name keeps go vet from taking Seek
// for that of io.Seeker.
type milliseconds = int64

// Seek is for samples that ascend.
func (n *numbers) Seek(t milliseconds) chunkenc.ValueType {
	if n.state != chunkenc.ValNone && n.AtT() >= t {
		return n.state
	}
	if n.last < t {
		n.enter(n.rest[sort.Search(len(n.rest), func(i int) bool { return n.rest[i].last >= t }):])
	}
	for n.Next() != chunkenc.ValNone && n.AtT() < t {
	}
	return n.state
}

// points implements storage.Samples.
type points []point

func (p points) Get(i int) chunks.Sample { return &p[i] }
func (p points) Len() int                { return len(p) }

// T and the others implement chunks.Sample. FH gives a copy, because PromQL
// computes in place with what it gets.
func (p *point) T() int64                { return p.t }
func (p *point) ST() int64               { return 0 }
func (p *point) F() float64              { return p.v }
func (p *point) H() *histogram.Histogram { return nil }
func (p *point) Copy() chunks.Sample     { return &point{p.sample, p.FH()} }
func (p *point) FH() *histogram.FloatHistogram {
	if p.h == nil {
		return nil
	}
	return p.h.Copy()
}

func (p *point) Type() chunkenc.ValueType {
	if p.h == nil {
		return chunkenc.ValFloat
	}
	return chunkenc.ValFloatHistogram
}
