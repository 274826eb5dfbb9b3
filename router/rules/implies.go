package rules

import (
	"fmt"
	"slices"
	"strings"
)

// Unreached is a route that no request can reach, since one before it takes all
// that it would.
type Unreached struct {
	Route, By int // positions in the list of routes
	// Text says which two, and what to do. It does not begin with the place of the
	// route, which is its Where.
	Text string
}

// Unreachable finds routes that an earlier one leaves nothing for: one without
// criteria, whose conditions are all implied by the later's. Routes that only
// several others together leave nothing for are not found. It takes time by the
// square of the number of routes.
func Unreachable(routes []Route) []Unreached {
	var found []Unreached
	for i := range routes {
		for j := range routes[:i] {
			if len(routes[j].Criteria) == 0 && routes[i].Match.Implies(routes[j].Match) {
				found = append(found, Unreached{Route: i, By: j, Text: unreached(&routes[i], &routes[j])})
				break
			}
		}
	}
	return found
}

func unreached(route, by *Route) string {
	place := ""
	if by.Where != "" {
		place = " at " + by.Where
	}
	if len(by.Match) == 0 {
		return fmt.Sprintf("route %q is never reached: route %q%s takes every request; put that one last", route.Name, by.Name, place)
	}
	return fmt.Sprintf("route %q is never reached: route %q%s takes all requests with %s; put that one after it, or remove one", route.Name, by.Name, place, joined(by.Match))
}

// Implies reports whether every request that m holds for is one that other holds
// for, as far as comparing conditions one by one can tell: false is not a proof.
// Regular expressions imply what their literal beginning does.
func (m Match) Implies(other Match) bool {
	for i := range other {
		if !slices.ContainsFunc(m, func(c Condition) bool { return c.implies(other[i]) }) {
			return false
		}
	}
	return true
}

func (c Condition) implies(d Condition) bool {
	if c.Of != d.Of || c.Name != d.Name {
		return false
	}
	c, d = c.plain(), d.plain()
	switch {
	case c.Same(&d):
		return true
	case c.Not && d.Not:
		c.Not, d.Not = false, false
		return d.implies(c)
	case c.Not:
		return false
	case d.Pattern.Op == Regex && d.Pattern.re == nil:
		return false // not compiled
	case c.Pattern.Op == Absent:
		return d.holds("", false)
	case c.Pattern.Op == Exact && !c.Pattern.folds():
		return d.holds(c.Pattern.Value, true)
	case d.Not:
		return false
	case d.Pattern.Op == Present:
		return true
	}
	return c.Pattern.within(&d.Pattern)
}

// plain writes what can be said in two ways in one of them.
func (c Condition) plain() Condition {
	p := &c.Pattern
	switch {
	case c.Not && p.Op == Present:
		c.Not, p.Op = false, Absent
	case c.Not && p.Op == Absent:
		c.Not, p.Op = false, Present
	}
	if p.Op == PathPrefix {
		p.Value = p.elements() + "/"
		if p.Value == "/" && !c.Of.named() { // an empty path is none
			p.Op = Prefix
		}
	}
	p.IgnoreCase = p.folds()
	return c
}

// within reports whether d matches all that p does, of which both want that it is
// there. What p is exactly, in the very case, is not asked here.
func (p *Pattern) within(d *Pattern) bool {
	if p.folds() && !d.folds() && strings.ContainsFunc(d.Value, letter) {
		return false // p takes what is in another case
	}
	begin := p.Value // what all that p matches begins with
	switch p.Op {
	case PathPrefix: // and ends there, or goes on with a slash
		begin = p.elements()
	case Regex:
		begin = p.head
	}
	switch d.Op {
	case Exact:
		return p.Op == Exact && d.same(begin)
	case Prefix:
		return d.begins(begin)
	case PathPrefix:
		if p.Op == Prefix || p.Op == Regex { // what follows may be anything
			own := d.elements() + "/"
			return len(begin) >= len(own) && d.sameAs(begin[:len(own)], own)
		}
		return d.leads(begin)
	}
	return false
}

// folds reports whether p compares letters without regard to case.
func (p *Pattern) folds() bool {
	return p.IgnoreCase && p.Op != Regex && strings.ContainsFunc(p.Value, letter)
}

func letter(c rune) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
