package gatewayapi

import (
	"cmp"
	"slices"

	v1 "sigs.k8s.io/gateway-api/apis/v1"

	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// anyHost is the service of a route of a gateway that names no hostname.
const anyHost = "*"

// parents are the services whose requests a route rules.
func (o *object) parents(spec *v1.CommonRouteSpec, hostnames []v1.Hostname) []*service {
	var all []*service
	add := func(name, from string, at path) {
		s := o.service(name, at)
		if s == nil || slices.Contains(all, s) {
			return
		}
		if s.parent != "" && s.parent != from {
			o.fail(at, "service %q is ruled by way of %s here and of %s at %s; fairway keeps these not apart: remove one", name, from, s.parent, s.where)
			return
		}
		s.parent = from
		all = append(all, s)
	}
	gateway := func(from string, at path) {
		if len(hostnames) == 0 {
			add(anyHost, from, at)
		}
		for _, host := range hostnames {
			add(manifest.Service(string(host), o.Home(), o.home), from, at)
		}
	}
	for i, ref := range spec.ParentRefs {
		at := path{"parentRefs", i}
		switch kind := of(ref.Group, group) + "/" + of(ref.Kind, "Gateway"); kind {
		case group + "/Gateway":
			if ref.SectionName != nil || ref.Port != nil {
				o.find(manifest.Warning, at, "left to the proxy: which listener of gateway %s the requests came in by", ref.Name)
			}
			gateway("gateway "+manifest.Service(string(ref.Name), of(ref.Namespace, o.Home()), o.home), at)
		case "/Service":
			if namespace := of(ref.Namespace, o.Home()); namespace != o.Home() {
				o.fail(at, "a route for a service of another namespace (%s) rules only the requests from its own (a consumer route), which is not supported; put it into namespace %s", namespace, namespace)
				continue
			}
			if ref.SectionName != nil {
				o.fail(at, "sectionName of a parent of kind Service is not supported; leave it out")
			}
			from := "itself"
			if ref.Port != nil {
				from = "its port " + number(*ref.Port)
			}
			if len(hostnames) > 0 {
				o.find(manifest.Warning, path{"hostnames"}, "hostnames are not looked at where the parent is a Service: its name is the host")
			}
			add(manifest.Service(string(ref.Name), o.Home(), o.home), from, at)
		default:
			o.fail(at, "a parent of kind %s is not supported; use a Service, or a Gateway", kind)
		}
	}
	if scope := spec.UseDefaultGateways; scope != "" && scope != v1.GatewayDefaultScopeNone {
		gateway("the default gateways", path{"useDefaultGateways"})
	} else if len(spec.ParentRefs) == 0 {
		o.find(manifest.Warning, nil, "rules nothing: it has no parentRefs; name the Service or Gateway whose requests it is for")
	}
	return all
}

// service is the one of a name, of routes of one kind only: whose rules come first is
// not told by the Gateway API where kinds are mixed.
func (o *object) service(name string, at path) *service {
	s := o.services[name]
	if s == nil {
		s = &service{name: name, kind: o.Kind, where: o.At(at...)}
		o.services[name], o.order = s, append(o.order, name)
	}
	if s.kind != o.Kind {
		o.fail(at, "service %q has a %s at %s already; use one kind for all of its routes", name, s.kind, s.where)
		return nil
	}
	return s
}

// of is what a pointer leads to, or what is meant without one.
func of[S, T ~string](p *S, otherwise T) string {
	if p == nil {
		return string(otherwise)
	}
	return string(*p)
}

func value[T any](p *T) (zero T) {
	if p == nil {
		return zero
	}
	return *p
}

// grant is a leave to name services of another namespace.
type grant struct{ kind, from, to, name string }

func (o *object) grant() {
	var spec v1.ReferenceGrantSpec
	if !o.version(kinds[o.Kind].versions) || !o.decode(&spec) {
		return
	}
	for _, from := range spec.From {
		for _, to := range spec.To {
			if to.Kind == "Service" && from.Group == group {
				o.grants = append(o.grants, grant{string(from.Kind), string(from.Namespace), o.Home(), of(to.Name, "")})
			}
		}
	}
}

// granted reports whether the object may name a service of another namespace.
func (o *object) granted(namespace, name string) bool {
	return slices.ContainsFunc(o.grants, func(g grant) bool {
		return g.kind == o.Kind && g.from == o.Home() && g.to == namespace && cmp.Or(g.name, name) == name
	})
}
