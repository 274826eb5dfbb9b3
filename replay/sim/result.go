package sim

import (
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// Result is what one strategy made of one scenario with one seed. Only what
// arrived after the warm-up counts, unless a field says otherwise.
type Result struct {
	Scenario, Strategy string
	Seed               uint64
	// Requests arrived, of which Failed got no good answer before the deadline
	// (Expired of them none at all).
	Requests, Failed, Expired int
	// Latency has one entry per request, in seconds; a failed request counts as
	// the deadline. Mean is exact, not from the histogram.
	Latency *Histogram
	Mean    float64
	// InFlight is that of every endpoint (served and waiting), sampled at every
	// arrival.
	InFlight *Histogram
	// Slots cut the whole time, warm-up included, into equal parts.
	Slots []Slot
	// Endpoints are the names, in the order of Slot.Sent and Slot.Weights.
	Endpoints []string
	// Faults that the scenario injected; times count from time.Unix(0, 0).
	Faults []datasets.Fault
	// Drain is, per fault that should be drained, how long after its start the
	// endpoint's share of the requests stayed below a tenth of its fair share;
	// Return how long after its end the share was half of its fair one again.
	// Never happened: the time that was left, and counted in NotDrained, NotReturned.
	Drain, Return           []time.Duration
	NotDrained, NotReturned int
	// Churn is the total variation per minute of the weights that the slow loop
	// published; 0 where nothing sets weights.
	Churn float64
	// Declined counts, by reason, the slow loop's decisions that fell back.
	Declined map[string]int
	// Probes that were sent, and events that were processed.
	Probes, Events int
}

// Slot is a part of the time of a run.
type Slot struct {
	Start            time.Duration
	Requests, Failed int
	Latency          float64   // mean, seconds; NaN when nothing arrived
	P99              float64   // seconds; NaN when nothing arrived
	Sent             []int     // requests per endpoint
	Weights          []float64 // of the slow loop at the slot's end; nil when it sets none
}
