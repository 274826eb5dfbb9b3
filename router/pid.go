package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// PID is Robinhood's controller (Dropbox, "What's new with Robinhood, our
// in-house load balancing service", 2024): per endpoint a PID loop whose set
// point is the fleet's average utilization and whose output is the change of
// the endpoint's weight; the weights are then normalised. What counts as
// utilization is the greater of the utilization and the requests in flight, so
// that an endpoint which waits for a disk does not look idle: a veto.
//
// Dropbox published the design, not its gains. Here both signals and the error
// are relative to the fleet's average, so that the gains hold at any load, the
// output is relative to the endpoint's weight, and one step is one window: with
// metrics that show a change one to three windows later, a proportional gain of
// 0.2 leaves a margin of two to the limit of stability. Requests in flight count
// from veto times the fleet's average on, and as in flight + 1: queues differ by
// chance where utilizations do not, most of all near the capacity. A fleet of
// which only those are known has no veto.
//
// The clamps: one step changes a weight by at most step of itself; weights stay
// within low and high times the mean; the integral stays within windup. An
// endpoint that does not report keeps its weight and is not part of the
// average; one that comes back from being down begins with no more than the
// mean and no history; a new one begins with the mean.
//
// It declines with WarmUp before the first report and Stale when there is no
// more of them.
func PID(v Values, cfg Config) Policy {
	return &pid{
		kp: v["kp"], ki: v["ki"], kd: v["kd"], veto: v["veto"], step: v["step"], low: v["low"], high: v["high"], windup: v["windup"],
		cfg: cfg, services: fleets[loop]{},
	}
}

var pidParameters = []picker.Parameter{
	{Name: "kp", Default: 0.2, Min: 0, Max: 2, Help: "proportional gain"},
	{Name: "ki", Default: 0.01, Min: 0, Max: 0.5, Help: "integral gain, per window"},
	{Name: "kd", Default: 0.05, Min: 0, Max: 1, Help: "derivative gain, in windows"},
	{Name: "veto", Default: 2, Min: 1, Max: 20, Help: "times the average in flight that count as the average utilization"},
	{Name: "step", Default: 0.25, Min: 0.01, Max: 1, Help: "most that one window changes a weight, relative to it"},
	{Name: "low", Default: 0.05, Min: 0, Max: 1, Help: "least weight, relative to the mean"},
	{Name: "high", Default: 10, Min: 1, Max: 100, Help: "greatest weight, relative to the mean"},
	{Name: "windup", Default: 1, Min: 0, Max: 10, Help: "greatest integral of the relative error, in windows"},
}

type pid struct {
	kp, ki, kd, veto, step, low, high, windup float64
	cfg                                       Config
	services                                  fleets[loop]
	signals                                   []float64
}

// loop is the state of one endpoint's controller.
type loop struct {
	Weight   float64 // relative to the mean; 0 of a new endpoint
	Integral float64
	Error    float64
	Ran      bool // there is an error to take the difference from
	Down     bool
}

func (p *pid) Name() string { return "pid" }

func (p *pid) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	v := p.services.meet(f)
	for _, l := range v.order {
		if !(l.Weight > 0) || math.IsInf(l.Weight, 0) {
			*l = loop{Weight: 1}
		}
	}
	if v.fresh && p.observe(f) {
		v.reported()
		p.advance(v.order, f)
	}
	if err := v.trust(dst, f, p.cfg); err != nil {
		return err
	}
	for i, l := range v.order {
		dst.Weights[i] = l.Weight
	}
	finish(dst, f)
	return nil
}

// observe writes each endpoint's load relative to the fleet's average, NaN of
// those that do not report, and says whether any does.
func (p *pid) observe(f *features.Frame) bool {
	n := len(f.Endpoints)
	p.signals = sized(p.signals, n)
	busy, waiting := average(f, mesh.Utilization), average(f, mesh.InFlight)
	told := false
	for i := range p.signals {
		p.signals[i] = math.NaN()
		if isDown(f, i) {
			continue
		}
		if busy > 0 {
			p.signals[i] = counted(f.At(i, mesh.Utilization)) / busy
		}
		q := (counted(f.At(i, mesh.InFlight)) + 1) / (waiting + 1)
		if q/p.veto > p.signals[i] {
			p.signals[i] = q / p.veto
		}
		if math.IsNaN(p.signals[i]) && !(busy > 0) {
			p.signals[i] = q
		}
		told = told || !math.IsNaN(p.signals[i])
	}
	return told
}

// average of a series over the endpoints that are up and have it; NaN if none.
func average(f *features.Frame, series string) float64 {
	sum, n := 0.0, 0.0
	for i := range f.Endpoints {
		if x := counted(f.At(i, series)); !math.IsNaN(x) && !isDown(f, i) {
			sum, n = sum+x, n+1
		}
	}
	return sum / n
}

// advance runs every loop by one window.
func (p *pid) advance(order []*loop, f *features.Frame) {
	target, n := 0.0, 0.0
	for _, s := range p.signals {
		if !math.IsNaN(s) {
			target, n = target+s, n+1
		}
	}
	target /= n
	for i, l := range order {
		switch s := p.signals[i]; {
		case isDown(f, i):
			l.Down = true
		case math.IsNaN(s):
		case l.Down:
			*l = loop{Weight: min(l.Weight, 1)}
		case target > 0:
			l.Weight *= 1 + p.output(l, (target-s)/target)
		}
	}
	p.normalise(order)
}

func (p *pid) output(l *loop, e float64) float64 {
	l.Integral = min(max(l.Integral+e, -p.windup), p.windup)
	change := 0.0
	if l.Ran {
		change = e - l.Error
	}
	l.Error, l.Ran = e, true
	return min(max(p.kp*e+p.ki*l.Integral+p.kd*change, -p.step), p.step)
}

// normalise makes the mean weight of the endpoints that are up 1.
func (p *pid) normalise(order []*loop) {
	sum, n := 0.0, 0.0
	for _, l := range order {
		if !l.Down {
			sum, n = sum+l.Weight, n+1
		}
	}
	for _, l := range order {
		if !l.Down {
			l.Weight = min(max(l.Weight*n/sum, p.low), p.high)
		}
	}
}
