package counterfactual

import "math"

// window is how many later jobs a job is compared with. Their mean stands in
// for the level of the work at that time; with 16 its own error adds a
// sixteenth to the variance. It is short against the time in which the level
// changes, as a change in between biases: where the level changes every 500
// jobs, as in a test, 64 left an eighth of the bias.
const window = 16

// cluster is what a stretch of the log in which the level of the work is much
// the same, a trajectory or a time block, adds to the estimate. Clusters of
// one group were ruled by one policy.
//
// The model is y = log work + slowness[endpoint], where y is the logarithm of
// the processing time. The level of the work drifts, and a choice may depend
// on it through the queues that earlier work left behind: that is the
// confounder, and the reason why a regression of y on the endpoint is biased.
// But no choice depends on how much the job's own work differs from the level,
// as it is not known when the job is placed. So each job is compared with the
// mean of the jobs that come after it, which takes the level out and lets
// nothing in that the choice could know (forward orthogonal deviations;
// Arellano and Bover, Journal of Econometrics 1995), and the choice itself is
// the instrument. Subtracting the trajectory's whole mean would not do: it
// holds earlier jobs, on which the choice does depend.
type cluster struct {
	group   int
	n       float64   // jobs
	count   []float64 // by endpoint
	sum     []float64 // of y, by endpoint
	squares float64   // of y
	// a and b are the moments: b = a · slowness, in expectation. Row: the
	// endpoint chosen, as the instrument; column: the difference of shares.
	a [][]float64
	b []float64
}

// job is one comparison: where it went, and the logarithm of the time taken.
type job struct {
	endpoint int
	y        float64
}

func newCluster(group, endpoints int, jobs []job) *cluster {
	c := &cluster{group: group, n: float64(len(jobs)), count: make([]float64, endpoints), sum: make([]float64, endpoints), b: make([]float64, endpoints)}
	for range endpoints {
		c.a = append(c.a, make([]float64, endpoints))
	}
	ahead, total := make([]float64, endpoints), 0.0 // of the window after job i
	last := len(jobs)
	for i := len(jobs) - 1; i >= 0; i-- {
		e, y := jobs[i].endpoint, jobs[i].y
		if n := float64(last - i - 1); n > 0 {
			weight := n / (n + 1) // its variance is 1 + 1/n of one job's
			c.b[e] += weight * (y - total/n)
			c.a[e][e] += weight
			for f, x := range ahead {
				c.a[e][f] -= weight * x / n
			}
		}
		c.count[e]++
		c.sum[e] += y
		c.squares += y * y
		ahead[e]++
		total += y
		if last-i > window {
			last--
			ahead[jobs[last].endpoint]--
			total -= jobs[last].y
		}
	}
	return c
}

// level is the mean of log work, given the slowness.
func (c *cluster) level(slowness []float64) float64 {
	sum := 0.0
	for e := range c.sum {
		sum += c.sum[e] - slowness[e]*c.count[e]
	}
	return sum / c.n
}

// variance is that of log work around its level.
func (c *cluster) variance(slowness []float64) float64 {
	squares := c.squares
	for e, s := range slowness {
		squares += s * (s*c.count[e] - 2*c.sum[e])
	}
	level := c.level(slowness)
	return max(0, squares/c.n-level*level)
}

// share is the part of the jobs that an endpoint was given.
func (c *cluster) share(e int) float64 { return c.count[e] / c.n }

// clusterOf makes one of a trajectory's log.
func clusterOf(r *record) *cluster {
	jobs := make([]job, len(r.endpoint))
	for i, e := range r.endpoint {
		jobs[i] = job{int(e), math.Log(r.processing[i])}
	}
	return newCluster(r.policy, endpoints, jobs)
}
