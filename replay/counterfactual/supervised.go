package counterfactual

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/mat"
)

// supervised predicts processing times without causal care: ridge regression
// of log m on the endpoint, the mean of the logged log m of the neighbouring
// jobs and where those went, and how many are in flight at the endpoint.
//
// The paper's SLSim has less to go by: its inputs are the logged processing
// time of the very job and the endpoint, its target is that processing time.
// On the log the identity is then free of error, so the better SLSim is
// trained the closer it comes to the plain replay, whose figures stand beside.
// This rival sees the job's neighbours, which tell how large jobs are at that
// time, and not the answer.
//
// Tuning: how many neighbours on each side, the penalty, and a factor that
// trades the median for the least absolute percentage error are chosen by that
// error on every fifth trajectory, which is not learned from.
type supervised struct {
	reach int
	// coefficients: endpoints, neighbours' mean, neighbours' endpoints, in flight.
	coefficients []float64
	shift        float64 // added to log m
}

const (
	atNeighbours = endpoints
	atShares     = endpoints + 1
	atInFlight   = 2*endpoints + 1
	features     = 2*endpoints + 2

	validation = 5 // every so many trajectories
	sampled    = 7 // every so many jobs of those are predicted when tuning
)

var (
	reaches   = []int{1, 8, 64, 512}
	penalties = []float64{1e-6, 1e-4, 1e-2} // times the number of jobs
	shifts    = []float64{0, -0.05, -0.1, -0.15, -0.2, -0.25, -0.3, -0.4, -0.5, -0.6, -0.8, -1}
)

// lesson is what a trajectory teaches: the normal equations, for each reach.
type lesson struct {
	record   *record
	inFlight []float64 // log(1 + jobs in flight at the chosen endpoint)
	n        float64
	x        [][features * features]float64
	y        [][features]float64
}

func newLesson(r *record) *lesson {
	l := &lesson{
		record: r, inFlight: logInFlight(r), n: float64(len(r.endpoint)),
		x: make([][features * features]float64, len(reaches)), y: make([][features]float64, len(reaches)),
	}
	for i, reach := range reaches {
		around := newNeighbours(r, reach)
		var row [features]float64
		for t, e := range r.endpoint {
			row = [features]float64{}
			around.fill(&row, t)
			row[e], row[atInFlight] = 1, l.inFlight[t]
			y := math.Log(r.processing[t])
			for j, a := range row {
				if a == 0 {
					continue
				}
				l.y[i][j] += a * y
				for k, b := range row[:j+1] {
					l.x[i][j*features+k] += a * b
				}
			}
		}
	}
	return l
}

// logInFlight is log(1 + n) of the jobs that each found at its endpoint.
func logInFlight(r *record) []float64 {
	var q queues
	out := make([]float64, len(r.endpoint))
	for t, now := range r.arrivals {
		q.advance(now)
		e := int(r.endpoint[t])
		out[t] = math.Log1p(float64(q.inFlight(e)))
		q.departures[e] = append(q.departures[e], now+r.latency[t])
	}
	return out
}

// neighbours sums up the jobs around a job, without itself.
type neighbours struct {
	reach    int
	logged   []float64            // running sums of log m
	endpoint [][endpoints]float64 // running counts
}

func newNeighbours(r *record, reach int) *neighbours {
	n := &neighbours{reach: reach, logged: make([]float64, len(r.endpoint)+1), endpoint: make([][endpoints]float64, len(r.endpoint)+1)}
	for t, e := range r.endpoint {
		n.logged[t+1] = n.logged[t] + math.Log(r.processing[t])
		n.endpoint[t+1] = n.endpoint[t]
		n.endpoint[t+1][e]++
	}
	return n
}

func (n *neighbours) fill(row *[features]float64, t int) {
	low, high := max(0, t-n.reach), min(len(n.logged)-1, t+1+n.reach)
	count := float64(high - low - 1)
	if count == 0 {
		return
	}
	around := func(a, b, c, d float64) float64 { return (a - b - (c - d)) / count }
	row[atNeighbours] = around(n.logged[high], n.logged[low], n.logged[t+1], n.logged[t])
	for e := range endpoints {
		row[atShares+e] = around(n.endpoint[high][e], n.endpoint[low][e], n.endpoint[t+1][e], n.endpoint[t][e])
	}
}

// learn fits and tunes on the lessons; it holds out every fifth.
func learn(ctx context.Context, lessons []*lesson) (*supervised, error) {
	var best *supervised
	least := math.Inf(1)
	for i, reach := range reaches {
		for _, penalty := range penalties {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			s := &supervised{reach: reach}
			if err := s.fit(lessons, i, penalty); err != nil {
				return nil, err
			}
			if loss := s.tune(lessons); loss < least {
				best, least = s, loss
			}
		}
	}
	return best, nil
}

func (s *supervised) fit(lessons []*lesson, reach int, penalty float64) error {
	x, y := mat.NewSymDense(features, nil), mat.NewVecDense(features, nil)
	n := 0.0
	for i, l := range lessons {
		if i%validation == 0 && len(lessons) >= 2*validation {
			continue
		}
		n += l.n
		for j := range features {
			y.SetVec(j, y.AtVec(j)+l.y[reach][j])
			for k := range j + 1 {
				x.SetSym(j, k, x.At(j, k)+l.x[reach][j*features+k])
			}
		}
	}
	for j := range features {
		x.SetSym(j, j, x.At(j, j)+penalty*n)
	}
	var cholesky mat.Cholesky
	if !cholesky.Factorize(x) {
		return fmt.Errorf("counterfactual: the supervised rival's normal equations cannot be solved with a penalty of %g", penalty)
	}
	var solution mat.VecDense
	if err := cholesky.SolveVecTo(&solution, y); err != nil {
		return fmt.Errorf("counterfactual: the supervised rival: %w", err)
	}
	s.coefficients = solution.RawVector().Data
	return nil
}

// tune sets the shift, and returns the absolute percentage error on the
// lessons held out.
func (s *supervised) tune(lessons []*lesson) float64 {
	losses := make([]float64, len(shifts))
	n := 0.0
	for i := 0; i < len(lessons); i += validation {
		l := lessons[i]
		around := newNeighbours(l.record, s.reach)
		for t := i % sampled; t < len(l.record.endpoint); t += sampled {
			y := s.level(around, t) + s.coefficients[l.record.endpoint[t]] + s.coefficients[atInFlight]*l.inFlight[t]
			ratio := math.Exp(y) / l.record.processing[t]
			for j, shift := range shifts {
				losses[j] += math.Abs(ratio*math.Exp(shift) - 1)
			}
			n++
		}
	}
	least := math.Inf(1)
	for j, loss := range losses {
		if loss < least {
			least, s.shift = loss, shifts[j]
		}
	}
	return least / n
}

// level is the part of the prediction that the neighbours give.
func (s *supervised) level(around *neighbours, t int) float64 {
	var row [features]float64
	around.fill(&row, t)
	y := 0.0
	for j := atNeighbours; j < atInFlight; j++ {
		y += s.coefficients[j] * row[j]
	}
	return y
}

// takes predicts a trajectory's jobs at any endpoint.
func (s *supervised) takes(r *record) processing {
	around := newNeighbours(r, s.reach)
	factors := make([]float64, endpoints)
	for e := range factors {
		factors[e] = math.Exp(s.coefficients[e] + s.shift)
	}
	return func(q *queues, job, e int) float64 {
		return math.Exp(s.level(around, job)) * factors[e] * math.Pow(1+float64(q.inFlight(e)), s.coefficients[atInFlight])
	}
}
