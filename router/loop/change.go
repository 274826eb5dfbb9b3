package loop

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
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

// candidate is a line that is to serve, and what it is measured by.
type candidate struct {
	cfg    *Config
	change Change
	pace   Pace
	former *line // only what never changes of it may be read
	rounds []round
	seen   int    // rounds, of all that ever were
	memory []byte // of the former line's policies
	traits []byte // of its extractor; nil where it is of no use
	names  map[string][]string
	line   *line
	alone  bool // there is nothing to compare it with
}

// begin takes down all that a candidate needs, so that the loop goes on meanwhile.
func (l *Loop) begin(c Change) *candidate {
	p := &candidate{cfg: &l.cfg, change: c, pace: l.pace, former: l.former}
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

// prove makes the line, and tries whatever can be tried beforehand.
func (p *candidate) prove() error {
	m, set := p.former.model, p.former.rules
	if p.change.Subject == model.SubjectModel {
		m = p.change.Model
	} else {
		set = p.change.Rules
	}
	if err := p.fits(m); err != nil {
		return err
	}
	n, err := newLine(p.cfg, m, set, p.pace)
	if err != nil {
		return err
	}
	if p.alone {
		p.line = n
		return nil
	}
	if err := p.replay(n); err != nil {
		return err
	}
	if err := p.parity(n); err != nil {
		return err
	}
	return p.remember(n, m, set)
}

// fits refuses a model that has learned from other windows than those that come. Where
// no model has served yet, the windows can be changed to those of the first one.
func (p *candidate) fits(m *model.Model) error {
	if m == nil || p.pace.Schema == nil || p.change.Subject != model.SubjectModel {
		return nil
	}
	timing := m.Paced(p.pace.Timing).Timing
	own, polled := m.Schema.Hash(), p.pace.Schema.Hash()
	switch {
	case own == polled && timing.Step == p.pace.Timing.Step && timing.Range == p.pace.Timing.Range && timing.Delay == p.pace.Timing.Delay:
		return nil
	case !p.cfg.Live && own == polled: // a recording is played as it is
		return nil
	case p.cfg.Live && p.former.model == nil:
		p.alone = true
		return nil
	case own != polled:
		return fmt.Errorf("it was trained on schema %q (%s), and the metrics are polled by %q (%s): start the daemon anew with it", m.Schema.Name, own, p.pace.Schema.Name, polled)
	}
	return fmt.Errorf("it was trained on windows of %v every %v, %v late, and those that come are of %v every %v, %v late: start the daemon anew with it",
		timing.Range, timing.Step, timing.Delay, p.pace.Timing.Range, p.pace.Timing.Step, p.pace.Timing.Delay)
}

// leastReplayed is how many windows the former line's model must have answered for it
// to be held against a model that it answers none of them.
const leastReplayed = 3

// replay walks the new line through what is kept. Where it fails, or its policy
// declines everything that the former one's model answered, it does not serve.
func (p *candidate) replay(n *line) error {
	answered, declined := 0, 0
	var last string
	windows := map[string]int{}
	for _, r := range p.rounds {
		for i := range r.windows {
			w := r.windows[i]
			if n.push(w) != nil {
				continue // the former line did not take it either
			}
			windows[w.Service]++
			d, err := n.decide(w.Service)
			var reason router.Reason
			if errors.As(err, &reason) && reason != router.Fault {
				continue
			}
			if err == nil && len(d.Endpoints) > 0 {
				err = d.Weights.Validate()
			}
			if err != nil {
				return fmt.Errorf("on the window of service %s at %v: %w", w.Service, w.Time, err)
			}
			if d.Reason == router.Fault {
				return fmt.Errorf("on the window of service %s at %v: %v", w.Service, w.Time, d.Notes)
			}
			if !r.modelled[w.Service] || windows[w.Service] <= p.cfg.Router.WarmUp {
				continue
			}
			if d.Source == router.SourceModel && d.Reason == "" {
				answered++
			} else {
				declined++
				last = fmt.Sprint(d.Reason, " ", d.Notes)
			}
		}
	}
	if answered == 0 && declined >= leastReplayed {
		return fmt.Errorf("it declines all %d windows of the last minutes that the model before answered, at last with %s", declined, last)
	}
	return nil
}

// parity probes the networks of a model on the frames that the replay left.
func (p *candidate) parity(n *line) error {
	if n.forecast == nil {
		return nil
	}
	for _, service := range n.services() {
		if err := n.forecast.Parity(n.last[service]); err != nil && !errors.Is(err, predict.ErrSchema) {
			return fmt.Errorf("service %s: %w", service, err)
		}
	}
	return nil
}

// remember gives the new line the memory of the former one, as far as it is built
// alike: what minutes of windows do not tell.
func (p *candidate) remember(n *line, m *model.Model, set *rules.Set) error {
	if p.memory != nil {
		fresh, err := newLine(p.cfg, m, set, p.pace)
		if err != nil {
			return err
		}
		if router.Restore(fresh.policy, p.memory) == nil {
			fresh.extractor, fresh.last = n.extractor, n.last
			n = fresh
		}
	}
	if p.traits != nil && n.named(p.names) {
		// Refused where frames are made otherwise: then what was replayed has to do.
		_ = n.extractor.UnmarshalBinary(p.traits)
	}
	p.line = n
	return nil
}

// catchUp gives a candidate the windows that came while it was being prepared.
func (l *Loop) catchUp(p *candidate) {
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
