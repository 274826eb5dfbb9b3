package sim

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const small = `name: small
duration: 10s
arrivals: {load: 0.5}
work: {mean: 10ms}
endpoints:
  - {count: 2}
`

func TestParse(t *testing.T) {
	all, err := Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	s := all[0]
	if len(all) != 1 || s.Seeds != 10 || s.Deadline != time.Second || s.Proxies.Count != 1 || s.Arrivals.Process != Poisson ||
		s.Classes[0].Work != (Work{Distribution: Exponential, Mean: 10 * ms}) || s.Metrics != (Metrics{Scrape: 5 * time.Second, Delay: time.Second, Step: 5 * time.Second, Range: 10 * time.Second}) {
		t.Errorf("parsed as %+v", *s)
	}
	names := []string{}
	for _, e := range s.Endpoints() {
		names = append(names, e.Name)
	}
	if !slices.Equal(names, []string{"e000", "e001"}) {
		t.Errorf("endpoints %v", names)
	}
}

func TestVariants(t *testing.T) {
	all, err := Parse("v.yaml", []byte(small+`variants:
  b: {arrivals: {load: 0.9}, proxies: {count: 3}}
  a: {endpoints: [{count: 7, speed: {spread: 5}}, {speed: 2}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	b, a := all[0], all[1]
	if b.Name != "b" || b.Arrivals.Load != 0.9 || b.Proxies.Count != 3 || b.Count() != 2 || b.Work.Mean != 10*ms {
		t.Errorf("b is %+v", *b)
	}
	if a.Name != "a" || a.Arrivals.Load != 0.5 || a.Count() != 8 || a.Groups[0].Speed.Spread != 5 || a.Groups[1].Speed.Values[0] != 2 {
		t.Errorf("a is %+v", *a)
	}
}

func TestWrongScenarios(t *testing.T) {
	replaced := func(old, by string) string { return strings.Replace(small, old, by, 1) }
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", "s.yaml: is empty"},
		{"no YAML", "name: [", "s.yaml:1: "},
		{"a list", "- a\n", "s.yaml:1: "},
		{"unknown field", small + "loda: 1\n", `s.yaml:7: unknown field loda not found in a scenario`},
		{"unknown field inside", replaced("{load: 0.5}", "{laod: 0.5}"), `s.yaml:3: unknown field laod not found in Arrivals`},
		{"wrong type", replaced("10s", "[1]"), "s.yaml:2: cannot unmarshal"},
		{"speed", replaced("{count: 2}", "{count: 2, speed: {sperad: 5}}"), "s.yaml:6: speed is a number, a list, or {spread: number}"},
		{"two documents", small + "---\nname: b\n", "a second document begins"},
		{"no load", replaced("{load: 0.5}", "{}"), "s.yaml:3: arrivals has neither a load nor a rate"},
		{"load and rate", replaced("{load: 0.5}", "{load: 0.5, rate: 3}"), "s.yaml:3: arrivals has both"},
		{"process", replaced("{load: 0.5}", "{load: 0.5, process: poison}"), `s.yaml:3: arrivals.process is "poison"; use one of poisson`},
		{"steps", replaced("{load: 0.5}", "{steps: [{at: 5s, load: 1}, {at: 2s, load: 1}]}"), "s.yaml:3: arrivals.steps.1.at is 2s; want the steps in order"},
		{"work", replaced("{mean: 10ms}", "{distribution: gauss}"), `s.yaml:4: work.distribution`},
		{"no mean", replaced("{mean: 10ms}", "{distribution: pareto}"), "s.yaml:4: work.mean is 0s"},
		{"no endpoints", replaced("  - {count: 2}\n", "  []\n"), "s.yaml:6: endpoints are 0; want 1 to 100000"},
		{"workers", replaced("{count: 2}", "{workers: 1.5}"), "s.yaml:6: endpoints.0.workers is 1.5; with fifo workers are whole"},
		{"speeds", replaced("{count: 2}", "{count: 2, speed: [1, 2, 3]}"), "s.yaml:6: endpoints.0.speed lists 3 numbers for 2 endpoints"},
		{"event", small + "events:\n  - {kind: exploded, select: {all: true}}\n", `s.yaml:8: events.0.kind is "exploded"`},
		{"ways", small + "events:\n  - {kind: stall, select: {all: true, any: 1}}\n", "s.yaml:8: events.0.select selects in 2 ways"},
		{"index", small + "events:\n  - {kind: stall, select: {index: [2]}}\n", "s.yaml:8: events.0.select.index has 2; want 0 to 1"},
		{"zone", small + "events:\n  - {kind: stall, select: {zone: x}}\n", `s.yaml:8: events.0.select.zone is "x", where no endpoint is`},
		{"antagonist", small + "antagonists:\n  - {kind: fluctuating, interval: 1s}\n", "s.yaml:8: antagonists.0.factor is 0"},
		{"down", small + "decisions: {down: {from: 3s, to: 2s}}\n", "s.yaml:7: decisions.down is from 3s to 2s"},
		{"in a variant", small + "variants:\n  a: {}\n  b: {duration: -1s}\n", "s.yaml:9: duration is -1s"},
		{"all of it", "name: a\nwarm_up: -1s\n", "s.yaml:2: warm_up is -1s"},
		{"all of it, too", "name: a\nwarm_up: -1s\n", "endpoints are 0"},
		{"too many", replaced("{count: 2}", "{count: 1000000000}"), "s.yaml:6: endpoints.0.count is 1000000000; want 1 to 100000"},
		{"too long", replaced("10s", "99999h"), "s.yaml:2: duration is 99999h0m0s; want more than 0 and at most 87600h0m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := Parse("s.yaml", []byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v; want %q", err, c.want)
			}
		})
	}
}

func TestBuiltins(t *testing.T) {
	entries, err := builtin.ReadDir("scenarios")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, e := range entries {
		text, err := builtin.ReadFile("scenarios/" + e.Name())
		if err != nil {
			t.Fatal(err)
		}
		list, err := Parse(e.Name(), text)
		if err != nil {
			t.Error(err)
		}
		for _, s := range list {
			if s.About == "" || s.Source == "" || s.Arrivals.File != "" {
				t.Errorf("%s: %s has no about or no source, or needs a file", e.Name(), s.Name)
			}
		}
		count += len(list)
	}
	names := Builtins()
	if len(names) != count || len(slices.Compact(slices.Clone(names))) != count {
		t.Errorf("%d names of %d scenarios: %v", len(names), count, names)
	}
	if _, err := Builtin("bsaic"); err == nil || !strings.Contains(err.Error(), "use one of azure-code,") {
		t.Errorf("error is %v", err)
	}
	if s, err := Load("stale-10-50"); err != nil || s.Proxies.Count != 50 || s.Metrics.Scrape != 500*ms {
		t.Errorf("loaded %+v, %v", s, err)
	}
}

func TestLoad(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := write("one.yaml", small)
	if s, err := Load(one); err != nil || s.Name != "small" {
		t.Errorf("%+v, %v", s, err)
	}
	two := write("two.yaml", small+"variants:\n  a: {}\n  b: {}\n")
	if _, err := Load(two); err == nil || !strings.Contains(err.Error(), "holds 2 scenarios; name one of them after #: a, b") {
		t.Errorf("error is %v", err)
	}
	if s, err := Load(two + "#b"); err != nil || s.Name != "b" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := Load(filepath.Join(folder, "none.yaml")); err == nil {
		t.Error("a file that is not there was loaded")
	}
	write("trace.csv", "TIMESTAMP,ContextTokens\n2023-11-16 18:17:03.9799600,4808\n2023-11-16 18:17:04.0799600,1\n2023-11-16 18:17:05.9799600,1\n")
	logged := write("log.yaml", strings.Replace(small, "{load: 0.5}", "{process: log, file: trace.csv, rate: 50}", 1))
	s, err := Load(logged)
	if err != nil {
		t.Fatal(err)
	}
	var at []time.Duration
	if _, err := Watch(t.Context(), s, 1, named(t, "random"), &Observer{Finished: func(f *Finished) { at = append(at, f.Arrived) }}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(at)
	// Gaps of 0.1 and 1.9 s have the mean 1 s, here 20 ms; then it begins again.
	if n := len(at); n < 480 || n > 520 || (at[1]-at[0]-2*ms).Abs() > 100 || (at[2]-at[1]-38*ms).Abs() > 100 || (at[3]-at[2]-20*ms).Abs() > 100 {
		t.Errorf("%d arrivals, at %v", n, at[:4])
	}
	write("trace.csv", "time\n1\nlater\n")
	if _, err := Load(logged); err == nil || !strings.Contains(err.Error(), `trace.csv:3: time is "later"`) {
		t.Errorf("error is %v", err)
	}
	write("trace.csv", "1\n1\n")
	if _, err := Load(logged); err == nil || !strings.Contains(err.Error(), "want at least two times") {
		t.Errorf("error is %v", err)
	}
	if all, err := Parse("log.yaml", []byte(strings.Replace(small, "{load: 0.5}", "{process: log, file: x, rate: 50}", 1))); err != nil {
		t.Error(err)
	} else if _, err := Run(t.Context(), all[0], 1, named(t, "random")); err == nil {
		t.Error("a log that was not read was run")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	entries, _ := builtin.ReadDir("scenarios")
	for _, e := range entries {
		text, _ := builtin.ReadFile("scenarios/" + e.Name())
		f.Add(text)
	}
	random := named(f, "random")
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := Parse("f.yaml", text)
		if err == nil && len(all) == 0 && !strings.Contains(string(text), "variants") {
			t.Error("nothing parsed, no error")
		}
		for _, s := range all {
			if err != nil || s.Count() > 50 || s.Proxies.Count > 20 || s.Arrivals.File != "" {
				continue
			}
			r, err := newRun(s, 1, random, &Observer{})
			if err != nil {
				t.Fatalf("a valid scenario cannot be run: %v", err)
			}
			for k := 0; k < 2000 && (r.arrival != never || r.live > 0); k++ {
				before := r.now
				if r.step(); r.now < before {
					t.Fatalf("%v after %v", r.now, before)
				}
			}
		}
	})
}

func FuzzArrivalTimes(f *testing.F) {
	f.Add("TIMESTAMP,a\n2023-11-16 18:17:03.97,1\n")
	f.Add("time\n1\n2\n")
	f.Fuzz(func(t *testing.T, text string) {
		times, err := arrivalTimes("f.csv", strings.NewReader(text))
		if err != nil {
			return
		}
		list, rate := gaps(times)
		if list != nil && (len(list) != len(times) || !(rate > 0)) {
			t.Errorf("%d gaps of %d times, rate %v", len(list), len(times), rate)
		}
	})
}
