package main

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

func TestPlaces(t *testing.T) {
	for _, test := range []struct {
		discover, kubeconfig string
		want                 []place
	}{
		{"auto", "", nil}, // this is no pod
		{"auto", "k.conf", []place{{"kubernetes", nil}}},
		{"none", "", nil},
		{"kubernetes", "", []place{{"kubernetes", nil}}},
		{"file:/a/*.yaml, kubernetes,file:b.json", "", []place{{"file", []string{"/a/*.yaml", "b.json"}}, {"kubernetes", nil}}},
	} {
		o := &options{discoveryOptions: discoveryOptions{discover: test.discover, kubeconfig: test.kubeconfig}}
		if got, err := o.places(); err != nil || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %v, %v; want %v", test.discover, got, err, test.want)
		}
	}
	for args, want := range map[string]string{
		"--discover nomad":                           "nomad",
		"--discover kubernetes,none":                 "none alone",
		"--discover auto:x":                          "auto alone",
		"--discover kubernetes:x":                    "kubernetes alone",
		"--discover file":                            "file:GLOB",
		"--discover file:":                           "file:GLOB",
		"--discover file:x,":                         `""`,
		"--discover file:x --namespaces a":           "names none",
		"--discover none --kubeconfig x":             "names none",
		"--discover kubernetes --namespaces a,,b":    "--namespaces",
		"--discover file:[":                          "no name or pattern", // by the source itself
		"--discover kubernetes --kubeconfig nowhere": "nowhere",
	} {
		fields := strings.Fields(args)
		if !strings.Contains(args, "--rules") {
			fields = append(fields, "--rules", write(t, "r.yaml", tinyRules))
		}
		if err := run(t.Context(), append(fields, "--check-config"), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", args, err, want)
		}
	}
	var wrong usage
	if err := run(t.Context(), []string{"--discover", "nomad"}, io.Discard, io.Discard); !errors.As(err, &wrong) {
		t.Errorf("%v is no error of the command line", err)
	}
}

func TestRecordingsAreOfAnotherDay(t *testing.T) {
	o := &options{recording: "r", discoveryOptions: discoveryOptions{discover: auto, kubeconfig: "x"}}
	if got := o.found(); got != nil {
		t.Errorf("looked for in %v while a recording is played", got)
	}
	o.recording = ""
	if got := o.found(); len(got) != 1 {
		t.Errorf("looked for in %v", got)
	}
}

// TestPrometheusFound: where nobody says where the metrics are, and there is a cluster,
// whatever may be its Prometheus is tried, the likeliest first.
func TestPrometheusFound(t *testing.T) {
	service := func(name string, port discovery.Port, app string) *discovery.Service {
		s := &discovery.Service{Name: name, Namespace: "n", Port: port}
		if app != "" {
			s.Endpoints = []discovery.Endpoint{{Endpoint: mesh.Endpoint{Name: "p"}, Labels: map[string]string{"app.kubernetes.io/name": app}}}
		}
		return s
	}
	elsewhere := service("prometheus", discovery.Port{Number: 9090}, "")
	elsewhere.Namespace = "" // not in Kubernetes: the name is none of DNS
	got := prometheuses(discovery.NewSnapshot(1, []*discovery.Service{
		service("metrics.n.svc.c", discovery.Port{Number: 80, Name: "web"}, "prometheus"),
		service("prometheus.a.svc.c", discovery.Port{Number: 9090}, ""),
		service("prometheus.b.svc.c", discovery.Port{Number: 8080}, "prometheus"),
		service("prometheus-k8s.z.svc.c", discovery.Port{Number: 9090, Name: "web"}, "prometheus"),
		service("prometheus-server.m.svc.c", discovery.Port{Number: 80, Name: "http"}, ""),
		service("prometheus-server.m.svc.c:9090", discovery.Port{Number: 9090, Name: "x"}, ""),
		service("alertmanager.m.svc.c", discovery.Port{Number: 9090, Name: "web"}, "alertmanager"),
		elsewhere,
	}))
	want := []string{"http://prometheus-k8s.z.svc.c:9090", "http://prometheus.a.svc.c:9090", "http://prometheus-server.m.svc.c:80", "http://prometheus-server.m.svc.c:9090", "http://metrics.n.svc.c:80"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %q\nwant %q", got, want)
	}
	d := &daemon{options: &options{prometheus: "http://named", guessed: false}}
	if got := d.servers(); !reflect.DeepEqual(got, []string{"http://named"}) {
		t.Errorf("one was named, and %q are tried", got)
	}
}

// TestRulesInACluster: rules alone are served without metrics, but in a cluster these
// are looked for.
func TestRulesInACluster(t *testing.T) {
	for args, want := range map[string]bool{
		"--rules r":                              false,
		"--rules r --kubeconfig k":               true,
		"--rules r --discover kubernetes":        true,
		"--rules r --discover file:x":            false,
		"--kubeconfig k --prometheus http://p":   false,
		"--kubeconfig k --recording r":           false,
		"--discover none":                        true, // the loopback, as ever
		"--rules r --kubeconfig k --recording r": false,
	} {
		o, err := parse(strings.Fields(args), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", args, err)
			continue
		}
		if o.guessed != want {
			t.Errorf("%s: guessed is %v", args, o.guessed)
		}
	}
}
