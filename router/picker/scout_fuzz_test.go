package picker

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// FuzzScout: whatever happens, an endpoint of weight 0 is neither picked nor
// asked, nobody has fewer than 0 in flight, and all costs are numbers.
func FuzzScout(f *testing.F) {
	f.Add(uint64(1), []byte{0, 1, 2, 3, 4, 5, 6, 7, 8, 9})
	f.Add(uint64(2), []byte{4, 0, 0, 1, 255, 0, 128, 6, 0, 0, 3, 3, 3})
	f.Fuzz(func(t *testing.T, seed uint64, story []byte) {
		const n = 5
		r := rand.New(rand.NewPCG(seed, 1))
		odd := []float64{0, 1, 3, 1e-300, 1e300, math.Inf(1), math.Inf(-1), math.NaN(), -1}
		some := func() (list []float64) {
			for range r.IntN(n + 2) {
				list = append(list, odd[r.IntN(len(odd))])
			}
			return list
		}
		p := named[*scout](t, "hot_cold", Config{Endpoints: n, Seed: seed})
		now, w := time.Duration(0), mesh.Weights{1, 1, 1, 1, 1}
		for _, what := range story {
			now += time.Duration(r.ExpFloat64() * 1e8)
			i := r.IntN(n+2) - 1
			switch what % 7 {
			case 0, 1:
				picked := p.Pick(now, nil)
				if picked < 0 && slices.Max(w) > 0 || picked >= 0 && !(w[picked] > 0) {
					t.Fatalf("picked %d with weights %v", picked, w)
				}
			case 2:
				asked, _ := p.Probes(nil, now)
				for _, i := range asked {
					if !(w[i] > 0) {
						t.Fatalf("asks %d with weights %v", i, w)
					}
				}
			case 3:
				p.Probed(now, i, mesh.Load{InFlight: odd[r.IntN(len(odd))], Latency: odd[r.IntN(len(odd))]})
			case 4:
				p.Done(now, i, mesh.Outcome{Latency: time.Duration(r.Uint64()), Failed: r.IntN(2) == 0})
			case 5:
				w = mesh.Weights{r.Float64(), 0, r.Float64(), 0, r.Float64()}
				w[r.IntN(n)] = 0
				p.Update(w)
			case 6:
				p.Board(Board{InFlight: some(), Service: some(), Capacity: some()})
			}
			for i := range p.known {
				if _, c := p.cost(now, i); p.known[i].own < 0 || !(c >= 0) {
					t.Fatalf("endpoint %d costs %v: %+v", i, c, p.known[i])
				}
			}
		}
	})
}
