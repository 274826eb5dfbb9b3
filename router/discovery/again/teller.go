package again

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// Teller tells a sink what has changed from one time to the next. It is used by one
// goroutine at a time.
type Teller struct {
	to      discovery.Sink
	told    map[string]*discovery.Service
	stale   map[string]bool // what is in trouble of it
	synced  bool
	trouble string // what was said of it last; empty when all is well
}

// NewTeller has told nothing yet.
func NewTeller(to discovery.Sink) *Teller {
	return &Teller{to: to, told: map[string]*discovery.Service{}}
}

// Tell says what there is now: puts what is new or differs by more than its Time,
// deletes what is not among all any more. Stale services of all are those that could
// not be confirmed: they stay as they were told. trouble is why some, or all, could
// not be; while there is any, nothing is synced. The services are not written to, and
// must not be afterwards.
func (t *Teller) Tell(all []*discovery.Service, trouble error) {
	stale := map[string]bool{}
	anew := trouble != nil && trouble.Error() != t.trouble // it makes all stale: what was confirmed is said again
	for _, s := range all {
		if s.Stale {
			stale[s.Name] = true
			anew = anew || trouble != nil && !t.stale[s.Name]
		}
	}
	if anew {
		t.trouble = trouble.Error()
		t.to.Trouble(trouble)
	}
	now := make(map[string]*discovery.Service, len(all))
	for _, s := range all {
		before := t.told[s.Name]
		if s.Stale && before != nil {
			now[s.Name] = before
			continue
		}
		now[s.Name] = s
		if anew || before == nil || trouble != nil && t.stale[s.Name] || !same(before, s) {
			t.to.Put(clone(s))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.told)) {
		if now[name] == nil {
			t.to.Delete(name)
		}
	}
	t.told, t.stale = now, stale
	if trouble != nil {
		return
	}
	switch {
	case !t.synced:
		t.to.Synced()
	case t.trouble != "":
		t.to.Trouble(nil)
	}
	t.synced, t.trouble = true, ""
}

// Unreachable says that nothing could be learned: all stays as it was told.
func (t *Teller) Unreachable(err error) {
	if err.Error() != t.trouble {
		t.trouble = err.Error()
		t.to.Trouble(err)
	}
}

// Told is how many services there are by what was told.
func (t *Teller) Told() int { return len(t.told) }

func same(a, b *discovery.Service) bool {
	x, y := *a, *b
	x.Time, y.Time = time.Time{}, time.Time{}
	return reflect.DeepEqual(x, y)
}

// clone shares nothing that a sink might write to.
func clone(s *discovery.Service) *discovery.Service {
	c := *s
	c.Names, c.Endpoints = slices.Clone(s.Names), slices.Clone(s.Endpoints)
	for i := range c.Endpoints {
		e := &c.Endpoints[i]
		e.Names, e.Labels = slices.Clone(e.Names), maps.Clone(e.Labels)
	}
	return &c
}
