package kubernetes

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// read puts together what manifests say.
func read(t *testing.T, text string) map[string]*discovery.Service {
	t.Helper()
	m, err := Read("t.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*discovery.Service{}
	for _, s := range m.Services(DefaultDomain) {
		all[s.Name] = s
	}
	return all
}

// reviews is a service of two ports in one namespace, with a slice of what is given.
func reviews(endpoints ...string) string {
	return `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop, resourceVersion: "7"}
spec:
  clusterIP: 10.96.0.7
  ipFamilies: [IPv4]
  ports:
    - {name: metrics, port: 15090, targetPort: 15090}
    - {name: http, port: 80, targetPort: web}
` + slice("reviews-a", "12", "IPv4", endpoints...)
}

func slice(name, version, family string, endpoints ...string) string {
	return `
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: ` + name + `, namespace: shop, resourceVersion: "` + version + `", labels: {kubernetes.io/service-name: reviews}}
addressType: ` + family + `
ports:
  - {name: http, port: 8080, protocol: TCP}
  - {name: metrics, port: 15090, protocol: TCP}
endpoints: [` + strings.Join(endpoints, ", ") + "]\n"
}

const (
	full    = "reviews.shop.svc.cluster.local"
	metrics = full + ":15090"
)

func TestServiceOfTwoPorts(t *testing.T) {
	all := read(t, reviews(`{addresses: [10.0.0.2], zone: eu-1a, nodeName: n1, targetRef: {kind: Pod, name: reviews-b, namespace: shop}}`,
		`{addresses: [10.0.0.1], targetRef: {kind: Pod, name: reviews-a, namespace: shop}}`)+`
---
apiVersion: v1
kind: Pod
metadata: {name: reviews-b, namespace: shop, labels: {app: reviews, version: v2, pod-template-hash: abc}}
`)
	want := &discovery.Service{
		Name: full,
		Names: []string{
			"reviews.shop.svc", "reviews.shop", "reviews", full + ":80", full + ":http", "reviews.shop.svc:80", "reviews.shop.svc:http",
			"reviews.shop:80", "reviews.shop:http", "reviews:80", "reviews:http", "10.96.0.7", "10.96.0.7:80", "outbound|80||" + full,
		},
		Namespace: "shop", Source: "kubernetes", Version: "12",
		Port: discovery.Port{Name: "http", Number: 80, Protocol: "http"},
		Endpoints: []discovery.Endpoint{
			{Endpoint: mesh.Endpoint{Name: "reviews-a", Address: "10.0.0.1:8080"}, Names: []string{"10.0.0.1", "10.0.0.1:15090", "shop/reviews-a"}},
			{
				Endpoint: mesh.Endpoint{Name: "reviews-b", Address: "10.0.0.2:8080", Subset: "v2", Zone: "eu-1a"},
				Names:    []string{"10.0.0.2", "10.0.0.2:15090", "shop/reviews-b"}, Labels: map[string]string{"app": "reviews", "version": "v2"},
			},
		},
	}
	if diff := cmp.Diff(want, all[full]); diff != "" {
		t.Error(diff)
	}
	other := all[metrics]
	if other == nil {
		t.Fatalf("no service for the other port: %v", slices.Sorted(maps.Keys(all)))
	}
	if slices.Contains(other.Names, "reviews") || !slices.Contains(other.Names, "reviews:metrics") || other.Endpoints[0].Address != "10.0.0.1:15090" {
		t.Errorf("the other port: %+v", other)
	}
}

// TestEndpoints has a row for each thing that slices can say; want is NAME=ADDRESS
// and the state, if it is not ready.
func TestEndpoints(t *testing.T) {
	pod := func(name, ip string, more ...string) string {
		return `{addresses: [` + ip + `], targetRef: {kind: Pod, namespace: shop, name: ` + name + `}` + strings.Join(append([]string{""}, more...), ", ") + `}`
	}
	dual := strings.Replace(reviews(pod("a", "10.0.0.1"), pod("b", "10.0.0.2")), "[IPv4]", "[IPv4, IPv6]", 1) +
		slice("six", "13", "IPv6", pod("a", `"fd00::1"`), pod("c", `"fd00::3"`))
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"nothing":                {reviews(), []string{}},
		"conditions unsaid":      {reviews(pod("a", "10.0.0.1")), []string{"a=10.0.0.1:8080"}},
		"not ready":              {reviews(pod("a", "10.0.0.1", "conditions: {ready: false}")), []string{"a=10.0.0.1:8080 not_ready"}},
		"serving, terminating":   {reviews(pod("a", "10.0.0.1", "conditions: {ready: false, serving: true, terminating: true}")), []string{"a=10.0.0.1:8080 draining"}},
		"terminating, no word":   {reviews(pod("a", "10.0.0.1", "conditions: {ready: false, terminating: true}")), []string{"a=10.0.0.1:8080 draining"}},
		"terminating, failing":   {reviews(pod("a", "10.0.0.1", "conditions: {ready: false, serving: false, terminating: true}")), []string{"a=10.0.0.1:8080 not_ready"}},
		"published not ready":    {reviews(pod("a", "10.0.0.1", "conditions: {ready: true, serving: false, terminating: true}")), []string{"a=10.0.0.1:8080"}},
		"no pod, a hostname":     {reviews(`{addresses: [10.0.0.1], hostname: db-0}`), []string{"db-0=10.0.0.1:8080"}},
		"no pod, no hostname":    {reviews(`{addresses: [10.0.0.1]}`), []string{"10.0.0.1:8080=10.0.0.1:8080"}},
		"hostname of several":    {reviews(`{addresses: [10.0.0.1], hostname: db}`, `{addresses: [10.0.0.2], hostname: db}`), []string{"10.0.0.1:8080=10.0.0.1:8080", "10.0.0.2:8080=10.0.0.2:8080"}},
		"a node, not a pod":      {reviews(`{addresses: [10.0.0.1], targetRef: {kind: Node, name: node}}`), []string{"10.0.0.1:8080=10.0.0.1:8080"}},
		"no address":             {reviews(`{addresses: []}`), []string{}},
		"only the first address": {reviews(`{addresses: [10.0.0.1, 10.0.0.9]}`), []string{"10.0.0.1:8080=10.0.0.1:8080"}},
		"several slices":         {reviews(pod("b", "10.0.0.2")) + slice("more", "13", "IPv4", pod("a", "10.0.0.1")), []string{"a=10.0.0.1:8080", "b=10.0.0.2:8080"}},
		"in two, newer not ready": {
			reviews(pod("a", "10.0.0.1")) + slice("more", "13", "IPv4", pod("a", "10.0.0.1", "conditions: {ready: false}")), []string{"a=10.0.0.1:8080 not_ready"},
		},
		"in two, newer ready": {
			reviews(pod("a", "10.0.0.1", "conditions: {ready: false}")) + slice("more", "100", "IPv4", pod("a", "10.0.0.1")), []string{"a=10.0.0.1:8080"},
		},
		"in two, no versions": {
			strings.ReplaceAll(reviews(pod("a", "10.0.0.1", "conditions: {ready: false}")), `"12"`, `""`) + slice("more", "", "IPv4", pod("a", "10.0.0.1")), []string{"a=10.0.0.1:8080"},
		},
		"in two, another address": {reviews(pod("a", "10.0.0.1")) + slice("more", "13", "IPv4", pod("a", "10.0.0.5")), []string{"a=10.0.0.5:8080"}},
		"dual stack":              {dual, []string{"a=10.0.0.1:8080", "b=10.0.0.2:8080", "c=[fd00::3]:8080"}},
		"dual stack, six first":   {strings.Replace(dual, "[IPv4, IPv6]", "[IPv6, IPv4]", 1), []string{"a=[fd00::1]:8080", "b=10.0.0.2:8080", "c=[fd00::3]:8080"}},
		"dual stack without pods": {
			reviews(`{addresses: [10.0.0.1]}`) + slice("six", "13", "IPv6", `{addresses: ["fd00::1"]}`), []string{"10.0.0.1:8080=10.0.0.1:8080"},
		},
		"six alone without pods": {reviews() + slice("six", "13", "IPv6", `{addresses: ["fd00::1"]}`), []string{"[fd00::1]:8080=[fd00::1]:8080"}},
		"domain names":           {reviews() + slice("names", "13", "FQDN", `{addresses: [a.example]}`), []string{}},
		"a port renamed":         {strings.ReplaceAll(reviews(pod("a", "10.0.0.1")), "{name: http, port: 8080, ", "{name: web, port: 8080, "), []string{"a=10.0.0.1:8080"}},
		"another port": {
			strings.ReplaceAll(strings.ReplaceAll(reviews(pod("a", "10.0.0.1")), "{name: http, port: 8080, ", "{name: web, port: 8080, "), "targetPort: web", "targetPort: 9090"), []string{},
		},
		"a port renamed, by number": {
			strings.ReplaceAll(strings.ReplaceAll(reviews(pod("a", "10.0.0.1")), "{name: http, port: 8080, ", "{name: web, port: 8080, "), "targetPort: web", "targetPort: 8080"), []string{"a=10.0.0.1:8080"},
		},
		"the target changes": { // the newer slice is right, and names stay
			reviews(pod("a", "10.0.0.1"), pod("b", "10.0.0.2")) + strings.ReplaceAll(slice("more", "13", "IPv4", pod("a", "10.0.0.1")), "8080", "9090"), []string{"a=10.0.0.1:9090", "b=10.0.0.2:8080"},
		},
		"udp":       {strings.ReplaceAll(reviews(pod("a", "10.0.0.1")), "8080, protocol: TCP", "8080, protocol: UDP"), []string{}},
		"all ports": {strings.ReplaceAll(reviews(pod("a", "10.0.0.1")), "{name: http, port: 8080, ", "{name: http, "), []string{"a=10.0.0.1:80"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := read(t, c.text)[full]
			if s == nil {
				t.Fatal("no service")
			}
			got := []string{}
			for _, e := range s.Endpoints {
				one := e.Name + "=" + e.Address
				if e.State != discovery.Ready {
					one += " " + e.State.String()
				}
				got = append(got, one)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	e := read(t, dual)[full].Endpoint("fd00::1")
	if e == nil || e.Name != "a" || !slices.Contains(e.Names, "[fd00::1]:8080") {
		t.Errorf("the other family's address finds %+v", e)
	}
}

// TestPortOfNoSlice: who renames a port, or names a target that no pod has, is told so.
func TestPortOfNoSlice(t *testing.T) {
	name, number, tcp := "old", int32(8080), corev1.ProtocolTCP
	of := []*discoveryv1.EndpointSlice{{Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &number, Protocol: &tcp}}, Endpoints: make([]discoveryv1.Endpoint, 1)}}
	for _, c := range []struct {
		ports []corev1.ServicePort
		as    string
		warns string
	}{
		{[]corev1.ServicePort{{Name: "old", Port: 80}}, "old", ""},
		{[]corev1.ServicePort{{Name: "new", Port: 80, TargetPort: intstr.FromInt32(8080)}}, "old", `port "new" is in none`},
		{[]corev1.ServicePort{{Name: "new", Port: 8080}}, "old", `port "new" is in none`},
		{[]corev1.ServicePort{{Name: "new", Port: 80, TargetPort: intstr.FromInt32(9090)}}, "new", "it has no endpoints"},
		{[]corev1.ServicePort{{Name: "new", Port: 80, TargetPort: intstr.FromString("web")}}, "old", `port "new" is in none`},
		{[]corev1.ServicePort{{Name: "new", Port: 80, TargetPort: intstr.FromString("web")}, {Name: "old", Port: 81}}, "new", "it has no endpoints"},
		{[]corev1.ServicePort{{Name: "new", Port: 80, TargetPort: intstr.FromString("web")}, {Name: "newer", Port: 81, TargetPort: intstr.FromString("b")}}, "new", "it has no endpoints"},
	} {
		as, warning := inSlices(c.ports, 0, of)
		if as[0].Name != c.as || !strings.Contains(warning, c.warns) || (warning == "") != (c.warns == "") {
			t.Errorf("%+v: slices call it %q, and %q is said; want %q and %q", c.ports, as[0].Name, warning, c.as, c.warns)
		}
	}
	if as, warning := inSlices([]corev1.ServicePort{{Name: "new"}}, 0, nil); as[0].Name != "new" || warning != "" {
		t.Errorf("without slices: %+v, %q", as, warning)
	}
}

// TestSlicesInAnyOrder: what is found does not hang on the order in which slices come.
func TestSlicesInAnyOrder(t *testing.T) {
	a := `{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}`
	b := `{addresses: [10.0.0.1], conditions: {ready: false}, targetRef: {kind: Pod, name: a}}`
	one := read(t, reviews()+slice("one", "20", "IPv4", a)+slice("two", "21", "IPv4", b))[full]
	two := read(t, reviews()+slice("two", "21", "IPv4", b)+slice("one", "20", "IPv4", a))[full]
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
	if len(one.Endpoints) != 1 || one.Endpoints[0].State != discovery.NotReady {
		t.Errorf("%+v", one.Endpoints)
	}
}

func TestHeadless(t *testing.T) {
	s := read(t, strings.Replace(reviews(`{addresses: [10.0.0.1], hostname: db-0, targetRef: {kind: Pod, name: db-0}}`), "10.96.0.7", "None", 1))[full]
	for _, name := range []string{"db-0", "db-0.reviews", "db-0.reviews:8080", "db-0.reviews.shop", "db-0.reviews.shop.svc.cluster.local", "db-0." + full + ":8080", "10.0.0.1:8080", "shop/db-0"} {
		if s.Endpoint(name) == nil {
			t.Errorf("no endpoint %s among %v", name, s.Endpoints)
		}
	}
	if slices.ContainsFunc(s.Names, func(n string) bool { return strings.HasPrefix(n, "None") }) {
		t.Errorf("names %v", s.Names)
	}
	if s := read(t, reviews(`{addresses: [10.0.0.1], hostname: db-0}`))[full]; s.Endpoint("db-0.reviews") != nil {
		t.Error("DNS knows no hostname of a service that has an address")
	}
}

// TestLeaves: one that is not ready and told to go is known to go.
func TestLeaves(t *testing.T) {
	s := read(t, reviews(`{addresses: [10.0.0.1], conditions: {ready: false, serving: false, terminating: true}}`, `{addresses: [10.0.0.2], conditions: {ready: false, serving: false}}`))[full]
	if !s.Endpoint("10.0.0.1").Leaves || s.Endpoint("10.0.0.2").Leaves {
		t.Errorf("%+v", s.Endpoints)
	}
}

// TestHeadlessOfSeveralPorts: each port is a service with all the pods, whose hostnames mean
// them in each.
func TestHeadlessOfSeveralPorts(t *testing.T) {
	all := read(t, strings.Replace(reviews(`{addresses: [10.0.0.1], hostname: db-0, targetRef: {kind: Pod, name: db-0}}`,
		`{addresses: [10.0.0.2], hostname: db-1, targetRef: {kind: Pod, name: db-1}}`), "10.96.0.7", "None", 1))
	for name, port := range map[string]string{full: "8080", metrics: "15090"} {
		s := all[name]
		if s == nil || len(s.Endpoints) != 2 {
			t.Fatalf("%s is %+v", name, s)
		}
		for host, ip := range map[string]string{"db-0": "10.0.0.1:", "db-1": "10.0.0.2:"} {
			if e := s.Endpoint(host + ".reviews.shop.svc.cluster.local"); e == nil || e.Address != ip+port {
				t.Errorf("%s: %s is %+v; want it at %s", name, host, e, ip+port)
			}
		}
	}
}

// TestTargetsThatDiffer: where a port's name is another number in some pods, as while its
// number changes, each is at its own.
func TestTargetsThatDiffer(t *testing.T) {
	a, b := `{addresses: [10.0.0.1], targetRef: {kind: Pod, name: a}}`, `{addresses: [10.0.0.2], targetRef: {kind: Pod, name: b}}`
	s := read(t, reviews(a)+strings.ReplaceAll(slice("reviews-b", "13", "IPv4", b), "8080", "8081"))[full]
	if s == nil || len(s.Endpoints) != 2 || s.Endpoint("a").Address != "10.0.0.1:8080" || s.Endpoint("b").Address != "10.0.0.2:8081" {
		t.Errorf("%+v", s)
	}
}

// manySlices are 10,000 pods of reviews in 100 slices.
func manySlices() (*corev1.Service, []*discoveryv1.EndpointSlice) {
	s := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "reviews", Namespace: "shop"}, Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}}
	name, number, tcp := "http", int32(8080), corev1.ProtocolTCP
	var of []*discoveryv1.EndpointSlice
	for i := range 100 {
		slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{{Name: &name, Port: &number, Protocol: &tcp}}}
		for k := range 100 {
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.1.%d.%d", i, k)},
				TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: "shop", Name: fmt.Sprintf("reviews-%02d-%02d", i, k)}})
		}
		of = append(of, slice)
	}
	return s, of
}

