package picker

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// The numbers here are worked out by hand from the published formulas.

func named[T any](t *testing.T, name string, c Config) T {
	t.Helper()
	p, err := Named(name, c)
	if err != nil {
		t.Fatal(err)
	}
	typed, ok := p.(T)
	if !ok {
		t.Fatalf("%s is a %T", name, p)
	}
	return typed
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-9*math.Max(1, math.Abs(want))) {
		t.Errorf("%s is %v; want %v", what, got, want)
	}
}

// TestA58Weight has the numbers of grpc-go's balancer tests: a rate of 100 at
// utilization 1 against one of 10 weigh as 10 to 1, and errors add to the
// utilization as their share of the rate times the penalty.
func TestA58Weight(t *testing.T) {
	for _, c := range []struct {
		load    mesh.Load
		penalty string
		want    float64
	}{
		{mesh.Load{Rate: 100, Utilization: 1}, "1", 100},
		{mesh.Load{Rate: 10, Utilization: 1}, "1", 10},
		{mesh.Load{Rate: 100, Utilization: 0.8, ErrorRate: 20}, "1", 100}, // 100 / (0.8 + 0.2)
		{mesh.Load{Rate: 100, Utilization: 0.8, ErrorRate: 20}, "0.5", 100 / 0.9},
		{mesh.Load{Rate: 100, Utilization: 1.25, ErrorRate: math.NaN()}, "1", 80},
		{mesh.Load{Rate: 100, Utilization: 0}, "1", 0}, // not heard
		{mesh.Load{Rate: 0, Utilization: 1}, "1", 0},
		{mesh.Load{Rate: math.NaN(), Utilization: 1}, "1", 0},
	} {
		p := named[besideAnswers](t, "wrr_a58:penalty="+c.penalty, Config{Endpoints: 2})
		p.Done(0, 0, mesh.Outcome{Load: &c.load})
		near(t, "weight", p.known[0].weight, c.want)
	}
}

func TestA58Timers(t *testing.T) {
	const s = time.Second
	k := report{weight: 7, last: 0, since: 0}
	for _, c := range []struct {
		now  time.Duration
		want float64
	}{
		{0, 0}, {10*s - 1, 0}, {10 * s, 7}, {180*s - 1, 7}, {180 * s, 0},
	} {
		near(t, "usable at "+c.now.String(), k.usable(c.now, 180*s, 10*s), c.want)
	}
	if k.since != none {
		t.Error("after expiry the blackout does not begin anew")
	}
	k.last, k.since = 200*s, 200*s
	near(t, "just after a return", k.usable(205*s, 180*s, 10*s), 0)
}

// TestA58UsesTheMean: endpoints without a weight get the mean of the others;
// with fewer than two weights the picker is round robin.
func TestA58UsesTheMean(t *testing.T) {
	for _, c := range []struct {
		weights []float64
		want    []float64 // share of the picks
	}{
		{[]float64{30, 10, 0}, []float64{0.5, 1. / 6, 1. / 3}},
		{[]float64{30, 0, 0}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{0, 0, 0}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{5, 5, 5}, []float64{1. / 3, 1. / 3, 1. / 3}},
		{[]float64{1e-9, 1, 1}, []float64{0, 0.5, 0.5}}, // below 1/65535 of the largest
	} {
		var s stride
		s.set(c.weights)
		counts := make([]float64, 3)
		const n = 60_000
		for range n {
			counts[s.next()]++
		}
		for i := range counts {
			if math.Abs(counts[i]/n-c.want[i]) > 0.001 {
				t.Errorf("weights %v: shares %v of %d; want %v", c.weights, counts, n, c.want)
				break
			}
		}
	}
}

