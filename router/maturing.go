package router

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/predict"
)

// adaptable is a Forecaster whose time to a failure has levels that can be moved.
// A predict.Predictor is one.
type adaptable interface {
	TimeLevels() [3]float64
	UseLevels([3]float64)
}

var _ adaptable = (*predict.Predictor)(nil)

// punctuality is what the failures that came have made of the levels of a
// forecast's time: see predict.Adaptive.
type punctuality struct {
	Own    [3]float64 // the model's; those of a model with others begin anew
	Levels [3]float64
}

// tidy begins anew where what was restored are no levels.
func (p *punctuality) tidy() {
	if l := p.Levels; !(0 <= l[0] && l[0] <= l[1] && l[1] <= l[2] && l[2] <= 1) {
		*p = punctuality{}
	}
}

// ahead forecasts with the levels of now. The forecaster keeps its own, for others
// may ask it too.
func (p *eject) ahead(dst []predict.Failure, f *features.Frame) error {
	if by, ok := p.forecast.(adaptable); ok {
		own := by.TimeLevels()
		if p.punctual.Own != own {
			p.punctual = punctuality{own, own}
		}
		by.UseLevels(p.punctual.Levels)
		defer by.UseLevels(own)
	}
	return p.forecast.Forecast(dst, f)
}

// awaited is a forecast of which is not known yet what became of it.
type awaited struct {
	At     time.Time
	Within float64 // seconds: the horizon
	Time   [3]float64
}

// maturing is what is remembered of an endpoint to tell what became of its
// forecasts. A failure is what training calls one: from the first of two or more
// windows on that breach a limit with enough requests and share no sample, or at
// once when the endpoint is gone or is ejected. What is taken out of service
// without a request does not fail.
type maturing struct {
	Told       []awaited // within the horizon, the oldest first
	Known      time.Time // when anything was last known of it
	Start, End time.Time // of breaches in a row; zero: none
	Failed     time.Time // when it last breached, in a failure
	Idle       bool      // it had no request when it was last well
	Away       bool      // and went
}

const (
	// enoughRequests is how many a window needs to breach a limit, as in training.
	enoughRequests = 10
	// mostTold is how many forecasts of an endpoint are remembered, about: where a
	// horizon has more windows, every second, or third, and so on.
	mostTold = 64
)

// mature takes in what has become of earlier forecasts, and remembers the new ones.
// One failure is one piece of evidence, however many forecasts told it, and so are
// those of a service in one window, which likely have one cause: of all these
// forecasts one counts, by lot. What is drained, or gets no traffic, is censored: it
// does not fail, or not then.
func (p *eject) mature(state *ejections, dst *Decision, f *features.Frame) {
	if _, ok := p.forecast.(adaptable); !ok || f.Schema == nil {
		return
	}
	limit := f.Column("latency_limit_seconds")
	due, last := []awaited(nil), 0
	for i, e := range dst.Endpoints {
		s := state.ByName[e.Name]
		m := &s.Maturing
		blind, gone, breach := p.fate(s, f, i, limit)
		if failed := m.see(f, blind, gone, breach, s.Severity >= failsRequests, idle(f, i)); len(failed) > 0 {
			due, last = append(due, failed...), i
		}
		if drained := s.Drain.active() && !s.Drain.HeldOut; drained || s.Gone || s.Out || s.holds(f.Time) {
			m.Told = nil
		} else if len(dst.Failures) == len(dst.Endpoints) && !blind && !gone {
			m.tell(&dst.Failures[i], f, p.within(f))
		}
	}
	if len(due) > 0 {
		one := &due[int(p.lot(f, last)*float64(len(due)))]
		a := predict.NewAdaptive(p.punctual.Levels)
		a.Observe(one.Time, one.Within)
		p.punctual.Levels = a.Levels()
	}
}

// within is how far the forecasts of a frame look, in seconds.
func (p *eject) within(f *features.Frame) float64 {
	if f.Horizon > 0 {
		return f.Horizon
	}
	return p.forecast.Horizon().Seconds()
}

