package rules

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHealth(t *testing.T) {
	s := compiled(t, "testdata/health.yaml")
	plain := DefaultHealth()
	plain.Checks = []HealthCheck{{Kind: "tcp"}}
	for name, want := range map[string]Health{
		"all": {
			Checks: []HealthCheck{
				{Kind: "tcp"}, {Kind: "tcp"}, {Kind: "http", Path: "/"}, {Kind: "http", Path: "/healthz?full=1", Port: 8081}, {Kind: "grpc", Port: 9000, Service: "reviews"},
			},
			Interval: 2 * time.Second, Timeout: 300 * time.Millisecond, Minimum: 0.6, Rise: 1, Fall: 5,
		},
		"plain":     plain,
		"unchecked": {},
		"nobody":    {},
	} {
		if diff := cmp.Diff(want, s.Service(name).Service.Health); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
