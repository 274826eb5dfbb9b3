package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/fairway-mesh/fairway/router/discovery/kubernetes"
	"github.com/fairway-mesh/fairway/router/meshconfig"
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/rules/load"
	"github.com/fairway-mesh/fairway/router/rules/manifest"
)

// twoServices are of a namespace shop; a third is none of a mesh.
const twoServices = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: shop}
spec: {ports: [{port: 9080}], selector: {app: reviews}}
---
apiVersion: v1
kind: Service
metadata: {name: ledger, namespace: shop}
spec: {clusterIP: None, ports: [{port: 9000}], selector: {app: ledger}}
---
apiVersion: v1
kind: Service
metadata: {name: pay, namespace: shop}
spec: {type: ExternalName, externalName: pay.example.com}
`

func keptText(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMeshConfig(t *testing.T) {
	from := keptText(t, "services.yaml", twoServices)
	out, log, err := call(t, "mesh", "config", "--namespace", "shop", "--from", from, "--rule-label", "release=x")
	if err != nil {
		t.Fatal(err)
	}
	if want := "Service shop/pay is left out: it is but a name (ExternalName) for pay.example.com, which is outside of the mesh\n"; log != want {
		t.Errorf("stderr %q; want %q", log, want)
	}
	objects, err := manifest.Read("stdout", []byte(out))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range objects {
		got = append(got, objects[i].String())
	}
	want := []string{
		"PeerAuthentication shop/default", "DestinationRule shop/fairway-ledger", "DestinationRule shop/fairway-reviews",
		"Telemetry shop/default", "PrometheusRule shop/fairway-ledger", "PrometheusRule shop/fairway-reviews",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if head := "# Printed by fairway mesh config --namespace shop --rule-label release=x (fairway "; strings.Count(out, head) != len(want) {
		t.Errorf("begins %.200q", out)
	}
	if again := mustCall(t, "mesh", "config", "--namespace", "shop", "--from", filepath.Dir(from), "--rule-label", "release=x"); again != out {
		t.Errorf("of the directory: %s", cmp.Diff(out, again))
	}
}

// TestMeshRules has fairway's own reader of rules take what is printed, and mean the
// same by it.
func TestMeshRules(t *testing.T) {
	from := keptText(t, "services.yaml", twoServices)
	for _, c := range []struct {
		policy string
		want   rules.Service
	}{
		{"", rules.Service{
			Balance: rules.Balance{Algorithm: rules.LeastRequest},
			Circuit: rules.Circuit{Connections: 100, Pending: 100},
			Limits:  rules.DefaultLimits(),
		}},
		{"--advanced", rules.Service{
			Balance:  rules.Balance{Algorithm: rules.LeastRequest},
			Circuit:  rules.Circuit{Connections: 1000, Pending: 1000},
			Outlier:  rules.Outlier{Consecutive: 5, Interval: 30e9, BaseEjection: 30e9},
			Locality: rules.Locality{Spill: &rules.Spill{}},
			Limits:   rules.Limits{Step: rules.DefaultLimits().Step, Floor: rules.DefaultLimits().Floor, MaxEjection: 0.5},
		}},
	} {
		dir := filepath.Join(t.TempDir(), "manifests")
		args := []string{"mesh", "config", "--namespace", "shop", "--from", from, "--out", dir}
		if c.policy != "" {
			args = append(args, c.policy)
		}
		mustCall(t, args...)
		name, text, err := load.Read(dir)
		if err != nil {
			t.Fatal(err)
		}
		set, findings, err := load.Compile(name, text)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range findings {
			if f.Level != manifest.Note {
				t.Errorf("%s: %s", c.policy, f)
			}
		}
		if got := set.Services(); !cmp.Equal(got, []string{"ledger", "reviews"}) {
			t.Fatalf("services %q", got)
		}
		got := *set.Service("reviews").Service
		want := got // but for what is looked at
		want.Balance, want.Circuit, want.Outlier, want.Locality, want.Limits = c.want.Balance, c.want.Circuit, c.want.Outlier, c.want.Locality, c.want.Limits
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.policy, diff)
		}
	}
}

// TestMeshDiff goes from nothing to the same, and has the exit status tell.
func TestMeshDiff(t *testing.T) {
	from := keptText(t, "services.yaml", twoServices)
	dir := filepath.Join(t.TempDir(), "manifests")
	diff := func(more ...string) (out string, status int) {
		t.Helper()
		out, _, err := call(t, append([]string{"mesh", "config", "--namespace", "shop", "--from", from, "--diff", dir}, more...)...)
		if err != nil && !errors.Is(err, errDiffers) {
			t.Fatal(err)
		}
		return out, exitStatus(err)
	}
	summary := func(out string) string {
		lines := strings.Split(strings.TrimSpace(out), "\n")
		return lines[len(lines)-1]
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	const stays = " no longer printed (would stay), "
	if out, status := diff(); status != 1 || summary(out) != "6 new, 0 changed, 0 same, 0 of fairway's"+stays+"0 in conflict, 0 not fairway's" {
		t.Errorf("of nothing: status %d, %s", status, summary(out))
	}
	mustCall(t, "mesh", "config", "--namespace", "shop", "--from", from, "--out", dir)
	if out, status := diff(); status != 0 || out != "0 new, 0 changed, 6 same, 0 of fairway's"+stays+"0 in conflict, 0 not fairway's\n" {
		t.Errorf("of the same: status %d, %s", status, out)
	}
	if out, status := diff("--advanced"); status != 1 || summary(out) != "0 new, 2 changed, 4 same, 0 of fairway's"+stays+"0 in conflict, 0 not fairway's" ||
		!strings.Contains(out, "+++ DestinationRule shop/fairway-reviews\n") {
		t.Errorf("of another policy: status %d, %s", status, out)
	}
	if err := os.WriteFile(filepath.Join(dir, "values.yaml"), []byte("replicas: 3\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "old.yaml"), []byte("{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: r, namespace: shop}, spec: {host: reviews}}"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, log, err := call(t, "mesh", "config", "--namespace", "shop", "--from", from, "--diff", dir)
	if !errors.Is(err, errDiffers) || !strings.Contains(log, "values.yaml is passed over") {
		t.Errorf("beside others: %v, %q", err, log)
	}
}

// TestMeshOut has files of others left alone, and told of those that are of no use any
// more.
func TestMeshOut(t *testing.T) {
	from := keptText(t, "services.yaml", twoServices)
	dir := t.TempDir()
	write := func(from string) (string, error) {
		_, log, err := call(t, "mesh", "config", "--namespace", "shop", "--from", from, "--out", dir)
		return log, err
	}
	if _, err := write(from); err != nil {
		t.Fatal(err)
	}
	one := keptText(t, "one.yaml", strings.Replace(twoServices, "name: ledger", "name: other", 1))
	log, err := write(one)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"destinationrule-shop-fairway-ledger.yaml", "prometheusrule-shop-fairway-ledger.yaml"} {
		if !strings.Contains(log, name+" is of an earlier run") {
			t.Errorf("not told of %s: %s", name, log)
		}
	}
	if strings.Contains(log, "reviews") {
		t.Error(log)
	}
	theirs := filepath.Join(dir, "telemetry-shop-default.yaml")
	if err := os.WriteFile(theirs, []byte("# mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := write(from); err == nil || !strings.Contains(err.Error(), "fairway has not printed it") {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(theirs); err != nil || string(text) != "# mine\n" {
		t.Errorf("it was written over: %q, %v", text, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			t.Errorf("%s was left", e.Name())
		}
	}
}

// TestMeshCluster asks a cluster that a test has written.
func TestMeshCluster(t *testing.T) {
	var asked []string
	cluster := func(_ context.Context, kubeconfig, namespace string, kinds ...schema.GroupKind) ([]byte, error) {
		for _, k := range kinds {
			asked = append(asked, kubeconfig+" "+namespace+" "+k.String())
		}
		if kubeconfig == "broken" {
			return nil, errors.New("services is forbidden")
		}
		items := []any{}
		if kinds[0].Kind == "Service" {
			items = append(items, map[string]any{"apiVersion": "v1", "kind": "Service", "metadata": map[string]any{"name": "reviews", "namespace": namespace},
				"spec": map[string]any{"ports": []any{map[string]any{"port": 80}}, "selector": map[string]any{"app": "a"}}})
		}
		return json.Marshal(map[string]any{"apiVersion": "v1", "kind": "List", "items": items})
	}
	c := meshConfig{Config: meshconfig.DefaultConfig(), places: meshPlaces{cluster: cluster, kubeconfig: "k"}, from: inCluster, diff: inCluster}
	c.Namespace, c.MeshWide = "shop", true
	var out, log strings.Builder
	err := c.run(context.Background(), &out, &log)
	if !errors.Is(err, errDiffers) || !strings.Contains(out.String(), "4 new, 0 changed") {
		t.Errorf("%v\n%s%s", err, out.String(), log.String())
	}
	want := []string{"k shop Service", "k shop Namespace"}
	for _, namespace := range []string{"shop", "istio-system"} {
		for _, kind := range []string{"PeerAuthentication.security.istio.io", "DestinationRule.networking.istio.io", "Telemetry.telemetry.istio.io", "PrometheusRule.monitoring.coreos.com"} {
			want = append(want, "k "+namespace+" "+kind)
		}
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
	c.places.kubeconfig = "broken"
	if err := c.run(context.Background(), &out, &log); err == nil || err.Error() != "services is forbidden" {
		t.Errorf("error %v", err)
	}
}

func TestMeshWrongCalls(t *testing.T) {
	from := keptText(t, "services.yaml", twoServices)
	empty := keptText(t, "empty.yaml", "")
	values := keptText(t, "values.yaml", "replicas: 3\n")
	for _, c := range []struct {
		args   string
		status int
		want   string
	}{
		{"--from " + from, 2, "--namespace"},
		{"--namespace Shop --from " + from, 2, "Shop"},
		{"--namespace shop --out x --diff y --from " + from, 2, "one of them"},
		{"--namespace shop --rule-label a=%% --from " + from, 2, "label of rules a"},
		{"--namespace shop --from= ", 2, "--from is empty"},
		{"--namespace shop surplus", 2, "surplus"},
		{"--namespace bank --from " + from, 1, "there are some in shop"},
		{"--namespace shop --from " + empty, 1, "no services to write manifests for in namespace shop"},
		{"--namespace shop --from " + values, 1, "apiVersion"},
		{"--namespace shop --from " + from + ".missing", 1, "no such file"},
		{"--namespace shop --diff " + from + ".missing --from " + from, 1, "no such file"},
		{"--namespace shop --kubeconfig " + from + ".missing", 1, "missing"},
	} {
		out, _, err := call(t, append([]string{"mesh", "config"}, strings.Fields(c.args)...)...)
		if exitStatus(err) != c.status || err == nil || !strings.Contains(err.Error(), c.want) || out != "" {
			t.Errorf("%s: status %d, error %v, stdout %.60q; want %d and %q", c.args, exitStatus(err), err, out, c.status, c.want)
		}
	}
}

// TestMeshAnnotation has one annotation mean one thing.
func TestMeshAnnotation(t *testing.T) {
	if meshconfig.OptOut != kubernetes.DiscoverAnnotation {
		t.Errorf("%s and %s", meshconfig.OptOut, kubernetes.DiscoverAnnotation)
	}
}
