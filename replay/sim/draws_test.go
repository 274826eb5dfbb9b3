package sim

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestWorkHasItsMean(t *testing.T) {
	for _, c := range []struct {
		work  Work
		ratio float64 // of the 90 % quantile to the mean
	}{
		{Work{Distribution: Exponential}, math.Log(10)},
		{Work{Distribution: TruncatedNormal}, 2.378 / 1.2876},
		{Work{Distribution: Pareto, Shape: 2.5}, 1.5 / 2.5 * math.Pow(10, 1/2.5)},
		{Work{Distribution: Pareto, Shape: 1.5, Bound: 1000}, 0},
		{Work{Distribution: Pareto, Shape: 1, Bound: 100}, 0},
		{Work{Distribution: Lognormal, Shape: 0.5}, math.Exp(0.5*1.2816 - 0.125)},
		{Work{Distribution: Constant}, 1},
	} {
		c.work.Mean = 20 * ms
		draw, r := c.work.sampler(), stream(1, 1)
		sum, h := 0.0, Histogram{}
		const n = 400_000
		for range n {
			x := draw(r)
			sum += x
			h.Add(x)
		}
		if got := sum / n; math.Abs(got/0.02-1) > 0.01 {
			t.Errorf("%+v has mean %v", c.work, got)
		}
		if got := h.Quantile(0.9) / 0.02; c.ratio > 0 && math.Abs(got/c.ratio-1) > 0.015 {
			t.Errorf("%+v: 90 %% are below %v means; want %v", c.work, got, c.ratio)
		}
	}
}

// TestArrivals counts them in seconds: mean rate and index of dispersion.
func TestArrivals(t *testing.T) {
	for _, c := range []struct {
		name       string
		arrivals   Arrivals
		rate       float64
		dispersion [2]float64
	}{
		{"poisson", Arrivals{Process: Poisson, Load: 0.5}, 50, [2]float64{0.85, 1.15}},
		{"uniform", Arrivals{Process: Uniform, Rate: 50}, 50, [2]float64{0, 0.01}},
		// Var/mean of counts in 1 s for rates 40 and 160 that last 8 and 2 s.
		{"bursty", Arrivals{Process: Bursty, Rate: 64, Burst: Burst{Factor: 4, Share: 0.2, Length: 2 * time.Second}}, 64, [2]float64{22, 36}},
	} {
		p := c.arrivals.pace(100, stream(1, arrivalStream))
		const seconds = 20_000
		counts := make([]float64, seconds)
		last := 0.0
		for {
			at := p.arrival()
			if at < last {
				t.Fatalf("%s: %v after %v", c.name, at, last)
			}
			if last = at; at >= seconds {
				break
			}
			counts[int(at)]++
		}
		mean, square := 0.0, 0.0
		for _, n := range counts {
			mean += n / seconds
		}
		for _, n := range counts {
			square += (n - mean) * (n - mean) / seconds
		}
		if d := square / mean; math.Abs(mean/c.rate-1) > 0.03 || d < c.dispersion[0] || d > c.dispersion[1] {
			t.Errorf("%s: rate %v, want %v; index of dispersion %v, want %v", c.name, mean, c.rate, d, c.dispersion)
		}
	}
}

func TestSteps(t *testing.T) {
	a := Arrivals{Process: Uniform, Rate: 10, Steps: []Step{{At: 10 * time.Second, Rate: 100}, {At: 20 * time.Second}, {At: 30 * time.Second, Load: 0.1}}}
	p := a.pace(50, stream(1, arrivalStream))
	var counts [5]int
	for {
		at := p.arrival()
		if at >= 50 {
			break
		}
		counts[int(at/10)]++
	}
	for k, want := range []int{100, 1000, 0, 50, 50} {
		if d := counts[k] - want; d < -1 || d > 1 {
			t.Errorf("%d arrivals in part %d; want %d", counts[k], k, want)
		}
	}
	for _, process := range []string{Poisson, Bursty} {
		a := Arrivals{Process: process, Rate: 1, Steps: []Step{{At: time.Second}}, Burst: Burst{Factor: 2, Share: 0.5, Length: time.Second}}
		p, last := a.pace(1, stream(1, arrivalStream)), 0.0
		for range 100 {
			if last = p.arrival(); last > 1 {
				break
			}
		}
		if !math.IsInf(last, 1) {
			t.Errorf("%s: an arrival at %v; the rate is 0 from 1 s on", process, last)
		}
	}
}