// TestReportedWeightsAreTakenEachSecond, after the blackout.
func TestReportedWeightsAreTakenEachSecond(t *testing.T) {
	p := named[besideAnswers](t, "wrr_a58", Config{Endpoints: 2, Seed: 1})
	share := func(now time.Duration) float64 {
		counts := [2]float64{}
		for range 1000 {
			counts[p.Pick(now, nil)]++
		}
		return counts[0] / 1000
	}
	for i, rate := range []float64{300, 100} {
		p.Done(0, i, mesh.Outcome{Load: &mesh.Load{Rate: rate, Utilization: 1}})
	}
	if got := share(9 * time.Second); math.Abs(got-0.5) > 0.01 {
		t.Errorf("in the blackout endpoint 0 gets %v", got)
	}
	if got := share(10 * time.Second); math.Abs(got-0.75) > 0.01 {
		t.Errorf("after it %v; want 3/4", got)
	}
}

func TestReportsAreSmoothed(t *testing.T) {
	p := named[outOfBand](t, "wrr", Config{Endpoints: 2})
	p.Probed(0, 0, mesh.Load{Rate: 100, Utilization: 1, ErrorRate: 50})
	near(t, "q/u", p.known[0].weight, 100)
	p.Probed(0, 0, mesh.Load{Rate: 200, Utilization: 0.5})
	near(t, "smoothed q/u", p.known[0].weight, 150/0.75)
}

func TestOutOfBandAsksAllEachPeriod(t *testing.T) {
	p := named[outOfBand](t, "wrr_a58:oob=10s", Config{Endpoints: 3, Seed: 1})
	asked, next := p.Probes(nil, 0)
	if len(asked) != 3 || next <= 0 || next > 10*time.Second+1 {
		t.Fatalf("at first %v, next at %v; want all, and then a random phase", asked, next)
	}
	if asked, again := p.Probes(nil, next-1); len(asked) != 0 || again != next {
		t.Errorf("before its time it asks %v", asked)
	}
	if asked, again := p.Probes(nil, next); len(asked) != 3 || again != next+10*time.Second {
		t.Errorf("at its time %v, and %v", asked, again)
	}
}

// TestPeakEWMA follows Finagle's formula.
func TestPeakEWMA(t *testing.T) {
	var k peak
	k.observe(0, 0.1, 10)
	near(t, "a first latency", k.cost, 0.1)
	k.observe(time.Second, 0.3, 10)
	near(t, "a peak", k.cost, 0.3)
	k.observe(11*time.Second, 0.1, 10) // w = 1/e
	near(t, "ten seconds later", k.cost, 0.3/math.E+0.1*(1-1/math.E))
	k.observe(21*time.Second, 0, 10)
	near(t, "after ten of silence", k.cost, (0.3/math.E+0.1*(1-1/math.E))/math.E)

	p := named[*peakEWMA](t, "peak_ewma", Config{Endpoints: 2, Seed: 1})
	near(t, "nothing known, nothing in flight", p.load(0, 0), 0)
	p.known[0].inFlight = 2
	near(t, "nothing known, 2 in flight", p.load(0, 0), 140737+2)
	p.known[0].observe(0, 0.2, 10)
	near(t, "0.2 s, 2 in flight", p.load(0, 0), 0.6)
	for range 20 { // 0.6 against 0.05 × (in flight + 1)
		p.known[1] = peak{cost: 0.05, inFlight: 3}
		if i := p.Pick(0, nil); i != 1 {
			t.Fatal("picked the dearer")
		}
	}
}

// TestLeastRequest: unequal weights make a schedule by weight/(active+1)^bias.
func TestLeastRequest(t *testing.T) {
	p := named[*leastRequest](t, "least_request", Config{Weights: mesh.Weights{0.8, 0.2}})
	if p.equal {
		t.Fatal("unequal weights are taken for equal")
	}
	p.inFlight[0] = 3
	near(t, "weight with 3 in flight", p.weight(0), 0.2)
	p.bias = 2
	near(t, "with bias 2", p.weight(0), 0.05)
	p.bias = 0
	near(t, "with bias 0", p.weight(0), 0.8)
	p.inFlight[0], p.bias = 0, 1
	counts := make([]float64, 2)
	for range 10_000 { // nothing stays in flight: as weighted round robin
		i := p.Pick(0, nil)
		counts[i]++
		p.Done(0, i, mesh.Outcome{})
	}
	if math.Abs(counts[0]-8000) > 2 {
		t.Errorf("4 to 1 became %v", counts)
	}
	q := named[*leastRequest](t, "least_request:choices=64", Config{Endpoints: 3, Seed: 1})
	q.inFlight[0], q.inFlight[2] = 5, 5
	if !q.equal || q.Pick(0, nil) != 1 {
		t.Error("of 64 choices it does not find the least loaded of 3")
	}
}

