package health

import (
	"fmt"
	"math"
)

// Passive is what an endpoint's own traffic says of it.
type Passive struct {
	Known bool // it had requests, or its metrics say that it is there
	// ErrorRatio of the newest window with enough requests, 0 to 1.
	ErrorRatio float64
	// Failing is in how many windows in a row more failed than may.
	Failing int
	// Deviation is how far its success ratio is above its peers' mean, in standard
	// deviations of theirs; 0 where there are too few to tell.
	Deviation float64
	Outlier   bool
	// Ejected says that it gets nothing, or next to nothing, for it.
	Ejected bool
	Reason  string // why it is an outlier, or ejected
}

// Outliers is when traffic speaks against an endpoint.
type Outliers struct {
	// Requests is the least number of them in a window from which it counts.
	Requests float64
	// ErrorRatio is the least that is failing, and Windows in how many in a row
	// that makes an outlier.
	ErrorRatio float64
	Windows    int
	// Peers is the least number of endpoints with enough requests, itself
	// included, from which they are compared, and Factor how many standard
	// deviations below their mean success ratio makes an outlier.
	Peers  int
	Factor float64
	// Slack is the least difference to the mean that counts: peers that hardly
	// differ have a deviation of next to nothing.
	Slack float64
}

// DefaultOutliers has the success-rate deviation of Envoy (five hosts, 1.9
// standard deviations), the error ratio of the origin's alerts, and its five
// failures in a row as requests: two windows of at least five.
func DefaultOutliers() Outliers {
	return Outliers{Requests: 5, ErrorRatio: 0.05, Windows: 2, Peers: 5, Factor: 1.9, Slack: 0.01}
}

// Traffic is what one endpoint did in a window. NaN is unknown.
type Traffic struct{ Requests, ErrorRatio float64 }

// Observe brings what is known of each endpoint of a service up to the next
// window; known and traffic are in step. A window with too few requests says
// nothing, and changes nothing.
func (o Outliers) Observe(known []Passive, traffic []Traffic) {
	mean, deviation, compared := o.peers(traffic)
	for i, t := range traffic {
		p := &known[i]
		if !o.enough(t) {
			continue
		}
		*p = Passive{Known: true, ErrorRatio: t.ErrorRatio, Failing: p.Failing}
		if p.Failing++; t.ErrorRatio < o.ErrorRatio {
			p.Failing = 0
		}
		below := t.ErrorRatio - mean
		if compared && deviation > 0 {
			p.Deviation = -below / deviation
		}
		switch {
		case p.Failing >= o.Windows:
			p.Outlier, p.Reason = true, fmt.Sprintf("error ratio %.2g, %d windows in a row", t.ErrorRatio, p.Failing)
		case compared && below > max(o.Factor*deviation, o.Slack):
			p.Outlier, p.Reason = true, fmt.Sprintf("error ratio %.2g, its peers' mean is %.2g", t.ErrorRatio, mean)
		}
	}
}

func (o Outliers) enough(t Traffic) bool {
	return t.Requests >= o.Requests && t.ErrorRatio >= 0 && t.ErrorRatio <= 1
}

// peers are mean and standard deviation of the error ratios, every endpoint
// counting alike, as Envoy has it for success rates.
func (o Outliers) peers(traffic []Traffic) (mean, deviation float64, compared bool) {
	n, sum, squares := 0.0, 0.0, 0.0
	for _, t := range traffic {
		if o.enough(t) {
			n, sum, squares = n+1, sum+t.ErrorRatio, squares+t.ErrorRatio*t.ErrorRatio
		}
	}
	if n < float64(max(o.Peers, 2)) {
		return 0, 0, false
	}
	mean = sum / n
	return mean, math.Sqrt(max(squares/n-mean*mean, 0)), true
}
