// Package kubernetes finds services and their endpoints in a Kubernetes cluster:
// Services joined with their EndpointSlices, and what their Pods' labels say, through
// client-go's shared informers, which keep up with the API server by a watch and
// bookmarks. Nothing is asked of the cluster per change.
//
// It needs list and watch on services and endpointslices. On pods (for subsets, by
// their labels) and namespaces (for the annotation that opts a namespace out) it does
// without where it may not: cmd/fairwayd/deploy/kubernetes/clusterrole.yaml has all.
//
// What is left out: services and namespaces with the annotation
// fairway-mesh.io/discover: "false" (a service's own counts before its namespace's),
// ports that are not TCP, services without a port, services of type ExternalName (an
// alias of one name of somebody else's: nothing to choose between), and
// default/kubernetes, the API server itself. Hints of topology aware routing are for
// kube-proxy and are ignored: zones are weighed by rules and policies.
package kubernetes
