package meshconfig

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/fairway-mesh/fairway/router/discovery/kubernetes/kubetest"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// cluster is a real API server that knows the kinds, by the projects' own definitions.
type cluster struct {
	kubectl, kubeconfig string
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{kubectl: tool(t, "kubectl")}
	c.kubeconfig = kubetest.Start(t).Kubeconfig(t, kubetest.Admin)
	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	istio := filepath.Join(strings.TrimSpace(string(module)), "kubernetes", "customresourcedefinitions.gen.yaml")
	for _, args := range [][]string{
		{"apply", "--server-side", "-f", istio, "-f", "testdata/crd/prometheusrules.yaml"},
		{"wait", "--for=condition=Established", "crd", "--all", "--timeout=60s"},
		{"create", "namespace", "shop"},
		{"create", "namespace", "mesh"},
	} {
		if out, err := c.run("", args...); err != nil {
			t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	return c
}

// run runs kubectl, and returns what it prints, on stderr too.
func (c *cluster) run(stdin string, args ...string) (string, error) {
	run := exec.Command(c.kubectl, append([]string{"--kubeconfig", c.kubeconfig}, args...)...)
	run.Stdin = strings.NewReader(stdin)
	out, err := run.CombinedOutput()
	return string(out), err
}

// TestKube asks a real API server, with the schemas and CEL rules of the projects' own
// definitions.
func TestKube(t *testing.T) {
	c := newCluster(t)
	t.Run("takes", c.takes)
	t.Run("refuses", c.refuses)
}

// takes has the server take every manifest; and what it keeps of them compare as the
// same, and print as they were printed.
func (c *cluster) takes(t *testing.T) {
	for _, golden := range cases {
		cfg := config(golden.change)
		list := made(t, cfg, stored(t)...)
		for _, m := range list {
			if out, err := c.run(string(m.Text), "apply", "--server-side", "--dry-run=server", "-f", "-"); err != nil {
				t.Errorf("%s: %s is refused: %v\n%s", golden.name, m, err, out)
			}
		}
		if t.Failed() {
			return
		}
		all := string(Text(list))
		if out, err := c.run(all, "apply", "-f", "-"); err != nil { // with its own annotation
			t.Fatalf("%s: %v\n%s", golden.name, err, out)
		}
		kept, err := c.run(all, "get", "-f", "-", "-o", "yaml")
		if err != nil {
			t.Fatalf("%v\n%s", err, kept)
		}
		have, err := manifest.Read("cluster", []byte(kept))
		if err != nil {
			t.Fatal(err)
		}
		found, err := Compare(cfg, list, have, "cluster")
		if err != nil || found.Differs() || len(found.Same) != len(list) {
			t.Errorf("%s: %s: %v", golden.name, found.Summary(), err)
		}
		for _, m := range list {
			c.printsAlike(t, m)
		}
		if out, err := c.run(all, "delete", "-f", "-"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

// printsAlike has kubectl print the object as the manifest has it, but for what the
// server has added.
func (c *cluster) printsAlike(t *testing.T, m *Manifest) {
	t.Helper()
	out, err := c.run("", "get", m.Kind, m.Name, "--namespace", m.Namespace, "-o", "json")
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(out), &object); err != nil {
		t.Fatal(err)
	}
	delete(object, "status")
	meta := object["metadata"].(map[string]any)
	for _, added := range []string{"annotations", "creationTimestamp", "generation", "resourceVersion", "uid", "managedFields"} {
		delete(meta, added)
	}
	text, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	_, printed, _ := bytes.Cut(m.Text, []byte("\napiVersion:"))
	if diff := cmp.Diff("apiVersion:"+string(printed), string(text)); diff != "" {
		t.Errorf("%s (-printed +kubectl):\n%s", m, diff)
	}
}

// refuses has the server refuse what the definitions forbid: it does look.
func (c *cluster) refuses(t *testing.T) {
	all := string(Text(made(t, config(advanced), Service{Name: "reviews"})))
	for _, w := range []struct{ was, is string }{
		{"mode: STRICT", "mode: STRICTLY"},
		{"simple: LEAST_REQUEST", "simple: LEAST_BUSY"},
		{"baseEjectionTime: 30s", "baseEjectionTime: 0s"},
		{"maxConnections: 1000", "maxConnections: many"},
		{"reportingInterval: 15s", "reportingInterval: soon"},
		{"metric: REQUEST_COUNT", "metric: REQUESTS"},
		{"for: 1m", "for: a minute"},
	} {
		if !strings.Contains(all, w.was) {
			t.Fatalf("%q is not printed", w.was)
		}
		if out, err := c.run(strings.ReplaceAll(all, w.was, w.is), "apply", "--server-side", "--dry-run=server", "-f", "-"); err == nil {
			t.Errorf("%s is taken:\n%s", w.is, out)
		}
	}
}
