package features_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestVsPeers: of four endpoints that slow down and recover together all the time,
// one that slows down alone by no more than that is strange against its peers, not
// against its past. What is away is not compared.
func TestVsPeers(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	x := features.New(features.DefaultConfig())
	loud, k := 0, 0
	next := func(alone float64, last seen) *features.Frame {
		together := float64(1 + 9*(k/5%2))
		k++
		var list []seen
		for i := range 3 {
			e := healthy(80 + 20*r.Float64())
			factor := together
			if i == 1 && alone > 0 {
				factor = alone
			}
			for _, s := range []string{mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99} {
				e[s] *= factor * (1 + 0.1*r.Float64())
			}
			list = append(list, e)
		}
		return push(t, x, window(everything, k-1, append(list, last)...))
	}
	for range 1000 {
		f := next(0, gone)
		if len(f.Anomalies[1].VsPeers) > 0 {
			loud++
		}
		if len(f.Anomalies[3].VsPeers) > 0 {
			t.Fatalf("window %d: what is away is strange: %+v", k-1, f.Anomalies[3].VsPeers)
		}
	}
	if loud > 100 {
		t.Errorf("in %d of 1000 windows in which nothing is wrong it is strange against its peers", loud)
	}
	var f *features.Frame
	for range 3 { // k/5%2 is 0: the others are fast
		f = next(10, gone)
	}
	a := f.Anomalies[1]
	t.Logf("loud in %d of 1000 windows; %+v", loud, a)
	if len(a.VsPeers) == 0 || a.VsPeers[0].Surprise < 2 || a.VsPeers[0].Series != mesh.LatencyMean && a.VsPeers[0].Series != mesh.LatencyP99 {
		t.Errorf("slow alone it is %+v", a)
	}
	if len(a.Top) > 0 && a.Top[0].Surprise >= a.VsPeers[0].Surprise {
		t.Errorf("it is stranger against its past, which was as slow: %+v", a)
	}
	if b := f.Anomalies[0]; len(b.VsPeers) > 0 && b.VsPeers[0].Surprise >= a.VsPeers[0].Surprise {
		t.Errorf("a peer is stranger: %+v", b)
	}
}

func TestStrangest(t *testing.T) {
	a := features.Anomaly{
		Top:     []features.Contribution{{Series: "a", Surprise: 3}, {Series: "b", Surprise: 1}},
		VsPeers: []features.Contribution{{Series: "a", Surprise: 4}, {Series: "c", Surprise: 2}},
	}
	want := []features.Contribution{{Series: "a_vs_peers", Surprise: 4}, {Series: "a", Surprise: 3}, {Series: "c_vs_peers", Surprise: 2}, {Series: "b", Surprise: 1}}
	if diff := cmp.Diff(want, a.Strangest(nil)); diff != "" {
		t.Error(diff)
	}
	if got := new(features.Anomaly).Strangest(nil); len(got) > 0 {
		t.Errorf("nothing is %v", got)
	}
}
