package file

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/discovery/sinktest"
)

func TestParse(t *testing.T) {
	text := `# as many programs write it
- targets: [10.0.0.7:9080, "[fd00::7]:9080"]
  labels: {service: reviews, version: v2, zone: a, tier: 1, endpoint: not-of-two}
- targets: [10.0.0.8:9080]
  labels: {service: reviews, subset: v3, version: "3", endpoint: reviews-3, instance: i3, __meta_note: x}
- {targets: [cart.example:80], labels: {job: cart}}
- targets: [10.0.0.9:1]
- targets: [10.0.2.1:80]
  labels: {__meta_kubernetes_service_name: ratings, __meta_kubernetes_namespace: shop, __meta_kubernetes_pod_name: ratings-x, __meta_kubernetes_pod_ready: "false"}
- targets: []
`
	got, err := Parse("dir/other.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	want := []*discovery.Service{
		{Name: "cart", Endpoints: []discovery.Endpoint{{Endpoint: mesh.Endpoint{Name: "cart.example:80", Address: "cart.example:80"}, Names: []string{"cart.example"}}}},
		{Name: "other", Endpoints: []discovery.Endpoint{{Endpoint: mesh.Endpoint{Name: "10.0.0.9:1", Address: "10.0.0.9:1"}, Names: []string{"10.0.0.9"}}}},
		{Name: "ratings.shop.svc.cluster.local", Names: []string{"ratings", "ratings.shop", "ratings.shop.svc"}, Namespace: "shop", Endpoints: []discovery.Endpoint{
			{Endpoint: mesh.Endpoint{Name: "ratings-x", Address: "10.0.2.1:80"}, Names: []string{"10.0.2.1", "10.0.2.1:80", "shop/ratings-x"}, State: discovery.NotReady},
		}},
		{Name: "reviews", Endpoints: []discovery.Endpoint{
			{Endpoint: mesh.Endpoint{Name: "10.0.0.7:9080", Address: "10.0.0.7:9080", Subset: "v2", Zone: "a"}, Names: []string{"10.0.0.7"},
				Labels: map[string]string{"service": "reviews", "version": "v2", "zone": "a", "tier": "1"}},
			{Endpoint: mesh.Endpoint{Name: "[fd00::7]:9080", Address: "[fd00::7]:9080", Subset: "v2", Zone: "a"}, Names: []string{"fd00::7"},
				Labels: map[string]string{"service": "reviews", "version": "v2", "zone": "a", "tier": "1"}},
			{Endpoint: mesh.Endpoint{Name: "reviews-3", Address: "10.0.0.8:9080", Subset: "v3"}, Names: []string{"10.0.0.8", "10.0.0.8:9080", "i3"},
				Labels: map[string]string{"service": "reviews", "subset": "v3", "version": "3", "endpoint": "reviews-3"}},
		}},
	}
	for _, s := range want {
		s.Source = "file"
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// The same in JSON.
	type entry struct {
		Targets []string          `json:"targets"`
		Labels  map[string]string `json:"labels,omitempty"`
	}
	groups, err := readYAML("", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var entries []entry
	for _, g := range groups {
		e := entry{Labels: g.Labels}
		for _, address := range g.Targets {
			e.Targets = append(e.Targets, address.address)
		}
		entries = append(entries, e)
	}
	written, err := json.MarshalIndent(entries, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse("dir/other.json", written)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Error(diff)
	}
}

func TestNamesOfSeveral(t *testing.T) {
	got, err := Parse("x.yaml", []byte(`
- {targets: ["10.0.0.1:80"], labels: {endpoint: a}}
- {targets: ["10.0.0.1:81"], labels: {endpoint: a}}
- {targets: ["10.0.0.2:80"], labels: {endpoint: b}}
- {targets: ["10.0.0.2:80"], labels: {endpoint: b, zone: z}}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"10.0.0.1:80=10.0.0.1:80", "10.0.0.1:81=10.0.0.1:81", "b=10.0.0.2:80"}
	if diff := cmp.Diff(want, sinktest.Endpoints(got[0])); diff != "" || got[0].Endpoints[2].Zone != "z" {
		t.Error(diff, got[0])
	}
}

// TestByteOrderMark holds that a file which begins with one is read, as some editors
// write it.
func TestByteOrderMark(t *testing.T) {
	for _, name := range []string{"a.json", "a.yaml"} {
		got, err := Parse(name, []byte("\ufeff"+`[{"targets": ["10.0.0.7:9080"], "labels": {"service": "reviews"}}]`))
		if err != nil || len(got) != 1 || got[0].Name != "reviews" {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"a.yaml", "", "a.yaml: the file is empty; write []"},
		{"a.json", " \n", "a.json: the file is empty; write []"},
		{"a.yaml", "# nothing\n", "a.yaml: the file has no content; write []"},
		{"a.yaml", "- targets: [x]\n", "a.yaml:1: target \"x\" is no host:port; want one such as 10.0.0.7:9080"},
		{"a.yaml", "- targets:\n  - 10.0.0.1:80\n  - 10.0.0.2:0\n", "a.yaml:3: target \"10.0.0.2:0\" is no host:port"},
		{"a.yaml", "- targets: ['http://a:80']\n", "is no host:port"},
		{"a.yaml", "- targets: [':80']\n", "is no host:port"},
		{"a.yaml", "- targets: ['a:65536']\n", "is no host:port"},
		{"a.yaml", "- targets: [[a]]\n", "a.yaml:1: a target is one address"},
		{"a.yaml", "- targets: [~]\n", "a.yaml: group 1 has an empty target"},
		{"a.yaml", "- target: [a:1]\n", "a.yaml:1: field target is not one of a group's"},
		{"a.yaml", "targets: [a:1]\n", "a.yaml:1: a map does not belong here: want a list of"},
		{"a.yaml", "- targets: a:1\n", "a.yaml:1: a str does not belong here"},
		{"a.yaml", "- targets: [a:1]\n  labels: {x: [1]}\n", "a.yaml:2: a seq does not belong here"},
		{"a.yaml", "- ~\n", "a.yaml: group 1: it is empty"},
		{"a.yaml", "[]\n---\n[]\n", "a second document"},
		{"a.yaml", "- {targets: [a:1]\n", "a.yaml:"},
		{"a.json", "[\n{\"targets\": [\"a:1\"]},\n{\"targets\": [1]}\n]", "a.json:3: a number does not belong here"},
		{"a.json", "[\n{\"targets\": [\"a:1\"]},\n{\"target\": []}\n]", "a.json:3: field \"target\" is not one of a group's"},
		{"a.json", "[\n{\"targets\": [\"a:1\"]},\n{\"targets\": [\"a\"]}\n]", "a.json:3: target \"a\" is no host:port"},
		{"a.json", "[\n{\"targets\": [\"a:1\"],\n", "a.json:3: the file ends too early"},
		{"a.json", "[\n{\"targets\": [\"a:1\"]}", "a.json:2: the file ends too early"},
		{"a.json", "[\n{\"targets\": [\"a:1\"]}\n] 5", "a.json:3: invalid character '5' after top-level value"},
		{"a.json", "[\n{\"targets\": [\"a:1\"]} {}]", "a.json:2: "},
		{"a.json", "{}", "a.json:1: want a list of groups"},
		{"a.json", "[null]", "a.json:1: it is empty"},
		{"a.json", "[\n\n!]", "a.json:3: invalid character"},
	} {
		_, err := Parse(test.name, []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "file.") {
			t.Errorf("%s %q: %v; want %s", test.name, test.text, err, test.want)
		}
	}
}

func TestParseIsBounded(t *testing.T) {
	many := "- targets: [" + strings.TrimSuffix(strings.Repeat("a:1,", most+1), ",") + "]\n"
	for name, text := range map[string]string{
		"targets.yaml": many,
		"groups.json":  "[" + strings.TrimSuffix(strings.Repeat("{},", most+1), ",") + "]",
		"long.yaml":    strings.Repeat(" ", longest+1),
		"bomb.yaml":    "- targets: &a [a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1,a:1]\n- targets: &b [*a,*a]\n",
		"bombs.yaml":   "- targets: &a [" + strings.TrimSuffix(strings.Repeat("a:1,", 1000), ",") + "]\n" + strings.Repeat("- targets: *a\n", 10_000),
	} {
		if services, err := Parse(name, []byte(text)); err == nil {
			t.Errorf("%s: %d services, no error", name, len(services))
		} else if len(err.Error()) > 300 {
			t.Errorf("%s: %d bytes of error", name, len(err.Error()))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{one, "[]", "- targets: [\"[::1]:80\"]\n  labels: {service: s, endpoint: e, zone: z, version: 1}", `[{"targets":["a:1","b:2"],"labels":{"job":"j","a":"b"}}]`,
		"- &a {targets: [a:1]}\n- *a\n", "- targets: [a:1]\n  labels: {__meta_kubernetes_service_name: a, __meta_kubernetes_namespace: b}", "\t[{}\n]", "- <<: {targets: [a:1]}"} {
		f.Add(text, true)
		f.Add(text, false)
	}
	f.Fuzz(func(t *testing.T, text string, isJSON bool) {
		name := "f.yaml"
		if isJSON {
			name = "f.json"
		}
		services, err := Parse(name, []byte(text))
		if err != nil {
			if !strings.HasPrefix(err.Error(), name+":") {
				t.Errorf("%v does not name the file", err)
			}
			return
		}
		seen := map[string]bool{}
		for _, s := range services {
			if s.Name == "" || seen[s.Name] || len(s.Endpoints) == 0 {
				t.Errorf("service %+v, seen before %t", s, seen[s.Name])
			}
			seen[s.Name] = true
			names := map[string]bool{}
			for _, e := range s.Endpoints {
				if e.Name == "" || names[e.Name] || addressed(e.Address) != nil {
					t.Errorf("%s: endpoint %+v", s.Name, e)
				}
				names[e.Name] = true
			}
		}
	})
}

func ExampleParse() {
	services, err := Parse("reviews.yaml", []byte(`
- targets: [10.0.0.7:9080, 10.0.0.8:9080]
  labels: {version: v2, zone: a}
`))
	for _, e := range services[0].Endpoints {
		fmt.Println(services[0].Name, e.Address, e.Subset, e.Zone, err)
	}
	// Output:
	// reviews 10.0.0.7:9080 v2 a <nil>
	// reviews 10.0.0.8:9080 v2 a <nil>
}
