package loop

import (
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/trial"
)

// Judge tells how a trial goes. A trial.Trial is one.
type Judge interface {
	InForce(now time.Time, service string, endpoints []mesh.Endpoint, former, tried mesh.Weights)
	Answered(service string, former, tried bool)
	Observe(w *mesh.Window)
	Judge(now time.Time) trial.Verdict
}

// Outcome is what became of a change.
type Outcome struct {
	Time   time.Time
	Kind   string // model.Adopted, model.RolledBack or model.Refused
	Change        // without its content where it was refused
	Former Version
	Why    string
}

// try begins the trial of a line.
func (l *Loop) try(n *line, c Change) {
	now := l.now()
	l.tried, l.trying = n, c
	l.judge = l.cfg.Trial(now, l.former.rules)
	share := l.judge.Judge(now).Share
	l.table.Try(n.rules, share)
	l.metrics.share.Set(share)
	l.cfg.Log.Info("trying", "subject", c.Subject, "version", c.Name, "former", l.version(c.Subject).Name, "share", share)
	l.decide(l.former.services())
}

// now is the time by which a trial goes: a recording has its own.
func (l *Loop) now() time.Time {
	if !l.cfg.Live && !l.newest.IsZero() {
		return l.newest
	}
	return l.cfg.Clock()
}

// Review does what a trial says that is to be done now. Windows bring it about; it is
// for when none come.
func (l *Loop) Review() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.review()
}

func (l *Loop) review() {
	if l.tried == nil {
		return
	}
	v := l.judge.Judge(l.now())
	switch share, _ := l.table.Trial(); {
	case v.Step == trial.Adopt:
		c := l.trying
		l.take(l.tried, c)
		l.cfg.Log.Info("adopted", "subject", c.Subject, "version", c.Name, "reason", v.Reason, "why", v.Why)
	case v.Step == trial.RollBack:
		l.rollBack(string(v.Reason), v.Why)
	case v.Share != share:
		l.cfg.Log.Info("trial goes on", "subject", l.trying.Subject, "version", l.trying.Name, "share", v.Share, "reason", v.Reason, "why", v.Why)
		l.table.Try(l.tried.rules, v.Share)
		l.metrics.share.Set(v.Share)
	}
}

// take has a line serve alone.
func (l *Loop) take(n *line, c Change) {
	former := l.version(c.Subject)
	paced := l.former.model == nil && n.model != nil
	l.former = n
	l.versions[c.Subject] = c.Version
	if l.tried == n {
		l.table.Adopt()
	} else {
		l.table.SetRules(n.rules)
	}
	l.over()
	l.checks.under(n.rules, l.cfg.Clock())
	l.metrics.serves(n.model)
	l.decide(n.services())
	l.tell(Outcome{Time: l.cfg.Clock(), Kind: model.Adopted, Change: c, Former: former})
	if paced {
		signal(l.repace)
	}
	if c.Back {
		l.cfg.Log.Warn("gone back", "subject", c.Subject, "version", c.Name, "from", former.Name)
	}
}

// over forgets the trial.
func (l *Loop) over() {
	l.tried, l.trying, l.judge = nil, Change{}, nil
	l.metrics.share.Set(0)
	signal(l.wake) // another change may have waited
}

// rollBack has the former line serve alone again, and remembers what was tried.
func (l *Loop) rollBack(reason, why string) {
	c := l.trying
	l.table.Drop()
	l.over()
	l.cfg.Log.Error("rolled back", "subject", c.Subject, "version", c.Name, "to", l.version(c.Subject).Name, "reason", reason, "why", why)
	l.metrics.rollbacks.WithLabelValues(c.Subject).Inc()
	l.tell(Outcome{Time: l.cfg.Clock(), Kind: model.RolledBack, Change: c, Former: l.version(c.Subject), Why: why})
}

// supersede ends a trial, without a verdict, that a newer change of its subject makes
// pointless.
func (l *Loop) supersede(c Change) {
	if l.tried == nil || l.trying.Subject != c.Subject && !c.Back {
		return
	}
	l.cfg.Log.Info("trial ends, another change has come", "subject", l.trying.Subject, "version", l.trying.Name, "by", c.Name)
	l.table.Drop()
	if waits := l.trying; waits.Subject != c.Subject {
		l.waiting[waits.Subject] = waits
	}
	l.over()
}

// tell passes an outcome on to whoever follows its subject.
func (l *Loop) tell(o Outcome) {
	l.metrics.reloads.WithLabelValues(o.Subject, o.Kind).Inc()
	l.outcomes[o.Subject] = append(l.outcomes[o.Subject], o)
	signal(l.told[o.Subject])
}

// observe tells the trial of what was decided.
func (l *Loop) observe(former, tried []router.Made) {
	if l.tried == nil {
		return
	}
	now := l.now()
	answered := map[string]bool{}
	for _, m := range former {
		answered[m.Decision.Service] = asked(m.Decision)
	}
	for _, m := range tried {
		service := m.Decision.Service
		l.judge.Answered(service, answered[service], asked(m.Decision))
		if endpoints, one, other := l.table.Load(service).Shares(); other != nil {
			l.judge.InForce(now, service, endpoints, one, other)
		}
	}
}

// asked reports whether a line's model has answered; one that is only listened to has,
// and one that nobody asked has not declined.
func asked(d *router.Decision) bool {
	return d.Source == router.SourceModel || d.Reason == "" || d.Reason == router.ShadowOnly
}

// mixed is what requests meet of both lines, so that each policy reckons with it.
func mixed(former, tried *router.Decision, share float64) *router.Decision {
	d := former.Clone()
	for i := range d.Weights {
		d.Weights[i] *= 1 - share
	}
	at := make(map[string]int, len(d.Endpoints))
	for i, e := range d.Endpoints {
		at[e.Name] = i
	}
	for i, e := range tried.Endpoints {
		k, known := at[e.Name]
		if !known {
			k = len(d.Endpoints)
			d.Endpoints, d.Weights = append(d.Endpoints, e), append(d.Weights, 0)
		}
		d.Weights[k] += share * tried.Weights[i]
	}
	return &d
}

// signal leaves a note on ch, which holds one, unless there is one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// Refuse counts and tells of a change that does not serve.
func (l *Loop) Refuse(v Version, why error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cfg.Log.Error("refused", "subject", v.Subject, "version", v.Name, "serving", l.version(v.Subject).Name, "error", fmt.Sprint(why))
	l.tell(Outcome{Time: l.cfg.Clock(), Kind: model.Refused, Change: Change{Version: v}, Former: l.version(v.Subject), Why: fmt.Sprint(why)})
}
