package target

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

func TestAddress(t *testing.T) {
	for text, want := range map[string]string{
		"10.0.0.7:80": "10.0.0.7:80", "[fd00:0::7]:80": "[fd00::7]:80", "[FD00::7]:80": "[fd00::7]:80", "[::ffff:10.0.0.7]:80": "10.0.0.7:80",
		"A.Example.:80": "a.example:80", "[fe80::1%eth0]:80": "[fe80::1%eth0]:80", "x": "x", "": "",
	} {
		if got := Address(text); got != want || Address(got) != want {
			t.Errorf("%s: %s, and %s; want %s", text, got, Address(got), want)
		}
	}
}

func TestServingPort(t *testing.T) {
	for name, want := range map[string]string{
		"http": "http", "http-web": "http", "grpc-api": "grpc", "https": "https", "HTTP2-x": "http2", "web": "http", "tcp": "tcp", "tls-a": "tls",
	} {
		if !ServingPort(name) || Protocol(name) != want {
			t.Errorf("%s: %t, %q", name, ServingPort(name), Protocol(name))
		}
	}
	for _, name := range []string{"", "http-metrics", "metrics", "http-envoy-prom", "grpc-health", "http-monitoring", "tcp-admin", "http-pprof", "x", "9090", "httpx", "http-stats"} {
		if ServingPort(name) {
			t.Errorf("%s serves", name)
		}
	}
}

func TestLabelledServing(t *testing.T) {
	for _, test := range []struct {
		found map[string]string
		want  bool
	}{
		{map[string]string{"__address__": "10.0.0.1:80", "__meta_kubernetes_endpoint_port_name": "http"}, true},
		{map[string]string{"__address__": "10.0.0.1:80", "__meta_kubernetes_pod_container_port_name": "grpc"}, true},
		{map[string]string{"__address__": "10.0.0.1:80", "__meta_kubernetes_endpointslice_port_name": "metrics"}, false},
		{map[string]string{"__address__": "10.0.0.1", "__meta_kubernetes_endpoint_port_name": "http"}, false},
		{map[string]string{"__meta_kubernetes_endpoint_port_name": "http"}, false},
		{map[string]string{"__address__": "10.0.0.1:80", "__meta_consul_service_port": "80"}, true},
		{map[string]string{"__address__": "10.0.0.1:81", "__meta_consul_service_port": "80"}, false},
		{map[string]string{"__address__": "10.0.0.1:81", "__meta_nomad_service_port": "81"}, true},
		{map[string]string{"__address__": "10.0.0.1:80"}, false},
		{nil, false},
	} {
		if got := LabelledServing(test.found); got != test.want {
			t.Errorf("%v: %t", test.found, got)
		}
	}
}

// pod is a target of one port of a pod.
func pod(name, address, port string, more ...string) Target {
	found := map[string]string{"__meta_kubernetes_namespace": "shop", "__meta_kubernetes_service_name": "reviews", "__meta_kubernetes_pod_name": name, "__meta_kubernetes_endpointslice_port_name": port}
	for i := 0; i < len(more); i += 2 {
		found[more[i]] = more[i+1]
	}
	t := Target{Found: found, Labels: map[string]string{"job": "pods", "instance": address}, Scraped: address}
	if ServingPort(port) {
		t.Address, t.Serves = address, true
	}
	return t
}

