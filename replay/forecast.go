package replay

import "github.com/fairway-mesh/fairway/mesh"

// forecast is what the metrics before a decision say that a request to an
// endpoint will bring: as the window says, else as last seen, else as the mean
// of its peers. NaN when nothing at all was seen. It knows nothing of the
// requests that meet the decision, so the request log may be held against it.
type forecast struct{ cost, errors float64 }

// forecast reads the window that a decision was made from.
func (p past) forecast(before *mesh.Window, o mesh.Objective) []forecast {
	out := make([]forecast, len(before.Endpoints))
	known, peers := 0, forecast{}
	for i := range before.Endpoints {
		name := before.Endpoints[i].Name
		a := observe(before, i, o)
		if a.seen {
			p[name] = a
		}
		last, ok := p[name]
		out[i] = forecast{nan, nan}
		if ok {
			out[i] = forecast{last.cost, last.errors}
			peers.cost += last.cost
			peers.errors += last.errors
			known++
		}
	}
	if known == 0 {
		return out
	}
	for i := range out {
		if _, ok := p[before.Endpoints[i].Name]; !ok {
			out[i] = forecast{peers.cost / float64(known), peers.errors / float64(known)}
		}
	}
	return out
}
