package picker

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

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
