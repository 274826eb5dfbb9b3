package datasets

import (
	"context"
	"iter"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// joinLooks is at how many instants a recording is looked at for its endpoints.
const joinLooks = 24

// Joined counts what became of the requests of a log that was joined.
type Joined struct {
	Requests  int
	Strangers map[string]int // by SERVICE/ENDPOINT: requests of whom the recording does not know
}

// JoinRequests streams a request log of the same mesh, such as a proxy's access
// log, with every endpoint under the name by which the recording's windows know
// it: its own name, the one that Identify gives it (the rules know addresses),
// or that of the endpoint whose address it is. Who the recording does not know
// passes as it is. The services must have the same names. Joined, unless nil, is
// complete when the stream has ended.
func (r *Recording) JoinRequests(ctx context.Context, log iter.Seq2[Request, error], joined *Joined) iter.Seq2[Request, error] {
	return func(yield func(Request, error) bool) {
		known, err := r.endpoints(ctx)
		if err != nil {
			yield(Request{}, err)
			return
		}
		if joined == nil {
			joined = &Joined{}
		}
		joined.Strangers = map[string]int{}
		names := map[[2]string]string{}
		for q, err := range log {
			if err == nil {
				key := [2]string{q.Service, q.Endpoint}
				name, ok := names[key]
				if !ok {
					name = r.nameOf(known[q.Service], q.Service, q.Endpoint)
					names[key] = name
				}
				q.Endpoint = name
				joined.Requests++
				if _, ok := known[q.Service][name]; !ok {
					joined.Strangers[q.Service+"/"+name]++
				}
			}
			if !yield(q, err) || err != nil {
				return
			}
		}
	}
}

// endpoints are those of each service, as the windows have them.
func (r *Recording) endpoints(ctx context.Context) (map[string]map[string]mesh.Endpoint, error) {
	start, end := r.Dump.Span()
	known := map[string]map[string]mesh.Endpoint{}
	for w, err := range r.Windows(ctx, r.Timing(max((end.Sub(start)/joinLooks).Truncate(time.Millisecond), r.Schema.Step), 0)) {
		if err != nil {
			return nil, err
		}
		for _, e := range w.Endpoints {
			if known[w.Service] == nil {
				known[w.Service] = map[string]mesh.Endpoint{}
			}
			known[w.Service][e.Name] = e
		}
	}
	return known, nil
}

func (r *Recording) nameOf(known map[string]mesh.Endpoint, service, endpoint string) string {
	if _, ok := known[endpoint]; ok {
		return endpoint
	}
	for _, e := range known { // addresses are of one endpoint each
		if e.Address != "" && e.Address == endpoint {
			return e.Name
		}
	}
	if r.Identify == nil {
		return endpoint
	}
	w := mesh.Window{Service: service, Schema: r.Schema, Endpoints: []mesh.Endpoint{{Name: endpoint, Address: endpoint}}, Requests: []float64{math.NaN()}}
	for range r.Schema.Series {
		w.Values = append(w.Values, math.NaN())
	}
	r.Identify(&w)
	return w.Endpoints[0].Name
}
