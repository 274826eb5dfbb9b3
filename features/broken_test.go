package features

import (
	"math"
	"testing"
)

// TestBroken: failures without the load that would explain them.
func TestBroken(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		errors, utilization float64
		want                bool
	}{
		{0, 0.5, false}, {failing, 0.2, false}, {failing + 0.01, 0.2, true}, {1, 0, true},
		{1, full, false}, {1, 1.4, false}, {1, full - 0.01, true}, // overload fails what it cannot do
		{1, nan, true}, {nan, 0.2, false}, {nan, nan, false},
	} {
		if got := (&reading{errors: c.errors, utilization: c.utilization}).broken(); got != c.want {
			t.Errorf("errors %v at utilization %v: broken is %v", c.errors, c.utilization, got)
		}
	}
}
