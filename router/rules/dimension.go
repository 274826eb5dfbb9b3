package rules

import (
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
)

// subject is what a condition looks at.
type subject struct {
	of   Part
	name string
}

func (c *Condition) subject() subject { return subject{c.Of, c.Name} }

// dimension tells, for a value of one subject, which rules may hold as far as
// their conditions on that subject go: all that do, and few others.
type dimension struct {
	probe  Condition // reads the subject of a request
	values trie
	absent *set // where the request has none
}

// asking is a rule with its conditions on one subject.
type asking struct {
	rule       int
	conditions []Condition
}

// newDimension covers the rules of among; others have no bit in any answer.
func newDimension(of subject, matches []Match, among *set, shared pool) *dimension {
	d := &dimension{probe: Condition{Of: of.of, Name: of.name}}
	askers, rest := d.askers(of, matches, among)
	may := func(hold func(*Condition) bool) *set {
		b := rest
		for i := range askers {
			if all(askers[i].conditions, hold) {
				b.add(askers[i].rule)
			}
		}
		return shared.one(b)
	}
	d.absent = may(func(c *Condition) bool { return c.holds("", false) })
	for _, a := range askers {
		for i := range a.conditions {
			for _, text := range a.conditions[i].Pattern.borders() {
				d.values.add(text)
			}
		}
	}
	d.values.pack()
	d.values.each(func(text string, n *node) {
		n.at = may(func(c *Condition) bool { return d.values.may(c, text, true) })
		n.under = may(func(c *Condition) bool { return d.values.may(c, text, false) })
	})
	return d
}

// askers are the rules that ask of the subject, their texts in lower case if the
// values' are, and rest those that do not.
func (d *dimension) askers(of subject, matches []Match, among *set) (askers []asking, rest set) {
	for i, m := range matches {
		if !among.has(i) {
			continue
		}
		a := asking{rule: i}
		for _, c := range m {
			if c.subject() == of {
				a.conditions = append(a.conditions, c)
				d.values.fold = d.values.fold || c.Pattern.folds()
			}
		}
		if a.conditions == nil {
			rest.add(i)
			continue
		}
		askers = append(askers, a)
	}
	if d.values.fold {
		for _, a := range askers {
			for i := range a.conditions {
				p := &a.conditions[i].Pattern
				p.Value, p.head = lowered(p.Value), lowered(p.head)
			}
		}
	}
	return askers, rest
}

func all[E any](list []E, hold func(*E) bool) bool {
	for i := range list {
		if !hold(&list[i]) {
			return false
		}
	}
	return true
}

// borders are the texts by which p tells values apart that begin with them.
func (p *Pattern) borders() []string {
	switch p.Op {
	case PathPrefix:
		return []string{p.elements(), p.elements() + "/"}
	case Regex:
		return []string{p.head}
	}
	return []string{p.Value}
}

// may reports whether a value can satisfy c that leaves the trie at the node of a
// text: one that ends there, or that goes on, but along no edge to its end.
func (t *trie) may(c *Condition, text string, ends bool) bool {
	p := &c.Pattern
	if c.Not {
		// Where case is kept a node decides all but regular expressions.
		return t.fold || p.Op == Regex || !p.may(text, ends)
	}
	return p.may(text, ends)
}

func (p *Pattern) may(text string, ends bool) bool {
	switch p.Op {
	case Absent:
		return false
	case Exact:
		return ends && text == p.Value
	case Prefix:
		return strings.HasPrefix(text, p.Value)
	case PathPrefix:
		own := p.elements()
		return ends && text == own || len(text) > len(own) && text[len(own)] == '/' && text[:len(own)] == own
	case Regex:
		return strings.HasPrefix(text, p.head)
	}
	return true
}

// of gives the rules that may hold for the request.
func (d *dimension) of(r *mesh.Request) *set {
	value, there := d.probe.value(r)
	if !there {
		return d.absent
	}
	return d.values.find(value)
}
