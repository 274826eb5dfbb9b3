package rules

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/fairway-mesh/fairway/mesh"
)

// Set is a compiled rules file. It is safe for concurrent use; a nil Set is
// that of no file at all.
type Set struct {
	file     *File
	services map[string]*Matcher
	classes  finder
	also     atomic.Pointer[map[string]string]
}

// Matcher finds the route of a request to one service. It is safe for
// concurrent use.
type Matcher struct {
	// Service is what the file says. Where no file names the service it has one
	// route, to all endpoints, with the split left to the policy.
	Service *Service
	finder
	lenders []string
}

// Compile makes the matchers of a file. What a file that was not parsed leaves
// out gets its default; f itself is not changed.
func Compile(f *File) (*Set, error) {
	s := &Set{file: f, services: make(map[string]*Matcher, len(f.Services))}
	for i := range f.Services {
		service := f.Services[i] // a copy: the defaults are not the file's
		if _, twice := s.services[service.Name]; twice {
			return nil, fmt.Errorf("rules %s: service %q stands twice; merge the two", f.Name, service.Name)
		}
		if service.Limits == (Limits{}) {
			service.Limits = DefaultLimits()
		}
		service.Routes = slices.Clone(service.Routes)
		for j := range service.Routes {
			if err := service.Routes[j].complete(service.Name); err != nil {
				return nil, fmt.Errorf("rules %s: service %q: %w", f.Name, service.Name, err)
			}
		}
		if len(service.Routes) == 0 {
			service.Routes = []Route{implicit()}
		}
		s.services[service.Name] = newMatcher(&service)
	}
	var classes []Match
	for i := range f.Classes {
		classes = append(classes, f.Classes[i].Match)
	}
	s.classes = newFinder(classes)
	return s, nil
}

func newMatcher(s *Service) *Matcher {
	var matches []Match
	for i := range s.Routes {
		matches = append(matches, s.Routes[i].Match)
	}
	return &Matcher{Service: s, finder: newFinder(matches), lenders: lenders(s)}
}

