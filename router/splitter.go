package router

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// splitter makes weights of curves.
type splitter struct {
	solver  solver
	curves  []predict.Curve // of the endpoints of the frame
	known   []int           // positions of those with a curve
	loads   []float64
	egress  []float64 // seconds that a request costs beyond its curve
	minLoad float64   // see Config
	course  *Course   // see Config
	sorted  []float64 // scratch
}

// weigh sets the weights of least total cost on the curves, predicts what they
// cause, and tells pickers what the curves know of each endpoint. With shrink
// they go towards the capacities, at 1 all the way: what is left then knows
// neither load nor locality.
func (l *splitter) weigh(dst *Decision, f *features.Frame, service *rules.Service, shrink float64) error {
	objective := service.Objective
	if objective == (mesh.Objective{}) {
		objective = f.Objective
	}
	l.carry(f)
	l.price(f, service)
	l.priceLate(f, objective)
	rate, err := l.split(dst, f, objective, floorWeight(service.Limits, len(f.Endpoints)), shrink)
	if err != nil {
		return err
	}
	dst.Predictions = sized(dst.Predictions, len(f.Endpoints))
	tellLoad(&dst.Board, f)
	for i := range l.curves {
		c := &l.curves[i]
		dst.Predictions[i] = c.Predict(rate * dst.Weights[i])
		seconds, capacity := math.NaN(), math.NaN()
		if c.Known {
			seconds, capacity = c.Level*c.Concurrency/c.Capacity, c.Capacity
		}
		dst.Board.Service, dst.Board.Capacity = append(dst.Board.Service, seconds), append(dst.Board.Capacity, capacity)
	}
	return nil
}

// price writes what the service's locality adds to a request to each endpoint.
// It is the same at any load, so that an endpoint far away is spared until the
// near ones' next request costs as much more, and then they share what comes.
func (l *splitter) price(f *features.Frame, service *rules.Service) {
	l.egress = sized(l.egress, len(f.Endpoints))
	for i, e := range f.Endpoints {
		zone := e.Zone
		if ruled := find(service.Endpoints, e.Name); ruled != nil {
			zone = cmp.Or(zone, ruled.Zone)
		}
		l.egress[i] = service.Locality.Cost(zone)
	}
}

// priceLate adds what an endpoint's latest answers cost by being late where its curve
// does not say so. A curve knows what has lasted; an endpoint that gets slower has a
// queue by then whose requests nobody waits for, and so have those that join it.
// What chance makes of a latency is far from the deadline, and hardly counts.
func (l *splitter) priceLate(f *features.Frame, o mesh.Objective) {
	if !(o.ErrorCost > 1) {
		return
	}
	deadline := o.Deadline.Seconds()
	for i := range l.curves {
		c, latency := &l.curves[i], f.At(i, mesh.LatencyMean)
		if c.Known && latency > 0 {
			l.egress[i] += lateCost(max(c.Late(latency, deadline)-c.Late(c.Mean(c.Now), deadline), 0), o)
		}
	}
}

// lateCost is what a part of late answers costs beyond the deadline. An answer that
// comes late is a failure to who waits for it, and costs as much as one.
func lateCost(part float64, o mesh.Objective) float64 {
	return part * o.Deadline.Seconds() * max(o.ErrorCost-1, 0)
}

// split solves the weights of the endpoints that have a curve. Those of which
// nothing is known yet get the mean of their peers (gRFC A58). Those that are
// down get none while others are up: what is remembered of one looks idle, and
// would draw traffic.
func (l *splitter) split(dst *Decision, f *features.Frame, o mesh.Objective, floor, shrink float64) (rate float64, err error) {
	l.known = l.known[:0]
	l.sorted = l.sorted[:0]
	capacity, open := 0.0, 0
	bridged := allDown(f) // then memory is all there is, until it is stale
	for i := range l.curves {
		if isDown(f, i) && !bridged {
			continue
		}
		open++
		l.curves[i].Horizon = horizon(f, dst.Age)
		if l.curves[i].Known {
			l.known = append(l.known, i)
			capacity += l.curves[i].Capacity
			l.sorted = append(l.sorted, l.curves[i].Capacity)
		}
	}
	if len(l.known) == 0 {
		return 0, fmt.Errorf("%w: no endpoint has a latency and a capacity yet", WarmUp)
	}
	n, k := float64(open), float64(len(l.known))
	rate = serviceRate(f)
	// The median, because an endpoint that fails fast seems to be able to do any
	// amount: a part of that can be more than its healthy peers can do.
	slices.Sort(l.sorted)
	least := l.minLoad * k * l.sorted[(len(l.sorted)-1)/2]
	// No more than all can do: beyond it marginal costs fall, since what is lost
	// anyway costs no more, and the least cost is to drown one of them in the rest.
	total := max(min(ready(max(rate, f.Demand)*k/n, capacity, f.Unrest), capacity), least, 1e-6)
	l.loads = sized(l.loads, len(l.known))
	// floor is a part of the traffic of all n that are up, n/k of that of the k.
	solved := l.solver.solve(l.loads, total, floor*n/k*total, func(i int, load float64) float64 {
		return drowning(&l.curves[l.known[i]], load, o) + l.egress[l.known[i]]
	})
	if !solved {
		return 0, fmt.Errorf("%w: a predicted cost", NotFinite)
	}
	for i := range dst.Weights {
		dst.Weights[i] = 1 / n
		if isDown(f, i) && !bridged {
			dst.Weights[i] = 0
		}
	}
	for j, i := range l.known {
		prior := 1 / k
		if capacity > 0 {
			prior = l.curves[i].Capacity / capacity
		}
		dst.Weights[i] = ((1-shrink)*l.loads[j]/total + shrink*prior) * k / n
	}
	if !finite(dst.Weights) {
		return 0, fmt.Errorf("%w: a weight", NotFinite)
	}
	dst.Weights.Normalize()
	return rate, nil
}

// horizon is how many seconds pass from what a frame shows on average to the next
// decision: half of the window's span, its age and the time between windows. Who
// reckons with less corrects again what is being corrected, and swings.
func horizon(f *features.Frame, age time.Duration) float64 {
	span := f.End.Sub(f.Start).Seconds()
	if f.Step > 0 {
		return f.Step + span/2 + age.Seconds()
	}
	return 1.5*span + age.Seconds()
}

// drowned is what a second beyond the deadline costs: little, for nobody waits
// for it, but where it cost nothing all that the service cannot do would go to
// one endpoint.
const drowned = 0.1

// drowning is the cost of a request at a load, late and beyond the deadline too.
func drowning(c *predict.Curve, load float64, o mesh.Objective) float64 {
	cost, mean := c.CostAndMean(load, o)
	deadline := o.Deadline.Seconds()
	if o.ErrorCost > 1 {
		cost += lateCost(c.Late(mean, deadline), o)
	}
	return cost + drowned*max(mean-deadline, 0)
}

// restless is the unrest from which on weights are the capacities.
const restless = 0.2

// ready is the load that weights are solved for. The further it is below the
// capacity the more the best endpoints get, which is right where they stay the
// best: where capacities do not last, it goes towards them, at which the weights
// are in proportion to the capacities.
func ready(load, capacity, unrest float64) float64 {
	return load + max(capacity-load, 0)*min(unrest/restless, 1)
}
