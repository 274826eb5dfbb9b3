package load

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// merge makes one service of all that is said of one, in the order in which services
// are named first. What two say of the same thing is an error.
func (r *reading) merge() []rules.Service {
	var all []rules.Service
	at := map[string]int{}
	said := map[string]*fragment{} // by service and field: who said it
	for i := range r.parts {
		p := &r.parts[i]
		j, there := at[p.Name]
		if !there {
			j = len(all)
			at[p.Name] = j
			all = append(all, rules.Service{Name: p.Name, Where: p.Where})
		}
		r.join(&all[j], p, said)
	}
	return all
}

// aspect is a part of a service that one source alone may tell.
type aspect struct {
	name string
	of   func(*rules.Service) any // a pointer to it
	from func(*rules.Service) string
}

var aspects = []aspect{
	{"routes", func(s *rules.Service) any { return &s.Routes }, func(s *rules.Service) string {
		if len(s.Routes) > 0 {
			return s.Routes[0].Where
		}
		return ""
	}},
	{name: "endpoints", of: func(s *rules.Service) any { return &s.Endpoints }},
	{name: "objective", of: func(s *rules.Service) any { return &s.Objective }},
	{name: "limits", of: func(s *rules.Service) any { return &s.Limits }},
	{name: "locality", of: func(s *rules.Service) any { return &s.Locality }},
	{name: "health", of: func(s *rules.Service) any { return &s.Health }},
	{name: "balance", of: func(s *rules.Service) any { return &s.Balance }},
	{name: "circuit limits", of: func(s *rules.Service) any { return &s.Circuit }},
	{name: "outlier detection", of: func(s *rules.Service) any { return &s.Outlier }},
	{name: "subsets", of: func(s *rules.Service) any { return &s.Subsets }},
}

func (a *aspect) where(p *fragment) string {
	if a.from != nil {
		if w := a.from(&p.Service); w != "" {
			return w
		}
	}
	return p.Where
}

func (r *reading) join(s *rules.Service, p *fragment, said map[string]*fragment) {
	for i := range aspects {
		a := &aspects[i]
		value := reflect.ValueOf(a.of(&p.Service)).Elem()
		if value.IsZero() || a.name == "limits" && p.Limits == rules.DefaultLimits() {
			continue
		}
		key := p.Name + "\x00" + a.name
		if first := said[key]; first != nil {
			r.errs = append(r.errs, fmt.Errorf("%s: service %q has its %s here (%s) and at %s (%s); keep one of them",
				a.where(p), p.Name, a.name, p.source, a.where(first), first.source))
			continue
		}
		said[key] = p
		reflect.ValueOf(a.of(s)).Elem().Set(value)
	}
}

// check looks at what only the whole can tell.
func (r *reading) check() {
	for i := range r.whole.Services {
		s := &r.whole.Services[i]
		r.subsets(s)
		if strings.HasPrefix(s.Name, "*") {
			r.find(manifest.Note, s.Where, "the rules of %s hold for who asks for a service of that name, not for every host that it stands for", s.Name)
		}
	}
	names := map[string]bool{}
	for _, c := range r.whole.Classes {
		if names[c.Name] {
			r.errs = append(r.errs, fmt.Errorf("%s: class %q stands in two files; rename or remove one", r.whole.Name, c.Name))
		}
		names[c.Name] = true
	}
}

// subsets refuses routes to subsets that no endpoint is in, where the rules place any,
// and warns of those that manifests do not say anything of.
func (r *reading) subsets(s *rules.Service) {
	placed := map[string]bool{}
	for _, e := range s.Endpoints {
		placed[e.Subset] = true
	}
	delete(placed, "")
	for _, route := range s.Routes {
		for _, t := range route.To {
			if t.Service != "" || t.Subset == "" || len(placed) == 0 || placed[t.Subset] {
				continue
			}
			if own := s.Subset(t.Subset); own != nil && placed[own.Value()] {
				continue
			}
			r.errs = append(r.errs, fmt.Errorf("%s: route %q goes to subset %q, which no endpoint of service %q is in", at(route.Where, s.Where), route.Name, t.Subset, s.Name))
		}
	}
}

func at(where ...string) string {
	i := slices.IndexFunc(where, func(w string) bool { return w != "" })
	if i < 0 {
		return "the rules"
	}
	return where[i]
}
