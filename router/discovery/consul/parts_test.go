package consul

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/consul/api"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// written is entries as Consul writes them, read.
func written(t testing.TB, entries ...*api.ServiceEntry) []instance {
	t.Helper()
	text, err := json.Marshal(entries)
	if err != nil {
		t.Fatal(err)
	}
	all, err := readInstances(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestInstances(t *testing.T) {
	pod := instanceOf("reviews", "reviews-1", 9080, api.HealthPassing)
	pod.Service.Address = "10.1.0.1"
	pod.Service.Meta = map[string]string{"version": "v2", "pod-name": "reviews-x", "k8s-namespace": "shop", "empty": ""}
	pod.Service.Tags = []string{"v1", "tier=gold", "version=v9"}
	pod.Service.Locality = &api.Locality{Region: "r", Zone: "a"}
	plain := instanceOf("reviews", "twice", 9081, api.HealthPassing)
	plain.Service.Tags, plain.Node.Meta, plain.Node.Address = []string{"v1.2", "primary"}, map[string]string{"zone": "b"}, "fd00::1"
	other := instanceOf("reviews", "twice", 9082, api.HealthPassing)
	other.Node.Node, other.Node.Locality, other.Service.Tags = "elsewhere", &api.Locality{Zone: "c"}, []string{"v1", "v2"}
	nowhere := instanceOf("reviews", "nowhere", 0, api.HealthPassing)
	nowhere.Service.Address = "host.example"
	proxy := instanceOf("reviews", "sidecar", 20000, api.HealthPassing)
	proxy.Service.Kind = api.ServiceKindConnectProxy
	got := service("reviews", "", written(t, pod, plain, other, nowhere, proxy))
	want := &discovery.Service{Name: "reviews", Names: []string{"reviews.service.consul"}, Source: "consul", Endpoints: []discovery.Endpoint{
		{Endpoint: mesh.Endpoint{Name: "elsewhere/twice", Address: "10.0.0.1:9082", Zone: "c"}, Names: []string{"10.0.0.1", "10.0.0.1:9082", "elsewhere", "twice"}},
		{Endpoint: mesh.Endpoint{Name: "n-twice/twice", Address: "[fd00::1]:9081", Subset: "v1.2", Zone: "b"}, Names: []string{"[fd00::1]:9081", "fd00::1", "n-twice", "twice"}},
		{Endpoint: mesh.Endpoint{Name: "nowhere"}, Names: []string{"10.0.0.1", "host.example", "n-nowhere", "n-nowhere/nowhere"}},
		{Endpoint: mesh.Endpoint{Name: "reviews-1", Address: "10.1.0.1:9080", Subset: "v2", Zone: "a"},
			Names:  []string{"10.0.0.1", "10.1.0.1", "10.1.0.1:9080", "n-reviews-1", "n-reviews-1/reviews-1", "reviews-x", "shop/reviews-x"},
			Labels: map[string]string{"version": "v2", "pod-name": "reviews-x", "k8s-namespace": "shop", "tier": "gold"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if service("reviews", "", written(t, proxy)) != nil || service("reviews", "", nil) != nil {
		t.Error("proxies alone are a service")
	}
}

func TestParse(t *testing.T) {
	cfg, err := Parse("https://consul.example:8501/prefix?dc=east&service=b&service=a&service=b")
	if err != nil || cfg.Address != "https://consul.example:8501/prefix" || cfg.Datacenter != "east" || !slices.Equal(cfg.Services, []string{"a", "b"}) {
		t.Errorf("%+v, %v", cfg, err)
	}
	for text, want := range map[string]string{
		"127.0.0.1:8500":         "want one such as http://127.0.0.1:8500?dc=east",
		"":                       "want one such as",
		"http://a?token=s3cret":  "write it to a file",
		"http://a?datacenter=x":  `"datacenter" is none; want dc, ns`,
		"http://a?dc=x&dc=y":     "gives dc twice",
		"http://a?service=":      "without a name",
		"http://user:s3cret@a:b": "want one such as",
		"http://a?dc=%zz":        "cannot be read",
	} {
		if _, err := Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v; want %s", text, err, want)
		}
	}
}

func TestValidate(t *testing.T) {
	_, err := New(Config{Token: "a", TokenFile: "b"})
	for _, want := range []string{"no URL", "both a token", "wait for 0s", "timeout 0s", "no clock"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nlacks %s", err, want)
		}
	}
}

// FuzzAnswers reads what a hostile server may say.
func FuzzAnswers(f *testing.F) {
	text, err := json.Marshal([]*api.ServiceEntry{instanceOf("a", "b", 1, api.HealthPassing), instanceOf("a", "b", 2, api.HealthCritical)})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{string(text), `{"a":["b"],"consul":[]}`, `[null,{"Service":{"ID":"","Port":-1}}]`, `{"a"`, `[{"Node":{"Locality":null,"Address":"a b"}}]`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if names, err := readNames(body); err == nil && slices.Contains(names, "") {
			t.Errorf("%q", names)
		}
		all, err := readInstances(body)
		if err != nil {
			return
		}
		s := service("a", "dc", all)
		if s == nil {
			return
		}
		seen := map[string]bool{}
		for _, e := range s.Endpoints {
			if e.Name == "" || seen[e.Name] || slices.Contains(e.Names, "") {
				t.Errorf("%+v", s)
			}
			seen[e.Name] = true
		}
	})
}
