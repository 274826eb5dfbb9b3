package load

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

const endpoints1 = `
version: "7"
services:
  - name: shop
    objective: {deadline: 1s}
    endpoints: [{name: a, subset: v1}, {name: b, subset: v2}]
`

func httpRoute(name, annotation, service, backend string) string {
	return fmt.Sprintf(`apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: %s, annotations: {config/version: %q}}
spec:
  parentRefs: [{group: "", kind: Service, name: %s}]
  rules: [{backendRefs: [{name: %s, port: 80}]}]
`, name, annotation, service, backend)
}

// load reads files laid in a directory.
func loaded(t testing.TB, files map[string]string) (*rules.File, []manifest.Finding, error) {
	t.Helper()
	dir := t.TempDir()
	lay(t, dir, files)
	f, findings, err := Load(dir)
	if err != nil {
		err = fmt.Errorf("%s", strings.ReplaceAll(err.Error(), dir+"/", ""))
	}
	for i := range findings {
		findings[i].File = strings.TrimPrefix(findings[i].File, dir+"/")
	}
	return f, findings, err
}

// TestMerged: one source tells of the endpoints and another of the routes.
func TestMerged(t *testing.T) {
	f, findings, err := loaded(t, map[string]string{"a.yaml": endpoints1, "b.yaml": httpRoute("r", "1.2.3", "shop", "other")})
	if err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	s := f.Services[0]
	if len(f.Services) != 1 || len(s.Endpoints) != 2 || s.Objective.Deadline == 0 || len(s.Routes) != 1 || s.Routes[0].To[0].Service != "other" {
		t.Errorf("merged %+v", f.Services)
	}
	set, err := rules.Compile(f)
	if err != nil || f.Home != manifest.DefaultNamespace || set.Canonical("shop.default.svc.cluster.local") != "shop" {
		t.Errorf("home %q, %v: the metrics' name of shop is not known", f.Home, err)
	}
	if f.Version != "1.2.3" {
		t.Errorf("version %s; want the annotation's", f.Version)
	}
}

// TestConflicts are told with both places.
func TestConflicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"routes", map[string]string{"a.yaml": "services:\n  - name: shop\n    routes:\n      - name: x\n", "b.yaml": httpRoute("r", "", "shop", "other")},
			[]string{"b.yaml:6: service \"shop\" has its routes here (the Gateway API)", "a.yaml:4 (fairway's file)"}},
		{"endpoints", map[string]string{"a.yaml": endpoints1, "b.yml": endpoints1}, []string{"b.yml:4: service \"shop\" has its endpoints", "a.yaml:4", "objective"}},
		{"subset", map[string]string{"a.yaml": endpoints1, "b.yaml": "services: [{name: shop, routes: [{name: x, to: v9}]}]"},
			[]string{"b.yaml:1: route \"x\" goes to subset \"v9\""}},
		{"class", map[string]string{"a.yaml": "classes: [{name: c}]", "b.yaml": "classes: [{name: c}]"}, []string{"class \"c\""}},
		{"all of them", map[string]string{"a.yaml": "servces: []", "b.yaml": "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: x}\nspec: {rule: []}"},
			[]string{"a.yaml:1: unknown field \"servces\"", "b.yaml:4: unknown field \"rule\""}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := loaded(t, c.files)
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v; want %s", err, want)
				}
			}
		})
	}
}

// TestLimitsThatAreUsual are nobody's in particular: a file without limits has them too.
func TestLimitsThatAreUsual(t *testing.T) {
	f, _, err := loaded(t, map[string]string{"a.yaml": endpoints1, "b.yaml": "services: [{name: shop, limits: {step: 1}, routes: [{name: x}]}]"})
	if err != nil || f.Services[0].Limits.Step != 1 {
		t.Errorf("%+v, %v", f, err)
	}
}

func TestVersion(t *testing.T) {
	for _, c := range []struct {
		name, want, finding string
		files               map[string]string
	}{
		{"file", "7", "", map[string]string{"a.yaml": endpoints1}},
		{"annotation first", "v2.0.0-rc.1", "", map[string]string{"a.yaml": endpoints1, "b.yaml": httpRoute("r", "v2.0.0-rc.1", "x", "y")}},
		{"hash", "", "", map[string]string{"b.yaml": httpRoute("r", "", "x", "y")}},
		{"several", "", "1.0.0 at", map[string]string{"b.yaml": httpRoute("r", "1.0.0", "x", "y"), "c.yaml": httpRoute("q", "1.0.1", "z", "y")}},
		{"several files", "", "several versions", map[string]string{"a.yaml": "version: a", "b.yaml": "version: b"}},
		{"not semantic", "friday", "no semantic version", map[string]string{"b.yaml": httpRoute("r", "friday", "x", "y")}},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, findings, err := loaded(t, c.files)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if want == "" {
				want = f.Hash
			}
			if f.Version != want {
				t.Errorf("version %s; want %s", f.Version, want)
			}
			if said := fmt.Sprint(findings); c.finding == "" && len(findings) > 0 || !strings.Contains(said, c.finding) {
				t.Errorf("findings %s; want %q", said, c.finding)
			}
		})
	}
}

