package loop

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// Version is one of the model or of the rules.
type Version struct {
	Subject string // model.SubjectModel or model.SubjectRules
	Name    string // as people and registries call it
	ID      string // of its content; empty: there is none, as before the first one
}

// Change is another model, or other rules.
type Change struct {
	Version
	Model *model.Model
	Rules *rules.Set
	Text  []byte // of the rules
	// Findings are what a person should know of the rules, though they serve.
	Findings []manifest.Finding
	// Back says that it is a former version that serves again because a later one
	// does not do: it is not tried first.
	Back bool
}

// ErrRefused says that a model or rules do not serve, and why.
var ErrRefused = errors.New("refused")

// Change has a model or rules serve from now on: after a trial if there is something
// to compare with, else at once. What does not serve at all, as the windows of the
// last minutes tell, is ErrRefused, and changes nothing.
//
// There is one trial at a time, so that it is known whose fault it is when things get
// worse. A later version of what is on trial takes its place; a change of the other
// of model and rules waits, the newest of them, until the trial is over.
func (l *Loop) Change(c Change) error {
	l.changing.Lock()
	defer l.changing.Unlock()
	for {
		if done, err := l.change(c); done {
			return err
		}
	}
}

// change is not done where another line came into force, by the end of a trial or by
// other windows, while the new one was being prepared beside the old.
func (l *Loop) change(c Change) (done bool, err error) {
	l.mu.Lock()
	switch {
	case c.ID == l.version(c.Subject).ID: // nothing new, or back to it
		l.supersede(c)
		delete(l.waiting, c.Subject)
		l.mu.Unlock()
		return true, nil
	case l.fresh(c.Version): // whoever follows does not know yet that it was taken back
		l.mu.Unlock()
		return true, nil
	case l.tried != nil && l.trying.ID == c.ID && !c.Back:
		l.mu.Unlock()
		return true, nil
	case l.tried != nil && l.trying.Subject != c.Subject && !c.Back:
		l.waiting[c.Subject] = c
		l.cfg.Log.Info("waits for the trial to end", "subject", c.Subject, "version", c.Name, "trying", l.trying.Name)
		l.mu.Unlock()
		return true, nil
	}
	p := l.begin(c)
	l.mu.Unlock()
	err = p.prove()
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.known != l.known {
		l.known.Teach(l.former.rules) // which both may have
	}
	switch {
	case l.former != p.former:
		return false, nil
	case err != nil:
		return true, fmt.Errorf("%s %s: %w: %w", c.Subject, c.Name, ErrRefused, err)
	}
	l.catchUp(p)
	l.supersede(c)
	delete(l.waiting, c.Subject)
	if c.Back || p.alone || l.cfg.Trial == nil || l.newest.IsZero() {
		former := l.version(c.Subject).Name
		l.take(p.line, c)
		if !c.Back { // of which take speaks
			l.cfg.Log.Info("adopted", "subject", c.Subject, "version", c.Name, "former", former, "reason", "untried")
		}
		return true, nil
	}
	l.try(p.line, c)
	return true, nil
}

// fresh reports whether a version was rolled back or refused, and that is not passed on
// yet.
func (l *Loop) fresh(v Version) bool {
	return slices.ContainsFunc(l.outcomes[v.Subject], func(o Outcome) bool { return o.ID == v.ID && o.Kind != model.Adopted })
}

// version is what is in force of a subject.
func (l *Loop) version(subject string) Version {
	return cmp.Or(l.versions[subject], Version{Subject: subject})
}

// begin takes down all that a candidate needs, so that the loop goes on meanwhile.
func (l *Loop) begin(c Change) *candidate {
	p := &candidate{cfg: &l.cfg, change: c, pace: l.pace, former: l.former, known: l.known}
	p.rounds, p.seen = l.kept.since(0)
	var err error
	if p.memory, err = router.Save(l.former.policy); err != nil {
		l.cfg.Log.Error("the new line begins without the old one's memory", "error", err)
	}
	if len(p.rounds) > 0 {
		if p.traits, err = l.former.extractor.MarshalBinary(); err != nil {
			l.cfg.Log.Error("the new line begins without the old one's memory", "error", err)
		}
	}
	p.names = l.former.names()
	return p
}

// catchUp gives a candidate the windows that came while it was being prepared.
func (l *Loop) catchUp(p *candidate) {
	p.line.outgrow(l.former, l.now())
	p.line.know(l.known, true, l.now(), l.restores)
	if p.alone {
		l.kept.forget()
		return
	}
	p.line.course.Follow(l.former.course)
	rounds, seen := l.kept.since(p.seen)
	p.seen = seen
	for _, r := range rounds {
		for i := range r.windows {
			if p.line.push(r.windows[i]) == nil {
				_, _ = p.line.decide(r.windows[i].Service) // it learns of the weights that are in force
			}
		}
	}
	if l.pace.Schema == nil {
		p.line.open(l.cfg.Clock(), l.restores)
	}
}

// outgrow lets go of what the windows that were kept show and another line, which has
// seen the same, has let go of since: services that are no more, and endpoints that
// discovery has forgotten.
func (n *line) outgrow(other *line, now time.Time) {
	for service, f := range n.last {
		it := other.last[service]
		known := n.rules.Names(service) || n.Members(service) != nil
		switch over := it == nil || it.End.IsZero(); {
		case f.End.IsZero():
		case over && !known:
			n.drop(service)
		case over, known && now.Sub(f.End) > router.Lingers:
			n.bare(service, now)
		}
	}
	n.dropped = nil
}

// next begins what has waited for a trial to end.
func (l *Loop) next() {
	l.mu.Lock()
	var waiting []Change
	if l.tried == nil {
		for _, subject := range []string{model.SubjectModel, model.SubjectRules} {
			if c, ok := l.waiting[subject]; ok {
				waiting = append(waiting, c)
				delete(l.waiting, subject)
			}
		}
	}
	l.mu.Unlock()
	for _, c := range waiting {
		if err := l.Change(c); err != nil {
			l.Refuse(c.Version, err)
		}
	}
}
