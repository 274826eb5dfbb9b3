package main

import (
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// loop is the slow loop: windows in, tables out. One goroutine runs it, and where
// endpoints are checked another one attends to that.
type loop struct {
	mu        sync.Mutex // held while anything is decided
	extractor *features.Extractor
	policy    router.Policy
	table     *router.Table
	metrics   *metrics
	log       *slog.Logger
	clock     func() time.Time
	// from is when serving begins: what comes before it warms up the memory
	// of extractor and policy only.
	from time.Time
	// step is the time between two windows of a service.
	step time.Duration
	// live says that the time of frames is the clock's.
	live   bool
	checks *checks        // nil: none
	course *router.Course // the policy's; nil: nobody acts on what is decided
	ready  atomic.Bool    // set at the first table; read by others

	decision router.Decision
	// by service: the last frame; source and reason as logged last
	last    map[string]*features.Frame
	said    map[string]string
	failing bool // the source gave an error last
}

// open decides once for each service of the rules, of which nothing was seen
// and nothing will be.
func (l *loop) open(set *rules.Set) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range set.Services() {
		f := &features.Frame{Window: mesh.Window{Service: name, Time: l.clock(), Schema: &mesh.Schema{}}}
		for _, e := range set.Service(name).Service.Endpoints {
			f.Endpoints = append(f.Endpoints, e.Endpoint)
		}
		l.last[name] = f
		l.decide(f)
	}
}

// identified calls the endpoints of the windows by their names in the rules.
func identified(windows iter.Seq2[mesh.Window, error], set *rules.Set) iter.Seq2[mesh.Window, error] {
	return func(yield func(mesh.Window, error) bool) {
		for w, err := range windows {
			if err == nil {
				set.Identify(&w)
			}
			if !yield(w, err) {
				return
			}
		}
	}
}

// run ends with the windows.
func (l *loop) run(windows iter.Seq2[mesh.Window, error]) {
	for w, err := range windows {
		l.take(w, err)
	}
}

// take decides on a window, or on those before it where there is an error instead.
func (l *loop) take(w mesh.Window, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tell(err)
	if err != nil {
		if !errors.Is(err, errOver) {
			l.metrics.pollErrors.Inc()
		}
		l.again(l.at(w), 0)
		return
	}
	start := l.clock()
	f, err := l.extractor.Push(w)
	if err != nil {
		l.metrics.refused.Inc()
		l.log.Error("window refused", "service", w.Service, "error", err)
		return
	}
	l.metrics.windows.Inc()
	l.last[w.Service] = f
	l.decide(f)
	l.metrics.rebuild.Observe(l.clock().Sub(start).Seconds())
	l.again(w.Time, l.step)
}

// at is the time of an item that is an error: a recording's own, else now.
func (l *loop) at(w mesh.Window) time.Time {
	if w.Time.IsZero() {
		return l.clock()
	}
	return w.Time
}

// again decides once more on the last frame of each service that is more than
// patience behind, as of now. Its metrics have aged, and a policy to which
// they are too old declines by itself.
func (l *loop) again(now time.Time, patience time.Duration) {
	for _, service := range l.services() {
		if f := l.last[service]; now.Sub(f.Time) > patience {
			f.Time = now
			l.decide(f)
		}
	}
}

// services are those of which there is a frame, in order.
func (l *loop) services() []string { return slices.Sorted(maps.Keys(l.last)) }

func (l *loop) decide(f *features.Frame) {
	if err := l.policy.Decide(&l.decision, f); err != nil {
		l.metrics.refused.Inc()
		l.say(f.Service, "kept", err.Error())
		return
	}
	if f.Time.Before(l.from) {
		return
	}
	if f.End.IsZero() {
		l.decision.Age = 0 // there are no metrics
	}
	l.table.Publish(&l.decision, f)
	l.course.Applied(&l.decision)
	l.checks.follow(f.Service, l.clock(), l.table.Load(f.Service).Endpoints)
	l.metrics.Count(&l.decision)
	l.ready.Store(true)
	l.say(f.Service, l.decision.Source.String(), string(l.decision.Reason), "policy", l.decision.Policy, "notes", l.decision.Notes)
}

// say logs who sets the weights of a service, when that changes.
func (l *loop) say(service, source, reason string, more ...any) {
	if now := source + " " + reason; l.said[service] != now {
		l.said[service] = now
		l.log.Info("decided", append([]any{"service", service, "source", source, "reason", reason}, more...)...)
	}
}

// tell logs that the source fails, or works again, when that changes.
func (l *loop) tell(err error) {
	switch failing := err != nil; {
	case failing && !l.failing:
		l.log.Warn("no metrics; the last ones age", "error", err)
	case !failing && l.failing:
		l.log.Info("metrics are back")
	}
	l.failing = err != nil
}
