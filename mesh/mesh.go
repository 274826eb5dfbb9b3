// Package mesh holds the words that every other room speaks: services and
// their endpoints, windows of what was seen, weights, requests and outcomes.
//
// It imports the standard library only. Nothing here reads a clock or draws a
// random number, and no value is safe for concurrent writes; reading is.
package mesh

import "time"

// Endpoint is one place where a request of a service can go.
type Endpoint struct {
	// Name is what the metrics call it; it identifies the endpoint.
	Name string `json:"name" yaml:"name"`
	// Address is what a proxy can connect to, host:port; empty when unknown.
	Address string `json:"address,omitempty" yaml:"address,omitempty"`
	// Subset groups endpoints that rules speak about, such as a version.
	Subset string `json:"subset,omitempty" yaml:"subset,omitempty"`
	// Zone is the failure domain.
	Zone string `json:"zone,omitempty" yaml:"zone,omitempty"`
}

// Request is what is known of a request before it is routed.
type Request struct {
	Service string
	Method  string
	Path    string // without the query
	Query   string // raw, without "?"
	Host    string
	Headers map[string]string // keys in lower case
	Source  Source
	Class   string
	// SessionKey makes picks sticky when it is not empty.
	SessionKey string
}

// Source says who sends a request.
type Source struct {
	Labels map[string]string
	Zone   string
}

// Outcome is what became of a request.
type Outcome struct {
	Latency time.Duration
	Failed  bool // no answer before the deadline, or a 5xx
	// Load is what the endpoint said of itself beside its answer; nil when it
	// said nothing. It is valid during the call only.
	Load *Load
}

// Load is what an endpoint says of itself. What it does not tell is NaN.
type Load struct {
	InFlight    float64 // requests being served or waiting
	Latency     float64 // seconds: median of what requests that arrived at about this load took lately
	Service     float64 // seconds: mean time lately that a request was served, without its wait
	Rate        float64 // requests answered per second
	ErrorRate   float64 // of these, failed
	Utilization float64 // busy share of the capacity; above 1 where it is exceeded
}

// Objective says what a good answer is worth to a service.
type Objective struct {
	// Deadline is what a failed request costs, and the worst a slow one can.
	Deadline time.Duration `json:"deadline" yaml:"deadline"`
	// Percentile is the latency quantile that is watched, in (0, 1).
	Percentile float64 `json:"percentile" yaml:"percentile"`
	// ErrorCost multiplies the deadline for a failed request.
	ErrorCost float64 `json:"error_cost" yaml:"error_cost"`
	// MaxErrorRatio and MaxLatency bound what still counts as working: an
	// endpoint beyond either is failing. Zero MaxLatency: the deadline, or where
	// there is a past to learn from, a multiple of what is usual in it.
	MaxErrorRatio float64       `json:"max_error_ratio" yaml:"max_error_ratio"`
	MaxLatency    time.Duration `json:"max_latency" yaml:"max_latency"`
}

// DefaultObjective has the origin's alert thresholds: more than 5 % of
// requests failing, or a p99 above one second.
func DefaultObjective() Objective {
	return Objective{Deadline: time.Second, Percentile: 0.99, ErrorCost: 1, MaxErrorRatio: 0.05}
}

// Cost is the expected cost, in seconds, of a request with the given mean
// latency (seconds, of the requests that were answered) and error ratio.
func (o Objective) Cost(meanLatency, errorRatio float64) float64 {
	deadline := o.Deadline.Seconds()
	if meanLatency > deadline {
		meanLatency = deadline
	}
	return (1-errorRatio)*meanLatency + errorRatio*deadline*o.ErrorCost
}
