package picker

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// everyone is a name of each picker, and of what else needs code of its own.
func everyone() []string {
	all := append(Names(), "wrr_a58:oob=10s", "prequal:q=0.6:probes=5:guard=1s:idle=1s", "linear:alpha=0", "least_request:bias=0.5",
		"round_robin+outlier_ejection", "weighted+slow_start", "power_of_two+outlier_ejection+slow_start")
	for _, name := range Names() {
		all = append(all, name+"+outlier_ejection:requests=1+slow_start:window=1s")
	}
	return all
}

// walk is a fleet of one proxy whose requests take 10 ms at least, more where
// more are in flight: enough for a picker to live on. It counts picks and
// allocates nothing on its way but what the picker does.
type walk struct {
	t      *testing.T
	p      Picker
	now    time.Duration
	random *rand.Rand
	ring   [8]int // in flight
	step   int
	asked  []int
	load   mesh.Load
	counts []int
	picks  []int // recorded where there is room
	busy   []int
}

func newWalk(t *testing.T, name string, c Config, n int) *walk {
	t.Helper()
	w := &walk{t: t, random: rand.New(rand.NewPCG(1, 1)), asked: make([]int, 0, 256), counts: make([]int, n), busy: make([]int, n)}
	for i := range w.ring {
		w.ring[i] = -1
	}
	c.Truth = func(i int) float64 { return 0.01 * float64(1+w.busy[i]) }
	p, err := Named(name, c)
	if err != nil {
		t.Fatal(err)
	}
	w.p = p
	return w
}

func (w *walk) run(requests int) {
	for range requests {
		w.now += 3 * time.Millisecond
		slot := w.step % len(w.ring)
		w.step++
		w.load = mesh.Load{InFlight: 2 + float64(w.random.IntN(3)), Latency: 0.02 + w.random.Float64()/100, Service: 0.01, Rate: 40, ErrorRate: 1, Utilization: 0.5 + w.random.Float64()/10}
		if i := w.ring[slot]; i >= 0 {
			w.busy[i]--
			w.p.Done(w.now, i, mesh.Outcome{Latency: 24 * time.Millisecond, Failed: w.step%7 == 0, Load: &w.load})
		}
		i := w.p.Pick(w.now, nil)
		if h, ok := w.p.(Throttler); i == Held {
			if !ok || h.Retry(w.now) <= w.now {
				w.t.Fatal("holds a request without saying until when")
			}
			i = -1
		}
		if i >= 0 {
			w.counts[i]++
			w.busy[i]++
			if len(w.picks) < cap(w.picks) {
				w.picks = append(w.picks, i)
			}
		}
		w.ring[slot] = i
		if a, ok := w.p.(Prober); ok {
			w.asked, _ = a.Probes(w.asked[:0], w.now)
			for _, i := range w.asked {
				a.Probed(w.now, i, w.load)
			}
		}
	}
}

func TestNamed(t *testing.T) {
	for _, name := range everyone() {
		t.Run(name, func(t *testing.T) {
			weights := mesh.Weights{0.3, 0, 0.3, 0.2, 0.1, 0.1}
			w := newWalk(t, name, Config{Weights: weights, Proxies: 2, Seed: 7}, 12)
			w.run(20_000)
			if w.counts[1] != 0 {
				t.Errorf("weight 0 was picked %d times", w.counts[1])
			}
			for _, i := range []int{0, 2, 3, 4, 5} {
				if w.counts[i] < 200 {
					t.Errorf("endpoint %d was picked %d times of 20000: %v", i, w.counts[i], w.counts)
				}
			}
			// Endpoints come and go, and answers of those that went come late.
			clear(w.counts)
			w.p.Update(mesh.Weights{0, 0.5, 0.5})
			w.run(2000)
			if w.counts[1] == 0 || w.counts[2] == 0 || w.counts[1]+w.counts[2] < 300 || sum(w.counts) != w.counts[1]+w.counts[2] {
				t.Errorf("after a change to endpoints 1 and 2: %v", w.counts)
			}
			clear(w.counts)
			grown := make(mesh.Weights, 12)
			grown.Equal()
			w.p.Update(grown)
			w.run(5000)
			if slices.Min(w.counts) == 0 {
				t.Errorf("after growing to 12: %v", w.counts)
			}
			for _, i := range []int{-1, 5, 99, math.MaxInt} {
				w.p.Done(w.now, i, mesh.Outcome{Failed: true})
				if a, ok := w.p.(Prober); ok {
					a.Probed(w.now, i, mesh.Load{InFlight: math.NaN(), Latency: math.NaN(), Service: math.NaN(), Rate: math.NaN(), ErrorRate: math.NaN(), Utilization: math.NaN()})
				}
			}
			for _, nobody := range []mesh.Weights{nil, {}, {0, 0}} {
				w.p.Update(nobody)
				if i := w.p.Pick(w.now, nil); i != -1 {
					t.Errorf("with weights %v it picks %d", nobody, i)
				}
				if a, ok := w.p.(Prober); ok {
					if asked, _ := a.Probes(nil, w.now); len(asked) != 0 {
						t.Errorf("with weights %v it asks %v", nobody, asked)
					}
				}
			}
			w.p.Update(mesh.Weights{1})
			for range 3 {
				i := w.p.Pick(w.now, nil)
				if h, ok := w.p.(Throttler); ok && i == Held {
					w.now = h.Retry(w.now)
					i = w.p.Pick(w.now, nil)
				}
				if i != 0 {
					t.Errorf("alone, endpoint 0 is not picked but %d", i)
				}
			}
		})
	}
}

