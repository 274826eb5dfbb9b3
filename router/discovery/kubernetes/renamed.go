package kubernetes

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// inSlices are the ports of a service as its slices call them. Slices have the names that
// the service's ports had when they were written: when somebody renames one they follow a
// moment later, and would be of no port until then. A port that they do not have is taken
// for the one that has its target's number, or is the only one left, where no other port
// of the service is called so. The warning tells of that, and of a main port that has no
// endpoints for it.
func inSlices(ports []corev1.ServicePort, main int, of []*discoveryv1.EndpointSlice) (as []corev1.ServicePort, warning string) {
	as = slices.Clone(ports)
	theirs := portsOf(of)
	named := func(name string) bool {
		return slices.ContainsFunc(ports, func(p corev1.ServicePort) bool { return p.Name == name })
	}
	known := func(p corev1.ServicePort) bool {
		return slices.ContainsFunc(of, func(slice *discoveryv1.EndpointSlice) bool { _, has := portOf(slice, p); return has })
	}
	left := slices.DeleteFunc(slices.Clone(theirs), func(q discoveryv1.EndpointPort) bool { return named(*q.Name) })
	missing := slices.DeleteFunc(slices.Clone(ports), known)
	for i, p := range ports {
		if len(theirs) == 0 || known(p) {
			continue
		}
		var fit []string
		for _, q := range left {
			if number(p) == *q.Port || number(p) == 0 && len(missing) == 1 {
				fit = append(fit, *q.Name)
			}
		}
		slices.Sort(fit)
		switch fit = slices.Compact(fit); {
		case len(fit) == 1:
			as[i].Name = fit[0]
			warning = fmt.Sprintf("port %q is in none of its EndpointSlices, and %q of theirs is none of its ports: they are taken for one until the slices follow", p.Name, fit[0])
		case i == main && warning == "":
			warning = fmt.Sprintf("port %q is in none of its EndpointSlices: it has no endpoints. Do its pods have what targetPort names?", p.Name)
		}
	}
	return as, warning
}

// portsOf are the TCP ports of slices with endpoints, each of a name and a number.
func portsOf(of []*discoveryv1.EndpointSlice) (all []discoveryv1.EndpointPort) {
	for _, slice := range of {
		if len(slice.Endpoints) == 0 {
			continue
		}
		for _, q := range slice.Ports {
			if q.Name != nil && q.Port != nil && (q.Protocol == nil || *q.Protocol == corev1.ProtocolTCP) {
				all = append(all, q)
			}
		}
	}
	return all
}

// number is the port of its pods that a port leads to; 0 where they name it.
func number(p corev1.ServicePort) int32 {
	switch {
	case p.TargetPort.Type == intstr.String && p.TargetPort.StrVal != "":
		return 0
	case p.TargetPort.IntVal != 0:
		return p.TargetPort.IntVal
	}
	return p.Port
}
