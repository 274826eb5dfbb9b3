package router

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

func policyNamed(t testing.TB, name string) Policy {
	t.Helper()
	p, err := Named(name, nil, nil, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestParametersAreHeeded: each has an effect somewhere between its bounds, is
// accepted at them, and refused beyond.
func TestParametersAreHeeded(t *testing.T) {
	story := richStory(2, 6, 90)
	told := func(name string) (all []float64) {
		p := policyNamed(t, name)
		for k, list := range story {
			f := looking(k, list...)
			d := decide(t, p, f)
			all = append(append(all, d.Weights...), d.Board.InFlight...)
			f.Time = f.Time.Add(2 * time.Second) // asked again between two windows
			d = decide(t, p, f)
			all = append(all, d.Weights...)
		}
		return all
	}
	for _, k := range kinds {
		usual := told(k.Name)
		for _, p := range k.Parameters {
			acts := false
			for _, x := range []float64{p.Min, p.Max} {
				acts = acts || !cmp.Equal(usual, told(k.Name+":"+p.Name+"="+p.Write(x)), approx)
			}
			// A window each 5 s is no test of an update period of 1 s or a tenth.
			if !acts {
				t.Errorf("%s: %s does nothing", k.Name, p.Name)
			}
			if p.Default < p.Min || p.Default > p.Max || p.Help == "" {
				t.Errorf("%s: %+v", k.Name, p)
			}
		}
		for _, p := range k.with(DefaultConfig()) {
			for _, x := range []float64{p.Min, p.Max, p.Default} {
				if name, err := Tuned(k.Name, map[string]float64{p.Name: x}); err != nil {
					t.Error(err)
				} else if policyNamed(t, name).Name() != name {
					t.Errorf("%s goes by another name", name)
				}
			}
			if _, err := Tuned(k.Name, map[string]float64{p.Name: p.Max*2 + 1}); err == nil {
				t.Errorf("%s: %s has no upper bound", k.Name, p.Name)
			}
		}
	}
}

func TestOptionsAreFields(t *testing.T) {
	cfg := DefaultConfig()
	cfg.MinLoad = 0.3
	for _, o := range fairwayOptions {
		if o.parameter.Name == "min_load" && o.get(&cfg) != 0.3 {
			t.Error("the default is not that of the Config")
		}
		mine := cfg
		o.set(&mine, 0.25)
		if got := o.get(&mine); math.Abs(got-0.25) > 1e-9 && got != 0 { // 0: a whole number
			t.Errorf("%s is %v after it was set to 0.25", o.parameter.Name, got)
		}
	}
}

func TestEveryoneOnStrangeFrames(t *testing.T) {
	silent := func(n int) []row {
		list := rows(n)
		for i := range list {
			list[i] = list[i].silent()
		}
		return list
	}
	odd := rows(4)
	odd[0] = row{"e000", math.Inf(1), 2, math.Inf(1), -1, 0, math.Inf(1), math.Inf(1), 1, math.Inf(1), 0}
	odd[1] = row{"e001", -5, -1, 0, 0, 0, -3, -1, 1, -1, math.Inf(-1)}
	odd[2] = row{"e002", 1e300, 0.5, 1e300, 1e300, 1e300, 1e300, 1e300, 1, 1e30, 0}
	for _, name := range Names() {
		p := policyNamed(t, name)
		var d Decision
		if err := p.Decide(&d, looking(0)); !errors.Is(err, NoEndpoints) {
			t.Errorf("%s: without endpoints %v", name, err)
		}
		nothing := &features.Frame{Window: mesh.Window{Service: "other", Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}}, Time: epoch, End: epoch}}
		nothing.Schema, nothing.Values = richSchema, slices.Repeat([]float64{nan}, 2*len(richSchema.Series))
		decide(t, p, nothing)
		k := 0
		for _, list := range [][]row{
			silent(3), rows(3), silent(3), silent(3), silent(3), silent(3), silent(3), rows(1), silent(1), rows(3), rows(5), rows(2),
			odd, rows(4), odd, rows(4),
		} {
			k++
			if d := decide(t, p, looking(k, list...)); len(list) == 1 && d.Weights[0] != 1 {
				t.Errorf("%s: the only one gets %v", name, d.Weights)
			}
			f := looking(k, list...)
			f.Time = f.Time.Add(time.Hour) // stale
			decide(t, p, f)
		}
	}
}

// TestEveryoneMeetsNewEndpoints with no more than twice the mean and no less
// than half of it, once there is something to go by; and who was away is back
// at that too. Without a slow start, which has tests of its own.
func TestEveryoneMeetsNewEndpoints(t *testing.T) {
	for _, name := range Names() {
		if name == "fairway" {
			name += ":slow_start=0s"
		}
		p := policyNamed(t, name)
		k := 0
		see := func(list ...row) Decision { k++; return decide(t, p, looking(k, list...)) }
		for range 12 {
			see(rows(4)...)
		}
		met := func(what string) {
			list := rows(5)
			list[4] = list[4].silent()
			if w := see(list...).Weights[4]; w < 0.1 || w > 0.4 {
				t.Errorf("%s: %s gets %v", name, what, w)
			}
		}
		met("a new one")
		for range 3 {
			see(rows(5)...)
		}
		see(rows(4)...)
		met("one that was away")
	}
}

