package features

import (
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// Frame is a window with its feature rows.
type Frame struct {
	mesh.Window
	// X has a row for each endpoint of the window and a column for each name,
	// row by row. NaN is unknown; infinities do not occur.
	X []float32
	// Names are the names of Columns, in order. It is shared: do not write.
	Names []string
	// Step is the time in seconds between the last two windows, of the first
	// the window's span: a decision is in force until the next one.
	Step float64
	// Horizon is how far ahead, in seconds, crossings and climbs look.
	Horizon float64
	// Delay is how much later than its end the window was decided upon at first:
	// Time moves on while no other comes.
	Delay time.Duration
	// Demand is the load of the whole service to be ready for, in requests/s:
	// that of the last windows and two standard deviations of it, and no less than
	// the newest one's. What is right for little load drowns the best endpoints
	// when more comes, and the reverse costs little.
	Demand float64
	// Unrest is by how much capacities change from one window to the next beyond
	// what the chance of a few requests explains: a standard deviation of their
	// logarithms.
	Unrest float64
	// Objective is what the frame was made for.
	Objective mesh.Objective
	// Anomalies says, per endpoint, how strange it behaves and why.
	Anomalies []Anomaly
}

// Anomaly is how strange an endpoint behaves compared with its own past.
type Anomaly struct {
	Score float64 // 0 nothing strange, 1 as strange as it gets
	// Top are the series that contribute most, the strangest first; none
	// while nothing is strange.
	Top []Contribution
	// VsPeers are the series by which it is strangest against the other endpoints
	// of its service, whatever its own past; none while nothing is.
	VsPeers []Contribution
}

// Contribution is how strange one series of an endpoint is.
type Contribution struct {
	Series   string
	Surprise float64 // −log10 of the probability of something as strange
}

// Strangest appends what is strange of the endpoint to dst, the strangest first:
// series against its past, and against its peers with _vs_peers after their name.
func (a *Anomaly) Strangest(dst []Contribution) []Contribution {
	own, peers := a.Top, a.VsPeers
	for len(own)+len(peers) > 0 {
		if len(peers) == 0 || len(own) > 0 && own[0].Surprise >= peers[0].Surprise {
			dst, own = append(dst, own[0]), own[1:]
			continue
		}
		dst = append(dst, Contribution{peers[0].Series + "_vs_peers", peers[0].Surprise})
		peers = peers[1:]
	}
	return dst
}

// Row returns the features of endpoint i, a column for each name.
func (f *Frame) Row(i int) []float32 {
	n := len(f.Names)
	return f.X[i*n : (i+1)*n]
}

// Column returns the position of the named column, or -1.
func (f *Frame) Column(name string) int { return slices.Index(f.Names, name) }

// Clone returns a copy that outlives the next Push. It shares the schema,
// which nobody writes.
func (f *Frame) Clone() *Frame {
	c := *f
	c.Endpoints = slices.Clone(f.Endpoints)
	c.Values = slices.Clone(f.Values)
	c.Requests = slices.Clone(f.Requests)
	c.X = slices.Clone(f.X)
	c.Anomalies = slices.Clone(f.Anomalies)
	for i := range c.Anomalies {
		c.Anomalies[i].Top = slices.Clone(c.Anomalies[i].Top)
		c.Anomalies[i].VsPeers = slices.Clone(c.Anomalies[i].VsPeers)
	}
	return &c
}

// Rename gives the endpoints other names. Of two that are one then, the first that had
// the name already is kept, else the first.
func (f *Frame) Rename(names []string) {
	keep := make([]int, 0, len(names))
	at := make(map[string]int, len(names))
	for i, name := range names {
		k, twice := at[name]
		if !twice {
			at[name] = len(keep)
			keep = append(keep, i)
		} else if f.Endpoints[i].Name == name && f.Endpoints[keep[k]].Name != name {
			keep[k] = i
		}
	}
	slices.SortFunc(keep, func(a, b int) int { return strings.Compare(names[a], names[b]) })
	old := *f
	f.Endpoints, f.Values, f.Requests, f.X, f.Anomalies = nil, nil, nil, nil, nil
	for _, i := range keep {
		e := old.Endpoints[i]
		e.Name = names[i]
		f.Endpoints = append(f.Endpoints, e)
		f.Values = append(f.Values, old.Window.Row(i)...)
		f.X = append(f.X, old.Row(i)...)
		if old.Requests != nil {
			f.Requests = append(f.Requests, old.Requests[i])
		}
		if old.Anomalies != nil {
			f.Anomalies = append(f.Anomalies, old.Anomalies[i])
		}
	}
}
