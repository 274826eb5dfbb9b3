package picker

import (
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// leastLoaded picks the endpoint with the fewest requests of this proxy in
// flight, as the LeastLoaded of Prequal's §5.2, whose load is client-local too.
// It looks at every endpoint.
//
// Prequal's §1 names NGINX among those that balance by requests in flight; what
// its LeastLoaded does on a tie we do not know. NGINX says of its least_conn: "If
// there are several such servers, they are tried in turn using a weighted
// round-robin balancing method" (nginx.org, ngx_http_upstream_module). So by
// default the first of several after the endpoint that was picked last is picked,
// from a random one on; ties=1 picks a random one of several.
type leastLoaded struct {
	open
	inFlight counts
	random   *rand.Rand
	atRandom bool
	next     int // an index of list
}

func newLeastLoaded(c Config, s settings) Picker {
	p := &leastLoaded{random: newRandom(c, 6), atRandom: s["ties"] == 1}
	p.next = int(p.random.Uint32())
	return p
}

func (p *leastLoaded) Pick(time.Duration, *mesh.Request) int {
	if len(p.list) == 0 {
		return -1
	}
	if p.next >= len(p.list) {
		p.next %= len(p.list)
	}
	at, ties := p.next, 1
	for step := 1; step < len(p.list); step++ {
		k := p.next + step
		if k >= len(p.list) {
			k -= len(p.list)
		}
		switch a, b := p.inFlight[p.list[k]], p.inFlight[p.list[at]]; {
		case a < b:
			at, ties = k, 1
		case a == b && p.atRandom:
			if ties++; p.random.IntN(ties) == 0 {
				at = k
			}
		}
	}
	p.next = at + 1
	best := p.list[at]
	p.inFlight[best]++
	return best
}

func (p *leastLoaded) Done(_ time.Duration, i int, _ mesh.Outcome) { p.inFlight.done(i) }

func (p *leastLoaded) recall(i int) { p.inFlight.done(i) }

func (p *leastLoaded) Update(w mesh.Weights) {
	p.set(w)
	p.inFlight.grow(len(w))
}
