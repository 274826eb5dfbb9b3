package kubernetes

import (
	"cmp"
	"net"
	"slices"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// place is one address of an endpoint, as one slice has it.
type place struct {
	*discoveryv1.Endpoint
	slice *discoveryv1.EndpointSlice
	ip    string
	port  int32
}

// owner tells whose address a place is: a pod's, which may have one of each family, and
// another port in two slices while the service's target changes; or nobody's but its own.
type owner struct {
	namespace, pod string
	ip             string
	port           int32
}

// endpoints joins what all slices say of one port of a service. An endpoint may stand
// in two, while it moves from one to the other: the newer slice is right.
func (v view) endpoints(s *corev1.Service, p corev1.ServicePort, of []*discoveryv1.EndpointSlice) []discovery.Endpoint {
	primary := family(s)
	all := map[owner]map[discoveryv1.AddressType]place{}
	named := false // some that belong to no pod are of the primary family
	for _, slice := range of {
		port, has := portOf(slice, p)
		if !has || slice.AddressType != discoveryv1.AddressTypeIPv4 && slice.AddressType != discoveryv1.AddressTypeIPv6 {
			continue
		}
		for i := range slice.Endpoints {
			e := &slice.Endpoints[i]
			if len(e.Addresses) == 0 {
				continue
			}
			here := place{e, slice, e.Addresses[0], port}
			who := here.owner()
			named = named || who.pod == "" && slice.AddressType == primary
			if all[who] == nil {
				all[who] = map[discoveryv1.AddressType]place{}
			}
			if before, ok := all[who][slice.AddressType]; !ok || here.rightOver(before) {
				all[who][slice.AddressType] = here
			}
		}
	}
	found := make([]discovery.Endpoint, 0, len(all))
	for who, places := range all {
		first, ok := places[primary]
		if !ok && named && who.pod == "" {
			continue // the other family's address of one that is there already
		}
		for _, only := range places {
			if !ok {
				first = only
			}
		}
		found = append(found, v.endpoint(s, first, places))
	}
	return tellApart(found)
}

func (p place) owner() owner {
	if pod := p.pod(); pod != "" {
		return owner{namespace: p.TargetRef.Namespace, pod: pod}
	}
	return owner{ip: p.ip, port: p.port}
}

func (p place) pod() string {
	if p.TargetRef == nil || cmp.Or(p.TargetRef.Kind, "Pod") != "Pod" {
		return ""
	}
	return p.TargetRef.Name
}

// rightOver says whether p tells of the same endpoint what is more likely so. Where
// versions do not tell, as in a file, the better state does.
func (p place) rightOver(q place) bool {
	return cmp.Or(cmp.Compare(age(p.slice.ResourceVersion), age(q.slice.ResourceVersion)),
		cmp.Compare(state(q.Conditions), state(p.Conditions)), cmp.Compare(q.ip, p.ip)) > 0
}

func (v view) endpoint(s *corev1.Service, first place, places map[discoveryv1.AddressType]place) discovery.Endpoint {
	address := net.JoinHostPort(first.ip, strconv.Itoa(int(first.port)))
	e := discovery.Endpoint{
		Endpoint: mesh.Endpoint{Name: address, Address: address},
		State:    state(first.Conditions),
	}
	e.Leaves = e.State == discovery.NotReady && first.Conditions.Terminating != nil && *first.Conditions.Terminating
	if first.Zone != nil {
		e.Zone = *first.Zone
	}
	if first.Hostname != nil && *first.Hostname != "" {
		e.Name = *first.Hostname
		if s.Spec.ClusterIP == corev1.ClusterIPNone { // DNS knows it
			e.Names = append(e.Names, v.hostnames(s, *first.Hostname, first.port)...)
		}
	}
	if pod := first.pod(); pod != "" {
		e.Name = pod
		namespace := cmp.Or(first.TargetRef.Namespace, s.Namespace)
		e.Names = append(e.Names, namespace+"/"+pod)
		if v.labels != nil {
			e.Labels = v.labels(namespace, pod)
			e.Subset = subset(e.Labels)
		}
	}
	for _, p := range places {
		e.Names = append(e.Names, p.names()...)
	}
	slices.Sort(e.Names)
	e.Names = slices.DeleteFunc(slices.Compact(e.Names), func(n string) bool { return n == e.Name || n == e.Address })
	return e
}

// names are a place's IP, alone and with each of its ports.
func (p place) names() []string {
	names := []string{p.ip, net.JoinHostPort(p.ip, strconv.Itoa(int(p.port)))}
	for _, other := range p.slice.Ports {
		if other.Port != nil {
			names = append(names, net.JoinHostPort(p.ip, strconv.Itoa(int(*other.Port))))
		}
	}
	return names
}

func (v view) hostnames(s *corev1.Service, host string, port int32) (names []string) {
	short := host + "." + s.Name
	for _, n := range []string{short + "." + s.Namespace + ".svc." + v.domain, short + "." + s.Namespace + ".svc", short + "." + s.Namespace, short} {
		names = append(names, n, net.JoinHostPort(n, strconv.Itoa(int(port))))
	}
	return names
}

// state follows the API's words on conditions that are not said: ready, serving, not
// terminating. One that is ready takes requests even while it terminates: its service
// publishes addresses that are not ready.
func state(c discoveryv1.EndpointConditions) discovery.State {
	said := func(b *bool, otherwise bool) bool {
		if b == nil {
			return otherwise
		}
		return *b
	}
	switch {
	case said(c.Ready, true):
		return discovery.Ready
	case said(c.Terminating, false) && said(c.Serving, true):
		return discovery.Draining
	}
	return discovery.NotReady
}

// family is the one whose addresses requests go to.
func family(s *corev1.Service) discoveryv1.AddressType {
	if len(s.Spec.IPFamilies) > 0 {
		return discoveryv1.AddressType(s.Spec.IPFamilies[0])
	}
	if ip := net.ParseIP(s.Spec.ClusterIP); ip != nil && ip.To4() == nil {
		return discoveryv1.AddressTypeIPv6
	}
	return discoveryv1.AddressTypeIPv4
}

// portOf is where endpoints of a slice take what comes to a service's port. A slice
// that gives no number means all ports.
func portOf(slice *discoveryv1.EndpointSlice, p corev1.ServicePort) (port int32, has bool) {
	for _, q := range slice.Ports {
		if q.Name != nil && *q.Name != p.Name || q.Name == nil && p.Name != "" || q.Protocol != nil && *q.Protocol != corev1.ProtocolTCP {
			continue
		}
		if q.Port != nil {
			return *q.Port, true
		}
		return cmp.Or(p.TargetPort.IntVal, p.Port), true
	}
	return 0, false
}

// tellApart sorts endpoints by name. Those that would share one are called by their
// addresses, which differ; a file may have a name that is another's address all the
// same, and then only one is left.
func tellApart(all []discovery.Endpoint) []discovery.Endpoint {
	count := map[string]int{}
	for i := range all {
		count[all[i].Name]++
	}
	for i := range all {
		if e := &all[i]; count[e.Name] > 1 {
			e.Name = e.Address
		}
	}
	slices.SortFunc(all, func(a, b discovery.Endpoint) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Address, b.Address))
	})
	return slices.CompactFunc(all, func(a, b discovery.Endpoint) bool { return a.Name == b.Name })
}
