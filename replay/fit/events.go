package fit

import (
	"math"
	"time"

	"github.com/fairway-mesh/fairway/replay/sim"
)

// kind is what was the matter with an endpoint in a window.
type kind int

const (
	fine kind = iota
	slow
	failing
	stalled
	down
)

// state is that of an endpoint in a window. Of slow, amount is by how much
// longer it took than usual; of failing, the error ratio.
type state struct {
	kind   kind
	amount float64
}

// states are those of an endpoint, window by window: how fast it is, and how it
// answers. It may be slow and failing at once.
type states struct{ speed, answers []state }

func (s *states) wrong(k int) bool { return s.speed[k].kind != fine || s.answers[k].kind != fine }

// statesOf judges every window; typical is the usual service time, mean the
// usual mean latency. Slow and failing must last: one window alone may be chance.
func statesOf(h *history, e int, typical, mean float64, cfg Config) states {
	s := states{make([]state, h.n), make([]state, h.n)}
	for k := range h.n {
		x := &h.seen[e][k]
		s.speed[k], s.answers[k] = speedOf(x, typical, mean, h.window, cfg), answersOf(x, h.window, cfg)
	}
	silent(h, e, s.answers)
	lasting(s.speed, slow)
	lasting(s.answers, failing)
	return s
}

func lasting(states []state, k kind) {
	for i := range states {
		before := i > 0 && states[i-1].kind != fine
		after := i+1 < len(states) && states[i+1].kind != fine
		if states[i].kind == k && !before && !after {
			states[i] = state{}
		}
	}
}

func enough(rate float64, window time.Duration) bool { return rate*window.Seconds() >= leastRequests }

// speedOf says how much longer a request was served than usual. Workers that
// are held by something else count as busy, which makes the service look longer
// than it is; but no request takes less than its service.
func speedOf(s *seen, typical, mean float64, window time.Duration, cfg Config) state {
	quicker := s.service() / typical
	slower := min(quicker, s.latency()/mean)
	switch {
	case s.up == 0 || !enough(s.answered-s.refused, window) || math.IsInf(quicker, 0):
	case slower >= cfg.SlowFrom:
		return state{slow, slower}
	case quicker <= 1/cfg.SlowFrom && quicker > 0 && s.failed() < cfg.ErrorsFrom: // what fails at once is not served
		return state{slow, quicker}
	}
	return state{}
}

func answersOf(s *seen, window time.Duration, cfg Config) state {
	switch {
	case s.up == 0:
		return state{down, 1}
	case enough(s.requests, window) && s.answered == 0 && s.errors < 0.5:
		return state{stalled, 1}
	case enough(s.requests, window) && s.failed() >= cfg.ErrorsFrom:
		return state{failing, min(s.failed(), 1)}
	}
	return state{}
}

// silent tells the two reasons apart for which an endpoint does not answer its
// scrapes: what is down refuses, what hangs takes what it is sent and says
// nothing, so that nothing of it is counted. At the ends of such a time both look
// alike, and so does what is down while nobody sends it anything.
func silent(h *history, e int, states []state) {
	for from := 0; from < len(states); from++ {
		if states[from].kind != down {
			continue
		}
		to, refused := from, false
		for ; to < len(states) && states[to].kind == down; to++ {
			refused = refused || h.seen[e][to].errors >= 0.5
		}
		if to < len(states) {
			refused = refused || h.seen[e][to].errors >= 0.5
		}
		for k := from; k < to && !refused; k++ {
			states[k].kind = stalled
		}
		from = to
	}
}

// fast reports whether errors come much faster than answers.
func fast(s *seen, typical float64) bool { return s.mean < typical/2 }

// spell is a run of windows in the same state.
type spell struct {
	state
	from, to int // windows, without to
}

// spells joins windows of the same state whose amounts are alike.
func spells(states []state) []spell {
	var all []spell
	for k, s := range states {
		if s.kind == fine {
			continue
		}
		if n := len(all) - 1; n >= 0 && all[n].to == k && all[n].kind == s.kind && alike(all[n].state, s) {
			length := float64(k - all[n].from)
			all[n].amount = (all[n].amount*length + s.amount) / (length + 1)
			all[n].to = k + 1
			continue
		}
		all = append(all, spell{s, k, k + 1})
	}
	return all
}

// alike reports whether two amounts differ by less than a third.
func alike(a, b state) bool {
	return a.kind != slow && a.kind != failing || math.Abs(math.Log(a.amount/b.amount)) < math.Log(4./3)
}

// events are those of a scenario in which endpoint e fares as in the states.
func events(h *history, e int, states states, typical float64) []sim.Event {
	var all []sim.Event
	for _, s := range append(spells(states.speed), spells(states.answers)...) {
		from, to := time.Duration(s.from)*h.window, time.Duration(s.to)*h.window
		if s.kind == down || s.kind == stalled {
			from, to = h.unanswered(e, from, to)
		}
		event := sim.Event{At: from, For: to - from, Select: sim.Select{Index: []int{e}}}
		switch s.kind {
		case slow:
			event.Kind, event.Factor = sim.Slow, s.amount
		case stalled:
			event.Kind = sim.Stall
		case down:
			event.Kind = sim.Crash
		case failing:
			event.Kind, event.Ratio = sim.Errors, min(s.amount, 1)
			if fast(&h.seen[e][s.from], typical) {
				event.Kind = sim.SinkHole
			}
		}
		all = append(all, event)
	}
	return all
}
