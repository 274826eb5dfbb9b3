package counterfactual

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

var start = time.Unix(1_700_000_000, 0)

// shop is a small mesh with known truth: endpoints with workers and a queue
// each, first come, first served, and work whose level drifts.
type shop struct {
	slow    []float64
	workers []int
	n       int
	gap     float64 // mean seconds between requests
	drift   float64 // of the level of log work, a request
	// choose returns an endpoint and its propensity, 0 when it is not known.
	choose func(random *rand.Rand, at float64, inFlight []int) (int, float64)
	// scale is how much longer a class takes at an endpoint; nil: 1.
	scale func(class, endpoint int) float64
}

// truth is what the log does not show, in its order.
type truth struct {
	work, waited []float64 // seconds
}

func (s shop) run(seed uint64) ([]datasets.Request, truth) {
	random := rand.New(rand.NewPCG(seed, 7))
	free := make([][]float64, len(s.slow)) // when each worker is free
	left := make([][]float64, len(s.slow)) // of those in flight
	for e, n := range s.workers {
		free[e] = make([]float64, n)
	}
	var rows []datasets.Request
	var known truth
	now, level := 0.0, 0.0
	for range s.n {
		now += s.gap * random.ExpFloat64()
		level = 0.999*level + s.drift*random.NormFloat64()
		inFlight := make([]int, len(s.slow))
		for e := range left {
			left[e] = slices.DeleteFunc(left[e], func(t float64) bool { return t <= now })
			inFlight[e] = len(left[e])
		}
		e, propensity := s.choose(random, now, inFlight)
		class := random.IntN(2)
		work := 0.03 * math.Exp(level+0.4*random.NormFloat64()) * float64(1+class)
		took := work * s.slow[e]
		if s.scale != nil {
			took *= s.scale(class, e)
		}
		next := slices.Index(free[e], slices.Min(free[e]))
		begin := max(now, free[e][next])
		free[e][next] = begin + took
		left[e] = append(left[e], begin+took)
		if propensity == 0 {
			propensity = math.NaN()
		}
		rows = append(rows, datasets.Request{
			Time: start.Add(time.Duration(now * float64(time.Second))), Service: "shop", Class: fmt.Sprint("class", class),
			Endpoint: fmt.Sprint("e", e), Propensity: propensity, Status: 200,
			Latency: time.Duration((begin + took - now) * float64(time.Second)),
		})
		known.work, known.waited = append(known.work, work), append(known.waited, begin-now)
	}
	return rows, known
}

// drawnShares chooses with shares that change every 20 s.
func drawnShares(n int) func(*rand.Rand, float64, []int) (int, float64) {
	return func(random *rand.Rand, at float64, _ []int) (int, float64) {
		weights, sum := make([]float64, n), 0.0
		period := rand.New(rand.NewPCG(5, uint64(at/20)))
		for e := range weights {
			weights[e] = 0.1 + period.ExpFloat64()
			sum += weights[e]
		}
		u := random.Float64() * sum
		for e, w := range weights {
			if u -= w; u < 0 || e == n-1 {
				return e, w / sum
			}
		}
		panic("unreachable")
	}
}

// leastLoaded sends where fewest are in flight.
func leastLoaded(random *rand.Rand, _ float64, inFlight []int) (int, float64) {
	first := random.IntN(len(inFlight))
	best := first
	for i := range inFlight {
		if e := (first + i) % len(inFlight); inFlight[e] < inFlight[best] {
			best = e
		}
	}
	return best, 0
}

func testShop() shop {
	return shop{slow: []float64{1, 2, 0.5, 1.3}, workers: []int{2, 4, 1, 3}, n: 40000, gap: 0.012, drift: 0.02, choose: drawnShares(4)}
}

