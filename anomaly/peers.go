package anomaly

import (
	"fmt"
	"math"
	"slices"
)

// Peers compares the endpoints of one service with each other, window by
// window: most faults are strange against the peers, which see the same
// traffic, deployments and hours. Each metric of each endpoint is placed among
// its peers, (value − median) / spread, and how unusual that place is is judged
// by the endpoint's own past (Peer): one that is always slower, in a farther
// zone or on a smaller machine, is not strange for that.
type Peers struct {
	spread         []Level   // of each metric: how far apart the endpoints usually are
	values, strays []float64 // scratch: what is present of one metric
}

// Peer is what is remembered of one endpoint: under half a kilobyte for each
// metric. Keep it with the endpoint.
type Peer struct{ metrics []standing }

// standing is a metric's place among the peers. Its fields are exported to
// encoding/binary only.
type standing struct {
	Own    Level      // of the places
	Usual  exceedance // of the distances from that
	Recent float64    // strangeness, smoothed
	Held   uint64     // strange values in a row
}

const (
	// peerMemory is how many windows a place is remembered.
	peerMemory = 1 << 12
	// leastPlace is the least scale of a place, in spreads: an endpoint that
	// keeps its place exactly is not strange for a hundredth more.
	leastPlace = 0.1
	// normalMAD makes a median absolute deviation a standard deviation.
	normalMAD = 1.4826
)

// NewPeers returns a comparison of that many metrics without a past. It panics
// on a negative number.
func NewPeers(metrics int) *Peers {
	if metrics < 0 {
		panic(fmt.Sprintf("anomaly: %d metrics of peers", metrics))
	}
	return &Peers{spread: make([]Level, metrics)}
}

// Len is how many metrics are compared.
func (p *Peers) Len() int { return len(p.spread) }

// Len is how many metrics are compared.
func (p *Peer) Len() int { return len(p.metrics) }

// NewPeer returns an endpoint of this service without a past.
func (p *Peers) NewPeer() *Peer { return &Peer{metrics: make([]standing, len(p.spread))} }

// Compare takes one window: values has a row of metrics for each endpoint, in
// the order of peers; NaN is missing. scores[e] becomes how strange endpoint e
// is against its peers, and dst, of the shape of values, −log10 of the
// probability for each metric (smoothed; 0 while its past is shorter than
// warm-up, fading while it is missing); either may be nil. A metric that fewer
// than two endpoints have is not compared; of two, both are as strange. Compare
// does not allocate once it has seen as many endpoints.
func (p *Peers) Compare(dst []float64, scores []Score, peers []*Peer, values []float64, warmup int) {
	width := len(p.spread)
	if len(values) != len(peers)*width || dst != nil && len(dst) != len(values) || scores != nil && len(scores) != len(peers) {
		panic(fmt.Sprintf("anomaly: %d values, %d places and %d scores for %d peers of %d metrics", len(values), len(dst), len(scores), len(peers), width))
	}
	for m := range width {
		middle, spread := p.place(m, values)
		for e, peer := range peers {
			s := &peer.metrics[m]
			strangeness := 0.0
			if v := values[e*width+m]; usable(v) && !math.IsNaN(middle) {
				strangeness = s.push(among(v, middle, spread), warmup)
			}
			s.Recent += smooth * (strangeness - s.Recent)
			if dst != nil {
				dst[e*width+m] = s.Recent
			}
		}
	}
	for e := range scores {
		scores[e] = peers[e].score(warmup)
	}
}

// place returns the median of a metric over the endpoints, NaN when fewer than
// two have it, and how far apart they are, now or usually.
func (p *Peers) place(m int, values []float64) (middle, spread float64) {
	width := len(p.spread)
	p.values = p.values[:0]
	for i := m; i < len(values); i += width {
		if usable(values[i]) {
			p.values = append(p.values, values[i])
		}
	}
	if len(p.values) < 2 {
		return math.NaN(), 0
	}
	middle = median(p.values)
	p.strays = p.strays[:0]
	for _, v := range p.values {
		p.strays = append(p.strays, math.Abs(v-middle))
	}
	now := normalMAD * median(p.strays)
	usual := p.spread[m].Mean
	p.spread[m].Learn(now, 0, peerMemory)
	return middle, max(now, usual)
}

// median sorts v.
func median(v []float64) float64 {
	slices.Sort(v)
	k := len(v) / 2
	if len(v)%2 == 1 {
		return v[k]
	}
	return v[k-1] + (v[k]-v[k-1])/2
}

// among is a value's place among its peers.
func among(v, middle, spread float64) float64 {
	here := Level{N: 1, Mean: middle, Scale: spread}
	return limited(here.Distance(v, 0))
}

// push returns how strange a place is for this endpoint, then makes it part of
// its past. Of strange places in a row one in a spell is remembered, so that a
// fault does not look usual after a few windows.
func (s *standing) push(place float64, warmup int) float64 {
	distance := s.Own.Distance(place, leastPlace)
	warm := s.Own.N >= float64(warmup)
	s.Own.Learn(place, leastPlace, peerMemory)
	if math.IsNaN(distance) {
		return 0
	}
	x := axis(math.Abs(distance))
	strangeness := s.Usual.surprise(x)
	if !warm {
		strangeness = 0
	}
	if strangeness < strange {
		s.Held = 0
	} else if s.Held++; s.Held < spell {
		return strangeness
	}
	s.Held = 0
	s.Usual.add(x)
	return strangeness
}

// score pools the metrics of an endpoint: the strangest, less what the
// strangest of so many is by chance.
func (p *Peer) score(warmup int) Score {
	score := Score{Top: -1}
	warm, top := 0.0, 0.0
	for m := range p.metrics {
		s := &p.metrics[m]
		if s.Own.N > float64(warmup) {
			warm++
		}
		if s.Recent > top {
			top = s.Recent
			if top >= notable {
				score.Top = m
			}
		}
	}
	if warm > 0 {
		score.Warm = true
		x := max(top-math.Log10(warm), 0) / peerScale
		score.Value = 1 - math.Exp(-x*x)
	}
	return score
}

// peerScale makes a score of 0.63 of an excess of 2: one in a hundred beyond
// what chance brings among all metrics, twice in a row.
const peerScale = 2
