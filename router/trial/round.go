package trial

import (
	"math"
	"time"
)

// round is what the windows of one time say together: the mean over requests.
type round struct {
	time          time.Time
	services      int
	cost          pair
	requests      float64
	variance      float64 // of the difference of the summed costs, as parts of a sum
	apart         float64
	fresh, counts float64 // sums over services
}

func (r *round) add(c comparison, fresh, counts float64) {
	n := c.requests
	sum := n * (c.cost.former + c.cost.tried)
	r.services++
	r.cost.former += n * c.cost.former
	r.cost.tried += n * c.cost.tried
	r.requests += n
	r.variance += sum * sum * c.variance
	r.apart += n * c.apart
	r.fresh += fresh
	r.counts += counts
}

// pooled is the round as one comparison.
func (r *round) pooled() (comparison, bool) {
	sum := r.cost.former + r.cost.tried
	if !(sum > 0) || math.IsInf(sum, 0) {
		return comparison{}, false
	}
	return comparison{
		cost:       pair{r.cost.former / r.requests, r.cost.tried / r.requests},
		difference: (r.cost.tried - r.cost.former) / sum,
		variance:   r.variance / (sum * sum),
		apart:      r.apart / r.requests,
		requests:   r.requests,
	}, true
}
