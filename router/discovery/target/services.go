package target

import (
	"cmp"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// Reading is how targets are read.
type Reading struct {
	Source string // what calls itself so found them
	Domain string // of Kubernetes; empty: cluster.local
	// Names are labels that name an endpoint before the ones that all sources know do.
	Names []string
	// Apart says that each address is an endpoint, also where several are of one host.
	Apart bool
	Time  time.Time
}

// Services puts targets together to services, in the order of their names. Targets of
// one name and host are one endpoint: the ports of a pod. Where several hosts have one
// name, it is none's, and each is called by its address. What is of no service is left
// out.
func Services(targets []Target, r Reading) []*discovery.Service {
	if r.Domain == "" {
		r.Domain = "cluster.local"
	}
	byName := map[string]*gathered{}
	for i := range targets {
		t := &targets[i]
		s := identity(t, r)
		if s.Name == "" {
			continue
		}
		g := byName[s.Name]
		if g == nil {
			g = &gathered{service: s, reading: r}
			byName[s.Name] = g
		}
		g.service.Names = append(g.service.Names, s.Names...)
		if g.service.Port == (discovery.Port{}) || t.Serves && s.Port.Name < g.service.Port.Name {
			g.service.Port = s.Port
		}
		g.targets = append(g.targets, t)
	}
	out := make([]*discovery.Service, 0, len(byName))
	for _, g := range byName {
		out = append(out, g.finish())
	}
	slices.SortFunc(out, func(a, b *discovery.Service) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// identity is the service that a target belongs to, without endpoints; without a name
// where nothing says which.
func identity(t *Target, r Reading) *discovery.Service {
	s := &discovery.Service{Source: r.Source, Time: r.Time}
	namespace, name := t.get("__meta_kubernetes_namespace"), t.get("__meta_kubernetes_service_name")
	if name == "" {
		name = t.get(appLabels...)
	}
	if own := t.get("service"); name != "" && namespace != "" && (own == "" || own == name) {
		s.Name, s.Names = Kubernetes(name, namespace, r.Domain)
		s.Namespace = namespace
	} else {
		s.Name = t.get(serviceLabels...)
	}
	if s.Name == "" {
		s.Name = t.Otherwise
	}
	if job := t.get("job"); job != "" && job != s.Name {
		s.Names = append(s.Names, job)
	}
	if t.Serves {
		s.Port = port(t)
	}
	return s
}

// Kubernetes is the name of a service of Kubernetes and the short ones.
func Kubernetes(name, namespace, domain string) (full string, short []string) {
	s := name + "." + namespace
	return s + ".svc." + domain, []string{s + ".svc", s, name}
}

// port is that of the labels; a service's own where they say it.
func port(t *Target) discovery.Port {
	p := discovery.Port{Name: t.get(portLabels...)}
	p.Protocol = Protocol(p.Name)
	if n, err := strconv.Atoi(t.get("__meta_kubernetes_service_port_number", "__meta_consul_service_port")); err == nil && n > 0 && n < 1<<16 {
		p.Number = n
	}
	return p
}

// gathered is a service and its targets.
type gathered struct {
	service *discovery.Service
	targets []*Target
	reading Reading
}

func (g *gathered) finish() *discovery.Service {
	g.service.Names = tidy(g.service.Names, g.service.Name)
	slices.SortStableFunc(g.targets, func(a, b *Target) int {
		return cmp.Or(-cmp.Compare(count(a.Serves), count(b.Serves)), strings.Compare(a.get(portLabels...), b.get(portLabels...)),
			strings.Compare(a.Address, b.Address), strings.Compare(a.Scraped, b.Scraped))
	})
	names := g.names()
	endpoints := map[string]*discovery.Endpoint{}
	for i, t := range g.targets {
		one := endpoints[names[i]]
		if one == nil {
			e := t.endpoint(names[i])
			endpoints[e.Name] = &e
			continue
		}
		other := *t
		other.Down = false // requests go to the first
		merge(one, other.endpoint(names[i]))
	}
	g.service.Endpoints = make([]discovery.Endpoint, 0, len(endpoints))
	for _, e := range endpoints {
		e.Names = tidy(e.Names, e.Name)
		g.service.Endpoints = append(g.service.Endpoints, *e)
	}
	slices.SortFunc(g.service.Endpoints, func(a, b discovery.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	return g.service
}

// names are what the targets are called, in their order: the name that labels give
// unless it is that of several places.
func (g *gathered) names() []string {
	labels := append(slices.Clone(g.reading.Names), nameLabels...)
	names, places := make([]string, len(g.targets)), map[string]string{}
	several := map[string]bool{}
	for i, t := range g.targets {
		names[i] = t.get(labels...)
		if before, ok := places[names[i]]; ok && before != g.place(t) {
			several[names[i]] = true
		}
		places[names[i]] = g.place(t)
	}
	for i, t := range g.targets {
		if names[i] == "" || several[names[i]] {
			names[i] = cmp.Or(t.Address, t.Scraped)
		}
	}
	return names
}

// place is where a target is, as far as it tells endpoints apart.
func (g *gathered) place(t *Target) string {
	address := cmp.Or(t.Address, t.Scraped)
	if host, _, err := net.SplitHostPort(address); err == nil && !g.reading.Apart {
		return host
	}
	return address
}

// merge adds what another target says of the same endpoint.
func merge(e *discovery.Endpoint, other discovery.Endpoint) {
	e.Address, e.Subset, e.Zone = cmp.Or(e.Address, other.Address), cmp.Or(e.Subset, other.Subset), cmp.Or(e.Zone, other.Zone)
	e.State = max(e.State, other.State)
	e.Names = append(e.Names, other.Names...)
	for name, v := range other.Labels {
		if e.Labels == nil {
			e.Labels = map[string]string{}
		}
		if _, ok := e.Labels[name]; !ok {
			e.Labels[name] = v
		}
	}
}

// tidy is names sorted, each once, and without the one that they are others of.
func tidy(names []string, but string) []string {
	slices.Sort(names)
	names = slices.Compact(names)
	names = slices.DeleteFunc(names, func(n string) bool { return n == but })
	if len(names) == 0 {
		return nil
	}
	return names
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
