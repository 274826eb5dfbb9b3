package router

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Table serves the newest Routes of each service. Load, Version and Changed
// may be called from anywhere at any time; they take no lock. Publish and
// SetRules take turns.
//
// It holds the services of the rules and those that were published, no others,
// however many are asked for.
type Table struct {
	cfg     Config
	writing sync.Mutex
	now     atomic.Pointer[edition]
}

// edition is one state of the table. It is never changed.
type edition struct {
	version  uint64
	set      *rules.Set
	services map[string]*Routes
	nobody   *Routes       // of services that are not known
	next     chan struct{} // closed when a newer edition is there
}

// NewTable returns a table, at cfg.FirstVersion, that serves what the rules
// alone say. set may be nil.
func NewTable(set *rules.Set, cfg Config) *Table {
	t := &Table{cfg: cfg}
	t.SetRules(set)
	return t
}

// Publish serves the decision d, which was made on f, from now on. It copies
// what it keeps of both. A service whose Decide failed keeps its last routes.
func (t *Table) Publish(d *Decision, f *features.Frame) {
	decision, frame := d.Clone(), f.Clone()
	t.write(func(next *edition) {
		next.services[d.Service] = newRoutes(d.Service, next.set, &decision, frame, next.version, t.cfg)
	})
}

// SetRules serves other rules from now on, with the decisions that are there.
// Policies that were made with the old rules keep them: make them anew.
func (t *Table) SetRules(set *rules.Set) {
	t.write(func(next *edition) {
		old := next.services
		next.set, next.services = set, make(map[string]*Routes, len(old))
		next.nobody = newRoutes("", set, nil, nil, next.version, t.cfg)
		for _, service := range set.Services() {
			next.services[service] = newRoutes(service, set, nil, nil, next.version, t.cfg)
		}
		for service, routes := range old {
			if routes.Decision != nil {
				next.services[service] = newRoutes(service, set, routes.Decision, routes.Frame, next.version, t.cfg)
			}
		}
	})
}

// write makes the next edition from a copy of the present one.
func (t *Table) write(change func(next *edition)) {
	t.writing.Lock()
	defer t.writing.Unlock()
	next := &edition{services: map[string]*Routes{}, next: make(chan struct{}), version: max(1, t.cfg.FirstVersion)}
	last := t.now.Load()
	if last != nil {
		next.version, next.set, next.nobody = last.version+1, last.set, last.nobody
		next.services = maps.Clone(last.services)
	}
	change(next)
	t.now.Store(next)
	if last != nil {
		close(last.next)
	}
}

// Load returns the newest routes of a service, never nil: those of a service
// that is not known have no endpoints.
func (t *Table) Load(service string) *Routes { return t.Look().Load(service) }

// Look is one state of a table, for who asks it for more than one service or
// more than once.
type Look struct{ now *edition }

// Look returns the newest state.
func (t *Table) Look() Look { return Look{t.now.Load()} }

// Load returns the routes of a service in this state, as Table.Load does.
func (l Look) Load(service string) *Routes {
	if routes, ok := l.now.services[service]; ok {
		return routes
	}
	return l.now.nobody
}

// Services names all services that the table knows, sorted.
func (t *Table) Services() []string { return slices.Sorted(maps.Keys(t.now.Load().services)) }

// Rules are the rules in force; nil when there are none.
func (t *Table) Rules() *rules.Set { return t.now.Load().set }

// Version counts the editions from 1. Routes carry that in which they were
// made, so a service has changed since version v if its Routes.Version > v.
func (t *Table) Version() uint64 { return t.now.Load().version }

// Changed returns a channel that is closed when the present edition is
// replaced. Take it before Version and Load, and no edition is missed.
func (t *Table) Changed() <-chan struct{} { return t.now.Load().next }
