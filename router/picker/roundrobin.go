package picker

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// roundRobin picks the endpoints in turn, from a random one on: proxies that
// all begin at the first would send their first requests to the same endpoint
// (kubernetes/ingress-nginx#4023).
type roundRobin struct {
	open
	next uint64
}

func newRoundRobin(c Config, _ settings) Picker {
	return &roundRobin{next: newRandom(c, 4).Uint64() >> 32}
}

func (p *roundRobin) Pick(time.Duration, *mesh.Request) int {
	if len(p.list) == 0 {
		return -1
	}
	i := p.list[p.next%uint64(len(p.list))]
	p.next++
	return i
}

func (p *roundRobin) Done(time.Duration, int, mesh.Outcome) {}

func (p *roundRobin) Update(w mesh.Weights) { p.set(w) }