// TestSchedulesAreEven: between picks of an endpoint lies about its period,
// which a draw at random does not keep.
func TestSchedulesAreEven(t *testing.T) {
	p := named[Picker](t, "weighted_round_robin", Config{Weights: mesh.Weights{0.5, 0.25, 0.25}, Seed: 2})
	last := []int{-1, -1, -1}
	for k := range 4000 {
		i := p.Pick(0, nil)
		if gap := k - last[i]; last[i] >= 0 && float64(gap) > []float64{3, 6, 6}[i] {
			t.Fatalf("endpoint %d was left out for %d picks", i, gap)
		}
		last[i] = k
	}
}

func TestCubic(t *testing.T) {
	r := cubicRule{c: 4e-6, beta: 0.2, most: 10, hysteresis: 2, burst: 10, interval: 10 * time.Millisecond}
	l := r.fresh()
	// K = ∛(10 · 0.2 / 4e-6) = ∛500000 = 79.37 ms: the curve meets the old rate there.
	near(t, "at the cut", l.curve(0, &r), 10-10*0.2)
	near(t, "at 100 ms", l.curve(100*time.Millisecond, &r), 4e-6*math.Pow(100-math.Cbrt(500_000), 3)+10)
	if got := l.curve(time.Duration((math.Cbrt(500_000)+300)*1e6), &r); math.Abs(got-(108+10)) > 1e-5 { // time in whole nanoseconds
		t.Errorf("300 ms beyond that it is %v; want 118", got)
	}

	// Faster answers than requests raise the rate, by Smax at most.
	l.received, l.interval = 50, 1000
	l.answered(10*time.Second, &r)
	near(t, "raised", l.rate, 20)
	// Within two intervals of that it is not cut, after them by β.
	l.received, l.count = 5, 0
	l.answered(10*time.Second+20*time.Millisecond, &r) // 2 intervals, one of them idle
	near(t, "in the hysteresis", l.rate, 20)
	l.received = 5
	l.answered(10*time.Second+21*time.Millisecond, &r)
	near(t, "cut", l.rate, 4)
	near(t, "the rate that was cut", l.cutRate, 20)
	l.rate, l.received = 0.02, 0.001
	l.answered(11*time.Second, &r)
	near(t, "never below", l.rate, 0.01)

	// The average of answers per interval gives the last 0.1.
	l = r.fresh()
	l.count = 4
	l.roll(10*time.Millisecond, &r)
	near(t, "answers", l.received, 0.4)
	l.roll(40*time.Millisecond, &r)
	near(t, "answers after three idle intervals", l.received, 0.4*0.9*0.9*0.9)

	// The bucket refills at the rate and holds 10. A new rate counts for all of
	// the time since a request was sent last.
	l = r.fresh()
	l.tokens, l.rate = 0, 2
	near(t, "tokens after 15 ms", l.available(15*time.Millisecond, &r), 3)
	near(t, "tokens after a second", l.available(time.Second, &r), 10)
	l.rate = 4
	near(t, "tokens after 15 ms at a rate that was raised in between", l.available(15*time.Millisecond, &r), 6)
	l.take(15*time.Millisecond, &r)
	near(t, "tokens when one was taken", l.available(15*time.Millisecond, &r), 5)
	near(t, "tokens 2 ms later", l.available(17*time.Millisecond, &r), 5.8)
	l.rate = 2
	if w := l.wait(0.5, &r); w < 2500*time.Microsecond || w > 2501*time.Microsecond {
		t.Errorf("half a token at 2 in 10 ms takes %v", w)
	}
}

