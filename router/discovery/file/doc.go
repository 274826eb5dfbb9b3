// Package file finds services in files of Prometheus' format for lists of targets
// (file_sd), which many programs write:
//
//   - targets: [10.0.0.7:9080, 10.0.0.8:9080]
//     labels: {service: reviews, subset: v2, zone: a}
//
// or the same in JSON. A target is where requests go, host:port. Of its labels these
// mean something; package target has the rest, which other kinds of Prometheus'
// discovery leave behind:
//
//	service, __meta_…, job       the service; else it is called as the file is, without .yaml
//	endpoint, pod, instance      what an endpoint is called, in a group of one target
//	subset, version, app_kubernetes_io_version   its subset
//	zone, topology_kubernetes_io_zone            its zone
//
// All labels that do not begin with __ are the endpoint's too.
//
// Prometheus' own package discovery/file is not used: it tells of a bad file in its
// log alone, panics on a name that ends otherwise than .json, .yml or .yaml, reads
// files of any length, stops without a word where the system allows no more watches,
// and does not know which line is wrong. It watches by fsnotify, and so does this.
package file
