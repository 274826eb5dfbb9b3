package target

import (
	"net"
	"regexp"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// Target is one target of Prometheus.
type Target struct {
	// Address is host:port; requests go there where Serves.
	Address string
	Serves  bool
	// Scraped is host:port of where its metrics come from; empty when unknown.
	Scraped string
	// Labels are those that its metrics carry.
	Labels map[string]string
	// Found are those that only Prometheus' own discovery sees (__meta_…).
	Found map[string]string
	// Otherwise is its service where no label names one; empty: it is of none then.
	Otherwise string
	// Down says that it does not answer. It counts only where it Serves.
	Down bool
}

// The labels that mean a thing, the first that there is first. Names as in
// https://prometheus.io/docs/prometheus/latest/configuration/configuration/.
var (
	serviceLabels = []string{"service", "__meta_consul_service", "__meta_nomad_service", "__meta_eureka_app_name", "__meta_dockerswarm_service_name",
		"__meta_docker_container_label_com_docker_compose_service", "__meta_marathon_app", "__meta_dns_name", "job"}
	appLabels = []string{"__meta_kubernetes_pod_label_app_kubernetes_io_name", "__meta_kubernetes_pod_label_app", "__meta_kubernetes_pod_label_k8s_app"}
	// The label endpoint, which Prometheus' operator uses for the name of a port, is
	// not among them: files put it before.
	nameLabels   = []string{"__meta_kubernetes_pod_name", "pod", "__meta_consul_service_id", "instance"}
	subsetLabels = []string{"subset", "version", "app_kubernetes_io_version", "__meta_kubernetes_pod_label_version",
		"__meta_kubernetes_pod_label_app_kubernetes_io_version", "__meta_kubernetes_pod_label_subset", "__meta_consul_service_metadata_version"}
	zoneLabels = []string{"zone", "topology_kubernetes_io_zone", "availability_zone", "__meta_kubernetes_endpointslice_endpoint_zone",
		"__meta_kubernetes_node_label_topology_kubernetes_io_zone", "__meta_consul_service_metadata_zone", "__meta_consul_metadata_zone",
		"__meta_ec2_availability_zone", "__meta_gce_zone", "__meta_openstack_availability_zone"}
	portLabels = []string{"__meta_kubernetes_endpointslice_port_name", "__meta_kubernetes_endpoint_port_name", "__meta_kubernetes_pod_container_port_name",
		"__meta_kubernetes_service_port_name"}
)

// get is the first of the labels that there is.
func (t *Target) get(names ...string) string {
	for _, name := range names {
		for _, labels := range []map[string]string{t.Labels, t.Found} {
			if v := labels[name]; v != "" {
				return v
			}
		}
	}
	return ""
}

// names are all that it may be meant by.
func (t *Target) names() []string {
	var out []string
	for _, label := range nameLabels {
		out = append(out, t.get(label))
	}
	pod, namespace := t.get("__meta_kubernetes_pod_name", "pod"), t.get("__meta_kubernetes_namespace", "namespace")
	if namespace != "" && pod != "" {
		out = append(out, namespace+"/"+pod)
	}
	for _, address := range []string{t.Address, t.Scraped} {
		out = append(out, address)
		if host, _, err := net.SplitHostPort(address); err == nil {
			out = append(out, host)
		}
	}
	return slices.DeleteFunc(out, func(name string) bool { return name == "" })
}

// ServingPort reports whether a port of that name is one that requests go to, and
// not one that only Prometheus asks; the name says the protocol first, as Istio's
// https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection.
func ServingPort(name string) bool {
	first, _, _ := strings.Cut(strings.ToLower(name), "-")
	switch first {
	case "http", "https", "http2", "grpc", "web", "tcp", "tls":
		return !aside.MatchString(name)
	}
	return false
}

// aside are the ports of a program beside the one that it is for.
var aside = regexp.MustCompile(`(?i)metric|prom|monitor|telemetry|admin|health|probe|stat|debug|envoy|pprof`)

// Protocol is that of a port of that name; empty when it does not say.
func Protocol(name string) string {
	first, _, _ := strings.Cut(strings.ToLower(name), "-")
	switch first {
	case "http", "https", "http2", "grpc", "tcp", "tls":
		return first
	case "web":
		return "http"
	}
	return ""
}

// LabelledServing reports whether discovered labels say that requests go to the very
// address that was discovered: a port of Kubernetes with such a name, or the port
// that Consul and Nomad know the service by.
func LabelledServing(found map[string]string) bool {
	t := Target{Found: found}
	_, port, err := net.SplitHostPort(found["__address__"])
	if err != nil {
		return false
	}
	for _, label := range []string{"__meta_consul_service_port", "__meta_nomad_service_port"} {
		if found[label] == port {
			return true
		}
	}
	return ServingPort(t.get(portLabels...))
}

// state is what the labels say of its health, and the scrape where requests go there.
func (t *Target) state() discovery.State {
	switch {
	case t.get("__meta_kubernetes_endpointslice_endpoint_conditions_terminating") == "true", t.get("__meta_consul_health") == "maintenance":
		return discovery.Draining
	case t.get("__meta_kubernetes_endpointslice_endpoint_conditions_ready", "__meta_kubernetes_endpoint_ready", "__meta_kubernetes_pod_ready") == "false",
		t.get("__meta_consul_health") == "critical", t.Down && t.Serves:
		return discovery.NotReady
	}
	return discovery.Ready
}

func (t *Target) endpoint(name string) discovery.Endpoint {
	e := discovery.Endpoint{
		Endpoint: mesh.Endpoint{Name: name, Subset: t.get(subsetLabels...), Zone: t.get(zoneLabels...)},
		State:    t.state(), Labels: t.labels(),
	}
	if t.Serves {
		e.Address = t.Address
	}
	e.Names = t.names()
	return e
}

// podLabel begins the labels of a pod.
const podLabel = "__meta_kubernetes_pod_label_"

// recommended are the labels of Kubernetes that Prometheus writes with _, as
// https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels.
var recommended = regexp.MustCompile(`^(app_kubernetes_io|topology_kubernetes_io)_([a-z]+)$`)

// labels are those that subsets may be chosen by: the target's own, and its pod's.
func (t *Target) labels() map[string]string {
	out := map[string]string{}
	for name, v := range t.Found {
		if rest, ok := strings.CutPrefix(name, podLabel); ok && v != "" {
			if m := recommended.FindStringSubmatch(rest); m != nil {
				rest = strings.ReplaceAll(m[1], "_", ".") + "/" + m[2]
			}
			out[rest] = v
		}
	}
	for name, v := range t.Labels {
		if !strings.HasPrefix(name, "__") && v != "" && name != "job" && name != "instance" {
			out[name] = v
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
