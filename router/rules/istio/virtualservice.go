package istio

import (
	"slices"
	"strings"

	"istio.io/api/networking/v1alpha3"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// inside is what Istio calls the proxies inside the mesh where it asks for gateways.
const inside = "mesh"

var virtualRefused = []field{
	{"tcp", "fairway routes HTTP and gRPC; leave TCP to the proxy, in an object that fairway does not read"},
	{"tls", "fairway routes HTTP and gRPC; leave TLS passthrough to the proxy, in an object that fairway does not read"},
}

func (t *translator) virtualService(o *manifest.Object) {
	var v v1alpha3.VirtualService
	if err := o.Spec(&v); err != nil {
		t.fail(o, o.LineOf(), err)
		return
	}
	p := place{o: o}
	t.refuseFields(p, virtualRefused)
	if p.has("exportTo") {
		t.note(p.in("exportTo"), "exportTo is not looked at: fairway's rules hold for all who ask for the service")
	}
	if len(v.Hosts) == 0 {
		t.refuse(p, "no hosts: rules that another VirtualService delegates to are not supported; write them there")
	}
	if len(v.Http) == 0 && !p.has("tcp") && !p.has("tls") {
		t.refuse(p, "no http rules; write at least one")
	}
	routes := t.routes(o, &v)
	bound := binding(v.Gateways, o.Home())
	for i, host := range v.Hosts {
		t.bind(p.in("hosts", i), t.name(host, o), bound, routes)
	}
}

// name is what fairway calls the service of a host in an object.
func (t *translator) name(host string, o *manifest.Object) string {
	return manifest.Service(host, o.Home(), t.home)
}

// binding is the gateways of a VirtualService as one text: mesh where it is bound
// to the proxies inside the mesh, alone or too.
func binding(gateways []string, namespace string) string {
	if len(gateways) == 0 || slices.Contains(gateways, inside) {
		return inside
	}
	var full []string
	for _, g := range gateways {
		full = append(full, fullGateway(g, namespace))
	}
	slices.Sort(full)
	return strings.Join(slices.Compact(full), " ")
}

// fullGateway gives a gateway's name its namespace.
func fullGateway(name, namespace string) string {
	if name == inside || strings.Contains(name, "/") {
		return name
	}
	return namespace + "/" + name
}

// bind gives the routes of a VirtualService to the service of one of its hosts.
// Istio merges what several objects say of a host at a gateway: in the order of
// their age, rules that take every request last. Inside the mesh it does not merge.
func (t *translator) bind(p place, name, bound string, routes []rules.Route) {
	s := t.service(name, p)
	switch {
	case name == "":
		t.refuse(p, "an empty host")
		return
	case s.by == nil:
		s.by, s.gateway = p.o, bound
	case s.by == p.o:
		t.note(p, "host %s stands twice, by this name or another", name)
		return
	case s.gateway != bound:
		t.refuse(p, "host %s is routed by %s at %s too, for another gateway; fairway is not told which gateway a request came by", name, s.by, s.by.At("hosts"))
		return
	case bound == inside:
		t.refuse(p, "host %s is routed by %s at %s already, and Istio would not look at the rules here; merge the two", name, s.by, s.by.At("hosts"))
		return
	default:
		t.note(p, "the rules of host %s are merged with those of %s at %s, older objects first and rules that take every request last", name, s.by, s.by.At("hosts"))
	}
	if t.count += len(routes); t.count > maxAll || len(s.Routes)+len(routes) > maxRoutes {
		t.refuse(p, "more than %d rules for host %s, or %d for all hosts, counting each match; write fewer", maxRoutes, name, maxAll)
		return
	}
	for _, r := range routes {
		if s.routes[r.Name] {
			if r.Name = p.o.Name + "." + r.Name; s.routes[r.Name] {
				t.refuse(p, "a rule named %q stands twice for host %s; rename one", r.Name, name)
			}
		}
		s.routes[r.Name] = true
		r.To = own(r.To, name)
		s.Routes = append(s.Routes, r)
	}
	if s.by != p.o {
		s.Routes = catchAllsLast(s.Routes)
	}
}

// own are the targets as the service itself says them: without its own name.
func own(to []rules.Target, service string) []rules.Target {
	to = slices.Clone(to)
	for i := range to {
		if to[i].Service == service {
			to[i].Service = ""
		}
	}
	return to
}

func catchAllsLast(routes []rules.Route) []rules.Route {
	var some, all []rules.Route
	for _, r := range routes {
		if takesAll(&r) {
			all = append(all, r)
		} else {
			some = append(some, r)
		}
	}
	return append(some, all...)
}

// takesAll reports whether a route takes every request. Paths begin with /.
func takesAll(r *rules.Route) bool {
	for i := range r.Match {
		c := &r.Match[i]
		every := c.Pattern.Op == rules.Prefix && c.Pattern.Value == "/" || c.Pattern.Op == rules.Regex && (c.Pattern.Value == ".*" || c.Pattern.Value == "/.*")
		if c.Of != rules.Path || c.Not || !every {
			return false
		}
	}
	return true
}
