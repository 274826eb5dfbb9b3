package router

import (
	"testing"
	"time"
)

func a58(changes Values) Policy { return WeightedRoundRobin(defaults(wrrParameters, changes)) }

func TestWeightedRoundRobinFormula(t *testing.T) {
	p := a58(Values{"blackout": 0})
	list := rows(3)
	list[0].rate, list[0].utilization = 100, 0.5                        // 200
	list[1].rate, list[1].utilization = 30, 0.6                         // 50
	list[2].rate, list[2].utilization, list[2].errors = 100, 0.5, 0.125 // 160
	same(t, "weights", decide(t, p, looking(0, list...)).Weights, 200.0/410, 50.0/410, 160.0/410)
	p = a58(Values{"blackout": 0, "error_utilization_penalty": 4})
	same(t, "harder on errors", decide(t, p, looking(0, list...)).Weights, 200.0/350, 50.0/350, 100.0/350)
	list[1].utilization = 0 // no report: the mean of the others
	p = a58(Values{"blackout": 0})
	same(t, "no utilization", decide(t, p, looking(0, list...)).Weights, 200.0/540, 180.0/540, 160.0/540)
	list[2].rate = 0
	same(t, "one weight is none", decide(t, a58(Values{"blackout": 0}), looking(0, list...)).Weights, 1.0/3, 1.0/3, 1.0/3)
}

// TestWeightedRoundRobinTimers: windows end 5 s apart; reports from 0 s on count
// after 10 s, and until 180 s after the last of them.
func TestWeightedRoundRobinTimers(t *testing.T) {
	p := a58(nil)
	fast := rows(2)
	fast[0].rate = 60
	silent := rows(2)
	silent[0], silent[1] = silent[0].silent(), silent[1].silent()
	const equal, weighted = 0.5, 0.75
	for k := range 100 {
		list, want := fast, weighted
		switch {
		case k < 2:
			want = equal // blackout
		case k >= 10 && k < 60: // the last report was at 45 s
			if list = silent; k >= 45 {
				want = equal // expired at 225 s
			}
		case k >= 60 && k < 62:
			want = equal // blackout anew
		}
		near(t, time.Duration(k*5*int(time.Second)).String(), decide(t, p, looking(k, list...)).Weights[0], want, 1e-12)
	}
}

func TestWeightedRoundRobinExpiresWithoutWindows(t *testing.T) {
	p := a58(Values{"blackout": 0})
	list := rows(2)
	list[0].rate = 60
	f := looking(0, list...)
	for _, c := range []struct {
		after time.Duration
		want  float64
	}{{0, 0.75}, {179 * time.Second, 0.75}, {180 * time.Second, 0.5}} {
		f.Time = f.End.Add(c.after)
		near(t, c.after.String(), decide(t, p, f).Weights[0], c.want, 1e-12)
	}
}

// TestWeightedRoundRobinUpdatePeriod: weights are taken over each 12 s, or when
// an endpoint comes or goes.
func TestWeightedRoundRobinUpdatePeriod(t *testing.T) {
	p := a58(Values{"blackout": 0, "update": 12})
	list := rows(3)
	for k, c := range []struct{ rate, want float64 }{{60, 0.75}, {20, 0.75}, {20, 0.75}, {20, 0.5}, {60, 0.5}} {
		list[0].rate = c.rate
		near(t, "weight", decide(t, p, looking(k, list[:2]...)).Weights[0], c.want, 1e-12)
	}
	near(t, "with a new one", decide(t, p, looking(5, list...)).Weights[0], 0.6, 1e-12)
	near(t, "without it", decide(t, p, looking(6, list[:2]...)).Weights[0], 0.75, 1e-12)
}
