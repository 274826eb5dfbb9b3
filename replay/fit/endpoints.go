package fit

import (
	"errors"
	"fmt"
	"math"
)

// usual is what an endpoint is like while nothing is wrong with it, as far as
// the metrics tell.
type usual struct {
	workers, service, capacity, errors Estimate
}

// leastRequests is how many requests a window must have, and leastWindows how
// many windows, for a service time to be believed.
const (
	leastRequests = 5
	leastWindows  = 5
)

// ErrTooLittle is what keeps a mesh from being fitted: the recording does not
// show enough of it.
var ErrTooLittle = errors.New("cannot tell")

// usualOf estimates an endpoint: first by medians, which faults do not move
// much, then by means over the windows in which nothing was wrong.
func usualOf(h *history, e int, cfg Config) (usual, states, error) {
	var services, means []float64
	for k := range h.seen[e] {
		if s := &h.seen[e][k]; s.answered*h.window.Seconds() >= leastRequests {
			services, means = append(services, s.service()), append(means, s.mean)
		}
	}
	typical := medianOf(services)
	if !(typical > 0) || len(services) < leastWindows {
		return usual{}, states{}, fmt.Errorf("%w the service time of endpoint %s: %d windows of %v have both its utilization and %d answers or more; %d are needed",
			ErrTooLittle, h.endpoints[e].Name, len(services), h.window, leastRequests, leastWindows)
	}
	found := statesOf(h, e, typical, medianOf(means), cfg)
	var busy, answered, workers, failed, requests []float64
	for k, s := range h.seen[e] {
		if found.wrong(k) {
			continue
		}
		if !math.IsNaN(s.busy) && s.answered > 0 {
			busy, answered = append(busy, s.busy), append(answered, s.answered-s.refused)
		}
		if !math.IsNaN(s.workers) {
			workers = append(workers, s.workers)
		}
		if !math.IsNaN(s.errors) {
			failed, requests = append(failed, s.failed()*s.requests), append(requests, s.requests)
		}
	}
	u := usual{service: ratioOf(busy, answered), errors: ratioOf(failed, requests), workers: meanOf(workers)}
	if len(workers) == 0 {
		return usual{}, states{}, fmt.Errorf("%w the workers of endpoint %s: no metric http_server_workers names them", ErrTooLittle, h.endpoints[e].Name)
	}
	if math.IsNaN(u.service.Value) {
		u.service = Estimate{typical, math.NaN()}
	}
	u.workers.Value = math.Max(1, medianOf(workers))
	u.capacity.Value = u.workers.Value / u.service.Value
	u.capacity.Error = u.capacity.Value * math.Hypot(u.service.Error/u.service.Value, u.workers.Error/u.workers.Value)
	return u, found, nil
}
