package benchmark

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/anomaly"
	"github.com/fairway-mesh/fairway/prom"
)

// NezhaReport is how well the faulty pod of an injected fault is found among
// all, 200 s after the fault began: from the recent past alone, without labels.
type NezhaReport struct {
	Faults []Fault
	// Top1, Top3 and Top5 are the shares of faults whose pod is among the first.
	Top1, Top3, Top5 float64
	ByKind           map[string]Hits // by kind of fault: how many pods were first
	// Pod-minutes from 5 min before the first fault to 10 min after the last;
	// positive are those of the faulty pod 30 s to 210 s after the start.
	AUROC, AveragePrecision, Positives float64
}

// Fault is one injected fault and at which place its pod was ranked, from 1.
type Fault struct {
	Service, Kind string
	Start         float64 // Unix seconds
	Rank          int
}

// Hits are how many of so many.
type Hits struct{ Hits, Of int }

const (
	nezhaDecision = 200 // seconds after the start at which the pods are ranked: the end of the naive baseline's window
	nezhaRecent   = 3   // scrapes that are ranked by their mean: a fault lasts as long
	nezhaMemory   = 60  // scrapes: an hour, the naive baseline's
)

// Nezha ranks the pods of every recording (*.om.gz) in a folder. What a pod does
// itself is its CPU and its memory; how it answers are its server latency, its
// success at the entry, the latency of calls into it as both ends see it, and
// what is lost between them. Metrics that a recording does not have are missed.
func Nezha(ctx context.Context, dir string) (NezhaReport, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.om.gz"))
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: holds no *.om.gz", dir)
	}
	if err != nil {
		return NezhaReport{}, err
	}
	faults, err := readFaults(filepath.Join(dir, "faults.csv"))
	if err != nil {
		return NezhaReport{}, err
	}
	minutes := &podMinutes{}
	for _, path := range paths {
		if err := walkNezha(ctx, path, filepath.Join(dir, "edges.csv"), faults, minutes); err != nil {
			return NezhaReport{}, err
		}
	}
	report := NezhaReport{Faults: faults, ByKind: map[string]Hits{}}
	report.AUROC, report.AveragePrecision = AUROC(minutes.scores, minutes.positive), AveragePrecision(minutes.scores, minutes.positive)
	report.Positives = float64(count(minutes.positive)) / float64(max(len(minutes.positive), 1))
	return report, report.tally()
}

// walkNezha walks one recording twice: by the mean of the newest scrapes, to
// rank at the end of a fault, and by the newest alone, to say which minutes are
// strange.
func walkNezha(ctx context.Context, path, edges string, faults []Fault, minutes *podMinutes) error {
	h, err := openHistory(ctx, path, time.Minute)
	if err != nil {
		return err
	}
	defer h.dump.Close()
	ranked, err := readGraph(ctx, h, edges)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	newest := ranked.again(1)
	for step := range h.steps() {
		suspects := ranked.advance(step)
		for i := range faults {
			if h.last(faults[i].Start+nezhaDecision) == step {
				faults[i].Rank = rank(suspects, ranked.service(faults[i].Service))
			}
		}
		minutes.add(newest.advance(step), newest.services, faults, h.at(step))
	}
	return nil
}

func readFaults(path string) ([]Fault, error) {
	rows, err := table(path, "service", "fault", "start_unix")
	if err != nil {
		return nil, err
	}
	faults := make([]Fault, len(rows))
	for i, row := range rows {
		start, err := strconv.ParseFloat(row["start_unix"], 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: start_unix: %w", path, i+2, err)
		}
		faults[i] = Fault{Service: row["service"], Kind: row["fault"], Start: start}
	}
	return faults, nil
}

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

// podMinutes are scores of pods at moments near faults.
type podMinutes struct {
	scores   []float64
	positive []bool
}

func (p *podMinutes) add(suspects []anomaly.Suspect, services []string, faults []Fault, now float64) {
	first, last := math.Inf(1), math.Inf(-1)
	for _, f := range faults {
		first, last = min(first, f.Start-300), max(last, f.Start+180+600)
	}
	if now < first || now > last {
		return
	}
	for _, s := range suspects {
		p.scores = append(p.scores, s.Suspicion)
		p.positive = append(p.positive, slices.ContainsFunc(faults, func(f Fault) bool {
			return f.Service == services[s.Index] && now >= f.Start+30 && now <= f.Start+210
		}))
	}
}

func (r *NezhaReport) tally() error {
	n := float64(len(r.Faults))
	for _, f := range r.Faults {
		if f.Rank == 0 {
			return fmt.Errorf("the %s of %s at %v lies outside every recording", f.Kind, f.Service, f.Start)
		}
		kind := r.ByKind[f.Kind]
		kind.Of++
		if f.Rank == 1 {
			kind.Hits++
			r.Top1 += 1 / n
		}
		if f.Rank <= 3 {
			r.Top3 += 1 / n
		}
		if f.Rank <= 5 {
			r.Top5 += 1 / n
		}
		r.ByKind[f.Kind] = kind
	}
	return nil
}
