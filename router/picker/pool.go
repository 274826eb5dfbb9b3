package picker

import (
	"slices"
	"time"
)

// pooled is the answer to a probe that a prober keeps for later requests.
type pooled struct {
	endpoint int
	at       time.Duration // when the answer came
	inFlight float64       // as told, and what this proxy has sent since
	latency  float64       // seconds; 0 where the endpoint could not tell
	uses     int           // that are left
}

// pool holds the answers in the order in which they came, one per endpoint.
// It is small, so what is removed is closed up by moving the rest.
type pool []pooled

// add replaces what the endpoint said before; beyond the capacity the oldest
// goes.
func (p *pool) add(e pooled, capacity int) {
	p.drop(e.endpoint)
	for len(*p) >= capacity {
		p.remove(0)
	}
	*p = append(*p, e)
}

func (p *pool) remove(k int) { *p = slices.Delete(*p, k, k+1) }

func (p pool) find(endpoint int) int {
	for k := range p {
		if p[k].endpoint == endpoint {
			return k
		}
	}
	return -1
}

func (p *pool) drop(endpoint int) {
	if k := p.find(endpoint); k >= 0 {
		p.remove(k)
	}
}

// expire removes answers older than age.
func (p *pool) expire(now, age time.Duration) {
	k := 0
	for k < len(*p) && now-(*p)[k].at > age {
		k++
	}
	if k > 0 {
		*p = slices.Delete(*p, 0, k)
	}
}

// rank orders answers: by tier, then by first, then by second; less is better.
type rank struct {
	tier          int
	first, second float64
}

func (a rank) less(b rank) bool {
	if a.tier != b.tier {
		return a.tier < b.tier
	}
	if a.first != b.first {
		return a.first < b.first
	}
	return a.second < b.second
}

// rule says which of the pooled answers is the best, and learns what it needs
// to know for that.
type rule interface {
	// rank of an answer, with the requests of this proxy in flight there.
	rank(e *pooled, own int) rank
	// probed hears an answer of endpoint i. A latency of 0 is not told.
	probed(i int, inFlight, latency, service float64)
	// done hears what became of a request.
	done(i int, latency float64)
	// grow makes room for n endpoints.
	grow(n int)
}