// TestManySlices: 10,000 endpoints are found, each once.
func TestManySlices(t *testing.T) {
	s, of := manySlices()
	found, _ := view{domain: DefaultDomain}.services(s, append(of, of[7], of[42]))
	if len(found) != 1 || len(found[0].Endpoints) != 10_000 {
		t.Fatalf("found %d services", len(found))
	}
	for _, name := range []string{"reviews-00-00", "reviews-99-99", "10.1.7.42:8080"} {
		if found[0].Endpoint(name) == nil {
			t.Errorf("no %s", name)
		}
	}
}

// BenchmarkManySlices is a change of one of 10,000 endpoints.
func BenchmarkManySlices(b *testing.B) {
	s, of := manySlices()
	b.ReportAllocs()
	for b.Loop() {
		view{domain: DefaultDomain}.services(s, of)
	}
}

// TestUntrue: who writes what is neither true nor false is told that it says nothing.
func TestUntrue(t *testing.T) {
	for _, c := range []struct{ own, home, want string }{
		{"false", "true", ""},
		{"", "", `its annotation fairway-mesh.io/discover is ""`},
		{"no", "", `its annotation fairway-mesh.io/discover is "no"`},
		{"true", "off", `its namespace's annotation fairway-mesh.io/discover is "off"`},
	} {
		v := view{annotations: func(string) map[string]string { return map[string]string{DiscoverAnnotation: c.home} }}
		got := v.untrue(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{DiscoverAnnotation: c.own}}})
		if !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
			t.Errorf("%q in %q: %q; want %q", c.own, c.home, got, c.want)
		}
	}
	if got := (view{}).untrue(&corev1.Service{}); got != "" {
		t.Errorf("nothing said: %q", got)
	}
}

