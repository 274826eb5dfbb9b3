package sim

import "testing"

// TestNineRules: the order of Prequal's figure 7 at 90 %, by p99. Of those that
// reach the deadline there the order says nothing. Least loaded comes after two
// choices, as in the figure, only where ties are broken in turn, as by NGINX;
// docs/scenarios.md says why.
func TestNineRules(t *testing.T) {
	if testing.Short() || slowdown > 1 {
		t.Skip("some ten seconds of computing")
	}
	s := builtinScenario(t, "nine-rules-90")
	last := 0.0
	for _, name := range []string{"prequal:q=0.75", "c3_score", "linear", "polled_power_of_two", "power_of_two", "least_loaded", "wrr"} {
		p99 := runOne(t, s, 1, named(t, name)).Latency.Quantile(0.99)
		t.Logf("%s: p99 %.0f ms", name, p99*1e3)
		if p99 <= last {
			t.Errorf("%s has a p99 of %v s, no more than the one before it, %v s", name, p99, last)
		}
		last = p99
	}
	for _, name := range []string{"random", "round_robin"} {
		if p99 := runOne(t, s, 1, named(t, name)).Latency.Quantile(0.99); p99 < 4.9 {
			t.Errorf("%s has a p99 of %v s; want the deadline", name, p99)
		}
	}
}
