package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/discovery/kubernetes/kubetest"
)

// TestKubeMeshConfig finds services in a real cluster, and compares with what it holds:
// nothing, while it does not know the kinds; then what was printed.
func TestKubeMeshConfig(t *testing.T) {
	kubectl := tool(t, "kubectl")
	server := kubetest.Start(t)
	server.Apply(t, kubetest.Namespace("shop")+"\n---\n"+twoServices)
	kubeconfig := server.Kubeconfig(t, kubetest.Admin)
	args := []string{"mesh", "config", "--namespace", "shop", "--kubeconfig", kubeconfig}
	printed := mustCall(t, args...)
	from := keptText(t, "services.yaml", twoServices)
	if want := mustCall(t, "mesh", "config", "--namespace", "shop", "--from", from); printed != want {
		t.Errorf("of the cluster is printed:\n%s\nof a file:\n%s", printed, want)
	}
	compare := func(want string) {
		t.Helper()
		out, _, err := call(t, append(args, "--diff", "cluster")...)
		if err != nil && !errors.Is(err, errDiffers) || !strings.Contains(out, want) {
			t.Errorf("%v\n%s\nwant %s", err, out, want)
		}
	}
	compare("6 new, 0 changed, 0 same")

	module, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "istio.io/api").Output()
	if err != nil {
		t.Fatal(err)
	}
	run := func(stdin string, args ...string) {
		t.Helper()
		run := exec.Command(kubectl, append([]string{"--kubeconfig", kubeconfig}, args...)...)
		run.Stdin = strings.NewReader(stdin)
		if out, err := run.CombinedOutput(); err != nil {
			t.Fatalf("kubectl %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
	run("", "apply", "--server-side", "-f", filepath.Join(strings.TrimSpace(string(module)), "kubernetes", "customresourcedefinitions.gen.yaml"),
		"-f", "../../router/meshconfig/testdata/crd/prometheusrules.yaml")
	run("", "wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
	compare("6 new, 0 changed, 0 same")
	run(printed, "apply", "-f", "-")
	compare("0 new, 0 changed, 6 same, 0 of fairway's no longer printed (would stay), 0 in conflict, 0 not fairway's")
	run("", "patch", "destinationrule", "fairway-reviews", "--namespace", "shop", "--type=merge", "-p", `{"spec":{"trafficPolicy":{"tls":{"mode":"DISABLE"}}}}`)
	run("", "delete", "service", "ledger", "--namespace", "shop")
	compare("0 new, 1 changed, 3 same, 2 of fairway's no longer printed (would stay), 0 in conflict, 0 not fairway's")
}
