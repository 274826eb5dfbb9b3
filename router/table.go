package router

import (
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Table serves the newest Routes of each service. Load, Version and Changed
// may be called from anywhere at any time; they take no lock. Publish and
// SetRules take turns.
//
// It holds the services of the rules, those that are discovered and those that were
// published, no others, however many are asked for.
type Table struct {
	cfg     Config
	writing sync.Mutex
	now     atomic.Pointer[edition]
}

// edition is one state of the table. It is never changed.
type edition struct {
	version  uint64
	set      *rules.Set
	trial    *trial // nil: none is on
	known    *Known // nil: nobody discovers
	services map[string]*Routes
	served   map[string]string // by Name of a discovered service: what it is served as
	names    []string          // of the services, sorted
	nobody   *Routes           // of services that are not known
	next     chan struct{}     // closed when a newer edition is there
	named    uint64            // the version in which a name last came to mean another service, or none
	renamed  bool              // services are called otherwise than in the one before
	idle     bool              // it says what the one before does: it is not published
}

// NewTable returns a table, at cfg.FirstVersion, that serves what the rules
// alone say. set may be nil.
func NewTable(set *rules.Set, cfg Config) *Table {
	t := &Table{cfg: cfg}
	t.SetRules(set)
	return t
}

// Made is a decision and the frame that it was made on.
type Made struct {
	Decision *Decision
	Frame    *features.Frame
}

// Publish serves the decision d, which was made on f, from now on. It copies
// what it keeps of both. A service whose Decide failed keeps its last routes.
func (t *Table) Publish(d *Decision, f *features.Frame) { t.PublishAll([]Made{{d, f}}, nil) }

// PublishAll serves decisions of many services, of the only line or the former,
// and, while a trial is on, of the one that is tried, as one edition: whoever
// watches is woken once. It copies what it keeps.
func (t *Table) PublishAll(former, tried []Made) {
	t.write(func(next *edition) { next.publish(former, tried, nil, t.now.Load().services, t.cfg) })
}

// publish makes the routes of the services anew that decisions were made of, of more,
// and of those that borrow from them. last are those of the edition before.
func (e *edition) publish(former, tried []Made, more []string, last map[string]*Routes, cfg Config) {
	changed := make(map[string]pending, len(former))
	for _, m := range former {
		service := e.set.Canonical(m.Decision.Service)
		p := changed[service]
		p.former = m.kept()
		changed[service] = p
	}
	for _, m := range tried {
		if e.trial != nil {
			service := e.triedAs(m.Decision.Service)
			p := changed[service]
			p.tried = m.kept()
			changed[service] = p
		}
	}
	for _, service := range more {
		if _, own := changed[service]; !own {
			changed[service] = pending{}
		}
	}
	before := len(e.services)
	for service, p := range changed {
		runtime.Gosched() // requests that have come go first
		e.renew(service, last[service], p, cfg)
	}
	if len(e.services) > before {
		e.serve()
		for service, r := range e.services {
			if r == nil { // whom metrics showed is no more by that name
				e.renew(service, nil, pending{}, cfg)
			}
		}
	}
	for service := range e.services { // once all that is lent is there
		if p, own := changed[service]; e.borrows(service) && (own || e.concerns(service, changed)) {
			e.renew(service, last[service], p, cfg)
		}
	}
}

// borrows reports whether rules of the service, of either line, lead to other services.
func (e *edition) borrows(service string) bool {
	return len(e.set.Lenders(service)) > 0 || e.trial != nil && len(e.trial.set.Lenders(service)) > 0
}

// concerns reports whether one of the changed services lends to this one.
func (e *edition) concerns(service string, changed map[string]pending) bool {
	of := func(lender string) bool { _, is := changed[lender]; return is }
	return slices.ContainsFunc(e.set.Lenders(service), of) || e.trial != nil && slices.ContainsFunc(e.trial.set.Lenders(service), of)
}

func (m Made) kept() *Made {
	d := m.Decision.Clone()
	return &Made{&d, m.Frame.Clone()}
}

// SetRules serves other rules from now on, with the decisions that are there, and
// ends a trial. Policies that were made with the old rules keep them: make them anew.
func (t *Table) SetRules(set *rules.Set) {
	t.write(func(next *edition) {
		next.trial = nil
		next.rule(set, t.cfg)
	})
}

// rule makes the routes of all services anew.
func (e *edition) rule(set *rules.Set, cfg Config) {
	e.known.Teach(set)
	old := e.services
	e.set, e.services, e.names = set, make(map[string]*Routes, len(old)), nil
	m := e.former(cfg)
	e.nobody = m.routes("", nil, nil)
	for _, service := range set.Services() {
		e.services[service] = nil
	}
	for service, routes := range old {
		if routes.Decision != nil || e.known.find(service) != nil {
			e.services[e.asDecided(service, routes)] = routes
		}
	}
	e.serve()
	last := maps.Clone(e.services)
	for service, routes := range last {
		e.services[service] = m.routes(service, routes.made(), routes)
	}
	for service, routes := range last { // once all that is lent is there
		if e.borrows(service) {
			e.services[service] = m.routes(service, routes.made(), routes)
		}
	}
}

// former makes the routes of the only line, or of the former.
func (e *edition) former(cfg Config) *maker {
	return &maker{e.set, e.version, cfg, e.known, e.load}
}

// tried makes those of the line on trial.
func (e *edition) tried(cfg Config) *maker {
	return &maker{e.trial.set, e.version, cfg, e.known, func(service string) *Routes {
		r := e.load(service)
		if r.pair != nil {
			return r.pair.tried
		}
		return r
	}}
}

func (e *edition) load(service string) *Routes {
	if routes := e.services[service]; routes != nil { // nil: its turn has not come yet
		return routes
	}
	if routes := e.services[e.set.Canonical(service)]; routes != nil {
		return routes
	}
	if f := e.known.find(service); f != nil {
		if routes := e.services[e.served[f.Name]]; routes != nil {
			return routes
		}
	}
	return e.nobody
}

// write makes the next edition from a copy of the present one.
func (t *Table) write(change func(next *edition)) {
	t.writing.Lock()
	defer t.writing.Unlock()
	next := &edition{services: map[string]*Routes{}, next: make(chan struct{}), version: max(1, t.cfg.FirstVersion)}
	last := t.now.Load()
	if last != nil {
		next.version, next.set, next.trial, next.nobody = last.version+1, last.set, last.trial, last.nobody
		next.services, next.names = maps.Clone(last.services), last.names
		next.known, next.served, next.named = last.known, last.served, last.named
	}
	change(next)
	if next.idle {
		return
	}
	if len(next.names) != len(next.services) || next.renamed {
		next.names = slices.Sorted(maps.Keys(next.services))
	}
	if last == nil || !next.callsAll(last) {
		next.named = next.version
	}
	t.now.Store(next)
	if last != nil {
		close(last.next)
	}
}

// callsAll reports whether every name that meant a service in the edition before
// means it still.
func (e *edition) callsAll(last *edition) bool {
	if !e.renamed && len(e.names) == len(last.names) && e.set == last.set {
		return true
	}
	for _, name := range last.names {
		if e.services[name] == nil {
			return false
		}
	}
	return e.set == last.set && e.known.sameNames(last.known) && maps.Equal(e.served, last.served)
}

// Load returns the newest routes of a service, never nil: those of a service
// that is not known have no endpoints.
func (t *Table) Load(service string) *Routes { return t.Look().Load(service) }

// Look is one state of a table, for who asks it for more than one service or
// more than once.
type Look struct{ now *edition }

// Look returns the newest state.
func (t *Table) Look() Look { return Look{t.now.Load()} }

// Version is the table's in this state.
func (l Look) Version() uint64 { return l.now.version }

// Services names the services of this state, sorted; do not write to it.
func (l Look) Services() []string { return l.now.names }

// Namesakes lists the services that are called so, where the name means none of them
// since several are.
func (l Look) Namesakes(service string) []string { return l.now.known.Namesakes(service) }

// Load returns the routes of a service in this state, as Table.Load does.
func (l Look) Load(service string) *Routes { return l.now.load(service) }

// Services names all services that the table knows, sorted; do not write to it.
func (t *Table) Services() []string { return t.now.Load().names }

// Rules are the rules in force, the former line's while a trial is on; nil when
// there are none.
func (t *Table) Rules() *rules.Set { return t.now.Load().set }

// Version counts the editions from 1. Routes carry that in which they were
// made, so a service has changed since version v if its Routes.Version > v.
func (t *Table) Version() uint64 { return t.now.Load().version }

// Life is the version of the first edition, which tells this table from those of
// daemons before it.
func (t *Table) Life() uint64 { return max(1, t.cfg.FirstVersion) }

// Named is the version in which a name of a service last came to mean another one, or
// none. Who resumes from before it cannot tell by versions alone what has changed.
func (t *Table) Named() uint64 { return t.now.Load().named }

// TTL is how long what the table says may be used.
func (t *Table) TTL() time.Duration { return t.cfg.TTL }

// Changed returns a channel that is closed when the present edition is
// replaced. Take it before Version and Load, and no edition is missed.
func (t *Table) Changed() <-chan struct{} { return t.now.Load().next }
