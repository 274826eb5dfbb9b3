package manifest

import "strings"

// clusterDomain ends the full names of services, but for clusters that chose another.
const clusterDomain = ".svc.cluster.local"

// rootNamespace is where a mesh keeps what is its own; it is nobody's home.
const rootNamespace = "istio-system"

// unrouted is the group of objects that say who may call, not where requests go.
const unrouted = "security.istio.io"

// Home is the namespace whose services are called by their short names: that of all
// objects that route, where they share one, else DefaultNamespace. It is that of the
// whole set, so that a service has one name, whoever speaks of it.
func Home(objects []Object) string {
	home := ""
	for i := range objects {
		switch n := objects[i].Home(); {
		case n == rootNamespace || n == home || objects[i].Group() == unrouted:
		case home == "":
			home = n
		default:
			return DefaultNamespace
		}
	}
	if home == "" {
		return DefaultNamespace
	}
	return home
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
