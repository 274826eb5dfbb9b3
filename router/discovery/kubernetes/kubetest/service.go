package kubetest

import (
	"fmt"
	"strings"
)

// Namespace is the manifest of a namespace.
func Namespace(name string) string {
	return "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: " + name + "}\n"
}

// Service is the manifest of a service with a port http, and of a slice of its
// endpoints NAME-0, NAME-1, … at 10.1.0.1 to 10.1.0.N, port 8080: as the controllers
// of a cluster would write for pods, each ready or not.
func Service(namespace, name string, ready ...bool) string {
	var endpoints []string
	for i, r := range ready {
		endpoints = append(endpoints, fmt.Sprintf("{addresses: [10.1.0.%d], zone: eu-1a, conditions: {ready: %t, serving: %t, terminating: false}, targetRef: {kind: Pod, namespace: %s, name: %s-%d}}",
			i+1, r, r, namespace, name, i))
	}
	return fmt.Sprintf(`---
apiVersion: v1
kind: Service
metadata: {name: %[2]s, namespace: %[1]s}
spec: {ports: [{name: http, port: 80, targetPort: 8080}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: %[2]s-x, namespace: %[1]s, labels: {kubernetes.io/service-name: %[2]s}}
addressType: IPv4
ports: [{name: http, port: 8080, protocol: TCP}]
endpoints: [%[3]s]
`, namespace, name, strings.Join(endpoints, ", "))
}