func each(rows []datasets.Request) iter.Seq2[datasets.Request, error] {
	return func(yield func(datasets.Request, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// relative divides by the geometric mean.
func relative(slow []float64) []float64 {
	logs := 0.0
	for _, s := range slow {
		logs += math.Log(s) / float64(len(slow))
	}
	out := slices.Clone(slow)
	for i := range out {
		out[i] /= math.Exp(logs)
	}
	return out
}

// check compares slowness and workers with the truth.
func (s shop) check(t *testing.T, f Fitted, tolerance float64) {
	t.Helper()
	for i, want := range relative(s.slow) {
		e := f.Endpoints[i]
		if off := math.Abs(math.Log(e.Slowness / want)); off > tolerance || off > 4*e.StandardError {
			t.Errorf("%s has slowness %.3f ± %.3f; want %.3f", e.Name, e.Slowness, e.StandardError, want)
		}
	}
}

func TestFitFindsTheTruth(t *testing.T) {
	s := testShop()
	for name, choose := range map[string]func(*rand.Rand, float64, []int) (int, float64){"drawn": s.choose, "least loaded": leastLoaded} {
		t.Run(name, func(t *testing.T) {
			s := s
			s.choose = choose
			rows, known := s.run(1)
			f, err := Fit(each(rows), DefaultLogConfig())
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, f, 0.04)
			for i, e := range f.Endpoints {
				if e.Workers != s.workers[i] {
					t.Errorf("%s is taken to have %d workers; it has %d", e.Name, e.Workers, s.workers[i])
				}
			}
			scale := math.Exp(meanLog(s.slow)) // the level of work and slowness is free
			for i, w := range f.Work {
				if off := math.Abs(math.Log(w.Seconds / (known.work[i] * scale))); off > 0.05 {
					t.Fatalf("request %d has work %.4f s; want %.4f", i, w.Seconds, known.work[i]*scale)
				}
			}
			waited := make([]float64, 4)
			for i, r := range rows {
				waited[r.Endpoint[1]-'0'] += known.waited[i]
			}
			for i, e := range f.Endpoints {
				if want := waited[i] / float64(e.Requests); math.Abs(e.MeanWaiting-want) > 1e-6 {
					t.Errorf("%s: requests waited %.6f s; want %.6f", e.Name, e.MeanWaiting, want)
				}
			}
			if name == "drawn" && (f.Drawn != s.n || len(f.Notes) > 0) {
				t.Errorf("%d of %d with a propensity, notes %q", f.Drawn, s.n, f.Notes)
			}
			if name != "drawn" && !strings.Contains(strings.Join(f.Notes, "\n"), "no propensity") {
				t.Errorf("nothing is said of the missing propensities: %q", f.Notes)
			}
		})
	}
}

func meanLog(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += math.Log(v) / float64(len(x))
	}
	return sum
}

// TestMeanLatencyLies: what a plain reading of the log says of the endpoints
// is far off, as it holds the waiting.
func TestMeanLatencyLies(t *testing.T) {
	rows, _ := testShop().run(1)
	sums, counts := make([]float64, 4), make([]float64, 4)
	for _, r := range rows {
		e := r.Endpoint[1] - '0'
		sums[e] += r.Latency.Seconds()
		counts[e]++
	}
	for e := range sums {
		sums[e] /= counts[e]
	}
	worst := 0.0
	for e, want := range relative(testShop().slow) {
		worst = max(worst, math.Abs(math.Log(relative(sums)[e]/want)))
	}
	if worst < 0.2 {
		t.Errorf("the mean latencies are right within %.0f %%: the test of Fit shows nothing", 100*worst)
	}
}

func TestFitAcrossBlocks(t *testing.T) {
	s := testShop()
	s.drift, s.n = 0.004, 80000
	rows, _ := s.run(2)
	cfg := DefaultLogConfig()
	cfg.InstrumentOnly, cfg.Block = true, 10*time.Second
	f, err := Fit(each(rows), cfg)
	if err != nil {
		t.Fatal(err)
	}
	s.check(t, f, 0.2)
	s.choose = func(random *rand.Rand, _ float64, _ []int) (int, float64) { return random.IntN(4), 0.25 }
	rows, _ = s.run(2)
	if f, err = Fit(each(rows), cfg); !errors.Is(err, ErrNotIdentified) {
		t.Errorf("shares that never vary gave %v and %+v", err, f.Endpoints)
	}
	if f.Requests != s.n || f.Diagnosis.FirstStageF >= minFirstStageF {
		t.Errorf("the refusal comes with %d requests and F %.3g", f.Requests, f.Diagnosis.FirstStageF)
	}
}

func TestFitSaysThatClassesDiffer(t *testing.T) {
	s := testShop()
	s.scale = func(class, endpoint int) float64 {
		if class == 1 && endpoint == 3 {
			return 1.6
		}
		return 1
	}
	rows, _ := s.run(3)
	f, err := Fit(each(rows), DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(f.Notes, "\n"); !strings.Contains(notes, "does not scale alike") || !strings.Contains(notes, "e3") {
		t.Errorf("nothing is said of class 1 at e3: %q", f.Notes)
	}
	if len(f.Classes) != 2 || f.Classes[1].Slowness[3]/f.Classes[0].Slowness[3] < 1.2 {
		t.Errorf("the classes are %+v", f.Classes)
	}
}

func TestFitKeepsFailedRequests(t *testing.T) {
	s := testShop()
	rows, known := s.run(4)
	for i := 0; i < len(rows); i += 20 {
		rows[i].Status = 503
		rows[i].Latency = time.Millisecond
	}
	f, err := Fit(each(rows), DefaultLogConfig())
	if err != nil {
		t.Fatal(err)
	}
	if f.Failed != len(rows)/20 || len(f.Work) != len(rows) {
		t.Errorf("%d failed, %d have work; want %d and %d", f.Failed, len(f.Work), len(rows)/20, len(rows))
	}
	total, want := 0.0, 0.0
	for i := 0; i < len(rows); i += 20 {
		if !f.Work[i].Imputed || !(f.Work[i].Seconds > 0) {
			t.Fatalf("request %d failed; its work is %+v", i, f.Work[i])
		}
		total += f.Work[i].Seconds
		want += known.work[i] * math.Exp(meanLog(s.slow))
	}
	if math.Abs(total/want-1) > 0.1 {
		t.Errorf("the failed requests brought %.1f s of work; want about %.1f", total, want)
	}
	if !strings.Contains(strings.Join(f.Notes, "\n"), "failed") {
		t.Errorf("nothing is said of 5 %% failures: %q", f.Notes)
	}
}

func TestFitRefuses(t *testing.T) {
	rows, _ := testShop().run(5)
	rows = rows[:4000]
	broken := errors.New("line 7 is broken")
	alone, two, sticky := slices.Clone(rows), slices.Clone(rows), slices.Clone(rows)
	for i := range rows {
		alone[i].Endpoint = "e0"
		sticky[i].Endpoint = fmt.Sprint("e", int(rows[i].Time.Sub(rows[0].Time)/(5*time.Second))%2)
	}
	two[9].Service = "other"
	for name, c := range map[string]struct {
		rows iter.Seq2[datasets.Request, error]
		cfg  func(*LogConfig)
		want string
	}{
		"nothing":           {each(nil), nil, "no requests"},
		"another service":   {each(rows), func(c *LogConfig) { c.Service = "nowhere" }, "no requests"},
		"one endpoint":      {each(alone), nil, "no choice"},
		"two services":      {each(two), nil, "say which"},
		"sticky":            {each(sticky), func(c *LogConfig) { c.Block = 5 * time.Second }, "not identifiable"},
		"one block":         {each(rows[:100]), nil, "not identifiable"},
		"a broken line":     {func(yield func(datasets.Request, error) bool) { yield(datasets.Request{}, broken) }, nil, broken.Error()},
		"strange workers":   {each(rows), func(c *LogConfig) { c.Workers = map[string]int{"e9": 2} }, "e9"},
		"no workers":        {each(rows), func(c *LogConfig) { c.Workers = map[string]int{"e1": 0} }, "at least 1"},
		"no block":          {each(rows), func(c *LogConfig) { c.Block = 0 }, "block"},
		"blocks of a tick":  {each(rows), func(c *LogConfig) { c.Block = 1 }, "not identifiable"},
		"negative slack":    {each(rows), func(c *LogConfig) { c.Slack = -1 }, "slack"},
		"ticks and instead": {each(rows), func(c *LogConfig) { c.Block, c.InstrumentOnly = 1, true }, "not identifiable"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := DefaultLogConfig()
			if c.cfg != nil {
				c.cfg(&cfg)
			}
			if _, err := Fit(c.rows, cfg); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want %q in it", err, c.want)
			}
		})
	}
}

