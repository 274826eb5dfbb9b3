package counterfactual

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/stat/distuv"
)

// estimate is a slowness for each endpoint: natural logarithm, mean 0.
type estimate struct {
	slowness   []float64
	covariance *mat.Dense // of slowness
	diagnosis  Diagnosis
}

func (e *estimate) standardError(endpoint int) float64 {
	return math.Sqrt(max(0, e.covariance.At(endpoint, endpoint)))
}

// solve estimates within clusters if it may and can, and across the
// assignment otherwise.
func solve(clusters []*cluster, endpoints int, instrumentOnly bool) (*estimate, error) {
	var refused error
	if !instrumentOnly {
		e, err := within(clusters, endpoints)
		if err == nil {
			return e, nil
		}
		refused = err
	}
	e, err := across(clusters, endpoints, false)
	if err != nil && refused != nil {
		err = fmt.Errorf("%w; %w", refused, err)
	}
	return e, err
}

// trusted is the standard deviation below which no stretch of the log is
// trusted to be, lest a few very even ones decide alone.
const trusted = 0.05

// within solves the moments of the clusters, those of even work weighted up
// (feasible generalised least squares, three rounds).
func within(clusters []*cluster, endpoints int) (*estimate, error) {
	basis := contrasts(endpoints)
	weights := make([]float64, len(clusters))
	for i := range weights {
		weights[i] = 1
	}
	e := &estimate{slowness: make([]float64, endpoints)}
	e.diagnosis = Diagnosis{Mode: WithinClusters, Clusters: len(clusters), Groups: groups(clusters), Invariance: math.NaN()}
	if err := seen(clusters, endpoints); err != nil {
		return e, err
	}
	small := make([]contrasted, len(clusters))
	for i, c := range clusters {
		small[i] = c.contrast(basis)
	}
	var inverse mat.Dense
	for round := range 3 {
		a, b := sum(small, weights)
		if round == 0 {
			strength(&e.diagnosis, small, a)
			if err := e.diagnosis.verdict(); err != nil {
				return e, err
			}
		}
		if err := inverse.Inverse(a); err != nil {
			return e, fmt.Errorf("%w by %s: %w", ErrNotIdentified, WithinClusters, err)
		}
		var gamma, slowness mat.VecDense
		gamma.MulVec(&inverse, b)
		slowness.MulVec(basis, &gamma)
		copy(e.slowness, slowness.RawVector().Data)
		e.covariance = sandwich(small, weights, &gamma, &inverse, basis)
		for i, c := range clusters {
			weights[i] = 1 / (c.variance(e.slowness) + trusted*trusted)
		}
	}
	e.diagnosis.Invariance = invariance(clusters, e.slowness)
	return e, e.precise()
}

// contrasted are a cluster's moments in the space of contrasts, in which the
// slowness has no free level.
type contrasted struct {
	a *mat.Dense
	b *mat.VecDense
}

func (c *cluster) contrast(basis *mat.Dense) contrasted {
	k := len(c.b)
	a := mat.NewDense(k, k, nil)
	for i, row := range c.a {
		a.SetRow(i, row)
	}
	var left, out mat.Dense
	left.Mul(basis.T(), a)
	out.Mul(&left, basis)
	var b mat.VecDense
	b.MulVec(basis.T(), mat.NewVecDense(k, c.b))
	return contrasted{&out, &b}
}

func sum(small []contrasted, weights []float64) (*mat.Dense, *mat.VecDense) {
	n := small[0].b.Len()
	a, b := mat.NewDense(n, n, nil), mat.NewVecDense(n, nil)
	for i, s := range small {
		var scaled mat.Dense
		scaled.Scale(weights[i], s.a)
		a.Add(a, &scaled)
		b.AddScaledVec(b, weights[i], s.b)
	}
	return a, b
}

// sandwich is the covariance when all that is known is that clusters do not
// depend on each other.
func sandwich(small []contrasted, weights []float64, gamma *mat.VecDense, inverse, basis *mat.Dense) *mat.Dense {
	n := gamma.Len()
	meat := mat.NewDense(n, n, nil)
	for i, s := range small {
		var g mat.VecDense
		g.MulVec(s.a, gamma)
		g.SubVec(s.b, &g)
		var outer mat.Dense
		outer.Outer(weights[i]*weights[i], &g, &g)
		meat.Add(meat, &outer)
	}
	return spread(meat, inverse, basis)
}