// TestEveryoneLeavesOutWhatIsDown of those that look at it.
func TestEveryoneLeavesOutWhatIsDown(t *testing.T) {
	for _, name := range []string{"capacity", "wrr_metrics", "pid", "curve_solver", "load_interpretation", "ewma_weights", "board"} {
		p := policyNamed(t, name)
		for k := range 6 {
			decide(t, p, looking(k, rows(4)...))
		}
		list := rows(4)
		list[2] = list[2].down()
		same(t, name, decide(t, p, looking(6, list...)).Weights, 1.0/3, 1.0/3, 0, 1.0/3)
		for i := range list {
			list[i] = list[i].down()
		}
		for i, w := range decide(t, p, looking(7, list...)).Weights {
			if w < 0.01 {
				t.Errorf("%s: all are down: %d gets %v", name, i, w)
			}
		}
	}
}

// TestScale: in other units of load, or of time, the weights are the same.
func TestScale(t *testing.T) {
	for name, change := range map[string]func(r row) row{
		"capacity":                       func(r row) row { r.capacity *= 7; return r },
		"wrr_metrics":                    func(r row) row { r.rate *= 7; return r },
		"pid":                            func(r row) row { r.utilization /= 7; return r },
		"load_interpretation:capacity=1": func(r row) row { r.capacity *= 7; r.inFlight *= 7; r.rate *= 7; return r },
		"curve_solver:worse=1s":          func(r row) row { r.mean *= 7; return r },
		"least_latency":                  func(r row) row { r.mean *= 7; return r },
	} {
		a, b := policyNamed(t, name), policyNamed(t, name)
		for k, list := range richStory(4, 5, 40) {
			scaled := slices.Clone(list)
			for i := range scaled {
				scaled[i] = change(scaled[i])
			}
			x, y := decide(t, a, looking(k, list...)), decide(t, b, looking(k, scaled...))
			for i := range x.Weights {
				if math.Abs(x.Weights[i]-y.Weights[i]) > 1e-6 {
					t.Fatalf("%s: window %d: %v and %v", name, k, x.Weights, y.Weights)
				}
			}
		}
	}
}

// TestEveryoneIgnoresTheOrder of the endpoints, on the rich schema.
func TestEveryoneIgnoresTheOrder(t *testing.T) {
	for _, name := range Names() {
		a, b := policyNamed(t, name), policyNamed(t, name)
		r := rand.New(rand.NewPCG(1, 2))
		for k, list := range richStory(7, 9, 60) {
			d := decide(t, a, looking(k, list...))
			shuffled := slices.Clone(list)
			r.Shuffle(len(list), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			other := decide(t, b, looking(k, shuffled...))
			for i, e := range d.Endpoints {
				at := slices.IndexFunc(shuffled, func(r row) bool { return r.name == e.Name })
				if math.Abs(d.Weights[i]-other.Weights[at]) > 1e-6 {
					t.Fatalf("%s: window %d: %s gets %v and %v", name, k, e.Name, d.Weights[i], other.Weights[at])
				}
			}
		}
	}
}

func TestNamedRefusesParameters(t *testing.T) {
	for name, want := range map[string]string{
		"pid:kp=3":            `policy pid: kp is "3"; want a number from 0 to 2`,
		"pid:gain=1":          `policy pid has no parameter "gain=1"; want kp=…, ki=…`,
		"pid:kp":              "has no parameter",
		"pid:kp=NaN":          `kp is "NaN"`,
		"pid:kp=1:kp=1":       "kp is set twice",
		"fairway:min_load=2":  "want a number from 0 to 1",
		"fairway:warm_up=1.5": "want a whole number",
		"adaptive:x=1":        "it has no parameters",
	} {
		if _, err := Named(name, nil, nil, DefaultConfig()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", name, err, want)
		}
	}
}

func BenchmarkPolicies(b *testing.B) {
	for _, name := range Names() {
		for _, endpoints := range []int{10, 100} {
			b.Run(fmt.Sprintf("%s/%d", name, endpoints), func(b *testing.B) { benchmarkPolicy(b, name, endpoints) })
		}
	}
}

func benchmarkPolicy(b *testing.B, name string, endpoints int) {
	p := policyNamed(b, name)
	story := richStory(1, endpoints, 30)
	frames := make([]*features.Frame, len(story))
	for k, list := range story {
		frames[k] = looking(k, list...)
	}
	var d Decision
	at := epoch
	b.ReportAllocs()
	for b.Loop() {
		f := frames[at.Sub(epoch)/(5*time.Second)%time.Duration(len(frames))]
		at = at.Add(5 * time.Second)
		f.Start, f.End, f.Time = at.Add(-5*time.Second), at, at
		if err := p.Decide(&d, f); err != nil {
			b.Fatal(err)
		}
	}
}
