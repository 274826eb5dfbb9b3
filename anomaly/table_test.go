package anomaly

import (
	"math"
	"testing"
)

// TestTable: few metrics ring and rest; more stay for as long as they are strange.
func TestTable(t *testing.T) {
	for _, metrics := range []int{1, 4, 5, 8} {
		table, values := NewTable(metrics, DefaultAlarmConfig()), make([]float64, metrics)
		row := func(k int, shift float64) Verdict {
			for m := range values {
				values[m] = math.Sin(float64(k*(m+3))) + shift
			}
			return table.Push(float64(300*k), values)
		}
		for k := range 3000 {
			row(k, 0)
		}
		table.Hold()
		alerts, least := 0, 1.0
		for k := 3000; k < 3100; k++ {
			v := row(k, 20)
			if v.Alert {
				alerts++
			}
			if k >= 3020 {
				least = min(least, v.Score)
			}
		}
		if metrics <= 4 && (alerts < 1 || alerts > 3) {
			t.Errorf("%d metrics jump and stay: %d alerts, want one or a few", metrics, alerts)
		}
		if metrics > 4 && (alerts != 0 || least < 0.5) {
			t.Errorf("%d metrics jump and stay: the score falls to %v, %d alerts", metrics, least, alerts)
		}
	}
	if v := NewTable(0, DefaultAlarmConfig()).Push(0, nil); v.Score != 0 || v.Top != -1 {
		t.Errorf("no metric: %+v", v)
	}
}