// TestC3 scores (R − 1/μ) + q̂³/μ, and holds what it may not send.
func TestC3(t *testing.T) {
	p := named[*c3](t, "c3", Config{Endpoints: 2, Proxies: 3, Seed: 1})
	k := &p.known[0]
	near(t, "score of the unknown", p.score(k), 0)
	p.Done(0, 0, mesh.Outcome{Latency: 50 * time.Millisecond, Load: &mesh.Load{InFlight: 2, Service: 0.01}})
	near(t, "score", p.score(k), 0.05-0.01+27*0.01) // q̂ = 1 + 0 + 2
	k.inFlight = 2
	near(t, "score with 2 sent of 3 proxies", p.score(k), 0.04+729*0.01) // q̂ = 1 + 2·3 + 2
	p.Done(0, 0, mesh.Outcome{Latency: 150 * time.Millisecond, Load: &mesh.Load{InFlight: 12, Service: 0.02}})
	near(t, "response", k.response.mean, 0.9*0.15+0.1*0.05)
	near(t, "queue", k.queue.mean, 0.9*12+0.1*2)

	// No answer in time is one that this proxy sees, and nothing of the endpoint's.
	service, queue, limit := k.service, k.queue, k.limit
	p.Done(time.Second, 0, mesh.Outcome{Latency: time.Second, Failed: true})
	near(t, "response with one that did not come", k.response.mean, 0.9+0.1*0.14)
	if k.service != service || k.queue != queue || k.limit != limit {
		t.Errorf("a request without an answer made %+v of %v, %v, %+v", k, service, queue, limit)
	}

	p = named[*c3](t, "c3", Config{Endpoints: 2, Seed: 1})
	for range 20 { // two buckets of ten
		if p.Pick(0, nil) < 0 {
			t.Fatal("held back too soon")
		}
	}
	if i := p.Pick(0, nil); i != Held {
		t.Fatalf("without tokens it picks %d", i)
	}
	at := p.Retry(0)
	if at < time.Millisecond || at > time.Millisecond+10 { // 10 in 10 ms
		t.Errorf("retry at %v; want 1ms", at)
	}
	if i := p.Pick(at, nil); i < 0 {
		t.Errorf("at the time that it named it picks %d", i)
	}
}

// TestC3KeepsUp: one endpoint that answers within 60 to 240 ms, and a
// request each 11 ms: 0.91 in an interval, so that each answer that comes early
// cuts the rate, from 10 to 0.01 with the first five. What is held has to go
// down again, as it does in absim; with buckets that count each time at its own
// rate it only grows: to 4400 of 10,000 requests here.
func TestC3KeepsUp(t *testing.T) {
	asItIs := func(*cubic, time.Duration, *cubicRule) {}
	held, most := c3Alone(t, 110, 600, asItIs)
	t.Logf("at the end %d of 10000 are held, %d at most", held, most)
	if held > 200 || most > 200 {
		t.Errorf("at the end %d of 10000 are held, %d at most", held, most)
	}
	held, _ = c3Alone(t, 110, 600, func(l *cubic, now time.Duration, r *cubicRule) {
		l.tokens, l.stamp = l.available(now, r), now
	})
	t.Logf("with each time at its own rate %d", held)
	if held < 1000 {
		t.Errorf("with each time at its own rate %d are held: the explanation of cubic is wrong", held)
	}
	// Where answers come within less than half an interval, four in each, none is on
	// its way when the rate has been cut, and the curve needs 70 ms to 1 again.
	held, _ = c3Alone(t, 24, 10, asItIs)
	t.Logf("of 45833 that take 1 to 4 ms %d", held)
	if held < 20_000 {
		t.Errorf("of 45833 that take 1 to 4 ms %d are held: what cubic says of short requests is wrong", held)
	}
}

