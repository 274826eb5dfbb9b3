package meshconfig

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestServices(t *testing.T) {
	const web = "spec: {ports: [{port: 80}], selector: {app: a}}"
	long := strings.Repeat("n", 63)
	for _, c := range []struct {
		name, yaml string
		want       []Service
		note       string
	}{
		{"in the order of names", "kind: Service, metadata: {name: b, namespace: shop}, " + web + "\n--- kind: Service, metadata: {name: a, namespace: shop}, " + web,
			[]Service{{Name: "a"}, {Name: "b"}}, ""},
		{"of no namespace", "kind: Service, metadata: {name: a}, " + web, []Service{{Name: "a"}}, ""},
		{"of another namespace", "kind: Service, metadata: {name: a, namespace: bank}, " + web, nil, ""},
		{"another kind", "kind: Pod, metadata: {name: a, namespace: shop}, spec: {}", nil, ""},
		{"headless", "kind: Service, metadata: {name: a}, spec: {clusterIP: None, ports: [{port: 80}], selector: {app: a}}", []Service{{"a", true}}, ""},
		{"a field of a newer Kubernetes", "kind: Service, metadata: {name: a}, spec: {future: 1, ports: [{port: 80}], selector: {app: a}}", []Service{{Name: "a"}}, ""},
		{"the longest name", "kind: Service, metadata: {name: " + long + "}, " + web, []Service{{Name: long}}, ""},
		{"a name too long", "kind: Service, metadata: {name: " + long + "n}, " + web, nil, "no more than 63"},
		{"a name with a dot", "kind: Service, metadata: {name: a.b}, " + web, nil, "a.b is left out"},
		{"a name in upper case", "kind: Service, metadata: {name: Web}, " + web, nil, "lower case"},
		{"a name for a terminal", `kind: Service, metadata: {name: "a\e[31m\nb"}, ` + web, nil, "Service shop/a?[31m?b is left out"},
		{"ExternalName", "kind: Service, metadata: {name: a}, spec: {type: ExternalName, externalName: x.example, ports: [{port: 80}]}", nil, "x.example"},
		{"no ports", "kind: Service, metadata: {name: a}, spec: {clusterIP: None, selector: {app: a}}", nil, "no ports"},
		{"no spec", "kind: Service, metadata: {name: a}", nil, "no ports"},
		{"UDP only", "kind: Service, metadata: {name: a}, spec: {ports: [{port: 53, protocol: UDP}], selector: {app: a}}", nil, "no TCP port"},
		{"UDP and TCP", "kind: Service, metadata: {name: a}, spec: {ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}], selector: {app: a}}", []Service{{Name: "a"}}, ""},
		{"no selector", "kind: Service, metadata: {name: kubernetes}, spec: {ports: [{port: 443}]}", nil, "selects no pods"},
		{"not to be read", "kind: Service, metadata: {name: a}, spec: {ports: many}", nil, "cannot be read"},
		{"twice", "kind: Service, metadata: {name: a}, " + web + "\n--- kind: Service, metadata: {name: a, namespace: shop}, " + web, []Service{{Name: "a"}}, "stands twice"},
		{"opted out", "kind: Service, metadata: {name: a, annotations: {fairway-mesh.io/discover: 'false'}}, " + web, nil, "its annotation"},
		{"opted in", "kind: Service, metadata: {name: a, annotations: {fairway-mesh.io/discover: 'yes'}}, " + web, []Service{{Name: "a"}}, ""},
		{"opted out with its namespace", "kind: Namespace, metadata: {name: shop, annotations: {fairway-mesh.io/discover: 'false'}}\n--- kind: Service, metadata: {name: a}, " + web,
			nil, "of its namespace"},
		{"in, out of its namespace", "kind: Namespace, metadata: {name: shop, annotations: {fairway-mesh.io/discover: 'false'}}\n--- kind: Service, metadata: {name: a, annotations: {fairway-mesh.io/discover: 'true'}}, " + web,
			[]Service{{Name: "a"}}, ""},
		{"another namespace opted out", "kind: Namespace, metadata: {name: bank, annotations: {fairway-mesh.io/discover: 'false'}}\n--- kind: Service, metadata: {name: a}, " + web,
			[]Service{{Name: "a"}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var yaml strings.Builder
			for _, object := range strings.Split(c.yaml, "\n--- ") {
				yaml.WriteString("---\n{apiVersion: v1, " + object + "}\n")
			}
			got, notes := Services("shop", objects(t, yaml.String()))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if told := strings.Join(notes, "\n"); (c.note == "") != (told == "") || !strings.Contains(told, c.note) {
				t.Errorf("notes %q; want one about %q", told, c.note)
			}
		})
	}
}

func TestNamespaces(t *testing.T) {
	got := Namespaces(objects(t, `
{apiVersion: v1, kind: Service, metadata: {name: a, namespace: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: b, namespace: bank}}
---
{apiVersion: v1, kind: Service, metadata: {name: c, namespace: shop}}
---
{apiVersion: v1, kind: Service, metadata: {name: d}}
---
{apiVersion: v1, kind: Pod, metadata: {name: e, namespace: zoo}}
`))
	if diff := cmp.Diff([]string{"bank", "shop"}, got); diff != "" {
		t.Error(diff)
	}
}