func sum(list []int) (n int) {
	for _, x := range list {
		n += x
	}
	return n
}

func TestEqualSeedsPickEqually(t *testing.T) {
	for _, name := range everyone() {
		var picks [3][]int
		for k, seed := range []uint64{5, 5, 6} {
			w := newWalk(t, name, Config{Endpoints: 9, Seed: seed}, 9)
			w.picks = make([]int, 0, 500)
			w.run(2000)
			picks[k] = w.picks
		}
		if !slices.Equal(picks[0], picks[1]) {
			t.Errorf("%s: equal seeds, other picks", name)
		}
		if slices.Equal(picks[0], picks[2]) {
			t.Errorf("%s: other seeds, equal picks", name)
		}
	}
}

func TestRequestPathDoesNotAllocate(t *testing.T) {
	for _, name := range everyone() {
		w := newWalk(t, name, Config{Endpoints: 100, Seed: 3}, 100)
		if n := testing.AllocsPerRun(10, func() { w.run(2000) }); n != 0 {
			t.Errorf("%s allocates %v times in 2000 requests", name, n)
		}
	}
}

func TestNamesThatAreWrong(t *testing.T) {
	for name, want := range map[string]string{
		"":                               "want one of board_own_power_of_two, board_power_of_two, c3, c3_score",
		"prequel":                        `no picker is called "prequel"`,
		"prequal:q":                      "has no parameter \"q\"; want pool=…, probes=…",
		"prequal:quantile=0.5":           "q=…",
		"prequal:q=1.5":                  `q is "1.5"; want a number from 0 to 1`,
		"prequal:q=NaN":                  "want a number from 0 to 1",
		"prequal:pool=2.5":               "want a whole number from 1 to 256",
		"prequal:q=0.5:q=0.6":            "q is set twice",
		"peak_ewma:decay=fast":           "want a duration from 1ms to 1h0m0s",
		"polled_power_of_two:period=0":   "want a duration from 1ms",
		"random:seed=1":                  "it has no parameters",
		"random+":                        `no overlay is called ""; want one of outlier_ejection, slow_start`,
		"random+ejection":                "no overlay",
		"random+slow_start:window=0":     "window is",
		"slow_start":                     "no picker is called",
		"oracle":                         "only a simulation can",
		"random+slow_start:window=1ms:x": "no parameter \"x\"",
	} {
		if _, err := Named(name, Config{Endpoints: 2}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want it to say %q", name, err, want)
		}
	}
	if _, err := Named("random", Config{Endpoints: 3, Weights: mesh.Weights{0.5, 0.5}}); err == nil {
		t.Error("2 weights for 3 endpoints are taken")
	}
	if _, err := About("nobody"); err == nil {
		t.Error("nobody is described")
	}
}

