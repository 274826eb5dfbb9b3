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

// statesOf judges every window. Slow and failing must last: one window alone
// may be chance.
func statesOf(h *history, e int, typical float64, cfg Config) []state {
	states := make([]state, h.n)
	for k := range states {
		states[k] = stateOf(&h.seen[e][k], typical, h.window, cfg)
	}
	for k := range states {
		alone := (k == 0 || states[k-1].kind == fine) && (k+1 == len(states) || states[k+1].kind == fine)
		if alone && (states[k].kind == slow || states[k].kind == failing) {
			states[k] = state{}
		}
	}
	return states
}

func stateOf(s *seen, typical float64, window time.Duration, cfg Config) state {
	slower := s.service() / typical
	switch {
	case s.up == 0 && s.requests > 0 && s.errors < 0.5: // it takes what it is sent, and is silent
		return state{stalled, 1}
	case s.up == 0:
		return state{down, 1}
	case s.requests*window.Seconds() >= leastRequests && s.answered == 0 && s.errors < 0.5:
		return state{stalled, 1}
	case s.requests*window.Seconds() >= leastRequests && s.errors >= cfg.ErrorsFrom:
		return state{failing, s.errors}
	case s.answered*window.Seconds() >= leastRequests && (slower >= cfg.SlowFrom || slower <= 1/cfg.SlowFrom) && !math.IsInf(slower, 0):
		return state{slow, slower}
	}
	return state{}
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
func events(h *history, e int, states []state, typical float64) []sim.Event {
	var all []sim.Event
	for _, s := range spells(states) {
		event := sim.Event{
			At: time.Duration(s.from) * h.window, For: time.Duration(s.to-s.from) * h.window, Select: sim.Select{Index: []int{e}},
		}
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
