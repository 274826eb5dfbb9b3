package counterfactual

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// across uses nothing but the assignment of policies to stretches of time,
// which is the argument of CausalSim: as the policy was drawn at random, work
// is distributed alike under every policy, so
//
//	mean of y under policy p = constant + Σ share of endpoint e under p · slowness e
//
// This is two-stage least squares with the policies as instruments for the
// shares. It needs as many policies that differ as there are endpoints, and
// many trajectories, for the level of the work varies more between those than
// anything else.
func across(clusters []*cluster, endpoints int) (*estimate, error) {
	e := &estimate{slowness: make([]float64, endpoints)}
	e.diagnosis = Diagnosis{Mode: AcrossAssignment, Clusters: len(clusters), Groups: groups(clusters), Invariance: math.NaN()}
	if err := seen(clusters, endpoints); err != nil {
		return e, err
	}
	if e.diagnosis.Groups < endpoints {
		e.diagnosis.Condition = math.Inf(1)
		return e, fmt.Errorf("%w by %s: %d groups cannot tell %d endpoints apart", ErrNotIdentified, AcrossAssignment, e.diagnosis.Groups, endpoints)
	}
	basis := contrasts(endpoints)
	means := groupMeans(clusters, endpoints, basis)
	first, residual := means.firstStage(clusters, basis)
	means.strength(&e.diagnosis, first, residual, len(clusters))
	if err := e.diagnosis.verdict(); err != nil {
		return e, err
	}
	var inverse mat.Dense
	if err := inverse.Inverse(first); err != nil {
		return e, fmt.Errorf("%w by %s: %w", ErrNotIdentified, AcrossAssignment, err)
	}
	right := mat.NewVecDense(endpoints-1, nil)
	for _, c := range clusters { // not over the map: sums must come out alike each time
		g := means.groups[c.group]
		right.AddScaledVec(right, g.y-means.y, means.centred(g))
	}
	var gamma, slowness mat.VecDense
	gamma.MulVec(&inverse, right)
	slowness.MulVec(basis, &gamma)
	copy(e.slowness, slowness.RawVector().Data)
	meat := mat.NewDense(endpoints-1, endpoints-1, nil)
	level := 0.0
	for _, c := range clusters {
		level += c.level(e.slowness) / float64(len(clusters))
	}
	for _, c := range clusters {
		x := means.centred(means.groups[c.group])
		r := c.level(e.slowness) - level
		var outer mat.Dense
		outer.Outer(r*r, x, x)
		meat.Add(meat, &outer)
	}
	e.covariance = spread(meat, &inverse, basis)
	return e, e.precise()
}

// meanShares are the mean shares, as contrasts, and the mean y of each group
// and of all.
type meanShares struct {
	groups map[int]*groupMean
	x      *mat.VecDense
	y      float64
}

type groupMean struct {
	n float64
	x *mat.VecDense
	y float64
}

func groupMeans(clusters []*cluster, endpoints int, basis *mat.Dense) *meanShares {
	m := &meanShares{groups: map[int]*groupMean{}, x: mat.NewVecDense(endpoints-1, nil)}
	flat := make([]float64, endpoints)
	for _, c := range clusters {
		g := m.groups[c.group]
		if g == nil {
			g = &groupMean{x: mat.NewVecDense(endpoints-1, nil)}
			m.groups[c.group] = g
		}
		x, y := c.contrastShares(basis), c.level(flat)
		g.n++
		g.x.AddVec(g.x, x)
		g.y += y
		m.x.AddScaledVec(m.x, 1/float64(len(clusters)), x)
		m.y += y / float64(len(clusters))
	}
	for _, g := range m.groups {
		g.x.ScaleVec(1/g.n, g.x)
		g.y /= g.n
	}
	return m
}

func (c *cluster) contrastShares(basis *mat.Dense) *mat.VecDense {
	shares := mat.NewVecDense(len(c.count), nil)
	for e := range c.count {
		shares.SetVec(e, c.share(e))
	}
	var x mat.VecDense
	x.MulVec(basis.T(), shares)
	return &x
}

func (m *meanShares) centred(g *groupMean) *mat.VecDense {
	var x mat.VecDense
	x.SubVec(g.x, m.x)
	return &x
}

// firstStage is the spread of the shares between groups, and that inside of
// them: what the assignment explains, and what it does not.
func (m *meanShares) firstStage(clusters []*cluster, basis *mat.Dense) (between, inside *mat.Dense) {
	n := m.x.Len()
	between, inside = mat.NewDense(n, n, nil), mat.NewDense(n, n, nil)
	for _, c := range clusters {
		g := m.groups[c.group]
		var outer mat.Dense
		x := m.centred(g)
		outer.Outer(1, x, x)
		between.Add(between, &outer)
		var rest mat.VecDense
		rest.SubVec(c.contrastShares(basis), g.x)
		outer.Reset()
		outer.Outer(1, &rest, &rest)
		inside.Add(inside, &outer)
	}
	return between, inside
}

// strength is Cragg and Donald's: the least F over all directions.
func (m *meanShares) strength(d *Diagnosis, between, inside *mat.Dense, clusters int) {
	n := m.x.Len()
	var svd mat.SVD
	d.Condition, d.FirstStageF = math.Inf(1), 0
	if svd.Factorize(between, mat.SVDNone) && svd.Values(nil)[n-1] > 0 {
		d.Condition = svd.Cond()
	}
	freedom, instruments := float64(clusters-len(m.groups)), float64(len(m.groups)-1)
	if freedom < 1 {
		return
	}
	for i := range n { // shares that never vary inside a group are told exactly
		inside.Set(i, i, inside.At(i, i)+1e-9)
	}
	var ratio mat.Dense
	if ratio.Solve(inside, between) != nil {
		return
	}
	var eigen mat.Eigen
	if !eigen.Factorize(&ratio, mat.EigenNone) {
		return
	}
	least := math.Inf(1)
	for _, v := range eigen.Values(nil) {
		least = min(least, real(v))
	}
	d.FirstStageF = max(0, least) * freedom / instruments
}
