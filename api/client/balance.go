package client

import (
	"math"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// balance is what a message asks of who sends the requests. What this version does
// not know draws by weight.
func balance(b *fairwayv1.Balancing) rules.Balance {
	const most = 1 << 30
	out := rules.Balance{
		Algorithm: rules.Algorithm(b.GetAlgorithm()), Table: int(min(b.GetTableSize(), most)), SubsetSize: int(min(b.GetSubsetSize(), most)),
	}
	for _, k := range b.GetHash() {
		out.Hash = append(out.Hash, rules.HashKey{Of: rules.HashOf(k.GetOf()), Name: k.GetName()})
	}
	return out
}

// ungiven is the group of endpoints that this proxy is not given; no subset is called
// so.
const ungiven = "\x00"

// own leaves their weight only to the endpoints that this proxy is given, as many of each
// subset, which keeps what it gets; the others leave their group. Where callers of a zone
// have weights of their own, each zone of endpoints keeps what it gets too, and has its
// part of the places, at least one: the few endpoints at home would else be drawn by few.
func (r *route) own(weights []float64, groups []string, proxy uint64, size int, byZone bool) {
	type place struct{ group, zone string }
	members, sums := map[place][]int{}, map[string]float64{}
	for i, group := range groups {
		at := place{group: group}
		if byZone {
			at.zone = r.endpoints[i].Zone
		}
		members[at] = append(members[at], i)
		sums[group] += weights[i]
	}
	for at, list := range members {
		hashes, part, whole := make([]uint64, len(list)), make([]float64, len(list)), 0.0
		for k, i := range list {
			hashes[k], part[k] = r.hashes[i], weights[i]
			whole += weights[i]
		}
		size := size
		if byZone && sums[at.group] > 0 {
			size = max(1, int(math.Round(float64(size)*whole/sums[at.group])))
		}
		given := picker.Subset(hashes, part, proxy, size)
		if len(list) <= size || whole == 0 {
			continue
		}
		for _, i := range list {
			weights[i], groups[i] = 0, ungiven
		}
		sum := 0.0
		for _, k := range given {
			sum += part[k]
		}
		for _, k := range given {
			i := list[k]
			weights[i], groups[i] = part[k]/sum*whole, at.group
		}
	}
}

// key tells the session of a request; empty: it is of none.
func (r *route) key(req *mesh.Request) string {
	if req.SessionKey != "" || len(r.balance.Hash) == 0 {
		return req.SessionKey
	}
	return r.balance.Key(req)
}

// bounds are the most that this client has in flight, by the rules' circuit: to the
// whole service, and to one endpoint (its connections, of which each carries one request
// over HTTP/1). 0 is no bound.
type bounds struct{ requests, endpoint int64 }

func boundsOf(c *fairwayv1.Circuit) bounds {
	return bounds{requests: int64(c.GetRequests()), endpoint: int64(c.GetConnections())}
}

// redraws is how often another endpoint is drawn before all are looked at.
const redraws = 4

// within moves a choice on from an endpoint that is at its bound to another with room,
// drawn by weight. Where there is none the choice stands, and says so.
func (r *route) within(c *Choice, s *share, u uint64) {
	c.Full = r.bounds.requests > 0 && r.total.Load() >= r.bounds.requests
	if r.bounds.endpoint <= 0 || c.open.Load() < r.bounds.endpoint {
		return
	}
	for range redraws {
		u = picker.Scramble(u)
		if r.move(c, s, s.draw.Pick(u)) {
			return
		}
	}
	for k := range s.spots {
		if i := (k + int(u%uint64(len(s.spots)))) % len(s.spots); s.spots[i].weight > 0 && r.move(c, s, i) {
			return
		}
	}
	c.Full = true
}

// move takes endpoint i where it has room. With what probability depends on who has.
func (r *route) move(c *Choice, s *share, i int) bool {
	if i < 0 || s.spots[i].open.Load() >= r.bounds.endpoint {
		return false
	}
	c.Endpoint, c.open, c.Propensity = s.spots[i].endpoint, s.spots[i].open, math.NaN()
	return true
}

// begin counts a request of a choice, and returns how many were at its endpoint.
func (c *Choice) begin() int64 {
	if c.total != nil {
		c.total.Add(1)
	}
	return c.open.Add(1) - 1
}

func (c *Choice) end() {
	if c.total != nil {
		c.total.Add(-1)
	}
	c.open.Add(-1)
}
