package router

import (
	"maps"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
)

// Course is which weights have been in force of late, as told by whoever acts on
// decisions. Metrics show what a decision did windows later; who does not reckon
// with it until then corrects twice, and swings (Smith, "Closer Control of Loops
// with Dead Time", Chemical Engineering Progress 53, 1957). So queues are carried on
// from the middle of a window to the decision by what has been sent since.
//
// Where nobody acts, as in a replay or in shadow, it stays empty, and queues go on
// as they went in the window. A nil Course is one that stays empty. It serves one
// goroutine, is that of one policy, and is not saved: after a restart nobody knows
// for sure what is in force. It takes it that all proxies follow: where some do not,
// the next windows say so.
type Course struct{ services map[string][]inForce }

// inForce are weights by endpoint, from a time on.
type inForce struct {
	From    time.Time
	Weights map[string]float64
}

// courseDecisions is how many decisions are remembered of a service: what a window
// of four scrapes and its delay can span, several times.
const courseDecisions = 16

// Applied says that d is in force from its time on.
func (c *Course) Applied(d *Decision) {
	if c == nil {
		return
	}
	if c.services == nil {
		c.services = map[string][]inForce{}
	}
	all := c.services[d.Service]
	next := inForce{d.Time, map[string]float64{}}
	if len(all) == courseDecisions {
		next.Weights = all[0].Weights
		clear(next.Weights)
		copy(all, all[1:])
		all = all[:courseDecisions-1]
	}
	for i, e := range d.Endpoints {
		next.Weights[e.Name] = d.Weights[i]
	}
	c.services[d.Service] = append(all, next)
}

// Forget drops what was in force of a service that is no more.
func (c *Course) Forget(service string) {
	if c != nil {
		delete(c.services, service)
	}
}

// of returns what was in force of a service, the oldest first.
func (c *Course) of(service string) []inForce {
	if c == nil {
		return nil
	}
	return c.services[service]
}

// carry makes what waits at the endpoints what the weights in force have made of it
// since the middle of the window, of which the requests in flight are the mean.
func (l *splitter) carry(f *features.Frame) {
	decided := l.course.of(f.Service)
	if len(decided) == 0 {
		return
	}
	rate, from, to := serviceRate(f), f.Start.Add(f.End.Sub(f.Start)/2), f.End.Add(f.Delay)
	for i := range l.curves {
		c := &l.curves[i]
		inFlight := f.At(i, mesh.InFlight)
		if !c.Known || math.IsNaN(inFlight) {
			continue
		}
		waiting := max(inFlight-min(c.Now/c.Capacity, 1)*c.Concurrency, 0)
		// The curve's own has been carried on as if the window's load had gone on.
		sent := carried(c, waiting, rate, f.Endpoints[i].Name, decided, from, to)
		c.Waiting = max(c.Waiting+sent-carried(c, waiting, rate, "", nil, from, to), 0)
	}
}

// carried is how many requests wait at the time to, of those that do at from: under
// the window's load until the first decision after that, and then the endpoint's
// part of rate.
func carried(c *predict.Curve, waiting, rate float64, endpoint string, decided []inForce, from, to time.Time) float64 {
	load := c.Now
	for _, d := range decided {
		if !d.From.Before(to) {
			break
		}
		if d.From.After(from) {
			waiting, from = max(waiting+(load-c.Capacity)*d.From.Sub(from).Seconds(), 0), d.From
		}
		load = rate * d.Weights[endpoint]
	}
	return max(waiting+(load-c.Capacity)*to.Sub(from).Seconds(), 0)
}

// Follow goes on from where another course is, whose policy gives way to c's.
func (c *Course) Follow(before *Course) {
	if c == nil || before == nil {
		return
	}
	c.services = make(map[string][]inForce, len(before.services))
	for service, all := range before.services {
		copied := make([]inForce, len(all))
		for i, f := range all {
			copied[i] = inForce{f.From, maps.Clone(f.Weights)}
		}
		c.services[service] = copied
	}
}
