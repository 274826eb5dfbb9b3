package meshes

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Shares is the strategy that meshes are recorded with: weights drawn at
// random, independently of what goes on, which stay for some windows. They are
// drawn around the capacities, around equal ones, or between, sometimes near to
// them and sometimes far: so that the loads are those under good weights, and
// under bad ones. Picks are those of weighted round robin, as they are served.
func Shares(s *sim.Scenario, seed uint64) router.Strategy {
	return drawn(s, seed, []float64{0, 0.5, 1, 1, 1}, []float64{1.5, 6, 20, 60, 200})
}

// FailingShares is the strategy that failing meshes are recorded with: as
// Shares, but always around the capacities, and no farther from them than the
// load allows: an endpoint that fails fails of what befell it, not of its
// share. Nobody acts on what is seen, so what would come comes.
func FailingShares(s *sim.Scenario, seed uint64) router.Strategy {
	deviation := min((spare(s.Arrivals.Load)-1)/4, 0.4)
	most := 1 / (deviation * deviation)
	return drawn(s, seed, []float64{1}, []float64{most, 2 * most, 4 * most})
}

func drawn(s *sim.Scenario, seed uint64, around, shapes []float64) router.Strategy {
	p := &shares{
		random: rand.New(rand.NewPCG(seed, 0x54a3)), step: s.Metrics.Step, capacity: s.Capacities(seed), weights: map[string]float64{},
		around: around, shapes: shapes,
	}
	for _, e := range s.Endpoints() {
		p.names = append(p.names, e.Name)
	}
	return router.Strategy{Name: "random shares", Policy: p, Picker: func(c picker.Config) picker.Picker {
		pick, err := picker.Named("weighted_round_robin", c)
		if err != nil {
			panic(err) // as router.Strategy says
		}
		return pick
	}}
}

// shares implements router.Policy.
type shares struct {
	random   *rand.Rand
	step     time.Duration
	names    []string
	capacity []float64
	around   []float64 // powers of the capacity to draw around
	shapes   []float64 // to draw by
	until    time.Time
	weights  map[string]float64
}

func (*shares) Name() string { return "random_shares" }

func (p *shares) Decide(d *router.Decision, f *features.Frame) error {
	if len(f.Endpoints) == 0 {
		return router.NoEndpoints
	}
	if !f.Time.Before(p.until) {
		p.redraw(f.Time)
	}
	*d = router.Decision{
		Service: f.Service, Time: f.Time, Endpoints: append(d.Endpoints[:0], f.Endpoints...),
		Weights: d.Weights[:0], Source: router.SourceRules, Policy: p.Name(),
	}
	sum := 0.0
	for _, e := range f.Endpoints {
		d.Weights = append(d.Weights, p.weights[e.Name])
		sum += p.weights[e.Name]
	}
	for i := range d.Weights {
		d.Weights[i] /= sum
	}
	return nil
}

// redraw draws weights that stay for 2 to 8 windows. They are off from what
// they are drawn around by some 7 % of it, or by as much as all of it: by one
// over the root of the shape.
func (p *shares) redraw(now time.Time) {
	windows := min(max(3*p.random.ExpFloat64(), 2), 8)
	p.until = now.Add(time.Duration(windows * float64(p.step)))
	around := p.around[p.random.IntN(len(p.around))]
	shape := p.shapes[p.random.IntN(len(p.shapes))]
	for i, name := range p.names {
		p.weights[name] = math.Pow(p.capacity[i], around) * max(sim.Gamma(p.random, shape)/shape, leastShare)
	}
}

// leastShare is what an endpoint gets at least of its part: one without
// requests shows nothing.
const leastShare = 0.02
