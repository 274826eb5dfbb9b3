package kubernetes

import (
	"cmp"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// SourceName is the source of all that this package finds.
const SourceName = "kubernetes"

// DiscoverAnnotation opts a service, or all of a namespace, out where it is "false",
// and a service of such a namespace in where it is "true".
const DiscoverAnnotation = "fairway-mesh.io/discover"

// view is what a service is put together with.
type view struct {
	domain string
	// labels are those of a pod; nil when unknown.
	labels func(namespace, pod string) map[string]string
	// annotations are those of a namespace; nil when unknown.
	annotations func(namespace string) map[string]string
	now         time.Time
}

// services makes of a Kubernetes service and its slices what discovery says of it: one
// for each port, the one that requests go to first; nothing for what is left out. A
// warning tells what somebody should mend.
func (v view) services(s *corev1.Service, of []*discoveryv1.EndpointSlice) (found []*discovery.Service, warning string) {
	if v.out(s) {
		return nil, ""
	}
	ports := slices.DeleteFunc(slices.Clone(s.Spec.Ports), func(p corev1.ServicePort) bool {
		return cmp.Or(p.Protocol, corev1.ProtocolTCP) != corev1.ProtocolTCP
	})
	if len(ports) == 0 {
		return nil, ""
	}
	first, warning := mainPort(ports, s.Annotations[PortAnnotation])
	as, unlike := inSlices(ports, first, of)
	warning = cmp.Or(v.untrue(s), warning, unlike)
	version := newest(s, of)
	for i, p := range ports {
		port := discovery.Port{Name: p.Name, Number: int(p.Port), Protocol: protocol(p)}
		name, others := v.names(s, port, i == first)
		found = append(found, &discovery.Service{
			Name: name, Names: others, Namespace: s.Namespace, Source: SourceName,
			Port: port, Endpoints: v.endpoints(s, as[i], of),
			Version: version, Time: v.now,
		})
	}
	found[0], found[first] = found[first], found[0]
	return found, warning
}

func (v view) out(s *corev1.Service) bool {
	if s.Spec.Type == corev1.ServiceTypeExternalName || s.Namespace == corev1.NamespaceDefault && s.Name == "kubernetes" {
		return true
	}
	said := s.Annotations[DiscoverAnnotation]
	if _, err := strconv.ParseBool(said); err != nil && v.annotations != nil {
		said = v.annotations(s.Namespace)[DiscoverAnnotation]
	}
	wanted, err := strconv.ParseBool(said)
	return err == nil && !wanted
}

// untrue warns of an annotation by which somebody wanted to say something of discovery
// and did not.
func (v view) untrue(s *corev1.Service) (warning string) {
	all := []map[string]string{s.Annotations, nil}
	if v.annotations != nil {
		all[1] = v.annotations(s.Namespace)
	}
	for i, whose := range []string{"its", "its namespace's"} {
		said, is := all[i][DiscoverAnnotation]
		if _, err := strconv.ParseBool(said); is && err != nil {
			return fmt.Sprintf("%s annotation %s is %q, want \"true\" or \"false\": it is ignored", whose, DiscoverAnnotation, said)
		}
	}
	return ""
}

// names are what a service's port is called: by DNS, by the service's own addresses, and
// by Istio, which names Envoy's cluster of it.
func (v view) names(s *corev1.Service, p discovery.Port, main bool) (name string, others []string) {
	name, others = discovery.ClusterNames(s.Name, s.Namespace, v.domain, p, main)
	number := strconv.Itoa(p.Number)
	for _, ip := range addresses(s) {
		if main {
			others = append(others, ip)
		}
		others = append(others, net.JoinHostPort(ip, number))
	}
	return name, append(others, "outbound|"+number+"||"+discovery.ClusterName(s.Name, s.Namespace, v.domain))
}

// addresses are a service's own; none where it is headless.
func addresses(s *corev1.Service) []string {
	all := s.Spec.ClusterIPs
	if len(all) == 0 {
		all = []string{s.Spec.ClusterIP}
	}
	return slices.DeleteFunc(slices.Clone(all), func(ip string) bool { return ip == "" || ip == corev1.ClusterIPNone })
}

// newest is the highest resourceVersion of a service and its slices: which of two is
// newer can be told by it (KEP-5504).
func newest(s *corev1.Service, of []*discoveryv1.EndpointSlice) string {
	best := s.ResourceVersion
	for _, slice := range of {
		if age(slice.ResourceVersion) > age(best) {
			best = slice.ResourceVersion
		}
	}
	return best
}

// age is a resourceVersion as a number, 0 where it is none, as in a file.
func age(version string) uint64 {
	n, err := strconv.ParseUint(version, 10, 64)
	if err != nil {
		return 0
	}
	return n
}