// fate is whether nothing is known of endpoint i, whether it is gone, and whether
// it is beyond a limit.
func (p *eject) fate(s *ejection, f *features.Frame, i, limit int) (blind, gone, breach bool) {
	if gone = isDown(f, i) || s.Unseen >= vanished && s.Severity > 0; gone {
		return false, true, true
	}
	switch {
	case s.Unseen > 0:
		return true, false, false
	case s.Severity >= failsRequests:
		return false, false, true
	case !(i < len(f.Requests) && f.Requests[i] >= enoughRequests):
		return false, false, false
	}
	slow := limit >= 0 && watched(f, i) > float64(f.Row(i)[limit])
	fails := f.Objective.MaxErrorRatio > 0 && features.Ratio(f.At(i, mesh.ErrorRatio)) > f.Objective.MaxErrorRatio
	return false, false, slow || fails
}

// watched is the latency that the limit is for, in seconds: p99, else p90, else the
// mean.
func watched(f *features.Frame, i int) float64 {
	for _, name := range [...]string{mesh.LatencyP99, mesh.LatencyP90} {
		if v := features.Amount(f.At(i, name)); !math.IsNaN(v) {
			return v
		}
	}
	return features.Amount(f.At(i, mesh.LatencyMean))
}

// stepOf is the time between windows.
func stepOf(f *features.Frame) time.Duration {
	if f.Step > 0 {
		return time.Duration(f.Step * float64(time.Second))
	}
	return f.Schema.Step
}

func idle(f *features.Frame, i int) bool { return i < len(f.Requests) && f.Requests[i] == 0 }

// see takes in what a window says, and returns the forecasts that have come true,
// their Within being after how many seconds. It drops those that have not within
// their horizon, and all after a while in which nothing was known.
func (m *maturing) see(f *features.Frame, blind, gone, breach, sure, idle bool) (due []awaited) {
	step, span := stepOf(f), f.End.Sub(f.Start)
	m.Away = gone && (m.Away || m.Idle && m.Start.IsZero())
	if m.Away || f.Time.Sub(m.Known) > 3*step {
		m.Told = nil
	}
	if breach && f.Time.Sub(m.End) > step*3/2 {
		m.Start = time.Time{}
	}
	if m.Away || blind || !breach {
		m.Start = time.Time{}
	}
	if m.Away || blind {
		return nil
	}
	m.Known = f.Time
	m.expire(f.Time, span+3*step)
	if !breach {
		m.Idle = idle
		return nil
	}
	if m.Start.IsZero() {
		m.Start = f.Time
	}
	m.End = f.Time
	if !(sure || gone || m.End.After(m.Start) && m.End.Sub(m.Start) >= span) {
		return nil
	}
	for _, t := range m.Told {
		if after := m.Start.Sub(t.At).Seconds(); after > 0 && after <= t.Within {
			due = append(due, awaited{t.At, after, t.Time})
		}
	}
	m.Told, m.Failed = nil, f.Time
	return due
}

// expire drops what did not come true within its horizon, and the time in which a
// breach is proven to be a failure, or not.
func (m *maturing) expire(now time.Time, proven time.Duration) {
	k := 0
	for k < len(m.Told) && now.Sub(m.Told[k].At).Seconds() > m.Told[k].Within+proven.Seconds() {
		k++
	}
	m.Told = m.Told[k:]
}

// tell remembers a forecast that told a time, unless the endpoint fails, or has
// failed lately.
func (m *maturing) tell(failure *predict.Failure, f *features.Frame, within float64) {
	calm := max(min(40*stepOf(f), 10*time.Minute), f.Time.Sub(f.Start))
	if !failure.Likely || math.IsNaN(failure.Time[0]) || f.Time.Sub(m.Failed) <= calm {
		return
	}
	if n := len(m.Told); n > 0 && f.Time.Sub(m.Told[n-1].At).Seconds() < within/mostTold {
		return
	}
	m.Told = append(m.Told, awaited{f.Time, within, failure.Time})
}
