package consul

import (
	"cmp"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/target"
)

// instance is one entry of /v1/health/service, as far as it is used.
type instance struct {
	Node struct {
		Node, Address string
		Meta          map[string]string
		Locality      *locality
	}
	Service struct {
		ID, Kind, Address string
		Port              int
		Tags              []string
		Meta              map[string]string
		Locality          *locality
	}
	Checks []struct{ CheckID, Status string }
}

// locality is where it runs, since Consul 1.17.
type locality struct{ Region, Zone string }

func (l *locality) zone() string {
	if l == nil {
		return ""
	}
	return l.Zone
}

// state is what its checks say together, as AggregatedStatus of Consul's own client.
func (i *instance) state() discovery.State {
	state := discovery.Ready
	for _, c := range i.Checks {
		if c.CheckID == "_node_maintenance" || strings.HasPrefix(c.CheckID, "_service_maintenance") {
			return discovery.Draining
		}
		if c.Status == "critical" {
			state = discovery.NotReady
		}
	}
	return state
}

// address is where requests go, and the names that are of it.
func (i *instance) address() (address string, names []string) {
	host := cmp.Or(i.Service.Address, i.Node.Address)
	if host == "" || strings.ContainsAny(host, " /\t\n") {
		return "", nil
	}
	names = []string{host, i.Node.Address}
	if i.Service.Port > 0 && i.Service.Port < 1<<16 {
		address = target.Address(net.JoinHostPort(host, strconv.Itoa(i.Service.Port)))
		names = append(names, address)
	}
	return address, names
}

// labels are the meta of the service and its tags of the form name=value.
func (i *instance) labels() map[string]string {
	labels := map[string]string{}
	for _, tag := range i.Service.Tags {
		if name, v, ok := strings.Cut(tag, "="); ok && name != "" && v != "" {
			labels[name] = v
		}
	}
	for name, v := range i.Service.Meta {
		if v != "" {
			labels[name] = v
		}
	}
	if len(labels) == 0 {
		return nil
	}
	return labels
}

// versions are tags such as v2 and v1.3.
var versions = regexp.MustCompile(`^v[0-9]+(\.[0-9]+)*$`)

// subset is that of the labels, or the one tag that is a version.
func (i *instance) subset(labels map[string]string) string {
	if s := cmp.Or(labels["subset"], labels["version"]); s != "" {
		return s
	}
	found := ""
	for _, tag := range i.Service.Tags {
		if versions.MatchString(tag) {
			if found != "" && found != tag {
				return ""
			}
			found = tag
		}
	}
	return found
}

// endpoint is what the instance is; name is what to call it.
func (i *instance) endpoint(name string) discovery.Endpoint {
	labels := i.labels()
	e := discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name, Subset: i.subset(labels)}, Labels: labels, State: i.state()}
	e.Zone = cmp.Or(labels["zone"], i.Service.Locality.zone(), i.Node.Locality.zone(), i.Node.Meta["zone"], i.Node.Meta["availability_zone"])
	e.Address, e.Names = i.address()
	e.Names = append(e.Names, i.Service.ID, i.unique(), i.Node.Node)
	if pod, namespace := i.Service.Meta["pod-name"], i.Service.Meta["k8s-namespace"]; pod != "" { // of consul-k8s
		e.Names = append(e.Names, pod, namespace+"/"+pod)
	}
	e.Names = target.Tidy(slices.DeleteFunc(e.Names, func(n string) bool { return n == "" }), name)
	return e
}

// unique is a name that no other instance has: an ID is unique on its node alone.
func (i *instance) unique() string { return i.Node.Node + "/" + i.Service.ID }

// service puts instances together; nil where there are none. A proxy is none.
func service(name, datacenter string, all []instance) *discovery.Service {
	s := &discovery.Service{Name: name, Names: []string{name + ".service.consul"}, Source: "consul"}
	if datacenter != "" {
		s.Names = append(s.Names, name+".service."+datacenter+".consul")
	}
	ids := map[string]int{}
	for _, i := range all {
		ids[i.Service.ID]++
	}
	for _, i := range all {
		if i.Service.Kind != "" {
			continue
		}
		id := i.Service.ID
		if ids[id] > 1 || id == "" {
			id = i.unique()
		}
		s.Endpoints = append(s.Endpoints, i.endpoint(id))
	}
	if len(s.Endpoints) == 0 {
		return nil
	}
	slices.SortStableFunc(s.Endpoints, func(a, b discovery.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	s.Endpoints = slices.CompactFunc(s.Endpoints, func(a, b discovery.Endpoint) bool { return a.Name == b.Name })
	return s
}
