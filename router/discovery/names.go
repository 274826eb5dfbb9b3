package discovery

import (
	"strconv"
	"strings"
)

// canonical is a name as it is compared. DNS knows no case, and a last dot says only
// that the name is whole.
func canonical(name string) string { return strings.ToLower(strings.TrimRight(name, ".")) }

// ClusterName is the whole name of a Kubernetes service; domain is the cluster's, such
// as cluster.local.
func ClusterName(service, namespace, domain string) string {
	return service + "." + namespace + ".svc." + domain
}

// ClusterNames are the Name and the Names of a port of a Kubernetes service. Requests
// that say no port go to the main one; any other is found by its number or name alone.
func ClusterNames(service, namespace, domain string, port Port, main bool) (string, []string) {
	whole := ClusterName(service, namespace, domain)
	short := service + "." + namespace
	hosts := []string{whole, short + ".svc", short, service}
	var names []string
	if main {
		names = append(names, hosts[1:]...)
	}
	for _, host := range hosts {
		if port.Number > 0 {
			names = append(names, host+":"+strconv.Itoa(port.Number))
		}
		if port.Name != "" {
			names = append(names, host+":"+port.Name)
		}
	}
	if main || len(names) == 0 {
		return whole, names
	}
	return names[0], names[1:]
}
