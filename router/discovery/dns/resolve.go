package dns

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// resolved is what a name was found to be.
type resolved struct {
	endpoints []discovery.Endpoint
	ttl       time.Duration
	denied    bool     // no endpoints, and not even the name
	skipped   []string // records that nobody can connect to
}

// resolve asks for a name. An error says that it could not be found out.
func (a *asker) resolve(ctx context.Context, n Name) (*resolved, error) {
	servers, names, err := a.servers(n.Name)
	if err != nil {
		return nil, err
	}
	return a.search(ctx, servers, names, n)
}

// search asks for the forms that a name has by a search list, until one has anything.
func (a *asker) search(ctx context.Context, servers, names []string, n Name) (*resolved, error) {
	nothing := &resolved{denied: true, ttl: time.Duration(1<<63 - 1)}
	var failed error
	for _, name := range names {
		r, err := a.one(ctx, servers, name, n)
		switch {
		case err != nil && failed == nil:
			failed = err
		case err != nil:
		case len(r.endpoints) > 0 || len(r.skipped) > 0:
			return r, nil
		default:
			nothing.denied = nothing.denied && r.denied
			nothing.ttl = min(nothing.ttl, r.ttl)
		}
	}
	if failed != nil {
		return nil, failed
	}
	return nothing, nil
}

// one asks for a whole name.
func (a *asker) one(ctx context.Context, servers []string, name string, n Name) (*resolved, error) {
	if n.Port == 0 {
		return a.srv(ctx, servers, name)
	}
	f, err := a.addresses(ctx, servers, name)
	if err != nil {
		return nil, err
	}
	if len(f.addresses) > mostEndpoints {
		return nil, fmt.Errorf("%s has %d addresses; want at most %d", name, len(f.addresses), mostEndpoints)
	}
	r := &resolved{ttl: f.ttl, denied: f.denied}
	for _, ip := range f.addresses {
		r.endpoints = append(r.endpoints, at(ip, n.Port))
	}
	order(r)
	return r, nil
}

// at is the endpoint of an address of which nothing else is known.
func at(ip netip.Addr, port int) discovery.Endpoint {
	address := netip.AddrPortFrom(ip, uint16(port)).String()
	return discovery.Endpoint{Endpoint: mesh.Endpoint{Name: address, Address: address}, Names: []string{ip.String()}}
}

// addresses asks for those of the family that is wanted.
func (a *asker) addresses(ctx context.Context, servers []string, name string) (*found, error) {
	kinds := map[string][]uint16{IPv4: {dns.TypeA}, IPv6: {dns.TypeAAAA}}[a.Family]
	if kinds == nil {
		kinds = []uint16{dns.TypeA, dns.TypeAAAA}
	}
	all := &found{ttl: time.Duration(1<<63 - 1)}
	for _, kind := range kinds {
		m, err := a.ask(ctx, servers, name, kind)
		if err != nil {
			return nil, err
		}
		f := read(m, name, kind)
		if f.denied && f.empty() {
			return f, nil // of no kind
		}
		if !f.empty() && a.Family == Auto {
			return f, nil
		}
		if all.empty() && !f.empty() {
			all.ttl = f.ttl // what was not found does not count beside what was
		} else if all.empty() == f.empty() {
			all.ttl = min(all.ttl, f.ttl)
		}
		all.addresses = append(all.addresses, f.addresses...)
	}
	return all, nil
}

