package meshconfig

import (
	"fmt"
	"strings"
	"testing"
)

// TestLarge compares a namespace of 500 services with one that has other rules for all
// of them: each is told of.
func TestLarge(t *testing.T) {
	var services []Service
	var there strings.Builder
	for i := range 500 {
		services = append(services, Service{Name: fmt.Sprintf("s%d", i)})
		fmt.Fprintf(&there, "---\n{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: s%d, namespace: shop}, spec: {host: s%d}}\n", i, i)
	}
	cfg := config(advanced)
	want := made(t, cfg, services...)
	c, err := Compare(cfg, want, objects(t, there.String()), "there")
	if err != nil || len(want) != 1002 || len(c.New) != 1002 || len(c.Conflicts) != 500 {
		t.Errorf("%d manifests, %s: %v", len(want), c.Summary(), err)
	}
}
