package health_test

import (
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/router/health"
)

func TestTargetValidate(t *testing.T) {
	err := health.Target{Endpoint: "a", Least: 2}.Validate()
	for _, want := range []string{"no checks", "interval is 0s", "timeout is 0s", "least part is 2", "rise is 0", "fall is 0"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
	if err := target("a", health.TCP("127.0.0.1:1")).Validate(); err != nil {
		t.Error(err)
	}
}