func TestLeftOut(t *testing.T) {
	with := func(annotation, namespace string) string {
		text := strings.Replace(reviews(), "resourceVersion:", `annotations: {fairway-mesh.io/discover: "`+annotation+`"}, resourceVersion:`, 1)
		return text + "\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: shop, annotations: {fairway-mesh.io/discover: \"" + namespace + "\"}}\n"
	}
	for name, c := range map[string]struct {
		text string
		want int
	}{
		"nothing said":         {with("", ""), 2},
		"service":              {with("false", ""), 0},
		"namespace":            {with("", "false"), 0},
		"service in after all": {with("true", "false"), 2},
		"no truth":             {with("perhaps", "no"), 2},
		"service without slices": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 80}]}\n", 1,
		},
		"no ports":      {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {clusterIP: None}\n", 0},
		"udp":           {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 53, protocol: UDP}]}\n", 0},
		"alias":         {"apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {type: ExternalName, externalName: b.example, ports: [{port: 80}]}\n", 0},
		"api server":    {"apiVersion: v1\nkind: Service\nmetadata: {name: kubernetes}\nspec: {ports: [{port: 443}]}\n", 0},
		"its namesake":  {"apiVersion: v1\nkind: Service\nmetadata: {name: kubernetes, namespace: a}\nspec: {ports: [{port: 443}]}\n", 1},
		"orphan slices": {slice("a", "1", "IPv4", `{addresses: [10.0.0.1]}`), 0},
	} {
		if got := read(t, c.text); len(got) != c.want {
			t.Errorf("%s: %d services, want %d", name, len(got), c.want)
		}
	}
}