// srv asks for SRV records and for the addresses of their targets.
func (a *asker) srv(ctx context.Context, servers []string, name string) (*resolved, error) {
	m, err := a.ask(ctx, servers, name, dns.TypeSRV)
	if err != nil {
		return nil, err
	}
	f := read(m, name, dns.TypeSRV)
	r := &resolved{ttl: f.ttl, denied: f.denied && f.empty()}
	records := chosen(f.records, r)
	if len(records) > mostEndpoints {
		return nil, fmt.Errorf("%s has %d SRV records; want at most %d", name, len(records), mostEndpoints)
	}
	hosts := map[string]*host{}
	var all sync.WaitGroup
	for _, record := range records {
		key := strings.ToLower(record.Target)
		if hosts[key] != nil {
			continue
		}
		h := &host{}
		hosts[key] = h
		if h.found = a.beside(m, record.Target); h.found == nil {
			all.Go(func() { h.found, h.err = a.addresses(ctx, servers, record.Target) })
		}
	}
	all.Wait()
	for _, record := range records {
		h := hosts[strings.ToLower(record.Target)]
		if h.err != nil {
			return nil, fmt.Errorf("%s leads to %s: %w", name, record.Target, h.err)
		}
		r.ttl = min(r.ttl, h.ttl)
		if h.empty() {
			r.skipped = append(r.skipped, record.Target+" has no address")
		}
		r.endpoints = append(r.endpoints, endpoints(record, h.addresses)...)
		if len(r.endpoints) > mostEndpoints {
			return nil, fmt.Errorf("the SRV records of %s have more than %d addresses", name, mostEndpoints)
		}
	}
	order(r)
	return r, nil
}

// host is a target and its addresses.
type host struct {
	*found
	err error
}

// chosen are the records of the lowest priority that can be connected to.
func chosen(records []*dns.SRV, r *resolved) []*dns.SRV {
	var out []*dns.SRV
	for _, record := range records {
		switch {
		case record.Target == ".": // decidedly not here: RFC 2782
			continue
		case record.Port == 0:
			r.skipped = append(r.skipped, record.Target+" has port 0")
			continue
		case len(out) > 0 && record.Priority > out[0].Priority:
			continue
		case len(out) > 0 && record.Priority < out[0].Priority:
			out = out[:0]
		}
		out = append(out, record)
	}
	return out
}

// beside is what the answer to another question says of a target's addresses in
// addition, nil where it is not all that is wanted.
func (a *asker) beside(m *dns.Msg, name string) *found {
	extra := &dns.Msg{Answer: m.Extra}
	four, six := read(extra, name, dns.TypeA), read(extra, name, dns.TypeAAAA)
	switch {
	case a.Family == IPv6 && !six.empty():
		return six
	case (a.Family == IPv4 || a.Family == Auto) && !four.empty():
		return four
	case a.Family == Both && !four.empty() && !six.empty():
		return &found{addresses: slices.Concat(four.addresses, six.addresses), ttl: min(four.ttl, six.ttl)}
	}
	return nil
}

// endpoints are the one that a record's target is, called by its name, or as many as
// it has addresses of one family.
func endpoints(record *dns.SRV, addresses []netip.Addr) []discovery.Endpoint {
	name := strings.TrimSuffix(record.Target, ".")
	first, _, _ := strings.Cut(name, ".") // of a StatefulSet the pod
	port := int(record.Port)
	named := []string{name, first}
	one := len(addresses) == 1 || len(addresses) == 2 && addresses[0].Is4() != addresses[1].Is4()
	var out []discovery.Endpoint
	for i, ip := range addresses {
		e := at(ip, port)
		e.Names = append(e.Names, named...)
		switch {
		case one && i == 0:
			e.Names = append(e.Names, e.Name)
			e.Name = net.JoinHostPort(name, strconv.Itoa(port))
		case one:
			out[0].Names = append(out[0].Names, e.Name, ip.String())
			continue
		}
		out = append(out, e)
	}
	return out
}

// order sorts endpoints by their names, each once.
func order(r *resolved) {
	for i := range r.endpoints {
		slices.Sort(r.endpoints[i].Names)
	}
	slices.SortFunc(r.endpoints, func(a, b discovery.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	r.endpoints = slices.CompactFunc(r.endpoints, func(a, b discovery.Endpoint) bool { return a.Name == b.Name })
	slices.Sort(r.skipped)
}
