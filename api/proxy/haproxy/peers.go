package haproxy

import (
	"sync/atomic"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// peers are the endpoints of one route, in groups within which requests may be moved.
type peers struct {
	group  []*group // per endpoint, the one that it is in
	subset []string // per endpoint, what an answer with it names
}

// group are endpoints whose common share is the rules' or the table's.
type group struct {
	members []member
	draw    picker.Draw // over members; empty while few of them are
}

// member is an endpoint with a weight above 0 and, as the table's all are, finite.
type member struct {
	at     int // in the routes' Endpoints
	weight float64
	*standing
}

// peersOf are those of an answer, made for the first that is asked about of its kind. No
// trial is on.
func (f *fleet) peersOf(a *router.Answer) *peers {
	p := f.peers[a.Place].Load()
	if p == nil {
		p = f.newPeers(a)
		f.peers[a.Place].Store(p) // two that make it at once make the same
	}
	return p
}

func (f *fleet) newPeers(a *router.Answer) *peers {
	part, subset := f.routes.Parts(a.Place)
	p := &peers{group: make([]*group, len(part)), subset: subset}
	groups := map[int]*group{}
	for i, k := range part {
		g := groups[k]
		if g == nil {
			g = &group{}
			groups[k] = g
		}
		p.group[i] = g
		if a.Weights[i] > 0 {
			g.members = append(g.members, member{i, a.Weights[i], f.standing[i]})
		}
	}
	for _, g := range groups {
		if len(g.members) <= choices {
			continue
		}
		weights := make([]float64, len(g.members))
		for i := range weights {
			weights[i] = g.members[i].weight
		}
		g.draw = picker.NewDraw(nil, weights)
	}
	return p
}

// newFleet is that of the routes, with the counts of the one before, which may be nil.
func newFleet(routes *router.Routes, last *fleet) *fleet {
	endpoints, _, _ := routes.Shares() // of both lines
	f := &fleet{
		routes: routes, endpoints: make(map[string]*standing, len(endpoints)), standing: make([]*standing, len(endpoints)),
		peers: make([]atomic.Pointer[peers], routes.Places()),
	}
	for i := range endpoints {
		name := endpoints[i].Name
		var s *standing
		if last != nil {
			s = last.endpoints[name]
		}
		if s == nil {
			s = &standing{name: name}
		}
		f.endpoints[name], f.standing[i] = s, s
	}
	return f
}
