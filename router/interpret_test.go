package router

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func dahlin(changes Values) Policy {
	return LoadInterpretation(defaults(interpretationParameters, changes))
}

// TestLoadInterpretation by hand: 12 requests/s for 1 s over queues of 0, 3, 6
// and 20 even out the first three at 7.
func TestLoadInterpretation(t *testing.T) {
	list := rows(4)
	for i, q := range []float64{0, 3, 6, 20} {
		list[i].rate, list[i].inFlight = 3, q
	}
	f := looking(0, list...)
	p := dahlin(Values{"horizon": 1})
	same(t, "weights", decide(t, p, f).Weights, 7.0/12, 4.0/12, 1.0/12, 0)
	// As much again has come in since the scrape: 24 even out at 11.
	f.Time = f.End.Add(time.Second)
	same(t, "aged by 1 s", decide(t, p, f).Weights, 11.0/24, 8.0/24, 5.0/24, 0)
	// Unknown queues are mean queues.
	list[3].inFlight = nan
	same(t, "unknown", decide(t, p, looking(0, list...)).Weights, 6.0/12, 3.0/12, 0, 3.0/12)
	// With the schema's 5 s, and then with the 10 s between the windows.
	p = dahlin(nil)
	same(t, "schema", decide(t, p, looking(0, list...)).Weights, 18.0/60, 15.0/60, 12.0/60, 15.0/60)
	same(t, "windows", decide(t, p, looking(2, list...)).Weights, 33.0/120, 30.0/120, 27.0/120, 30.0/120)
}

func TestLoadInterpretationByCapacity(t *testing.T) {
	list := rows(2)
	list[0].capacity, list[0].inFlight, list[0].rate = 90, 9, 3
	list[1].capacity, list[1].inFlight, list[1].rate = 30, 1, 3
	// 6 requests more make 16: 12 and 4 take the same time.
	p := dahlin(Values{"horizon": 1, "capacity": 1})
	same(t, "weights", decide(t, p, looking(0, list...)).Weights, 3.0/6, 3.0/6)
}

// TestLoadInterpretationAges: the shortest queue alone when fresh, everyone
// alike, or by capacity, when very old.
func TestLoadInterpretationAges(t *testing.T) {
	list := rows(3)
	list[0].inFlight, list[1].inFlight, list[2].inFlight = 5, 4, 9
	f := looking(0, list...)
	same(t, "fresh", decide(t, dahlin(Values{"horizon": 1e-6}), f).Weights, 0, 1, 0)
	f.Time = f.End.Add(10 * time.Hour)
	for i, w := range decide(t, dahlin(nil), f).Weights {
		near(t, list[i].name, w, 1.0/3, 1e-4)
	}
	list[0].capacity = 100
	f = looking(0, list...)
	f.Time = f.End.Add(10 * time.Hour)
	near(t, "twice as able", decide(t, dahlin(Values{"capacity": 1}), f).Weights[0], 0.5, 1e-4)
}

// poured is an independent water-fill: drop by drop onto the lowest level.
func poured(queues, speeds []float64, arrivals float64, drops int) []float64 {
	taken := make([]float64, len(queues))
	for range drops {
		lowest := 0
		for i := range queues {
			if (queues[i]+taken[i])/speeds[i] < (queues[lowest]+taken[lowest])/speeds[lowest] {
				lowest = i
			}
		}
		taken[lowest] += arrivals / float64(drops)
	}
	return taken
}

func TestFillIsAWaterFill(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 5))
	for range 60 {
		n := 1 + r.IntN(12)
		queues, speeds, taken := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range queues {
			queues[i], speeds[i] = math.Floor(20*r.Float64()), math.Exp(r.NormFloat64())
		}
		arrivals, drops := 100*r.Float64()*r.Float64()+0.1, 20_000
		fill(taken, queues, speeds, arrivals)
		for i, want := range poured(queues, speeds, arrivals, drops) {
			near(t, "taken", taken[i], want, 2*float64(n)*arrivals/float64(drops))
		}
	}
}

func TestLoadInterpretationWithoutABoard(t *testing.T) {
	list := rows(2)
	list[0].inFlight, list[1].inFlight = nan, nan
	var d Decision
	if err := dahlin(nil).Decide(&d, looking(0, list...)); !errors.Is(err, WarmUp) {
		t.Errorf("got %v", err)
	}
}
