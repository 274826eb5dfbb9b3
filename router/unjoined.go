package router

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// Unjoined is a service, or an endpoint of one that both know, which only metrics or
// only discovery name.
type Unjoined struct {
	Side     Side
	Service  string // as decisions call it
	Endpoint string // empty: the service itself
}

// Side is who names it.
type Side string

const (
	InMetrics   Side = "metrics"
	InDiscovery Side = "discovery"
)

// What is it, in the words of metrics: service or endpoint.
func (u *Unjoined) What() string {
	if u.Endpoint == "" {
		return "service"
	}
	return "endpoint"
}

// Unjoined lists what metrics name and discovery does not, and the reverse, in order.
// Seen are the endpoints that metrics show, by service, as metrics call them or as
// decisions do; members tells whom discovery has. What is not ready, or is gone, need
// not be seen by anybody; nor are the ports of a service that requests do not go to.
// Where nothing is discovered or nothing is seen there is nothing to join.
func (k *Known) Unjoined(set *rules.Set, seen map[string][]mesh.Endpoint, members func(service string) *Members) (all []Unjoined) {
	if k == nil || len(k.snapshot.Services()) == 0 || len(seen) == 0 {
		return nil
	}
	met := map[string]bool{}
	for _, service := range slices.Sorted(maps.Keys(seen)) {
		m := members(service)
		if m == nil {
			all = append(all, Unjoined{InMetrics, service, ""})
			continue
		}
		met[m.found.Name] = true
		all = append(all, m.unjoined(service, seen[service])...)
	}
	for _, s := range k.snapshot.Services() {
		if !met[s.Name] && len(s.Endpoints) > 0 && !k.aside(s.Name) {
			all = append(all, Unjoined{InDiscovery, k.Called(s.Name, set), ""})
		}
	}
	return all
}

// aside reports whether a service is a port, beside that which requests go to, of one
// that is discovered too.
func (k *Known) aside(name string) bool {
	i := strings.LastIndexByte(name, ':')
	return i > 0 && k.services[name[:i]] != nil
}

func (m *Members) unjoined(service string, seen []mesh.Endpoint) (all []Unjoined) {
	if m.found.deleted {
		return nil
	}
	met := make([]bool, len(m.list))
	for _, e := range seen {
		name := m.Called(e)
		at, is := m.byName[name]
		if name == "" || !is {
			all = append(all, Unjoined{InMetrics, service, e.Name})
			continue
		}
		met[at] = true
	}
	for i := range m.list {
		if e := &m.list[i]; !met[i] && e.Presence == Ready {
			all = append(all, Unjoined{InDiscovery, service, e.Name})
		}
	}
	return all
}

// Why is the likeliest reason, and what to do.
func (k *Known) Why(u Unjoined, m *Members) string {
	switch {
	case u.Side == InDiscovery && u.Endpoint == "":
		return "no metric names the service: it has no requests yet, nobody scrapes it, or metrics call it otherwise"
	case u.Side == InDiscovery:
		return "no metric names the endpoint: it has no requests yet, nobody scrapes it, or metrics call it otherwise"
	case u.Endpoint == "":
		return k.whyService(u.Service)
	}
	return m.whyEndpoint(u.Endpoint)
}

func (k *Known) whyService(name string) string {
	var so, all []string
	for _, s := range k.snapshot.Services() {
		if slices.Contains(s.Names, name) {
			so = append(so, s.Name)
		}
		all = append(append(all, s.Name), s.Names...)
	}
	if len(so) > 1 {
		return fmt.Sprintf("%d services are called so: %s; only their whole names tell them apart", len(so), some(so))
	}
	if near := manifest.Nearest(name, all); near != "" {
		return fmt.Sprintf("nothing is discovered that is called so; is it %s?", near)
	}
	return "nothing is discovered that is called so"
}

func (m *Members) whyEndpoint(name string) string {
	_, known := m.called[name]
	if _, too := m.called[ip(name)]; known || too {
		return "two endpoints have this name or address; only a whole address tells them apart"
	}
	host := name
	if at := ip(name); at != "" {
		host = at
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "no endpoint of the service has this address: it went before discovery began, or metrics see other addresses than discovery does"
	}
	if near := manifest.Nearest(name, slices.Collect(maps.Keys(m.byName))); near != "" {
		return fmt.Sprintf("no endpoint of the service is called so; is it %s?", near)
	}
	const most = 2
	var names []string
	for _, e := range m.list[:min(len(m.list), most)] {
		names = append(names, strings.TrimSuffix(e.Name+" at "+e.Address, " at "))
	}
	if len(names) == 0 {
		return "the service has no endpoint by what is discovered"
	}
	return fmt.Sprintf("no endpoint of the service is called so; there are %s: name it in the rules with its address, or take metrics that tell the pod or the address", some(names))
}

// some names the first few of a list.
func some(list []string) string {
	const most = 3
	if n := len(list) - most; n > 0 {
		return strings.Join(list[:most], ", ") + fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(list, ", ")
}
