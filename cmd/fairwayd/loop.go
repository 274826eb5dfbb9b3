package main

import (
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// loop is the slow loop: windows in, tables out. One goroutine runs it.
type loop struct {
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
	step  time.Duration
	ready atomic.Bool // set at the first table; read by others

	decision router.Decision
	// by service: the last frame; source and reason as logged last
	last    map[string]*features.Frame
	said    map[string]string
	failing bool // the source gave an error last
}

// open decides once for each service of the rules, of which nothing was seen
// and nothing will be.
func (l *loop) open(set *rules.Set) {
	for _, name := range set.Services() {
		f := &features.Frame{Window: mesh.Window{Service: name, Time: l.clock(), Schema: &mesh.Schema{}}}
		for _, e := range set.Service(name).Service.Endpoints {
			f.Endpoints = append(f.Endpoints, e.Endpoint)
		}
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
		l.tell(err)
		if err != nil {
			if !errors.Is(err, errOver) {
				l.metrics.pollErrors.Inc()
			}
			l.again(l.at(w), 0)
			continue
		}
		start := l.clock()
		f, err := l.extractor.Push(w)
		if err != nil {
			l.metrics.refused.Inc()
			l.log.Error("window refused", "service", w.Service, "error", err)
			continue
		}
		l.metrics.windows.Inc()
		l.last[w.Service] = f
		l.decide(f)
		l.metrics.rebuild.Observe(l.clock().Sub(start).Seconds())
		l.again(w.Time, l.step)
	}
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
	for _, service := range slices.Sorted(maps.Keys(l.last)) {
		if f := l.last[service]; now.Sub(f.Time) > patience {
			f.Time = now
			l.decide(f)
		}
	}
}

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
