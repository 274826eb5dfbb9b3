package router

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// call takes down whom each name means: a Name or an Address before other names, and
// who is there before who is gone.
func (m *Members) call() {
	sure := make(map[string]bool, 2*len(m.found.Endpoints))
	for i := range m.found.Endpoints {
		e := &m.found.Endpoints[i]
		for _, name := range [...]string{e.Name, e.Address} {
			if name != "" && !sure[name] {
				m.called[name], sure[name] = e.Name, true
			}
		}
	}
	for i := range m.found.Endpoints {
		e := &m.found.Endpoints[i]
		for _, name := range e.Names {
			m.also(name, e.Name, sure)
		}
		if at := ip(e.Address); at != "" {
			m.also(at, e.Name, sure)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.found.gone)) {
		e := m.found.gone[name]
		for _, n := range append([]string{e.Name, e.Address, ip(e.Address)}, e.Names...) {
			if _, taken := m.called[n]; !taken && n != "" {
				m.called[n] = e.Name
			}
		}
	}
}

// also takes down another name, which may be that of two endpoints.
func (m *Members) also(name, endpoint string, sure map[string]bool) {
	switch before, taken := m.called[name]; {
	case !taken:
		m.called[name] = endpoint
	case !sure[name] && before != endpoint:
		m.called[name] = ""
	}
}

// rename gives the endpoints that the rules name their names.
func (m *Members) rename() {
	if len(m.ruled.Endpoints) == 0 {
		return
	}
	names := map[string]string{} // by discovery's
	for i := range m.ruled.Endpoints {
		e := &m.ruled.Endpoints[i]
		name := m.Called(e.Endpoint)
		if _, twice := names[name]; name == "" || twice {
			continue
		}
		names[name] = e.Name
	}
	for key, is := range m.called {
		if name, ruled := names[is]; ruled {
			m.called[key] = name
		}
	}
	for i := range m.list {
		if name, ruled := names[m.list[i].Name]; ruled {
			m.list[i].Name, m.called[name] = name, name
		}
	}
}

// Called is the name that decisions have for an endpoint which is seen by some name
// or address, such as its IP and any port; empty where that means none, or two.
func (m *Members) Called(seen mesh.Endpoint) string {
	if m == nil {
		return ""
	}
	for _, name := range [...]string{seen.Name, seen.Address} {
		if is := m.called[name]; is != "" {
			return is
		}
	}
	return cmp.Or(m.called[ip(seen.Name)], m.called[ip(seen.Address)])
}

// ip is that of an address with a port; empty where it has none. A port that no
// service has is often that of metrics.
func ip(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	if _, err := netip.ParseAddr(host); err != nil {
		return ""
	}
	return host
}

// Identify calls the endpoints of a window by the names that decisions have for them,
// as rules.Set.Identify does, and says of each what discovery knows.
func (m *Members) Identify(w *mesh.Window) {
	if m == nil {
		return
	}
	if names := m.Names(w.Endpoints); names != nil {
		rules.Rename(w, names)
	}
	w.Endpoints = slices.Clone(w.Endpoints)
	for i := range w.Endpoints {
		m.complete(&w.Endpoints[i])
	}
}

// Names are those that decisions have for the endpoints; nil where they are called so.
func (m *Members) Names(endpoints []mesh.Endpoint) (names []string) {
	if m == nil {
		return nil
	}
	for i, e := range endpoints {
		name := m.Called(e)
		if name == "" || name == e.Name {
			continue
		}
		if names == nil {
			names = make([]string, len(endpoints))
			for j := range names {
				names[j] = endpoints[j].Name
			}
		}
		names[i] = name
	}
	return names
}

// complete says of an endpoint what discovery knows of it, before others do.
func (m *Members) complete(e *mesh.Endpoint) {
	if k := m.of(e.Name); k != nil {
		e.Address, e.Subset, e.Zone = cmp.Or(k.Address, e.Address), cmp.Or(k.Subset, e.Subset), cmp.Or(k.Zone, e.Zone)
	}
}
