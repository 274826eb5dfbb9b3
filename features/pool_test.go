package features_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// chanced is an endpoint of capacity 100 times speed: n exponential requests in
// 5 s say how busy it was.
func chanced(r *rand.Rand, n int, speed float64) seen {
	busy := 0.0
	for range n {
		busy += r.ExpFloat64() / (100 * speed)
	}
	return healthy(float64(n)/5).but(mesh.Utilization, busy/5)
}

// TestEqualEndpointsGetEqualCapacities: what differs by chance is taken for it.
func TestEqualEndpointsGetEqualCapacities(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := features.New(features.DefaultConfig())
	var raw, pooled [2]float64 // sums of squared errors, of windows' own and of what is taken
	for k := range 40 {
		var all []seen
		for range 10 {
			all = append(all, chanced(r, 30, 1))
		}
		f := push(t, x, window(everything, k, all...))
		if k < 10 {
			continue
		}
		for i, e := range all {
			own := math.Log(e[mesh.RequestRate] / e[mesh.Utilization] / 100)
			taken := math.Log(value(t, f, i, "capacity_rps") / 100)
			raw[0], raw[1] = raw[0]+own*own, raw[1]+1
			pooled[0], pooled[1] = pooled[0]+taken*taken, pooled[1]+1
		}
	}
	own, taken := math.Sqrt(raw[0]/raw[1]), math.Sqrt(pooled[0]/pooled[1])
	t.Logf("a window's own capacity is off by %.3f, the pooled one by %.4f", own, taken)
	if taken > own/8 {
		t.Errorf("pooled capacities are off by %v, those of a window by %v", taken, own)
	}
}

// TestUnequalEndpointsKeepTheirCapacities, and one that changes is believed.
func TestUnequalEndpointsKeepTheirCapacities(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	x := features.New(features.DefaultConfig())
	speeds := []float64{1, 1, 1, 0.3, 1, 2, 1, 1}
	var f *features.Frame
	run := func(from, to int) {
		for k := from; k < to; k++ {
			var all []seen
			for _, s := range speeds {
				all = append(all, chanced(r, 30, s))
			}
			f = push(t, x, window(everything, k, all...))
		}
	}
	check := func(when string, tolerance float64) {
		t.Helper()
		for i, s := range speeds {
			if got := value(t, f, i, "capacity_rps"); math.Abs(math.Log(got/(100*s))) > tolerance {
				t.Errorf("%s the capacity of endpoint %d is %v, want %v", when, i, got, 100*s)
			}
		}
	}
	run(0, 40)
	check("after 40 windows", 0.12)
	speeds[0] = 0.25
	run(40, 44)
	check("4 windows after endpoint 0 slowed down", 0.35)
	run(44, 80)
	check("40 windows after it", 0.15)
}

// TestWhatWasNeverSeenAtWorkIsLikeItsPeers, rather than idle and hence large.
func TestWhatWasNeverSeenAtWorkIsLikeItsPeers(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 10))
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	for k := range 20 {
		f = push(t, x, window(everything, k, chanced(r, 50, 1), chanced(r, 50, 1), healthy(0).but(mesh.Utilization, 0)))
	}
	if got := value(t, f, 2, "capacity_rps"); math.Abs(got-100) > 10 {
		t.Errorf("capacity %v, want its peers' 100", got)
	}
}

// TestExcess: an endpoint whose answers take longer than its queue explains
// stands out, others do not, and it is over when it is over.
func TestExcess(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	x := features.New(features.DefaultConfig())
	k, far := 0, 1.0
	var f *features.Frame
	run := func(n int) {
		for range n {
			var all []seen
			for i := range 6 {
				e := chanced(r, 40, 1).but(mesh.LatencyMean, 0.02*math.Exp(0.2*r.NormFloat64())).but(mesh.InFlight, 0)
				if i == 0 {
					e = e.but(mesh.LatencyMean, far*e[mesh.LatencyMean])
				}
				all = append(all, e)
			}
			f = push(t, x, window(everything, k, all...))
			k++
		}
	}
	stands := func() float64 { return value(t, f, 0, "log_excess") - value(t, f, 3, "log_excess") }
	run(40)
	if got := stands(); math.Abs(got) > 0.1 {
		t.Errorf("among equals an endpoint stands out by %v", got)
	}
	far = 4
	run(12)
	if got := stands(); got < 0.8 {
		t.Errorf("12 windows after its latency rose fourfold it stands out by %v, want about %v", got, math.Log(4))
	}
	far = 1
	run(14)
	if got := stands(); math.Abs(got) > 0.4 {
		t.Errorf("14 windows after it was over it stands out by %v", got)
	}
}