func TestMainPort(t *testing.T) {
	for _, c := range []struct{ ports, annotation, want string }{
		{`{port: 80}`, "", ""},
		{`{name: tcp-a, port: 1}, {name: http-b, port: 2}`, "", "http-b"},
		{`{name: a, port: 1}, {name: b, port: 2, appProtocol: grpc}`, "", "b"},
		{`{name: a, port: 1}, {name: b, port: 2, appProtocol: kubernetes.io/h2c}`, "", "b"},
		{`{name: https, port: 443}, {name: http, port: 80}`, "", "http"},
		{`{name: tcp, port: 1}, {name: https, port: 443}`, "", "https"},
		{`{name: http-metrics, port: 9090}, {name: tcp-db, port: 1}`, "", "tcp-db"},
		{`{name: metrics, port: 9090}, {name: db, port: 1}, {name: web, port: 2}`, "", "db"},
		{`{name: metrics, port: 9090}, {name: admin, port: 1}`, "", "metrics"},
		{`{name: http, port: 80}, {name: db, port: 1}`, "db", "db"},
		{`{name: http, port: 80}, {name: db, port: 1}`, "1", "db"},
		{`{name: http, port: 80}, {name: db, port: 1}`, "none", "http"},
		{`{name: dns, port: 53, protocol: UDP}, {name: dns-tcp, port: 53}`, "", "dns-tcp"},
	} {
		text := "apiVersion: v1\nkind: Service\nmetadata: {name: a, annotations: {fairway-mesh.io/port: \"" + c.annotation + "\"}}\nspec: {ports: [" + c.ports + "]}\n"
		s := read(t, text)["a.default.svc.cluster.local"]
		if s == nil || s.Port.Name != c.want {
			t.Errorf("ports %s, annotation %q: %+v, want %q", c.ports, c.annotation, s, c.want)
		}
	}
}

func TestFewLabels(t *testing.T) {
	many := map[string]string{"version": "v1", "app.kubernetes.io/version": "v9", "controller-revision-hash": "x", "apps.kubernetes.io/pod-index": "0", "statefulset.kubernetes.io/pod-name": "a-0"}
	for _, c := range "abcdefghijklmnopqrstuvwxyz" {
		many[string(c)] = "1"
	}
	got := few(many)
	if len(got) != maxLabels || got["version"] != "v1" || got["a"] != "1" || got["z"] != "" || got["controller-revision-hash"] != "" || got["apps.kubernetes.io/pod-index"] != "" {
		t.Errorf("%d labels: %v", len(got), got)
	}
	if subset(got) != "v1" || subset(map[string]string{"app.kubernetes.io/version": "2"}) != "2" || subset(nil) != "" {
		t.Error("the subset is not the version")
	}
	if few(nil) != nil {
		t.Error("no labels are some")
	}
}
