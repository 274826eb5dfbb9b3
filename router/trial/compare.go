package trial

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// seen is what a window tells of a service's endpoints.
type seen struct {
	service    string
	start, end time.Time
	at         map[string]outcome
}

// outcome is what requests met at an endpoint.
type outcome struct {
	requests float64
	cost     float64 // mean, seconds
	variance float64 // of that mean as an estimate
}

// mostRequests of a window are more than any endpoint has; beyond it a count is a lie.
const mostRequests = 1e12

// look takes from a window what the comparison needs; endpoints of which it tells
// nothing are left out.
func look(w *mesh.Window, o mesh.Objective) *seen {
	s := &seen{w.Service, w.Start, w.End, make(map[string]outcome, len(w.Endpoints))}
	for i, e := range w.Endpoints {
		n, latency, failed := w.Requests[i], w.At(i, mesh.LatencyMean), w.At(i, mesh.ErrorRatio)
		if math.IsNaN(latency) {
			latency = w.At(i, mesh.LatencyP50)
		}
		if !(n > 0) || n > mostRequests || math.IsNaN(latency) && math.IsNaN(failed) {
			continue
		}
		s.at[e.Name] = met(o, n, number(latency), min(number(failed), 1))
	}
	return s
}

// number is x, and 0 where it is none.
func number(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	return x
}

// met is what n requests met. That latencies spread as much as their mean is what
// an exponential sojourn does; half a failure more than was seen is Jeffreys' prior.
func met(o mesh.Objective, n, latency, failed float64) outcome {
	deadline := o.Deadline.Seconds()
	latency = min(latency, deadline)
	p, lost := (failed*n+0.5)/(n+1), deadline*o.ErrorCost-latency
	return outcome{n, o.Cost(latency, failed), (latency*latency + p*(1-p)*lost*lost) / n}
}

// comparison is both lines in one window of a service, or of all.
type comparison struct {
	cost       pair    // mean of a request, seconds
	difference float64 // (tried − former) / (tried + former)
	variance   float64 // of the difference, by the number of requests
	apart      float64 // total variation distance of the lines' weights, 0 to 1
	requests   float64
}

// leastKnown is the part of both lines' weight of which something must be known, and
// leastCovered that of the window's time. In the rest of it, before the trial, the
// endpoints have met the former line alone.
const leastKnown, leastCovered = 0.5, 0.25

// leastMissed is how many requests a window has to lack for its silence to tell.
const leastMissed = 20

// unseen reports whether a window tells what the former line's requests meet and not
// what most of the tried line's do, though at its share they are enough to be told of:
// they go where nothing is measured, and may be lost.
func (s *seen) unseen(lines map[string]pair, share float64) bool {
	var all, known pair
	requests := 0.0
	for name, p := range lines {
		all.former += p.former
		all.tried += p.tried
		if o, there := s.at[name]; there {
			known.former += p.former
			known.tried += p.tried
			requests += o.requests
		}
	}
	missed := share * requests * (1 - known.tried/all.tried)
	return known.former > leastKnown*all.former && known.tried <= leastKnown*all.tried && missed >= leastMissed
}

// compare weighs what was met by each line's weights. It is not ok where too
// little is known of what either line meets.
func compare(s *seen, lines map[string]pair) (c comparison, ok bool) {
	var all, known pair
	for name, p := range lines {
		all.former += p.former
		all.tried += p.tried
		if o, there := s.at[name]; there {
			known.former += p.former
			known.tried += p.tried
			c.cost.former += p.former * o.cost
			c.cost.tried += p.tried * o.cost
			c.requests += o.requests
		}
	}
	if !(known.former > leastKnown*all.former && known.tried > leastKnown*all.tried) {
		return c, false
	}
	c.cost.former /= known.former
	c.cost.tried /= known.tried
	sum := c.cost.former + c.cost.tried
	if !(sum > 0) || math.IsInf(sum, 0) {
		return c, false
	}
	c.difference = (c.cost.tried - c.cost.former) / sum
	for name, p := range lines {
		if o, there := s.at[name]; there {
			former, tried := p.former/known.former, p.tried/known.tried
			slope := 2 * (tried*c.cost.former - former*c.cost.tried) / (sum * sum)
			c.variance += slope * slope * o.variance
			c.apart += math.Abs(tried-former) / 2
		}
	}
	return c, true
}
