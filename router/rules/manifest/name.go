package manifest

import (
	"slices"
	"strings"
)

// clusterDomain ends the full names of services, but for clusters that chose another.
const clusterDomain = ".svc.cluster.local"

// rootNamespace is where a mesh keeps what is its own; it is nobody's home.
const rootNamespace = "istio-system"

// routing are the kinds of objects that say where requests go. Whatever else lies beside
// them, such as the Namespace itself, a Deployment or a Gateway of another namespace,
// names no service.
var routing = []string{
	"networking.istio.io/VirtualService", "networking.istio.io/DestinationRule",
	"gateway.networking.k8s.io/HTTPRoute", "gateway.networking.k8s.io/GRPCRoute",
}

// Home is the namespace whose services are called by their short names: that of all
// objects that route, where they share one, else DefaultNamespace. It is that of the
// whole set, so that a service has one name, whoever speaks of it.
func Home(objects []Object) string {
	if names := Homes(objects); len(names) == 1 {
		return names[0]
	}
	return DefaultNamespace
}

// Homes are the namespaces of the objects that route, in the order of their names.
func Homes(objects []Object) []string {
	var names []string
	for i := range objects {
		o := &objects[i]
		if n := o.Home(); n != rootNamespace && slices.Contains(routing, o.GroupKind()) && !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// Service is what fairway calls the service of a host that is named in an object of
// a namespace: the short name of a service of home, "name.namespace" of another,
// and any other host as it stands, in lower case.
func Service(host, namespace, home string) string {
	host = strings.ToLower(host)
	short, full := strings.CutSuffix(host, clusterDomain)
	if !full {
		short, full = strings.CutSuffix(host, ".svc")
	}
	name, own, dotted := strings.Cut(short, ".")
	switch {
	case name == "" || name == "*" || dotted != full || strings.Contains(own, "."):
		return host
	case full:
		namespace = own
	}
	if namespace == home {
		return name
	}
	return name + "." + namespace
}
