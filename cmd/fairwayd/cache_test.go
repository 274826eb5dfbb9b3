package main

import (
	"io"
	"testing"
)

// TestScope: daemons that would tell each other what is not so have scopes of their own.
func TestScope(t *testing.T) {
	const url = "http://127.0.0.1:9090"
	of := func(args ...string) string {
		t.Helper()
		o, err := parse(append([]string{"--prometheus", url}, args...), io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		return o.scope()
	}
	kubeconfig, other := write(t, "kubeconfig", nowhere), write(t, "other", nowhere)
	all := map[string][]string{}
	for _, args := range [][]string{
		nil,
		{"--discover", "dns:reviews.example:80"},
		{"--discover", "dns:reviews.example:81"},
		{"--discover", "file:/etc/targets,dns:reviews.example:80"},
		{"--kubeconfig", kubeconfig},
		{"--kubeconfig", other},
		{"--kubeconfig", kubeconfig, "--namespaces", "shop"},
		{"--kubeconfig", kubeconfig, "--namespaces", "shop,cart"},
		{"--prometheus", url + "/other"},
	} {
		scope := of(args...)
		if same, taken := all[scope]; taken {
			t.Errorf("%q and %q have one scope", same, args)
		}
		all[scope] = args
	}
	if of("--kubeconfig", kubeconfig, "--namespaces", "shop,cart") != of("--kubeconfig", kubeconfig, "--namespaces", "cart, shop,cart") {
		t.Error("the order of namespaces makes a scope")
	}
	if of() != of("--discover", "none") {
		t.Error("to say that nothing is discovered makes a scope")
	}
}
