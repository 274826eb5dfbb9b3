package router

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Picker picks an endpoint for each request and hears what became of it.
type Picker interface {
	// Pick returns the position of an endpoint, or -1 when there is none.
	Pick(now time.Duration, r *mesh.Request) int
	// Done ends the request that Pick sent to endpoint i.
	Done(now time.Duration, i int, o mesh.Outcome)
	// Update replaces the weights; in-flight counts stay. The number of
	// endpoints may change only at the end.
	Update(w mesh.Weights)
}

// NewWeighted picks at random in proportion to the weights.
func NewWeighted(w mesh.Weights, seed uint64) Picker { return nil }

// NewPowerOfTwo draws two of n endpoints by weight (nil: equal) and picks the
// one with fewer requests in flight.
func NewPowerOfTwo(n int, w mesh.Weights, seed uint64) Picker { return nil }