// TestOtherKinds are told once a file and kind, and break nothing.
func TestOtherKinds(t *testing.T) {
	const deployments = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\n"
	f, findings, err := loaded(t, map[string]string{"a.yaml": deployments, "b.yaml": "# nothing\n"})
	if err != nil || len(f.Services) > 0 || len(findings) != 1 || findings[0].Level != manifest.Note || findings[0].File != "a.yaml" {
		t.Errorf("%+v, %v, %v", f, findings, err)
	}
}

// TestNamespaces: what services are called then is noted where the first of them stands.
func TestNamespaces(t *testing.T) {
	const route = "apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, namespace: %s}\nspec: {host: a, trafficPolicy: {tls: {mode: MUTUAL}}}\n"
	f, findings, err := loaded(t, map[string]string{"a.yaml": fmt.Sprintf(route, "default"), "b.yaml": fmt.Sprintf(route, "prod"), "c.yaml": fmt.Sprintf(route, "stage")})
	if err != nil || f.Home != "default" || len(findings) != 1 || findings[0].Level != manifest.Note || findings[0].File != "b.yaml" || !strings.Contains(findings[0].Text, "(default, prod, stage)") {
		t.Errorf("%+v, %v, %v", f, findings, err)
	}
}

// TestKindsOfAnotherGroup: what is called like a kind that is read, but for the group, is
// warned of, since it was most likely meant.
func TestKindsOfAnotherGroup(t *testing.T) {
	for _, version := range []string{"networking.istio.oi/v1", "networking.istio.io", "gateway.solo.io/v1"} {
		_, findings, err := loaded(t, map[string]string{"a.yaml": "apiVersion: " + version + "\nkind: VirtualService\nmetadata: {name: a}\n"})
		if err != nil || len(findings) != 1 || findings[0].Level != manifest.Warning || !strings.Contains(findings[0].Text, "that of networking.istio.io is") {
			t.Errorf("%s: %+v, %v", version, findings, err)
		}
	}
}

// TestHashIsOfTheContents: not of where they lie.
func TestHashIsOfTheContents(t *testing.T) {
	files := map[string]string{"a.yaml": endpoints1, "b/c.yaml": httpRoute("r", "", "x", "y")}
	one, _, err := loaded(t, files)
	if err != nil {
		t.Fatal(err)
	}
	two, _, _ := loaded(t, files)
	files["a.yaml"] += "# changed"
	three, _, _ := loaded(t, files)
	if one.Hash != two.Hash || one.Hash == three.Hash {
		t.Errorf("hashes %s, %s of the same and %s of others", one.Hash, two.Hash, three.Hash)
	}
	alone, _, err := Parse("x", []byte(endpoints1))
	if alone.Home != "" {
		t.Error("names of fairway's own file have a home")
	}
	own, _ := rules.Parse("x", []byte(endpoints1))
	if err != nil || alone.Hash != own.Hash {
		t.Errorf("a single file has hash %s, %v; want %s as ever", alone.Hash, err, own.Hash)
	}
}

// FuzzParse: whatever is stored, reading it ends with rules or with an error that says
// where, and what can be read compiles.
func FuzzParse(f *testing.F) {
	f.Add([]byte(endpoints1))
	f.Add([]byte(httpRoute("r", "1.2.3", "shop", "other")))
	f.Add(bundle("", []file{{"a.yaml", []byte(endpoints1)}, {"b.yaml", []byte(httpRoute("r", "1.2.3", "shop", "other"))}}))
	f.Add([]byte("# fairway bundle of 1 files\n# file \"a\" of 99999999999999999999 bytes\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, findings, err := Parse("r", text)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "r") {
				t.Errorf("%v does not say where", err)
			}
			return
		}
		if Worst(findings) == nil {
			if _, err := rules.Compile(file); err != nil {
				t.Errorf("does not compile: %v", err)
			}
		}
	})
}

// TestStrangers: what is neither rules nor an object is said to be that.
func TestStrangers(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "values.yaml"), []byte("replicas: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "neither fairway's rules") {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "values.yaml"), []byte("services: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(dir); err == nil || strings.Contains(err.Error(), "neither fairway's rules") {
		t.Errorf("broken rules of ours: %v", err)
	}
}
