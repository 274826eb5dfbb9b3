package loop

import (
	"errors"
	"fmt"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// candidate is a line that is to serve, and what it is measured by.
type candidate struct {
	cfg    *Config
	change Change
	pace   Pace
	former *line // only what never changes of it may be read
	known  *router.Known
	rounds []round
	seen   int    // rounds, of all that ever were
	memory []byte // of the former line's policies
	traits []byte // of its extractor; nil where it is of no use
	names  map[string][]string
	line   *line
	alone  bool // there is nothing to compare it with
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
	n, err := newLine(p.cfg, m, set, p.pace, p.known)
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
		fresh, err := newLine(p.cfg, m, set, p.pace, p.known)
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
