package router

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Eject takes all traffic from endpoints that are down (up = 0), that vanished
// from the metrics while others are there, that fail most requests, that active checks
// (Config.Checks) call unhealthy, or that take none by what discovery (Config.Found)
// says, and drains those that the forecast (nil: none) expects to fail: see drain.go
// and DrainTime.
//
// The mechanics are those of gRFC A50: an ejection lasts the base time × how
// often it happened lately, at most MaxEjection, and as long as its endpoint is
// ill. At most max(1, 10 %) of the endpoints are ejected, the worst first; the
// others that qualify are held at the floor weight. One that is down gets nothing
// whatever the others do, the first time for just that long (see outage). If fewer
// than half would stay untouched, nothing is done (Envoy's panic threshold), but
// that none that qualifies gets more than an equal share and none that is well
// less, and no ejection begins that would outlast it. Nor do fewer than half that are
// ready, by what discovery says, take over from others that serve (see carry). An endpoint
// returns through a slow start; those of several at once are cut short such that they take
// no more traffic away than the ejections that are allowed. So begins one that appears, or
// is up again, beside others that have served for longer (see young). State advances once
// per window; while none comes, an endpoint that was well again in the last one returns in
// time. An endpoint of which nothing was seen for longer than MaxEjection has left: it gets
// nothing and does not count. Nor does one that takes no requests by what discovery says.
//
// A drain takes weight away over a few windows, in proportion to the lower bound of
// the forecast, and gives it back when the forecast has passed. Ejections and drains
// together are no more than may be ejected, and in a panic nothing is drained.
//
// What a service's rules say of outliers takes the place of these times and thresholds
// for that service: see judgement.
//
// The interval of the time to a failure follows the failures that come, as
// predict.Adaptive does, where the forecast has levels to move; see maturing.
func Eject(p Policy, forecast Forecaster, cfg Config) Policy {
	if p, ok := forecast.(*predict.Predictor); ok && p == nil {
		forecast = nil
	}
	return &eject{Policy: p, forecast: forecast, cfg: cfg, services: map[string]*ejections{}}
}

// Forecaster says how likely each endpoint of a frame is to fail. A
// predict.Predictor is one.
type Forecaster interface {
	// Forecast fills dst, which has one entry per endpoint. Without a forecast it
	// fails with predict.ErrNoNetwork.
	Forecast(dst []predict.Failure, f *features.Frame) error
	// Horizon is the span that the forecast is for.
	Horizon() time.Duration
}

type eject struct {
	Policy
	forecast Forecaster
	cfg      Config
	services map[string]*ejections
	punctual punctuality
	by       judgement  // of the service that is being decided upon
	members  *Members   // of that service
	met      []bool     // scratch: which members the frame has
	here     []attendee // scratch: who is in the frame
}

func (p *eject) Decide(dst *Decision, f *features.Frame) error {
	if err := p.Policy.Decide(dst, f); err != nil {
		return err
	}
	p.ask(dst, f)
	state := p.services[f.Service]
	if state == nil {
		state = &ejections{ByName: map[string]*ejection{}}
		p.services[f.Service] = state
	}
	service := p.cfg.Rules.Service(f.Service).Service
	limits := service.Limits
	p.by = judge(p.cfg, service.Outlier)
	p.members = nil
	if p.cfg.Found != nil {
		p.members = p.cfg.Found.Members(f.Service)
	}
	fresh, step := state.turn(f)
	if fresh {
		p.observe(state, f)
		p.watch(state, f)
	} else {
		p.greet(state, f)
	}
	checked := p.check(state, dst)
	p.attend(state, dst, f)
	if checked || fresh {
		p.advance(state, dst, f.Time, limits)
	}
	if fresh {
		p.drain(state, dst, f, step, limits)
		p.mature(state, dst, f)
	}
	p.apply(state, dst, f.Time, limits)
	return nil
}

// turn reports whether f is a new window, and how long after the last one.
func (state *ejections) turn(f *features.Frame) (fresh bool, step time.Duration) {
	first := len(state.ByName) == 0
	if !first && !f.End.After(state.End) {
		return false, 0
	}
	switch {
	case !first:
		step = f.End.Sub(state.End)
	case f.Schema != nil:
		step = f.Schema.Step
	}
	if first {
		state.Since = f.Time
	}
	state.Time, state.End = f.Time, f.End
	return true, step
}

// ask fills the forecasts.
func (p *eject) ask(dst *Decision, f *features.Frame) {
	if p.forecast == nil {
		return
	}
	dst.Failures = sized(dst.Failures, len(f.Endpoints))
	if err := p.ahead(dst.Failures, f); err != nil {
		dst.Failures = dst.Failures[:0]
		if !errors.Is(err, predict.ErrNoNetwork) {
			dst.Notes = append(dst.Notes, "no failure forecast: "+err.Error())
		}
	}
}

// apply writes the ejections into the weights.
func (p *eject) apply(state *ejections, dst *Decision, now time.Time, limits rules.Limits) {
	n, failing := state.count(dst, now)
	panicking := p.panicking(n, failing)
	if panicking {
		dst.Notes = append(dst.Notes, fmt.Sprintf("panic: %d of %d endpoints are failing; no ejection", failing, n))
	}
	least := floorWeight(limits, len(dst.Endpoints))
	warming := p.warming(state, dst, now, float64(max(maxEjected(limits, n)-failing, 0))/float64(max(n, 1)))
	full, left := 0.0, 0.0 // of those that are open: without slow starts, and with them
	for i, e := range dst.Endpoints {
		s, whole := state.ByName[e.Name], 0.0
		switch {
		case s == nil:
		case s.Gone, s.Out:
			dst.Ejected[i], dst.Weights[i] = true, 0
		case panicking && s.ill() > 0: // what nobody sees any more looks idle to a model
			dst.Weights[i] = min(dst.Weights[i], 1/float64(n))
		case panicking && !s.holds(now):
			dst.Weights[i] = max(dst.Weights[i], 1/float64(n))
		case panicking:
		case s.Down, s.holds(now):
			dst.Ejected[i], dst.Weights[i] = true, 0
		case s.ill() > 0:
			dst.Held[i], dst.Weights[i] = true, min(dst.Weights[i], least)
		case s.New: // its peers have had all the traffic before it
			whole = dst.Weights[i]
			dst.Weights[i] *= p.slowStart(s, now)
		default:
			whole = dst.Weights[i]
			dst.Weights[i] *= 1 - (1-p.slowStart(s, now))*warming
		}
		whole = max(whole, dst.Weights[i])
		if dst.Carries[i] {
			dst.Weights[i] *= p.part(s, now)
		}
		full, left = full+whole, left+dst.Weights[i]
	}
	dst.compare(full, left)
	if !panicking {
		p.withhold(state, dst, now, least)
	}
	p.tell(state, dst, now)
	dst.tellCarried()
	settle(dst.Weights, dst.Ejected)
}

// settle makes weights sum to 1. Where the open endpoints have none, they get
// equal ones; where none is open, they stay zero only if there are none.
func settle(weights mesh.Weights, closed []bool) {
	sum, open := 0.0, 0
	for i, w := range weights {
		sum += w
		if !closed[i] {
			open++
		}
	}
	for i := range weights {
		switch {
		case sum > 0:
			weights[i] /= sum
		case open == 0:
			weights[i] = 1 / float64(len(weights))
		case !closed[i]:
			weights[i] = 1 / float64(open)
		}
	}
}
