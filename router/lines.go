package router

import (
	"sync/atomic"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Line is one version of model and rules, with what it decides.
type Line string

const (
	Only   Line = ""       // no trial is on
	Former Line = "former" // what served before the change that is on trial
	Tried  Line = "tried"  // what the change brings
)

// trial is a change of model or rules that a share of the requests tries.
type trial struct {
	set   *rules.Set // of the line that is tried
	share float64
	salt  uint64 // so that each trial draws other sessions
}

// Try begins a trial: from now on the share of the requests, in (0, 1), is decided by
// the line of set, as far as decisions of it have been published. While one is
// on, it changes its share.
func (t *Table) Try(set *rules.Set, share float64) {
	t.write(func(next *edition) {
		begun := trial{set: set, share: share, salt: next.version}
		if next.trial != nil {
			begun.salt = next.trial.salt
		}
		next.trial = &begun
		next.known.Teach(set)
		for _, service := range set.Services() {
			if as := next.triedAs(service); as == service && next.services[service] == nil {
				next.services[service] = next.former(t.cfg).routes(service, nil, nil)
			}
		}
		last := t.now.Load().services
		for service := range next.services {
			next.renew(service, last[service], pending{}, t.cfg)
		}
		for service := range next.services { // once all that is lent is there
			if next.borrows(service) {
				next.renew(service, last[service], pending{}, t.cfg)
			}
		}
	})
}

// Adopt ends a trial: what was tried serves alone.
func (t *Table) Adopt() {
	t.write(func(next *edition) {
		if next.trial == nil {
			return
		}
		set := next.trial.set
		next.trial = nil
		for service, r := range next.services {
			if r.pair != nil {
				next.services[service] = r.pair.tried
			}
		}
		next.rule(set, t.cfg)
	})
}

// Drop ends a trial: the former line serves alone.
func (t *Table) Drop() {
	t.write(func(next *edition) {
		if next.trial != nil {
			next.trial = nil
			next.rule(next.set, t.cfg)
		}
	})
}

// Trial is the share of the requests that try a change; on is false where there is
// none to try.
func (t *Table) Trial() (share float64, on bool) {
	if now := t.now.Load().trial; now != nil {
		return now.share, true
	}
	return 0, false
}

// pending are new decisions of a service; nil keeps what is there.
type pending struct{ former, tried *Made }

// renew makes the routes of one service; last are those of the edition before.
func (e *edition) renew(service string, last *Routes, p pending, cfg Config) {
	former, tried := p.former, p.tried
	if former == nil {
		former = last.made()
	}
	r := e.former(cfg).routes(service, former, last)
	e.services[service] = r
	if e.trial == nil {
		return
	}
	lastTried := last
	if last != nil && last.pair != nil {
		lastTried = last.pair.tried
		if tried == nil {
			tried = lastTried.made()
		}
	}
	if tried == nil && former != nil {
		return // nothing has been decided by the tried line yet: the former's answers stand
	}
	r.try(e.tried(cfg).routes(service, tried, lastTried), e.trial)
}

// Trial is the share of the requests that another line decides, and an answer of
// that line; on is false where there is none.
func (r *Routes) Trial() (share float64, tried Answer, on bool) {
	if r.pair == nil {
		return 0, Answer{}, false
	}
	return r.pair.share, r.pair.tried.choices[0].answer(), true
}

// made is what the routes rest on; nil where nothing was decided.
func (r *Routes) made() *Made {
	if r == nil || r.Decision == nil {
		return nil
	}
	return &Made{r.Decision, r.Frame}
}

// decision and frame are nil where nothing was made.
func (m *Made) decision() *Decision {
	if m == nil {
		return nil
	}
	return m.Decision
}

func (m *Made) frame() *features.Frame {
	if m == nil {
		return nil
	}
	return m.Frame
}

// remember takes the counts of requests over from the routes before, by name.
func (r *Routes) remember(last *Routes) {
	if last == nil {
		return
	}
	for i := range r.choices {
		if l := r.former(i, last); l != nil {
			r.choices[i].before = fading * l.requests()
		}
	}
}

// former is what the i-th choice was in the routes before; nil: it was not there.
func (r *Routes) former(i int, last *Routes) *choice {
	if last == nil {
		return nil
	}
	for k := range last.choices {
		if l := &last.choices[k]; l.terms.Route == r.choices[i].terms.Route && (k == len(last.choices)-1) == (i == len(r.choices)-1) {
			return l
		}
	}
	return nil
}

// requests is an estimate of how many took the route of late.
func (c *choice) requests() float64 {
	return c.before + oneIn*float64(atomic.LoadUint32(&c.taken))
}

// fading is how much of a count is left an edition later: it lasts some windows.
const fading = 0.8
