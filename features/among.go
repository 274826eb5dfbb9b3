package features

import (
	"slices"

	"github.com/fairway-mesh/fairway/anomaly"
	"github.com/fairway-mesh/fairway/mesh"
)

// vsPeers are the series that are compared with the peers': few, for each costs
// time, and none that weights alone move, as the load and what follows it.
var vsPeers = [...]string{mesh.ErrorRatio, mesh.LatencyMean, mesh.LatencyP99, mesh.CPU, mesh.Memory}

// compare chooses what is compared of the service's series, and begins anew. A
// p90 stands in for a p99.
func (s *service) compare() {
	s.compared = []int{}
	for _, name := range vsPeers {
		i := slices.Index(s.series, name)
		if i < 0 && name == mesh.LatencyP99 {
			i = slices.Index(s.series, mesh.LatencyP90)
		}
		if i >= 0 {
			s.compared = append(s.compared, i)
		}
	}
	s.peers = anomaly.NewPeers(len(s.compared))
}

// among compares the endpoints of one window.
type among struct {
	peers            []*anomaly.Peer
	values, surprise []float64 // a row of the compared series for each endpoint
}

func (a *among) reset() { a.peers, a.values = a.peers[:0], a.values[:0] }

// gather takes the row of the next endpoint as its tracker does.
func (a *among) gather(s *service, m *memory, stable []float64) {
	a.peers = append(a.peers, m.peer)
	for _, c := range s.compared {
		a.values = append(a.values, stable[c])
	}
}

// judge writes how surprising each is.
func (a *among) judge(s *service, warmup int) {
	n := len(a.values)
	a.surprise = slices.Grow(a.surprise[:0], n)[:n]
	s.peers.Compare(a.surprise, nil, a.peers, a.values, warmup)
}

// of is the row of endpoint i.
func (a *among) of(s *service, i int) []float64 {
	n := len(s.compared)
	return a.surprise[i*n : (i+1)*n]
}
