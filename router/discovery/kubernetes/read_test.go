package kubernetes

import (
	"strings"
	"testing"
)

func TestReadListsAndFiles(t *testing.T) {
	m, err := Read("a.json", []byte(`{"apiVersion": "v1", "kind": "List", "items": [
		{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "spec": {"ports": [{"port": 80}]}},
		{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}},
		{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Service", "metadata": {"name": "b"}, "spec": {"ports": [{"port": 80}]}}]}
	]}`))
	if err != nil {
		t.Fatal(err)
	}
	more, err := Read("b.yaml", []byte("# again\n---\n---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {ports: [{port: 81}]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	m.Add(more)
	all := m.Services(DefaultDomain)
	if len(all) != 2 || all[0].Port.Number != 81 || all[1].Name != "b.default.svc.cluster.local" {
		t.Errorf("%+v", all)
	}
	for want, text := range map[string]string{
		"f: document 2": "a: 1\n---\n{",
		"f: document 1: it is no object of Kubernetes; want its apiVersion and kind": "module example",
		"f: document 1: Service: json":   "apiVersion: v1\nkind: Service\nspec: {ports: 3}",
		"f: document 1: item 1: Service": "apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: Service, spec: {ports: 3}}]",
	} {
		if _, err := Read("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzRead reads anything and puts it together.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{
		"", "---\n", "{}", "null", "[]", "3", "kind: List\nitems: [null, 3]", reviews(`{addresses: [10.0.0.1], hostname: db-0, targetRef: {kind: Pod, name: a}}`),
		reviews(`{}`, `{addresses: [""]}`) + slice("six", "-1", "IPv6", `{addresses: ["fd00::1"], conditions: {ready: null}}`),
		"apiVersion: v1\nkind: Service\nmetadata: {annotations: {fairway-mesh.io/port: \"-1\"}}\nspec: {ports: [{port: -1}, {}]}",
		"apiVersion: v1\nkind: Pod\nmetadata: {labels: {version: v1}}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: default}",
		`{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"List","items":[{}]}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Read("f", text)
		if (m == nil) == (err == nil) {
			t.Fatalf("%v beside %v", m, err)
		}
		if err != nil {
			return
		}
		for _, s := range m.Services(DefaultDomain) {
			names := map[string]bool{}
			for _, e := range s.Endpoints {
				if names[e.Name] || e.Address == "" {
					t.Errorf("endpoint %+v of %s, which has one of its name", e, s.Name)
				}
				names[e.Name] = true
			}
		}
	})
}
