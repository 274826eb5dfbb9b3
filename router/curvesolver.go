package router

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/router/picker"
)

// CurveSolver fits each endpoint's latency as a function of its load, solves
// for the weights of least mean latency at the service's present load, and goes
// there in steps. It is after KnapsackLB (Gandhi and Narayana, CoNEXT 2025,
// arXiv 2404.17783: a curve per endpoint, rescaled when what is seen is off it,
// and a solver) and SLATE (HotNets '24; github.com/ServiceLayerNetworking/SLATE:
// M/M/1-like curves, and "defensive jumping").
//
// The first solution is taken over. From then on the weights are a mix of those
// from which a move began and those that the solver wants. After each step it
// waits for a window that began later, and compares the service's mean latency
// with that before the step: worse by more than worse takes the step back, else
// it steps on. Where it got worse after that too it was not the step, and the
// rest of the way is gone unasked; without this rule a queue that grows anyhow
// holds the weights that make it grow. A solution that differs from the one it
// moves to by more than change of the traffic begins a new move; smaller changes
// are followed once it has arrived.
//
// SLATE's step is a quarter, in other versions of its code all of the way, and
// worse 5 ms. It steps on only when the latency
// improved by 1 ms, else it waits for more data; and when it has arrived it
// climbs from there by trying, which is left out. KnapsackLB measures its curves
// with requests of its own; here they come from the windows alone, so that loads
// which never varied leave the capacity to the features' memory (capacityOf).
//
// Latencies are those of all requests: an endpoint that fails fast looks good.
//
// It declines with WarmUp before the first curve and Stale when no window shows
// anything.
func CurveSolver(v Values, cfg Config) Policy {
	return &curveSolver{
		windows: int(v["windows"]), tolerance: v["tolerance"], step: v["step"], worse: v["worse"], change: v["change"],
		cfg: cfg, services: fleets[curve]{}, moves: map[string]*move{},
	}
}

var curveParameters = []picker.Parameter{
	{Name: "windows", Default: 24, Min: 3, Max: 500, Unit: picker.Count, Help: "windows that a curve is fitted to"},
	{Name: "tolerance", Default: 0.3, Min: 0.05, Max: 10, Help: "relative error of the newest latencies from which a curve is rescaled"},
	{Name: "step", Default: 0.25, Min: 0.01, Max: 1, Help: "part of the way to the solution that is gone at a time"},
	{Name: "worse", Default: 0.005, Min: 0, Max: 1, Unit: picker.Duration, Help: "how much worse the mean latency gets before a step is taken back"},
	{Name: "change", Default: 0.1, Min: 0, Max: 1, Help: "part of the traffic by which a solution differs from the last to count as another"},
}

type curveSolver struct {
	windows                        int
	tolerance, step, worse, change float64
	cfg                            Config
	services                       fleets[curve]
	moves                          map[string]*move
	solver                         solver
	known                          []int
	loads                          []float64
	wanted                         []float64
}

// move is where a service is between two sets of weights.
type move struct {
	Part, Direction float64   // of the way; 1 there, −1 back
	Latency         float64   // of the service before the last step; 0 if unknown
	Moved           time.Time // when that was
	Absolved        bool      // going back did not help: it is not the move
}

func (p *curveSolver) Name() string { return "curve_solver" }

func (p *curveSolver) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	v := p.services.meet(f)
	if v.fresh {
		for i, c := range v.order {
			if c.observe(f, i, p.windows, p.tolerance) {
				v.reported()
			}
		}
	}
	if err := v.trust(dst, f, p.cfg); err != nil {
		return err
	}
	if err := p.solve(f, v.order); err != nil {
		return err
	}
	m := p.moves[f.Service]
	if m == nil {
		m = &move{}
		p.moves[f.Service] = m
	}
	p.advance(m, v, f)
	for i, c := range v.order {
		dst.Weights[i] = c.at(m.Part)
	}
	finish(dst, f)
	return nil
}

// solve writes the wanted weights: of the endpoints with a curve those of least
// latency, of those without the mean, of those that are down 0.
func (p *curveSolver) solve(f *features.Frame, order []*curve) error {
	p.wanted, p.known = sized(p.wanted, len(order)), p.known[:0]
	open, bridged := 0.0, allDown(f)
	for i, c := range order {
		p.wanted[i] = 0
		if isDown(f, i) && !bridged {
			continue
		}
		open++
		p.wanted[i] = 1
		if c.A > 0 && c.C > 0 {
			p.known = append(p.known, i)
		}
	}
	k := float64(len(p.known))
	if k == 0 {
		return declinef(WarmUp, "no endpoint that is up has a curve yet")
	}
	p.loads = sized(p.loads, len(p.known))
	total := max(serviceRate(f)*k/open, 1e-6)
	floor := floorWeight(p.cfg.Rules.Service(f.Service).Service.Limits, int(open)) * open / k * total
	if !p.solver.solve(p.loads, total, floor, func(j int, load float64) float64 { return order[p.known[j]].latency(load) }) {
		return declinef(NotFinite, "the latency of a curve")
	}
	for j, i := range p.known {
		p.wanted[i] = p.loads[j] / total * k
	}
	for i := range p.wanted {
		p.wanted[i] /= open
	}
	return nil
}

// advance goes a step on the way to the wanted weights, if it is time.
func (p *curveSolver) advance(m *move, v *fleet[curve], f *features.Frame) {
	place(v.order, p.wanted, m)
	apart := 0.0
	for i, c := range v.order {
		apart += math.Abs(p.wanted[i]-c.To) / 2
	}
	latency := known(serviceLatency(f))
	if apart > p.change {
		for i, c := range v.order {
			c.From, c.To = c.at(m.Part), p.wanted[i]
		}
		*m = move{Part: p.step, Direction: 1, Latency: latency, Moved: f.Time}
		return
	}
	if !v.fresh || f.Start.Before(m.Moved) {
		return // what is seen is from before the last step
	}
	worse := m.Latency > 0 && latency > m.Latency+p.worse && !m.Absolved
	switch {
	case worse && m.Direction < 0:
		m.Direction, m.Absolved = 1, true
	case worse && m.Direction > 0:
		m.Direction = -1
	case m.Part == 1: // it held: small changes are followed at once
		m.Direction = 0
		for i, c := range v.order {
			c.From, c.To = p.wanted[i], p.wanted[i]
		}
	}
	m.Part += m.Direction * p.step
	switch {
	case m.Part <= 0:
		m.Part = 0
		if !worse { // it was the move: once more
			m.Direction = 1
		}
	case m.Part >= 1:
		m.Part = 1
	}
	m.Latency, m.Moved = latency, f.Time
}

// place gives endpoints that are new a place in the move, the wanted one, and
// makes both ends of it weights of those that are here. The first solution is
// taken over as it is.
func place(order []*curve, wanted []float64, m *move) {
	from, to := 0.0, 0.0
	for i, c := range order {
		if m.Direction == 0 && m.Part != 1 || !(c.From+c.To > 0) || math.IsInf(c.From+c.To, 0) {
			c.From, c.To = wanted[i], wanted[i]
		}
		from, to = from+c.From, to+c.To
	}
	for _, c := range order {
		if from > 0 && to > 0 {
			c.From, c.To = c.From/from, c.To/to
		}
	}
	if m.Direction == 0 {
		m.Part = 1
	}
}

// at is the weight at a part of the move.
func (c *curve) at(part float64) float64 { return c.From + part*(c.To-c.From) }
