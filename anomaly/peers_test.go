package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

// fleet is a service of endpoints, the first of which is always slower.
type fleet struct {
	r             *rand.Rand
	peers         *Peers
	members       []*Peer
	values, dst   []float64
	scores        []Score
	metrics, tick int
}

func newFleet(endpoints, metrics int) *fleet {
	f := &fleet{r: rand.New(rand.NewPCG(5, 6)), peers: NewPeers(metrics), metrics: metrics}
	for range endpoints {
		f.members = append(f.members, f.peers.NewPeer())
	}
	f.values, f.dst, f.scores = make([]float64, endpoints*metrics), make([]float64, endpoints*metrics), make([]Score, endpoints)
	return f
}

// draw fills one window: a load that all share, noise, and the first endpoint
// five noises above the others.
func (f *fleet) draw() {
	f.tick++
	load := 10 * math.Sin(float64(f.tick)/30)
	for i := range f.values {
		f.values[i] = load + f.r.NormFloat64()
		if i < f.metrics {
			f.values[i] += 5
		}
	}
}

func (f *fleet) compare() { f.peers.Compare(f.dst, f.scores, f.members, f.values, 30) }

func TestPeers(t *testing.T) {
	f := newFleet(6, 4)
	alarms := 0
	for k := range 3000 {
		f.draw()
		f.compare()
		for e, s := range f.scores {
			if !(s.Value >= 0 && s.Value <= 1) {
				t.Fatalf("endpoint %d scores %+v", e, s)
			}
			if k > 500 && s.Value > 0.5 {
				alarms++
			}
		}
	}
	if alarms > 15 { // one in a thousand
		t.Errorf("%d of %d rows of mere noise and of an endpoint that is always slower score above 0.5", alarms, 6*2500)
	}
	for k := range 20 {
		f.draw()
		f.values[3*4+2] += 9 // within the range that the load sweeps: only its peers tell
		f.compare()
		if k >= 3 && (f.scores[3].Value < 0.4 || f.scores[3].Top != 2) {
			t.Errorf("%d windows into the fault: %+v, by metric %v", k, f.scores[3], f.dst[12:16])
		}
		for e, s := range f.scores {
			if e != 3 && s.Value > 0.8 {
				t.Errorf("endpoint %d is blamed for its peer: %+v", e, s)
			}
		}
	}
}

// TestPeersTogether: what happens to all is no difference between them.
func TestPeersTogether(t *testing.T) {
	f := newFleet(5, 2)
	for range 1000 {
		f.draw()
		f.compare()
	}
	f.draw()
	for i := range f.values {
		f.values[i] += 1000
	}
	f.compare()
	for e, s := range f.scores {
		if s.Value > 0.5 {
			t.Errorf("endpoint %d is strange for what all have: %+v", e, s)
		}
	}
}

func TestPeersBoundaries(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		endpoints int
		row       func(k int) []float64
	}{
		"nobody":      {0, func(int) []float64 { return nil }},
		"alone":       {1, func(k int) []float64 { return []float64{float64(k)} }},
		"all equal":   {3, func(k int) []float64 { return []float64{float64(k), float64(k), float64(k)} }},
		"all missing": {3, func(int) []float64 { return []float64{nan, math.Inf(1), 1e200} }},
		"one present": {3, func(k int) []float64 { return []float64{nan, float64(k), nan} }},
		"two of them": {2, func(k int) []float64 { return []float64{float64(k % 7), float64(k % 5)} }},
		"enormous":    {3, func(k int) []float64 { return []float64{1e149, -1e149, float64(k)} }},
	} {
		f := newFleet(c.endpoints, 1)
		for k := range 500 {
			f.values = c.row(k)
			f.compare()
			for _, s := range f.scores {
				if !(s.Value >= 0 && s.Value <= 0.5) {
					t.Fatalf("%s: window %d scores %+v", name, k, s)
				}
			}
		}
	}
	f := newFleet(3, 1)
	for range 100 {
		f.values = []float64{4, 4, 4}
		f.compare()
	}
	f.values = []float64{4, 9, 4}
	f.compare()
	if f.scores[1].Value < 0.1 || f.scores[0].Value > 0.01 {
		t.Errorf("equal peers, one leaves: %+v", f.scores)
	}
}

func TestPeersDoNotAllocate(t *testing.T) {
	f := newFleet(10, 8)
	f.draw()
	f.compare()
	if n := testing.AllocsPerRun(200, func() { f.draw(); f.compare() }); n != 0 {
		t.Errorf("%v allocations per window, want 0", n)
	}
}

// BenchmarkPeers reports the cost of one window of a hundred endpoints.
func BenchmarkPeers(b *testing.B) {
	f := newFleet(100, 8)
	for range 500 {
		f.draw()
		f.compare()
	}
	b.ReportAllocs()
	for b.Loop() {
		f.compare()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100, "ns/endpoint-window")
}
