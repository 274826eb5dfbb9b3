package counterfactual

// processing says how long a job would take at an endpoint, in milliseconds:
// the truth, or what a simulator takes for it.
type processing func(q *queues, job, endpoint int) float64

// run takes trajectories through the queues. Its results are valid until the
// next trajectory.
type run struct {
	env    *environment
	queues queues
	means  [endpoints]float64 // of the tracker

	endpoint   []uint8
	processing []float64
	latency    []float64
}

func newRun(env *environment) *run { return &run{env: env} }

// trajectory runs the jobs of t under a policy. The luck of the policy is that
// of the trajectory, whoever says how long jobs take. The pseudo-optimal
// policy knows the slowdowns, as in the paper's code: they are part of it, not
// of the simulator.
func (r *run) trajectory(policy int, t *trajectory, takes processing) {
	r.queues.reset()
	clear(r.means[:])
	r.endpoint, r.processing, r.latency = r.endpoint[:0], r.processing[:0], r.latency[:0]
	p, random := &r.env.policies[policy], stream(r.env.seed^uint64(policy+1)<<40, 1000+t.id)
	for job, now := range t.arrivals {
		r.queues.advance(now)
		e := p.pick(&r.queues, r.env.slow, r.means[:], random)
		m := takes(&r.queues, job, e)
		r.means[e] = trackerAlpha*r.means[e] + (1-trackerAlpha)*m
		r.endpoint = append(r.endpoint, uint8(e))
		r.processing = append(r.processing, m)
		r.latency = append(r.latency, r.queues.send(e, now, m))
	}
}