// c3Alone is how many requests are held after 110 s, and at most: one comes each
// gap and takes least to four times that, in steps of 100 µs. before is
// called before each answer is heard.
func c3Alone(t *testing.T, gap, least int, before func(*cubic, time.Duration, *cubicRule)) (held, most int) {
	p := named[*c3](t, "c3", Config{Endpoints: 1, Seed: 1})
	random := rand.New(rand.NewPCG(1, 1))
	var ends []time.Duration
	for step := range 1_100_000 { // each of 100 µs
		now := time.Duration(step) * 100 * time.Microsecond
		ends = slices.DeleteFunc(ends, func(end time.Duration) bool {
			if end <= now {
				before(&p.known[0].limit, now, &p.limit)
				p.Done(now, 0, mesh.Outcome{Latency: 160 * time.Millisecond, Load: &mesh.Load{InFlight: 1, Service: 0.16}})
			}
			return end <= now
		})
		if step%gap == 0 {
			held++
		}
		for held > 0 && p.Pick(now, nil) == 0 {
			held--
			ends = append(ends, now+time.Duration(least+random.IntN(3*least))*100*time.Microsecond)
		}
		most = max(most, held)
	}
	return held, most
}

// TestC3Score is the same score on probes.
func TestC3Score(t *testing.T) {
	p := named[*prequal](t, "c3_score", Config{Endpoints: 4, Proxies: 10, Seed: 1})
	p.Probed(0, 0, mesh.Load{InFlight: 1, Latency: 0.04, Service: 0.01})
	near(t, "before an answer", p.rule.rank(&p.pool[0], 0).first, 0.04-0.01+8*0.01)
	p.Done(0, 0, mesh.Outcome{Latency: 100 * time.Millisecond})
	near(t, "with an answer, one in flight", p.rule.rank(&p.pool[0], 1).first, 0.1-0.01+math.Pow(12, 3)*0.01)
}

func TestLinear(t *testing.T) {
	p := named[*prequal](t, "linear", Config{Endpoints: 4, Seed: 1})
	p.Probed(0, 0, mesh.Load{InFlight: 4, Latency: 0.1})
	near(t, "score", p.rule.rank(&p.pool[0], 9).first, 0.5*0.1+0.5*0.075*4)
	l := &linear{share: 0.5, alpha: paperAlpha, measured: true}
	random := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		l.probed(0, 1, 0.01*random.ExpFloat64(), 0)
		l.probed(0, 2, 9, 0) // busier endpoints do not count
	}
	if median := 0.01 * math.Ln2; math.Abs(l.alpha-median) > 0.15*median {
		t.Errorf("measured α is %v; the median is %v", l.alpha, median)
	}
}

// TestOracle picks the least, and evenly among several.
func TestOracle(t *testing.T) {
	counts := make([]int, 4)
	p := named[Picker](t, "oracle", Config{Endpoints: 4, Seed: 1, Truth: func(i int) float64 { return []float64{2, 1, 3, 1}[i] }})
	for range 1000 {
		counts[p.Pick(0, nil)]++
	}
	if counts[0]+counts[2] != 0 || counts[1] < 400 || counts[3] < 400 {
		t.Errorf("picked %v", counts)
	}
}

// TestPolledReadsThePollOnly: what has been sent since changes nothing.
func TestPolledReadsThePollOnly(t *testing.T) {
	p := named[*polled](t, "polled_power_of_two", Config{Endpoints: 2, Seed: 1})
	asked, _ := p.Probes(nil, 0)
	if !slices.Equal(asked, []int{0, 1}) {
		t.Fatalf("polls %v", asked)
	}
	p.Probed(0, 0, mesh.Load{InFlight: 5})
	p.Probed(0, 1, mesh.Load{InFlight: 4})
	for range 100 {
		if p.Pick(0, nil) != 1 {
			t.Fatal("picked the more loaded")
		}
	}
	_, next := p.Probes(nil, 0)
	if _, after := p.Probes(nil, next); after != next+500*time.Millisecond {
		t.Errorf("polls at %v and %v; want half a second between", next, after)
	}
}
