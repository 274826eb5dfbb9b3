package main

import (
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// TestNamedByAddress: the metrics call an endpoint by its address, the rules by
// a name; it is one endpoint, and one that no metric names is there too.
func TestNamedByAddress(t *testing.T) {
	schema := strings.NewReplacer("labels:", "rewrite: [{label: endpoint, match: a, to: '127.0.0.1:9001'}]\nlabels:").Replace(tiny)
	p := start(t, "--recording", recording(t), "--schema", write(t, "tiny.yaml", schema), "--rules", write(t, "r.yaml", tinyRules), "--speed", "1000")
	d := p.until(t, "made on metrics", func(d *fairwayv1.Decision) bool { return d.MetricsAt != nil })
	var names []string
	for _, w := range d.Weights {
		names = append(names, w.Endpoint)
	}
	if got := strings.Join(names, " "); got != "a b c" {
		t.Errorf("endpoints %s; want a by its name in the rules, b, and c, of which there is no metric", got)
	}
	if d.MetricsAt.AsTime().Before(recorded) || d.MetricsAt.AsTime().After(recorded.Add(2*time.Minute)) {
		t.Errorf("metrics of %v", d.MetricsAt.AsTime())
	}
}
