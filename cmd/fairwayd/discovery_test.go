package main

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
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
	everything := "kubernetes,dns:a.example:80,file:x.yaml,dns:_http._tcp.b.example,prometheus,consul:http://127.0.0.1:8500"
	var said strings.Builder
	if err := run(t.Context(), []string{"--check-config", "--discover", everything, "--kubeconfig", write(t, "kubeconfig", nowhere), "--prometheus", "http://127.0.0.1:1", "--schema", write(t, "tiny.yaml", tiny)}, &said, io.Discard); err != nil {
		t.Error(err)
	}
	if want := "; services found in kubernetes, namespaces: all; services found in dns a.example:80 _http._tcp.b.example; services found in file x.yaml; services found in prometheus; services found in consul http://127.0.0.1:8500\n"; !strings.HasSuffix(said.String(), want) {
		t.Errorf("got %q; want %q", said.String(), want)
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
		"--discover prometheus":                      "name it by --prometheus",
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
	if err := run(t.Context(), []string{"--check-config", "--discover", "file:" + write(t, "targets.yaml", "- targets: []\n- lables: {}\n")}, io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), "targets.yaml:2: field lables") {
		t.Errorf("a file with a mistake: %v", err)
	}
	var logged strings.Builder
	nothing := filepath.Join(t.TempDir(), "*.yaml")
	if err := run(t.Context(), []string{"--check-config", "--discover", "file:" + nothing}, io.Discard, &logged); err != nil || !strings.Contains(logged.String(), "level=WARN") || !strings.Contains(logged.String(), nothing) {
		t.Errorf("a pattern that finds nothing: %v, logged %q", err, logged.String())
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
}

// told is a source that says one thing.
type told struct{ service *discovery.Service }

func (told) Name() string { return "kubernetes" }

func (s told) Watch(ctx context.Context, to discovery.Sink) error {
	to.Put(s.service)
	to.Synced()
	<-ctx.Done()
	return nil
}

// TestPrometheusTried: what was found is polled once it answers, although a schema is
// given, of which nothing has to be asked before; until then it is tried again, and the
// usual place too.
func TestPrometheusTried(t *testing.T) {
	var up atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			http.Error(w, "not yet", http.StatusNotFound)
			return
		}
		io.WriteString(w, `{"status":"success","data":{"resultType":"scalar","result":[1700000000,"1700000000"]}}`)
	}))
	defer server.Close()
	port := server.Listener.Addr().(*net.TCPAddr).Port
	o, err := parse([]string{"--schema", write(t, "tiny.yaml", tiny), "--state", t.TempDir(), "--kubeconfig", write(t, "kubeconfig", nowhere)}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	o.prometheus = "http://127.0.0.1:1"
	d, err := newDaemon(t.Context(), o, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	found := &discovery.Service{Name: "127.0.0.1", Namespace: "n", Port: discovery.Port{Number: port, Name: "web"},
		Endpoints: []discovery.Endpoint{{Endpoint: mesh.Endpoint{Name: "p"}, Labels: map[string]string{"app.kubernetes.io/name": "prometheus"}}}}
	if d.directory, err = discovery.New(discovery.DefaultConfig(), told{found}); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = d.directory.Run(ctx) }()
	defer func() { stop(); <-ended }()
	soonest(t, func() error {
		if len(d.servers()) < 2 {
			return errors.New("it is not found")
		}
		return nil
	})
	if _, err := d.openServer(ctx); err == nil || !strings.Contains(err.Error(), server.URL) || !strings.Contains(err.Error(), "127.0.0.1:1/") {
		t.Errorf("nobody answers, and the error is %v", err)
	}
	if got := d.inForce()["prometheus"]; !strings.HasPrefix(got, "a Prometheus of the cluster") {
		t.Errorf("/config names %q while nobody answers", got)
	}
	up.Store(true)
	s, err := d.openServer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if got := d.inForce()["prometheus"]; got != server.URL {
		t.Errorf("/config names %q; %s is polled", got, server.URL)
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

// broken is a source of a name whose trouble is told as it begins.
type broken struct{ name, trouble string }

func (b broken) Name() string { return b.name }

func (b broken) Watch(ctx context.Context, to discovery.Sink) error {
	to.Trouble(errors.New(b.trouble))
	<-ctx.Done()
	return nil
}

// TestUnfound: each source is named once, also where its trouble names it.
func TestUnfound(t *testing.T) {
	directory, err := discovery.New(discovery.DefaultConfig(), broken{"dns", "shop.example. A: no answer"}, broken{"consul", "consul http://a:8500: refused"})
	if err != nil {
		t.Fatal(err)
	}
	d := &daemon{directory: directory}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- directory.Run(ctx) }()
	const want = "dns: shop.example. A: no answer\nconsul http://a:8500: refused"
	eventually(t, "both are told", func() bool { err := d.unfound(); return err != nil && strings.Contains(err.Error(), "\n") })
	if got := d.unfound().Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
