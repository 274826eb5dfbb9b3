package router

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// WeightedRoundRobin is gRPC's client-side weighted round robin (gRFC A58) on
// scraped metrics: an endpoint's weight is its rate over its utilization, which
// its error ratio makes worse:
//
//	qps / (utilization + eps/qps · error_utilization_penalty)
//
// With A58's timers, in the time of the frames: weights count once an endpoint
// has reported for the blackout period (10 s) and until it has not reported for
// the expiration period (3 min), after which the blackout begins anew; they are
// taken over once per update period (1 s, at least 100 ms), or when endpoints
// come or go. Endpoints without a weight get the mean of the others; with fewer
// than two weights all are equal. Reports without load or utilization do not
// count. The same balancer on reports that come with the answers is a picker.
//
// Known weakness: above the allocation its tail collapses (Prequal, NSDI'24,
// figures 6 and 7).
func WeightedRoundRobin(v Values) Policy {
	return &wrr{
		penalty: v["error_utilization_penalty"], blackout: seconds(v["blackout"]), expiration: seconds(v["expiration"]),
		update: seconds(max(v["update"], 0.1)), services: fleets[wrrWeight]{}, updated: map[string]*updated{},
	}
}

var wrrParameters = []picker.Parameter{
	{Name: "error_utilization_penalty", Default: 1, Min: 0, Max: 10, Help: "what an error ratio of 1 adds to the utilization"},
	{Name: "blackout", Default: 10, Min: 0, Max: 300, Unit: picker.Duration, Help: "reports for so long before a weight counts"},
	{Name: "expiration", Default: 180, Min: 1, Max: 3600, Unit: picker.Duration, Help: "a weight counts for so long after the last report"},
	{Name: "update", Default: 1, Min: 0.1, Max: 300, Unit: picker.Duration, Help: "between two updates of the weights"},
}

type wrr struct {
	penalty                      float64
	blackout, expiration, update time.Duration
	services                     fleets[wrrWeight]
	updated                      map[string]*updated
}

// wrrWeight is an endpoint's last report: 0 and no times before the first.
type wrrWeight struct {
	Weight          float64
	Since, Reported time.Time
	Used            float64 // the weight at the last update, 0 if it did not count
	Met             bool    // there was an update since the endpoint came
}

// updated is when a service's weights were taken over, and of how many endpoints.
type updated struct {
	Time      time.Time
	Endpoints int
}

func (p *wrr) Name() string { return "wrr_metrics" }

func (p *wrr) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	v := p.services.meet(f)
	if v.fresh {
		for i, w := range v.order {
			p.report(w, f, i)
		}
	}
	p.takeOver(v.order, f)
	usable := 0
	for i, w := range v.order {
		dst.Weights[i] = positive(w.Used)
		if w.Used > 0 && !isDown(f, i) {
			usable++
		}
	}
	if usable < 2 {
		for i := range dst.Weights {
			dst.Weights[i] = 1
		}
		if len(dst.Weights) > 1 {
			dst.Notes = append(dst.Notes, "fewer than two endpoints have a weight: all are equal")
		}
	}
	finish(dst, f)
	return nil
}

// report takes in the window's values of endpoint i, which hold as of its end.
func (p *wrr) report(w *wrrWeight, f *features.Frame, i int) {
	rate, utilization := f.At(i, mesh.RequestRate), f.At(i, mesh.Utilization)
	weight := positive(rate / (utilization + known(ratio(f.At(i, mesh.ErrorRatio)))*p.penalty))
	if !(rate > 0) || !(utilization > 0) || math.IsNaN(weight) {
		return
	}
	w.Weight, w.Reported = weight, f.End
	if w.Since.IsZero() {
		w.Since = f.End
	}
}

// takeOver makes the weights that count those in use, when it is time.
func (p *wrr) takeOver(order []*wrrWeight, f *features.Frame) {
	u := p.updated[f.Service]
	if u == nil {
		u = &updated{}
		p.updated[f.Service] = u
	}
	due := f.Time.Sub(u.Time) >= p.update || u.Endpoints != len(order)
	for _, w := range order {
		due = due || !w.Met
	}
	if !due {
		return
	}
	u.Time, u.Endpoints = f.Time, len(order)
	for _, w := range order {
		w.Met, w.Used = true, 0
		switch {
		case w.Reported.IsZero():
		case f.Time.Sub(w.Reported) >= p.expiration:
			w.Since = time.Time{}
		case !w.Since.IsZero() && f.Time.Sub(w.Since) >= p.blackout:
			w.Used = w.Weight
		}
	}
}

// seconds is a parameter as a duration.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