// TestEveryParameterCanBeSet to its bounds and its default, and is described.
func TestEveryParameterCanBeSet(t *testing.T) {
	truth := func(int) float64 { return 0 }
	for _, name := range append(Names(), Overlays()...) {
		about, err := About(name)
		if err != nil {
			t.Fatal(err)
		}
		if about.Mechanism == "" || about.Source == "" || about.Lives == "" || about.Fails == "" {
			t.Errorf("%s is not described: %+v", name, about)
		}
		prefix := name
		if slices.Contains(Overlays(), name) {
			prefix = "random+" + name
		}
		for _, p := range about.Parameters {
			if !(p.Min <= p.Default && p.Default <= p.Max) || p.Help == "" {
				t.Errorf("%s: %+v", name, p)
			}
			for _, x := range []float64{p.Min, p.Default, p.Max} {
				full := fmt.Sprintf("%s:%s=%s", prefix, p.Name, p.Write(x))
				w, err := Named(full, Config{Endpoints: 5, Truth: truth})
				if err != nil {
					t.Error(err)
					continue
				}
				for k := range 200 {
					now := time.Duration(k) * 20 * time.Millisecond
					if i := w.Pick(now, nil); i >= 0 {
						w.Done(now, i, mesh.Outcome{Latency: time.Millisecond, Failed: k%3 == 0, Load: &mesh.Load{InFlight: 1, Service: 0.001, Rate: 1, Utilization: 1}})
					}
					if a, ok := w.(Prober); ok {
						asked, _ := a.Probes(nil, now)
						for _, i := range asked {
							a.Probed(now, i, mesh.Load{InFlight: float64(k % 5), Latency: 0.001, Rate: 1, Utilization: 1})
						}
					}
				}
			}
		}
	}
}

// TestOverlaysDoWhatTheirPickersDo, and claim nothing else.
func TestOverlaysDoWhatTheirPickersDo(t *testing.T) {
	type can struct{ asks, holds, reads bool }
	of := func(p Picker) can {
		_, a := p.(Prober)
		_, h := p.(Throttler)
		_, r := p.(readsLoad)
		return can{a, h, r}
	}
	c := Config{Endpoints: 3, Truth: func(int) float64 { return 0 }}
	for _, name := range append(Names(), "wrr_a58:oob=10s") {
		bare, err := Named(name, c)
		if err != nil {
			t.Fatal(err)
		}
		for _, overlay := range []string{"outlier_ejection", "slow_start", "outlier_ejection+slow_start"} {
			p, err := Named(name+"+"+overlay, c)
			if err != nil {
				t.Fatal(err)
			}
			if of(p) != of(bare) {
				t.Errorf("%s+%s can %+v, the picker %+v", name, overlay, of(p), of(bare))
			}
		}
	}
	p, err := Overlay("outlier_ejection:interval=5s", NewPowerOfTwo(3, nil, 1), c)
	if err != nil || p.Pick(0, nil) < 0 {
		t.Errorf("an overlay over a picker: %v", err)
	}
}

func FuzzNamed(f *testing.F) {
	for _, name := range everyone() {
		f.Add(name)
	}
	f.Add("prequal:q=")
	f.Add("c3::+")
	f.Fuzz(func(t *testing.T, name string) {
		p, err := Named(name, Config{Endpoints: 3, Seed: 1, Truth: func(int) float64 { return 1 }})
		if err != nil {
			return
		}
		for k := range 20 {
			now := time.Duration(k) * time.Second
			i := p.Pick(now, nil)
			if i < Held || i > 2 {
				t.Fatalf("%q picks %d", name, i)
			}
			p.Done(now, i, mesh.Outcome{Latency: time.Second, Failed: k%2 == 0})
			if a, ok := p.(Prober); ok {
				asked, _ := a.Probes(nil, now)
				for _, i := range asked {
					a.Probed(now, i, mesh.Load{InFlight: 1})
				}
			}
		}
	})
}

func BenchmarkPick(b *testing.B) {
	for _, name := range Names() {
		b.Run(name, func(b *testing.B) {
			p, err := Named(name, Config{Endpoints: 100, Seed: 1, Truth: func(i int) float64 { return float64(i) }})
			if err != nil {
				b.Fatal(err)
			}
			load := mesh.Load{InFlight: 3, Latency: 0.02, Service: 0.01, Rate: 50, Utilization: 0.5}
			asked, now := make([]int, 0, 128), time.Duration(0)
			prober, _ := p.(Prober)
			b.ReportAllocs()
			for b.Loop() {
				now += time.Millisecond
				i := p.Pick(now, nil)
				p.Done(now, i, mesh.Outcome{Latency: 20 * time.Millisecond, Load: &load})
				if prober != nil {
					asked, _ = prober.Probes(asked[:0], now)
					for _, i := range asked {
						prober.Probed(now, i, load)
					}
				}
			}
		})
	}
}