func TestPortsOfAPodAreOneEndpoint(t *testing.T) {
	web := pod("reviews-1", "10.0.0.1:8080", "http", "__meta_kubernetes_pod_label_version", "v2")
	metrics := pod("reviews-1", "10.0.0.1:9100", "metrics", "__meta_kubernetes_pod_node_name", "n1", "__meta_kubernetes_node_label_topology_kubernetes_io_zone", "a")
	metrics.Down = true // of no account: requests do not go there
	calls := pod("reviews-1", "10.0.0.1:7070", "grpc")
	calls.Down = true // requests go to it, by its name the first
	drained := pod("reviews-2", "10.0.0.2:8080", "http", "__meta_kubernetes_endpointslice_endpoint_conditions_terminating", "true")
	at := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	var first []*discovery.Service
	for _, targets := range [][]Target{{web, metrics, calls, drained}, {drained, calls, metrics, web}} {
		got := Services(targets, Reading{Source: "s", Time: at})
		want := []*discovery.Service{{
			Name: "reviews.shop.svc.cluster.local", Names: []string{"pods", "reviews", "reviews.shop", "reviews.shop.svc"}, Namespace: "shop",
			Port: discovery.Port{Name: "grpc", Protocol: "grpc"}, Source: "s", Time: at,
			Endpoints: []discovery.Endpoint{
				{Endpoint: mesh.Endpoint{Name: "reviews-1", Address: "10.0.0.1:7070", Subset: "v2", Zone: "a"}, Labels: map[string]string{"version": "v2"}, State: discovery.NotReady,
					Names: []string{"10.0.0.1", "10.0.0.1:7070", "10.0.0.1:8080", "10.0.0.1:9100", "shop/reviews-1"}},
				{Endpoint: mesh.Endpoint{Name: "reviews-2", Address: "10.0.0.2:8080"}, State: discovery.Draining, Names: []string{"10.0.0.2", "10.0.0.2:8080", "shop/reviews-2"}},
			},
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if first != nil && cmp.Diff(first, got) != "" {
			t.Error("the order of targets counts")
		}
		first = got
	}
}

func TestServiceNames(t *testing.T) {
	k8s := map[string]string{"__meta_kubernetes_namespace": "n", "__meta_kubernetes_service_name": "s"}
	app := map[string]string{"__meta_kubernetes_namespace": "n", "__meta_kubernetes_pod_label_app": "a", "__meta_kubernetes_pod_name": "a-1"}
	for _, test := range []struct {
		what   string
		target Target
		name   string
		names  []string
	}{
		{"a service of Kubernetes", Target{Found: k8s, Labels: map[string]string{"job": "j", "service": "s"}}, "s.n.svc.d", []string{"j", "s", "s.n", "s.n.svc"}},
		{"one that the user calls otherwise", Target{Found: k8s, Labels: map[string]string{"service": "own"}}, "own", nil},
		{"pods", Target{Found: app, Labels: map[string]string{"job": "pods"}}, "a.n.svc.d", []string{"a", "a.n", "a.n.svc", "pods"}},
		{"Consul's", Target{Found: map[string]string{"__meta_consul_service": "c"}, Labels: map[string]string{"job": "consul"}}, "c", []string{"consul"}},
		{"a job", Target{Labels: map[string]string{"job": "j"}}, "j", nil},
		{"none", Target{Otherwise: "file"}, "file", nil},
	} {
		test.target.Scraped = "h:1"
		all := Services([]Target{test.target}, Reading{Domain: "d"})
		if len(all) != 1 || all[0].Name != test.name || !slices.Equal(all[0].Names, test.names) {
			t.Errorf("%s: %+v", test.what, all[0])
		}
	}
	if all := Services([]Target{{Scraped: "h:1"}}, Reading{}); len(all) != 0 {
		t.Errorf("nobody's is of %+v", all[0])
	}
	// A directory does not tell names apart by case, or by a dot.
	if all := Services([]Target{{Otherwise: "Cart", Scraped: "h:1"}, {Otherwise: "cart.", Scraped: "h:2"}}, Reading{}); len(all) != 1 || len(all[0].Endpoints) != 2 {
		t.Errorf("%+v", all)
	}
}

func TestStates(t *testing.T) {
	for _, test := range []struct {
		target Target
		want   discovery.State
	}{
		{Target{}, discovery.Ready},
		{Target{Down: true}, discovery.Ready},
		{Target{Down: true, Serves: true}, discovery.NotReady},
		{Target{Found: map[string]string{"__meta_kubernetes_endpoint_ready": "false"}}, discovery.NotReady},
		{Target{Found: map[string]string{"__meta_kubernetes_pod_ready": "unknown"}}, discovery.Ready},
		{Target{Found: map[string]string{"__meta_consul_health": "critical"}}, discovery.NotReady},
		{Target{Found: map[string]string{"__meta_consul_health": "warning"}}, discovery.Ready},
		{Target{Found: map[string]string{"__meta_consul_health": "maintenance"}}, discovery.Draining},
	} {
		if got := test.target.state(); got != test.want {
			t.Errorf("%+v: %s; want %s", test.target, got, test.want)
		}
	}
}
