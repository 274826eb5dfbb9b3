// Package picker is the fast loop: it picks an endpoint for each request of
// one proxy. A picker knows what it sent and what came of it, the weights that
// the slow loop set, and, depending on its kind, what endpoints say of their
// load in probes or beside their answers.
//
// What is simulated in replay is what the client serves: both use these.
package picker

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Picker picks an endpoint for each request of one proxy and hears what became
// of it. It is not safe for concurrent use. Equal seeds and calls give equal
// picks.
type Picker interface {
	// Pick returns the position of an endpoint, or −1 when there is none. now
	// is the time since the proxy's start; it never goes back.
	Pick(now time.Duration, r *mesh.Request) int
	// Done ends the request that Pick sent to endpoint i.
	Done(now time.Duration, i int, o mesh.Outcome)
	// Update takes new weights, for endpoints 0 to len(w)−1; what is known of
	// endpoints that stay is kept.
	Update(w mesh.Weights)
}

// Prober is a Picker that asks endpoints about their load, beside the requests.
type Prober interface {
	Picker
	// Probes appends the endpoints to ask at now, and says when it wants to be
	// called again without a request having been picked; Never if at no time. It
	// is called once after each Pick, and at the time that it named last.
	Probes(dst []int, now time.Duration) ([]int, time.Duration)
	// Probed brings the answer of endpoint i. An endpoint that does not answer
	// in time brings none.
	Probed(now time.Duration, i int, l mesh.Load)
}

// BoardReader is a Picker that lives on what the slow loop last saw. Board brings
// it with each new window, after the Update of its weights; it is empty where
// there is none. A picker copies what it keeps.
type BoardReader interface {
	Picker
	Board(b Board)
}

// Throttler is a Picker that may hold a request back: Pick returns Held, and
// the request is offered again when an answer has come in, or at the time that
// Retry names, whichever is first.
type Throttler interface {
	Picker
	Retry(now time.Duration) time.Duration
}

// Reader is a Picker that reads what endpoints say of their load beside their
// answers: only for one is Outcome.Load set.
type Reader interface {
	Picker
	ReadsLoad()
}

// Held is what Pick of a Throttler returns for a request that has to wait.
const Held = -2

// Never is later than every time.
const Never = time.Duration(math.MaxInt64)

// Config is what a picker of any kind may be told when it is made.
type Config struct {
	Endpoints int
	// Weights of the endpoints; nil: equal.
	Weights mesh.Weights
	// Proxies is how many proxies send to these endpoints, each with a picker
	// of its own.
	Proxies int
	Seed    uint64
	// Truth, for an oracle only, is the time in seconds until endpoint i would
	// have done a request that it was sent now; nil outside a simulation.
	Truth func(i int) float64
}