// TestFitReadsTheLab holds the fit to the mesh that the bundled recording was
// made of: datasets/lab's default. Faults slow endpoints down for a time, so
// the slowness is near that of the well ones, not equal.
func TestFitReadsTheLab(t *testing.T) {
	r, err := datasets.Open(t.Context(), "../../datasets/recordings/lab-train", "lab")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rows []datasets.Request
	for row, err := range r.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	for service, want := range map[string]shop{
		"checkout": {slow: []float64{58, 58, 62, 40, 40, 82}, workers: []int{4, 4, 4, 3, 3, 5}},
		"catalog":  {slow: []float64{75, 75, 80, 110, 110}, workers: []int{3, 3, 3, 4, 4}},
	} {
		cfg := DefaultLogConfig()
		cfg.Service = service
		f, err := Fit(each(rows), cfg)
		if err != nil {
			t.Fatal(err)
		}
		for i, slow := range relative(want.slow) {
			e := f.Endpoints[i]
			t.Logf("%s: slowness %.3f ± %.3f, made with %.3f; %d workers, made with %d; waited %.1f ms", e.Name, e.Slowness, e.StandardError, slow, e.Workers, want.workers[i], 1000*e.MeanWaiting)
			if math.Abs(math.Log(e.Slowness/slow)) > 0.1 {
				t.Errorf("%s has slowness %.3f; its service time says %.3f", e.Name, e.Slowness, slow)
			}
			if e.Workers != want.workers[i] {
				t.Errorf("%s is taken to have %d workers; it has %d", e.Name, e.Workers, want.workers[i])
			}
		}
		if f.Drawn != f.Requests || len(f.Work) != f.Requests {
			t.Errorf("%s: %d drawn and %d with work, of %d", service, f.Drawn, len(f.Work), f.Requests)
		}
	}
}
