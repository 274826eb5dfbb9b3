package benchmark

import (
	"context"
	"slices"

	"github.com/fairway-mesh/fairway/anomaly"
	"github.com/fairway-mesh/fairway/prom"
)

// sighting is one series and whom it is evidence about.
type sighting struct {
	course
	trail   trail
	service int // in graph.services; −1 of a call
	call    int // in graph.calls; −1 of a service
	own     bool
}

// graph is what is seen of a few services that call each other.
type graph struct {
	services  []string
	sightings []*sighting
	calls     []anomaly.Call
	evidence  []anomaly.Evidence
}

func (g *graph) service(name string) int {
	i := slices.Index(g.services, name)
	if i < 0 {
		i = len(g.services)
		g.services = append(g.services, name)
		g.evidence = append(g.evidence, anomaly.Evidence{})
	}
	return i
}

func (g *graph) call(caller, callee string) int {
	from, to := g.service(caller), g.service(callee)
	i := slices.IndexFunc(g.calls, func(c anomaly.Call) bool { return c.Caller == from && c.Callee == to })
	if i < 0 {
		i = len(g.calls)
		g.calls = append(g.calls, anomaly.Call{Caller: from, Callee: to})
	}
	return i
}

func readGraph(ctx context.Context, h *history, edges string) (*graph, error) {
	g := &graph{}
	known, err := table(edges, "source", "destination")
	if err != nil {
		return nil, err
	}
	for _, row := range known {
		g.call(row["source"], row["destination"])
	}
	for _, metric := range []struct {
		name string
		own  bool
	}{
		{"pod_cpu_usage_ratio", true}, {"pod_memory_usage_bytes", true},
		{"pod_server_latency_p90_seconds", false}, {"pod_server_latency_p95_seconds", false},
	} {
		rows, err := h.series(ctx, metric.name)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			g.see(logarithms(row.Values), g.service(row.Labels["service"]), -1, metric.own)
		}
	}
	rows, err := h.series(ctx, "edge_latency_p50_seconds")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		g.see(logarithms(row.Values), -1, g.call(row.Labels["source"], row.Labels["destination"]), false)
	}
	g.seeNetwork(rows)
	return g, g.seeEntry(ctx, h)
}

// seeNetwork adds what is lost between the two ends of a call: a callee that
// answers as fast as ever, and late, has a slow network.
func (g *graph) seeNetwork(edges prom.Matrix) {
	for _, at := range edges {
		if at.Labels["reporter"] != "source" {
			continue
		}
		caller, callee := at.Labels["source"], at.Labels["destination"]
		for _, to := range edges {
			if to.Labels["reporter"] != "destination" || to.Labels["source"] != caller || to.Labels["destination"] != callee {
				continue
			}
			lost := logarithms(at.Values)
			for i, v := range to.Values {
				lost.values[i] -= latency(v)
			}
			g.see(lost, -1, g.call(caller, callee), false)
		}
	}
}

// seeEntry adds the share of failures at the entry. pod_success_ratio is dead
// in this recording; a constant would be no evidence anyway.
func (g *graph) seeEntry(ctx context.Context, h *history) error {
	successes, err := h.series(ctx, "entry_success_ratio")
	if err != nil {
		return err
	}
	rates, err := h.series(ctx, "pod_request_rate")
	if err != nil {
		return err
	}
	for _, row := range successes {
		g.see(failures(row, rates, h.step), g.service(row.Labels["service"]), -1, false)
	}
	return nil
}

func (g *graph) see(c course, service, call int, own bool) {
	g.sightings = append(g.sightings, &sighting{course: c, service: service, call: call, own: own, trail: trail{keep: nezhaRecent}})
}

// advance moves to the next step and ranks the services.
func (g *graph) advance(step int) []anomaly.Suspect {
	clear(g.evidence)
	for i := range g.calls {
		g.calls[i].Strange = 0
	}
	for _, s := range g.sightings {
		s.trail.push(s.values[step], s.floors[step], nezhaMemory)
		strange := max(s.trail.distance(s.floors[step]), 0) // more is worse, of all of them
		switch {
		case s.service < 0:
			g.calls[s.call].Strange = max(g.calls[s.call].Strange, strange)
		case s.own:
			g.evidence[s.service].Own = max(g.evidence[s.service].Own, strange)
		default:
			g.evidence[s.service].Served = max(g.evidence[s.service].Served, strange)
		}
	}
	return anomaly.Suspects(g.evidence, g.calls)
}

// again is the same graph from the start, by the mean of so many newest values.
func (g *graph) again(recent int) *graph {
	other := &graph{services: g.services, calls: slices.Clone(g.calls), evidence: slices.Clone(g.evidence)}
	for _, s := range g.sightings {
		fresh := *s
		fresh.trail = trail{keep: recent}
		other.sightings = append(other.sightings, &fresh)
	}
	return other
}

// rank is the place of an index among suspects, from 1.
func rank(suspects []anomaly.Suspect, index int) int {
	return 1 + slices.IndexFunc(suspects, func(s anomaly.Suspect) bool { return s.Index == index })
}