// spread is basis · inverse · meat · inverseᵀ · basisᵀ.
func spread(meat mat.Matrix, inverse, basis *mat.Dense) *mat.Dense {
	var bread, half, out mat.Dense
	bread.Mul(basis, inverse)
	half.Mul(&bread, meat)
	out.Mul(&half, bread.T())
	return &out
}

// contrasts is an orthonormal basis of the vectors with sum 0 (Helmert).
func contrasts(k int) *mat.Dense {
	c := mat.NewDense(k, k-1, nil)
	for j := 1; j < k; j++ {
		length := math.Sqrt(float64(j * (j + 1)))
		for i := range j {
			c.Set(i, j-1, 1/length)
		}
		c.Set(j, j-1, -float64(j)/length)
	}
	return c
}

func groups(clusters []*cluster) int {
	known := map[int]bool{}
	for _, c := range clusters {
		known[c.group] = true
	}
	return len(known)
}

// seen refuses endpoints that were never chosen.
func seen(clusters []*cluster, endpoints int) error {
	if len(clusters) < 2 {
		return fmt.Errorf("%w: %d stretches of the log; want at least 2", ErrNotIdentified, len(clusters))
	}
	var never []int
	for e := range endpoints {
		n := 0.0
		for _, c := range clusters {
			n += c.count[e]
		}
		if n == 0 {
			never = append(never, e)
		}
	}
	if len(never) > 0 {
		return fmt.Errorf("%w: endpoints %v were never chosen", ErrNotIdentified, never)
	}
	return nil
}

// strength fills in the condition and the first stage's F, of clusters that
// count alike.
func strength(d *Diagnosis, small []contrasted, a *mat.Dense) {
	n, _ := a.Dims()
	symmetric := mat.NewSymDense(n, nil)
	for i := range n {
		for j := i; j < n; j++ {
			symmetric.SetSym(i, j, (a.At(i, j)+a.At(j, i))/2)
		}
	}
	var eigen mat.EigenSym
	if !eigen.Factorize(symmetric, true) {
		d.Condition, d.FirstStageF = math.Inf(1), 0
		return
	}
	values := eigen.Values(nil)
	d.Condition = math.Inf(1)
	if values[0] > 0 {
		d.Condition = values[n-1] / values[0]
	}
	var vectors mat.Dense
	eigen.VectorsTo(&vectors)
	worst := vectors.ColView(0)
	total, squares := 0.0, 0.0
	for _, s := range small {
		x := mat.Inner(worst, s.a, worst)
		total += x
		squares += x * x
	}
	mean := total / float64(len(small))
	variance := squares/float64(len(small)) - mean*mean
	d.FirstStageF = 0
	if mean > 0 {
		d.FirstStageF = float64(len(small)) * mean * mean / max(variance, mean*mean*1e-12)
	}
}

func (e *estimate) precise() error {
	for i := range e.slowness {
		if s := e.standardError(i); !(s <= maxError) {
			return fmt.Errorf("%w by %s: the log slowness of endpoint %d has a standard error of %.2g (at most %v)", ErrNotIdentified, e.diagnosis.Mode, i, s, maxError)
		}
	}
	return nil
}

// invariance is the p-value of one-way analysis of variance: the level of the
// work has the same mean under all groups.
func invariance(clusters []*cluster, slowness []float64) float64 {
	n, sums := map[int]float64{}, map[int]float64{}
	total, squares := 0.0, 0.0
	for _, c := range clusters {
		level := c.level(slowness)
		n[c.group]++
		sums[c.group] += level
		total += level
		squares += level * level
	}
	count, k := float64(len(clusters)), float64(len(n))
	if k < 2 || count <= k {
		return math.NaN()
	}
	between, inside := -total*total/count, squares
	for _, g := range slices.Sorted(maps.Keys(n)) {
		between += sums[g] * sums[g] / n[g]
		inside -= sums[g] * sums[g] / n[g]
	}
	if inside <= 1e-12*squares { // nothing varies: what differs is rounding
		return math.NaN()
	}
	between = max(0, between)
	f := between / (k - 1) / (inside / (count - k))
	return distuv.F{D1: k - 1, D2: count - k}.Survival(f)
}
