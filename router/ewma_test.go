package router

import (
	"math"
	"testing"
)

func l3(changes Values) Policy {
	return EWMAWeights(defaults(ewmaParameters, changes), DefaultConfig())
}

func TestEWMAWeights(t *testing.T) {
	list := rows(3)
	for i := range list {
		list[i].p50, list[i].p99 = nan, nan // the mean is used as it is
		list[i].rate, list[i].inFlight, list[i].mean = 10, 0, 0.1
	}
	list[1].inFlight = 10 // (10/10 + 1)² = 4
	list[2].errors = 0.25 // 0.1 + 0.6·(4/3 − 1) = 0.3
	p := l3(nil)
	a, b, c := 1000.0, 250.0, 1000.0/3
	same(t, "first", decide(t, p, looking(0, list...)).Weights, a/(a+b+c), b/(a+b+c), c/(a+b+c))
	// One window of 5 s is one time constant of latencies.
	list[0].mean = 0.2
	keep := math.Exp(-1)
	a = 100 / (0.1*keep + 0.2*(1-keep))
	same(t, "second", decide(t, p, looking(1, list...)).Weights, a/(a+b+c), b/(a+b+c), c/(a+b+c))
}

func TestEWMAExpectedLatency(t *testing.T) {
	// ln X ~ N(ln 0.1, 0.5): mean 0.1·e^(1/8), p99 0.1·e^(0.5·2.3263…).
	a := averages{P50: 0.1, P99: 0.1 * math.Exp(0.5*2.3263478740408408), Mean: 7}
	near(t, "mean of the log-normal", a.expected(), 0.1*math.Exp(0.125), 1e-12)
}

func TestEWMARateControl(t *testing.T) {
	order := []*averages{{Rate: 10}, {Rate: 10}}
	p := l3(nil).(*ewmaWeights)
	control := func(rate float64) []float64 {
		list := rows(2)
		list[0].rate, list[1].rate = rate, 0
		w := []float64{300, 100}
		p.control(w, order, looking(0, list...))
		return w
	}
	same(t, "as usual", control(20), 300, 100)
	same(t, "twice the load", control(40), 250, 150)                // change 1: 200 ± 100/2
	same(t, "half the load", control(10), 600-200-100/(1+2.25), 50) // change −0.5
}

func TestEWMASilentEndpointsDrift(t *testing.T) {
	p := l3(Values{"rate_control": 0})
	decide(t, p, looking(0, rows(2)...))
	list := rows(2)
	list[1] = list[1].silent()
	last := 0.5
	for k := range 10 {
		w := decide(t, p, looking(k+1, list...)).Weights[1]
		if w >= last {
			t.Fatalf("window %d: %v after %v", k+1, w, last)
		}
		last = w
	}
	// When nobody is heard of it is the metrics, not the endpoints.
	before := decide(t, p, looking(10, list...)).Weights
	list[0] = list[0].silent()
	same(t, "without metrics", decide(t, p, looking(11, list...)).Weights, before...)
}
