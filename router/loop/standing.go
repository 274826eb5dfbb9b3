package loop

import (
	"slices"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// standing is the policy for what is restored, under the rules of a line: the weights of
// then, but for endpoints that active checks call unhealthy now. It ejects them as it
// would any other, no more of them at once than may be, and lets them return slowly. What
// discovery says of them the table heeds by itself.
type standing struct {
	line   *line
	policy router.Policy
}

// stands is the policy for what is restored, under the rules in force.
func (l *Loop) stands() router.Policy {
	if l.standing == nil || l.standing.line != l.former {
		cfg := l.cfg.Router
		cfg.Rules, cfg.Found, cfg.Course = l.former.rules, nil, nil
		l.standing = &standing{l.former, router.Eject(then{l}, nil, cfg)}
	}
	return l.standing.policy
}

// then decides what was decided in a life before.
type then struct{ *Loop }

// Name implements router.Policy.
func (then) Name() string { return "restored" }

// Decide implements router.Policy.
func (t then) Decide(dst *router.Decision, f *features.Frame) error {
	d := *t.restored[f.Service].made.Decision
	d.Weights, d.Ejected, d.Held = slices.Clone(d.Weights), slices.Clone(d.Ejected), slices.Clone(d.Held)
	d.Drains, d.Health, d.Notes = slices.Clone(d.Drains), slices.Clone(d.Health), slices.Clone(d.Notes)
	*dst = d
	return nil
}

// stand is what is served of a life before, with what active checks say by now. Nothing
// that was measured then counts again.
func (l *Loop) stand(p *past) router.Made {
	was := p.made.Decision
	if !l.checks.of(was.Service) {
		return p.made
	}
	d := &router.Decision{}
	bare := &features.Frame{Window: mesh.Window{Service: was.Service, Time: was.Time, Schema: &mesh.Schema{}, Endpoints: was.Endpoints}}
	if err := decided(l.stands(), d, bare); err != nil {
		l.say(was.Service, "kept", err.Error())
		return p.made
	}
	return router.Made{Decision: d, Frame: p.made.Frame}
}

// decided asks a policy, whose panic is an error.
func decided(p router.Policy, d *router.Decision, f *features.Frame) (err error) {
	defer caught(&err)
	return p.Decide(d, f)
}

// followRestored checks what is restored, at the addresses that the table has of it.
func (l *Loop) followRestored() {
	for service, p := range l.restored {
		if !p.over { // else it is decided upon, and followed then
			l.checks.follow(service, l.cfg.Clock(), l.table.Load(service).Endpoints)
		}
	}
}

// recheckRestored serves what is restored and checked anew: checks have changed their
// mind.
func (l *Loop) recheckRestored() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.restored) > 0 {
		l.serveRestored(l.cfg.Clock(), l.checks.of)
	}
}
