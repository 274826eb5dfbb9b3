package load

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/router/rules"
)

func TestDiff(t *testing.T) {
	for _, c := range []struct{ name, from, to, want string }{
		{"nothing", "services: [{name: a}]", "services: [{name: a}]", ""},
		{"a default that is written down", "version: v\nservices: [{name: a, routes: [{name: x, to: v1}]}]",
			"version: v\nservices: [{name: a, limits: {step: 0.1}, routes: [{name: x, to: v1, timeout: 30s, retries: 0}]}]", ""},
		{"order", "version: v\nservices: [{name: a, routes: [{name: x, match: {method: GET}}, {name: y, match: {path: /}}, {name: z}]}]",
			"version: v\nservices: [{name: a, routes: [{name: y, match: {path: /}}, {name: x, match: {method: GET}}, {name: z}]}]",
			"~ service a\n  ~ order of routes: x, y, z → y, x, z\n"},
		{"classes", "version: v\nclasses: [{name: c, match: {method: GET}}, {name: d}]", "version: v\nclasses: [{name: c, match: {method: PUT}}]",
			"~ class c\n  ~ match: method = \"GET\" → method = \"PUT\"\n- class d\n"},
		{"settings", "version: v\nservices: [{name: a, locality: {zone: z, remote: 5ms}}]", "version: v\nservices: [{name: a, health: {checks: [{tcp: {}}]}}]",
			"~ service a\n  - locality: zone z, remote 5ms\n  + health: checks (kind tcp), interval 5s, timeout 1s, minimum 0.5, rise 2, fall 3\n"},
		{"endpoints", "version: v\nservices: [{name: a, endpoints: [{name: e, weight: 2}, {name: f}]}]", "version: v\nservices: [{name: a, endpoints: [{name: e, subset: s}]}]",
			"~ service a\n  ~ endpoint e\n    + subset: s\n    ~ weight: 2 → 1\n  - endpoint f: weight 1\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var sets [2]*rules.Set
			for i, text := range []string{c.from, c.to} {
				set, _, err := Compile("x", []byte(text))
				if err != nil {
					t.Fatal(err)
				}
				sets[i] = set
			}
			var out strings.Builder
			changed, err := Diff(&out, sets[0], sets[1])
			if err != nil || changed != (c.want != "") {
				t.Errorf("changed %v, %v", changed, err)
			}
			if diff := cmp.Diff(c.want, out.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestTargets(t *testing.T) {
	got := Targets([]rules.Target{{Weight: 100.0 / 3}, {Subset: "v1", Auto: true}, {Service: "b"}, {Service: "b", Subset: "v2", Weight: 50}})
	if want := "all endpoints 33.33%, v1 auto, service b 0%, service b subset v2 50%"; got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}