func FuzzCompletions(f *testing.F) {
	f.Add(uint64(1), uint8(1))
	f.Add(uint64(2), uint8(100))
	f.Fuzz(func(t *testing.T, seed uint64, n uint8) {
		c, r := newCompletions(int(n)+1), rand.New(rand.NewPCG(seed, 0))
		for range 500 {
			i := r.IntN(int(n) + 1)
			at := int64(r.IntN(50))
			if r.IntN(5) == 0 {
				at = never
			}
			c.set(int32(i), at)
			least := int64(never)
			for _, x := range c.at {
				least = min(least, x)
			}
			if c.next() != least {
				t.Fatalf("next is %d; want %d", c.next(), least)
			}
		}
	})
}

func FuzzAgenda(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) {
		var a agenda
		r := rand.New(rand.NewPCG(seed, 0))
		for k := range int32(300) {
			a.add(int64(r.IntN(20)), nil, k)
		}
		a.add(never, nil, 0)
		before := task{at: -1}
		for range 300 {
			x := a.pop()
			if x.at < before.at || x.at == before.at && x.x < before.x {
				t.Fatalf("%+v after %+v", x, before)
			}
			before = x
		}
		if a.next() != never {
			t.Error("something is left")
		}
	})
}

func FuzzRing(f *testing.F) {
	f.Add([]byte{1, 1, 1, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, steps []byte) {
		var r ring[int]
		var plain []int
		for k, b := range steps {
			if b%3 > 0 {
				r.push(k)
				plain = append(plain, k)
			} else if len(plain) > 0 {
				if got := r.pop(); got != plain[0] {
					t.Fatalf("popped %d; want %d", got, plain[0])
				}
				plain = plain[1:]
			}
			if r.n != len(plain) || r.n > 0 && *r.at(r.n - 1) != plain[len(plain)-1] {
				t.Fatalf("%d in the ring; want %v", r.n, plain)
			}
		}
	})
}

func TestHistogram(t *testing.T) {
	var a, b, both Histogram
	if !math.IsNaN(a.Quantile(0.5)) {
		t.Error("a quantile of nothing")
	}
	for k := 1; k <= 1000; k++ {
		x := float64(k) / 1000
		a.Add(x)
		b.AddN(2+x, 3)
		both.Merge(&Histogram{})
	}
	both.Merge(&a)
	both.Merge(&b)
	if both.N != 4000 {
		t.Errorf("%d counts", both.N)
	}
	for _, c := range []struct {
		h       *Histogram
		p, want float64
	}{{&a, 0.5, 0.5}, {&a, 0.99, 0.99}, {&b, 0.5, 2.5}, {&both, 0.25, 1}, {&both, 0.625, 2.5}} {
		if got := c.h.Quantile(c.p); math.Abs(got/c.want-1) > 0.012 {
			t.Errorf("quantile %v is %v; want %v", c.p, got, c.want)
		}
	}
	a.AddN(0, 3000)
	a.Add(math.NaN())
	if a.Quantile(0.5) != 0 || a.Zeros != 3001 {
		t.Errorf("with zeros: %v, %d zeros", a.Quantile(0.5), a.Zeros)
	}
}

func TestMedianNearTheLevel(t *testing.T) {
	s := newSignals(0, counts{})
	if !math.IsNaN(s.latency(0, 3)) {
		t.Error("a latency of nothing")
	}
	for k := range 200 {
		level := int32(k % 20)
		s.add(0, level, 0.01*float64(level))
	}
	if got := s.latency(0, 3); math.Abs(got-0.03) > 1e-6 {
		t.Errorf("latency at level 3 is %v", got)
	}
	if got := s.latency(0, 1000); math.Abs(got-0.19) > 1e-6 {
		t.Errorf("latency at a level not seen is %v; want that of the nearest", got)
	}
	s.add(0, 3, 9)
	if s.latency(0, 3) == s.median && s.medianAt != s.n {
		t.Error("a new sample changed nothing")
	}
}
