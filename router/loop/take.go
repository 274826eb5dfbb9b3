package loop

import (
	"errors"
	"iter"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// Run takes the windows of a source until it ends. Those of one time come together.
func (l *Loop) Run(windows iter.Seq2[[]mesh.Window, error]) {
	for all, err := range windows {
		l.Take(all, err)
	}
}

// Open decides once for each service of the rules, of which nothing was seen and
// nothing will be.
func (l *Loop) Open() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened, l.begun = true, true
	clear(l.restored)
	l.former.open(l.cfg.Clock(), nil)
	l.decide(l.former.services())
}

// Take decides on the windows of one time, or on those before them where there is an
// error instead.
func (l *Loop) Take(windows []mesh.Window, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sourceIs(err)
	if err != nil {
		if !errors.Is(err, ErrOver) {
			l.metrics.pollErrors.Inc()
		}
		if !l.opened { // the rules have something to say, and checks to ask for
			l.opened = true
			l.former.open(l.cfg.Clock(), l.restores)
			l.decide(l.former.services())
		}
		l.age(l.at(windows), 0)
		l.settle()
		return
	}
	if len(windows) == 0 {
		return
	}
	start := l.cfg.Clock()
	l.backwards(windows[0].Time)
	var taken []mesh.Window
	var services []string
	for i := range windows {
		l.giveWay()
		if l.push(&windows[i]) {
			taken, services = append(taken, windows[i]), append(services, windows[i].Service)
		}
	}
	if len(taken) > 0 {
		l.opened, l.begun, l.newest = true, true, taken[0].Time
	}
	services = append(services, l.behind(windows[0].Time, l.pace.Timing.Step)...)
	l.decide(services)
	l.mu.heed()
	if len(taken) > 0 {
		l.kept.add(taken, l.modelled(services))
		l.settle()
		l.join(taken[0].Time)
	}
	l.review()
	l.metrics.rebuild.Observe(l.cfg.Clock().Sub(start).Seconds())
}

// age decides once more on the last frames: their metrics have aged.
func (l *Loop) age(now time.Time, patience time.Duration) {
	l.decide(l.behind(now, patience))
	l.review()
}

func (l *Loop) behind(now time.Time, patience time.Duration) []string {
	if l.tried != nil {
		l.tried.behind(now, patience)
	}
	return l.former.behind(now, patience)
}

// modelled are those of the services for which the former line's model has answered.
func (l *Loop) modelled(services []string) map[string]bool {
	answered := map[string]bool{}
	for _, service := range services {
		if d := l.former.made[service]; d != nil && d.Source == router.SourceModel && d.Reason == "" {
			answered[service] = true
		}
	}
	return answered
}

// push gives the lines a window, and reports whether it was one.
func (l *Loop) push(w *mesh.Window) bool {
	if why := l.odd(w); why != "" {
		l.refuse(w, why)
		return false
	}
	if err := l.former.push(*w); err != nil {
		l.refuse(w, err.Error())
		return false
	}
	if l.tried != nil {
		named := *w
		l.former.identify(&named)
		l.judge.Observe(&named)
		if err := l.tried.push(*w); err != nil {
			l.rollBack("fault", "it does not take the window of "+w.Service+": "+err.Error())
		}
	}
	l.metrics.windows.Inc()
	l.relieve(w.Service)
	return true
}

func (l *Loop) refuse(w *mesh.Window, why string) {
	l.metrics.refused.Inc()
	if l.refusals[w.Service] != why {
		l.refusals[w.Service] = why
		l.cfg.Log.Error("window refused", "service", w.Service, "error", why)
	}
}

// at is the time of an item that is an error: a recording's own, else now.
func (l *Loop) at(windows []mesh.Window) time.Time {
	if len(windows) == 0 || windows[0].Time.IsZero() {
		return l.cfg.Clock()
	}
	return windows[0].Time
}

// sourceIs logs that the source fails, or works again, when that changes.
func (l *Loop) sourceIs(err error) {
	switch failing := err != nil; {
	case failing && !l.failing:
		l.cfg.Log.Warn("no metrics come; those of before, if any, age", "error", err)
	case !failing && l.failing:
		l.cfg.Log.Info("metrics are back")
	}
	l.failing = err != nil
	l.trouble = err
}
