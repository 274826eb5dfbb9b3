package sim

import (
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// Shares is the strategy with which recordings are made: shares that are drawn
// at random, independently of the mesh, stay for 10 to 30 s, and are the exact
// propensities of the requests. That is what makes a recording fit for causal
// questions. They are drawn as the lab draws them.
func Shares(seed uint64) router.Strategy {
	return router.Strategy{
		Name:   "shares",
		Policy: &shares{random: rand.New(rand.NewPCG(seed, 0x5a4e))},
		Picker: func(c picker.Config) picker.Picker { return newKnown(c) },
	}
}

// known draws by weights, and tells with which probability it did.
type known struct {
	picker.Picker
	weights mesh.Weights
	last    float64
}

func newKnown(c picker.Config) *known {
	w := slices.Clone(c.Weights)
	if w == nil {
		w = make(mesh.Weights, c.Endpoints)
		w.Equal()
	}
	return &known{Picker: picker.NewWeighted(w, c.Seed), weights: w}
}

func (p *known) Pick(now time.Duration, r *mesh.Request) int {
	i := p.Picker.Pick(now, r)
	if p.last = math.NaN(); i >= 0 && i < len(p.weights) {
		p.last = p.weights[i]
	}
	return i
}

func (p *known) Update(w mesh.Weights) {
	p.weights = append(p.weights[:0], w...)
	p.Picker.Update(w)
}

// Propensity is the probability of the last pick.
func (p *known) Propensity() float64 { return p.last }

// Of a share, counted in ten-thousandths so that they sum to exactly 1: the
// least part of a fair share, at most leastShare, and the most.
const (
	shareUnit  = 10000
	leastOf    = 0.12
	leastShare = 0.02
	mostShare  = 0.70
)

// shares implements router.Policy.
type shares struct {
	random *rand.Rand
	until  time.Time
	units  []int
}

func (*shares) Name() string { return "shares" }

func (p *shares) Decide(d *router.Decision, f *features.Frame) error {
	n := len(f.Endpoints)
	if n == 0 {
		return router.NoEndpoints
	}
	if !f.Time.Before(p.until) || len(p.units) != n {
		length := time.Duration(p.random.ExpFloat64() * float64(20*time.Second))
		p.until = f.Time.Add(min(max(length, 10*time.Second), 30*time.Second))
		p.units = drawShares(p.random, n)
	}
	*d = router.Decision{
		Service: f.Service, Time: f.Time, Endpoints: append(d.Endpoints[:0], f.Endpoints...),
		Weights: d.Weights[:0], Source: router.SourceRules, Policy: "shares",
	}
	for _, u := range p.units {
		d.Weights = append(d.Weights, float64(u)/shareUnit)
	}
	return nil
}

// drawShares draws one point of the simplex. A symmetric Dirichlet of random
// concentration gives nearly equal shares at times and one dominant endpoint at
// others.
func drawShares(random *rand.Rand, n int) []int {
	least := int(min(leastShare, leastOf/float64(n)) * shareUnit)
	most := max(int(mostShare*shareUnit), shareUnit/n)
	concentration := []float64{0.6, 1.5, 5}[random.IntN(3)]
	weights := make([]float64, n)
	sum := 0.0
	for i := range weights {
		weights[i] = Gamma(random, concentration)
		sum += weights[i]
	}
	units, rest := make([]int, n), shareUnit
	for i, w := range weights {
		units[i] = min(max(int(math.Round(w/sum*shareUnit)), least), most)
		rest -= units[i]
	}
	// What rounding and the bounds left over or took too much goes, unit by unit,
	// to endpoints drawn among those that have room.
	for rest != 0 {
		i, step := random.IntN(n), 1
		if rest < 0 {
			step = -1
		}
		if next := units[i] + step; next >= least && next <= most {
			units[i] = next
			rest -= step
		}
	}
	return units
}

// Gamma draws from the gamma distribution with the given shape and scale 1
// (Marsaglia and Tsang, A simple method for generating gamma variables, 2000).
func Gamma(random *rand.Rand, shape float64) float64 {
	if shape < 1 {
		return Gamma(random, shape+1) * math.Pow(random.Float64(), 1/shape)
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := random.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(1-random.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
