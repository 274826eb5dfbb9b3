package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

// curve is what an endpoint's latency is as a function of its load, fitted to
// its last windows: a/(1 − load/c), as of a queue with one server (M/M/1) whose
// service takes a and whose capacity is c.
type curve struct {
	A, C     float64 // seconds, requests/s; 0 before the first fit
	Points   []point // oldest first
	From, To float64 // weights that a move begins and ends with; 0 before the first
}

// point is one window of an endpoint.
type point struct{ Load, Latency, Requests float64 }

const (
	curveSpread   = 0.05 // of the loads beyond chance, relative to their mean, from which on a slope is believed
	curvePoints   = 3    // that a slope is fitted to at least
	curveRequests = 20   // that it takes to rescale a curve
	curveNewest   = 3    // windows, one after the other, that it takes too
	curveLimit    = 0.98 // part of the capacity above which a curve goes on as a line
	curveRescale  = 8    // most that one window changes a capacity by
)

// latency is the curve at a load in requests/s. Near the capacity and beyond it
// rises as a straight line: a solver needs finite costs, and a service can be
// loaded with more than all of its endpoints can do.
func (c *curve) latency(load float64) float64 {
	part := load / c.C
	if part <= curveLimit {
		return c.A / (1 - part)
	}
	const rest = 1 - curveLimit
	return c.A/rest + c.A/(rest*rest)*(part-curveLimit)
}

// observe takes in the window's load and latency of endpoint i, keeping as many
// as windows, and fits anew. It reports whether there was something to see.
func (c *curve) observe(f *features.Frame, i, windows int, tolerance float64) bool {
	load, latency := positive(f.At(i, mesh.RequestRate)), latencyOf(f, i)
	if math.IsNaN(load) || math.IsNaN(latency) {
		return false
	}
	requests := load * max(f.End.Sub(f.Start).Seconds(), 0)
	c.Points = append(c.Points, point{load, latency, requests})
	if n := len(c.Points); n > windows {
		c.Points = append(c.Points[:0], c.Points[n-windows:]...)
	}
	prior := capacityOf(f, i)
	c.fit(prior)
	if c.off() > math.Log1p(tolerance) {
		c.rescale(prior)
	}
	return true
}

// off is how far, in logarithms, all of the newest windows are from the curve on
// one side. One window alone is off by chance too often: near the capacity the
// queue of a busy moment outlasts it.
func (c *curve) off() float64 {
	from := len(c.Points) - curveNewest
	if from <= 0 {
		return 0
	}
	over, under, requests := math.Inf(1), math.Inf(1), 0.0
	for _, p := range c.Points[from:] {
		x := math.Log(p.Latency / c.latency(p.Load))
		over, under, requests = min(over, x), min(under, -x), requests+p.Requests
	}
	if requests < curveRequests {
		return 0
	}
	return max(over, under)
}

// rescale makes the endpoint as much faster or slower, before the newest
// windows, as it takes for the curve of that time to go through these:
// KnapsackLB's answer to a capacity that changed. With a time scale k the curve
// a/k/(1 − load/(c·k)) is latency at load if k = a/latency + load/c.
func (c *curve) rescale(prior float64) {
	all, from := c.Points, len(c.Points)-curveNewest
	c.Points = all[:from]
	c.fit(prior)
	var k, requests float64
	for _, p := range all[from:] {
		k += p.Requests * (c.A/p.Latency + p.Load/c.C)
		requests += p.Requests
	}
	k = min(max(k/requests, 1.0/curveRescale), curveRescale)
	for i := range c.Points {
		c.Points[i].Load, c.Points[i].Latency = c.Points[i].Load*k, c.Points[i].Latency/k
	}
	c.Points = all
	c.fit(prior)
}

// fit is by least squares on 1/latency = 1/a − load/(a·c), which is a line, with
// the weights that leave a and c without bias where the latencies' errors are
// relative; what loads vary by chance, as arrivals do, is taken off, or it would
// flatten the line. Loads that do not vary by much more than that do not tell a
// slope: then, and where the line makes no sense, c is the prior capacity, if
// known, and a alone is fitted.
func (c *curve) fit(prior float64) {
	most := 0.0
	var n, x, z, requests, latencies, loads float64
	for _, p := range c.Points {
		w := p.weight()
		n, x, z = n+w, x+w*p.Load, z+w/p.Latency
		requests, latencies, loads = requests+p.Requests, latencies+p.Requests*p.Latency, loads+p.Requests*p.Latency*p.Load
		most = max(most, p.Load)
	}
	x, z = x/n, z/n
	var xx, xz float64
	for _, p := range c.Points {
		w := p.weight()
		xx += w * (p.Load - x) * (p.Load - x)
		xz += w * (p.Load - x) * (1/p.Latency - z)
	}
	chance := float64(len(c.Points)) / requests * x * x // variance of a load around what was sent, about
	slope := -xz / (xx - n*chance)
	level := z + slope*x // 1/a
	if len(c.Points) >= curvePoints && xx/n >= curveSpread*curveSpread*x*x+4*chance && slope > 0 && level/slope > x {
		c.A, c.C = 1/level, level/slope
		return
	}
	c.C = 2 * most
	if prior > 0 {
		c.C = max(prior, x)
	}
	c.A = max(latencies-loads/c.C, (1-curveLimit)*latencies) / requests
}

func (p point) weight() float64 { return p.Requests * p.Latency }
