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
//
// What was drawn at random is the group of each cluster when the clusters are
// a trial's, and each group's shares, one group after the other, when the
// groups are blocks of a log. The standard errors follow from that.
func across(clusters []*cluster, endpoints int, blocks bool) (*estimate, error) {
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
	meat := means.meat(clusters, e.slowness, blocks)
	e.covariance = spread(meat, &inverse, basis)
	return e, e.precise()
}

// lags is over how many neighbouring blocks the level of the work, and the
// shares, may persist (Newey and West, Econometrica 1987).
const lags = 6

// meat is the covariance of the moments.
func (m *meanShares) meat(clusters []*cluster, slowness []float64, blocks bool) *mat.Dense {
	n := m.x.Len()
	level := 0.0
	for _, c := range clusters {
		level += c.level(slowness) / float64(len(clusters))
	}
	var scores []*mat.VecDense
	for i, c := range clusters {
		if i == 0 || !blocks || c.group != clusters[i-1].group {
			scores = append(scores, mat.NewVecDense(n, nil))
		}
		last := scores[len(scores)-1]
		last.AddScaledVec(last, c.level(slowness)-level, m.centred(m.groups[c.group]))
	}
	meat := mat.NewDense(n, n, nil)
	var outer mat.Dense
	for i, s := range scores {
		outer.Outer(1, s, s)
		meat.Add(meat, &outer)
		for lag := 1; blocks && lag <= lags && lag <= i; lag++ {
			outer.Outer(1-float64(lag)/(lags+1), s, scores[i-lag])
			meat.Add(meat, &outer)
			meat.Add(meat, outer.T())
		}
	}
	return meat
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
