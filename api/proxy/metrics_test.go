package proxy

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestMetrics: several adapters count on one registry, which may be asked for twice.
func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	NewMetrics(reg).Adapter("one").Answered()
	again := NewMetrics(reg)
	again.Adapter("one").Answered()
	again.Adapter("other").FailedOpen("no_endpoints")
	(*Metrics)(nil).Adapter("nobody").Answered()
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP fairway_proxy_answers_total What adapters told their proxies, by adapter.
# TYPE fairway_proxy_answers_total counter
fairway_proxy_answers_total{adapter="one"} 2
fairway_proxy_answers_total{adapter="other"} 0
# HELP fairway_proxy_fail_open_total Answers that left a proxy to its own balancing, by adapter and reason.
# TYPE fairway_proxy_fail_open_total counter
fairway_proxy_fail_open_total{adapter="other",reason="no_endpoints"} 1
`)); err != nil {
		t.Error(err)
	}
}
