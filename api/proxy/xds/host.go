package xds

import (
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// host is a class of the hosts that requests name, as virtual hosts tell them apart:
// one host, those that begin with a text and are in no other class, or, the zero
// value, all that are left. Hosts are compared without regard to case by an Envoy and
// as they stand by a gRPC client.
type host struct {
	text  string
	exact bool
}

// domain is the class in words of a virtual host.
func (h host) domain() string {
	if h.exact {
		return h.text
	}
	return h.text + "*"
}

// hosts are the classes that rules tell apart, the last of which is the rest. Where
// some begin with a text, that text alone is a class too: Envoy wants more after it.
func hosts(list []*rules.Route, to kind) []host {
	var out []host
	seen := map[host]bool{}
	add := func(h host) {
		if h.text != "" && !strings.Contains(h.text, "*") && !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	for _, rule := range list {
		for i := range rule.Match {
			c := &rule.Match[i]
			if c.Of != rules.Host || c.Pattern.Op != rules.Exact && c.Pattern.Op != rules.Prefix {
				continue
			}
			text := c.Pattern.Value
			if c.Pattern.IgnoreCase || to == envoy { // which refuses two that differ in case only
				text = strings.ToLower(text)
			}
			add(host{text, true})
			if c.Pattern.Op == rules.Prefix {
				add(host{text, false})
			}
		}
	}
	return append(out, host{})
}

// decides tells what a condition on the host says of every host of the class;
// decided is false where it does not say the same of all.
func (h host) decides(c *rules.Condition) (holds, decided bool) {
	if h.exact {
		return rules.Match{*c}.Matches(&mesh.Request{Host: h.text}), true
	}
	switch c.Pattern.Op {
	case rules.Present:
		return !c.Not, true // HTTP/2 and HTTP/1.1 ask for one
	case rules.Absent, rules.Exact:
		return c.Not, true // the host that is meant has a class of its own
	case rules.Prefix:
		whole := c.Pattern.Matches(h.text, true) // else they that begin so are another class
		return whole != c.Not, true
	}
	return false, false
}