func lenders(s *Service) (list []string) {
	for i := range s.Routes {
		for _, t := range s.Routes[i].To {
			if t.Service != "" {
				list = append(list, t.Service)
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// complete fills in defaults and compiles patterns that NewPattern did not make.
func (r *Route) complete(service string) error {
	if r.To = slices.Clone(r.To); len(r.To) == 0 {
		r.To = implicit().To
	}
	for i := range r.To {
		if r.To[i].Service == service {
			r.To[i].Service = ""
		}
	}
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	r.Match = slices.Clone(r.Match)
	for i := range r.Match {
		p := &r.Match[i].Pattern
		if p.Op != Regex || p.re != nil {
			continue
		}
		compiled, err := NewPattern(p.Op, p.Value)
		if err != nil {
			return fmt.Errorf("route %q: %s: %w", r.Name, r.Match[i], err)
		}
		*p = compiled
	}
	return nil
}

// implicit is the route of a service that has none.
func implicit() Route {
	return Route{Name: Default, To: []Target{{Auto: true}}, Timeout: DefaultTimeout}
}

// unruled is the matcher of all services that no file names.
var unruled = newMatcher(&Service{Routes: []Route{implicit()}, Limits: DefaultLimits()})

// Service returns the matcher of a service, never nil.
func (s *Set) Service(name string) *Matcher {
	if s != nil {
		if m, ok := s.services[s.Canonical(name)]; ok {
			return m
		}
	}
	return unruled
}

// Canonical is what the rules call a service that is named in full, such as
// reviews.default.svc.cluster.local; the name itself where they do not name it, or by
// that very name. It does not allocate.
func (s *Set) Canonical(name string) string {
	if s == nil {
		return name
	}
	if _, exact := s.services[name]; exact {
		return name
	}
	if also := s.also.Load(); also != nil {
		if ruled, is := (*also)[name]; is {
			return ruled
		}
	}
	if s.file.Home == "" {
		return name
	}
	short, rest, full := strings.Cut(name, ".")
	namespace, rest, _ := strings.Cut(rest, ".")
	if !full || rest != "" && rest != "svc" && !strings.HasPrefix(rest, "svc.") {
		return name
	}
	if namespace != s.file.Home {
		short = name[:len(short)+1+len(namespace)]
	}
	if _, known := s.services[short]; known {
		return short
	}
	return name
}

// Also gives services other names, from now on and instead of those that were given
// before: aliases has, by name, what the rules call the service. It may be called at
// any time, and Canonical, and all that finds a service, knows them then. Aliases is
// not to be written to after.
func (s *Set) Also(aliases map[string]string) {
	if s != nil {
		s.also.Store(&aliases)
	}
}

// Names reports whether the file names a service by that very name.
func (s *Set) Names(service string) bool {
	if s == nil {
		return false
	}
	_, named := s.services[service]
	return named
}

// Home is the file's; see File.
func (s *Set) Home() string {
	if s == nil {
		return ""
	}
	return s.file.Home
}

// Lenders names the other services that the rules of a service lead to, sorted.
func (s *Set) Lenders(service string) []string { return s.Service(service).lenders }

// Services names the services of the file, in its order.
func (s *Set) Services() []string {
	if s == nil {
		return nil
	}
	var names []string
	for i := range s.file.Services {
		names = append(names, s.file.Services[i].Name)
	}
	return names
}

// File returns what was compiled, nil for a nil Set. Do not write to it.
func (s *Set) File() *File {
	if s == nil {
		return nil
	}
	return s.file
}

// Version is the file's, empty for a nil Set.
func (s *Set) Version() string {
	if s == nil {
		return ""
	}
	return s.file.Version
}

// Class returns the name of the first class that the request belongs to, or
// "" when there is none.
func (s *Set) Class(r *mesh.Request) string {
	if s == nil {
		return ""
	}
	if i := s.classes.find(r, nil); i >= 0 {
		return s.file.Classes[i].Name
	}
	return ""
}

// Match returns the position of the first route that matches the request and
// whose criteria are met, or -1. met has an entry for each route; nil takes
// all criteria as met. It does not allocate, except to unescape a query
// parameter that a rule asks for.
func (m *Matcher) Match(r *mesh.Request, met []bool) int {
	return m.find(r, met)
}

// Matches reports whether all conditions hold.
func (m Match) Matches(r *mesh.Request) bool {
	for i := range m {
		if !m[i].holds(m[i].value(r)) {
			return false
		}
	}
	return true
}

// Step is what became of one route that was tried.
type Step struct {
	Route   string
	Matched bool
	Why     string // what failed first; for a route that matched, what it asked
}

// Explain tries the routes as Match does, up to the first that matches, and
// says of each why it did not.
func (m *Matcher) Explain(r *mesh.Request, met []bool) []Step {
	var steps []Step
	for i := range m.Service.Routes {
		route := &m.Service.Routes[i]
		step := Step{Route: route.Name, Matched: true, Why: route.asks()}
		if why := route.Match.mismatch(r); why != "" {
			step.Matched, step.Why = false, why
		} else if met != nil && !met[i] {
			step.Matched, step.Why = false, "criteria not met by the current metrics: "+joined(route.Criteria)
		}
		steps = append(steps, step)
		if step.Matched {
			break
		}
	}
	return steps
}

// mismatch says which condition fails first, or "".
func (m Match) mismatch(r *mesh.Request) string {
	for i := range m {
		value, there := m[i].value(r)
		if m[i].holds(value, there) {
			continue
		}
		if !there {
			return fmt.Sprintf("%s: the request has none", m[i])
		}
		return fmt.Sprintf("%s: it is %q", m[i], value)
	}
	return ""
}

func (r *Route) asks() string {
	var parts []string
	if len(r.Match) > 0 {
		parts = append(parts, joined(r.Match))
	}
	if len(r.Criteria) > 0 {
		parts = append(parts, joined(r.Criteria))
	}
	if len(parts) == 0 {
		return "matches every request"
	}
	return strings.Join(parts, "; ")
}

func joined[S fmt.Stringer](list []S) string {
	var parts []string
	for _, s := range list {
		parts = append(parts, s.String())
	}
	return strings.Join(parts, ", ")
}
