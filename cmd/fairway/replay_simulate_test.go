package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
	fitting "github.com/fairway-mesh/fairway/replay/fit"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// simulatedReplay is what the tests read of a replay's JSON.
type simulatedReplay struct {
	Sections  []replay.Section
	Verdicts  []finding.Verdict
	Simulated struct {
		Label    string
		Services []struct {
			Service    string
			LeftOut    string `json:"left_out"`
			Arrivals   string
			Fit        struct{ Verdict string }
			Comparison contest.Comparison
		}
	}
}

// TestSimulateIsNearerToTheTruth records a scenario that is known, and asks what
// two policies would do in it. A policy that runs after the quickest endpoint is
// flattered by a plain replay, where the endpoint stays quick; the fitted mesh
// says what the scenario itself says.
func TestSimulateIsNearerToTheTruth(t *testing.T) {
	if underRace {
		t.Skip("compares figures; runs without the race detector")
	}
	folder := t.TempDir()
	recording, model, page := filepath.Join(folder, "basic"), filepath.Join(folder, "model"), filepath.Join(folder, "page.html")
	mustCall(t, "lab", "simulate", "--scenario", "basic", "--scale", "0.5", "--duration", "12m", "--seed", "1", "--out", recording)
	mustCall(t, "train", "--recording", recording, "--out", model, "--seed", "1")
	names := []string{"round_robin", "least_latency"}
	var got simulatedReplay
	text := mustCall(t, "replay", "--recording", recording, "--model", model, "--policies", strings.Join(names, ","), "--simulate", "--proxies", "3", "--seeds", "6", "--json", "--report", page)
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Simulated.Services) != 1 || got.Simulated.Services[0].Fit.Verdict != fitting.Fits {
		t.Fatalf("simulated %+v; want a fit of the one service", got.Simulated)
	}
	truth := truthOf(t, names)
	simulated := got.Simulated.Services[0].Comparison.Rows
	for i, name := range names {
		plain, simulated := float64(got.Sections[0].Rows[i].Cost.Value), float64(simulated[i].Mean.Value)
		t.Logf("%s: truly %.1f ms, simulated %.1f, plain replay %.1f", name, 1e3*truth[i], 1e3*simulated, 1e3*plain)
		if limit := fitting.DefaultConfig().Limits.Mean; math.Abs(simulated-truth[i]) > limit*truth[i] {
			t.Errorf("%s: simulated %.4f s, truly %.4f; want no more than %.0f %% between them", name, simulated, truth[i], 100*limit)
		}
		if math.Abs(simulated-truth[i]) >= math.Abs(plain-truth[i]) {
			t.Errorf("%s: simulated %.4f s and plainly replayed %.4f; want the former nearer to %.4f", name, simulated, plain, truth[i])
		}
	}
	change := truth[1]/truth[0] - 1
	plain, fitted := got.Sections[0].Rows[1].Cost.Value/got.Sections[0].Rows[0].Cost.Value-1, simulated[1].Mean.Change.Value
	t.Logf("least_latency against round_robin: truly %+.1f %%, simulated %+.1f %%, plain replay %+.1f %%", 100*change, 100*fitted, 100*plain)
	if !(change > 0 && fitted > 0 && plain < 0) {
		t.Error("want a policy that is worse in truth and in the simulation, and that a plain replay flatters")
	}
	if v := got.Verdicts[0]; v.Answer != finding.DoNotPromote || !strings.Contains(strings.Join(v.Because, "; "), "simulated, simulated: mean +") {
		t.Errorf("%s because %q; want that the simulation speaks against it", v.Answer, v.Because)
	}
	html, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"counterfactual simulation (load feedback included)", "--simulate --proxies 3", "by 147 % in a plain replay", "docs/counterfactual.md", "The fitted endpoints"} {
		if !strings.Contains(string(html), want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	requestsOfAnotherLog(t, model)
}

// truthOf are the mean latencies in the scenario itself, in seconds.
func truthOf(t *testing.T, names []string) (means []float64) {
	t.Helper()
	s, err := sim.Builtin("basic")
	if err != nil {
		t.Fatal(err)
	}
	s.Arrivals.Scale(0.5)
	var entries []contest.Entry
	for _, name := range names {
		entries = append(entries, contest.Entry{Name: name, New: func() (router.Strategy, error) {
			return router.StrategyNamed(name, nil, nil, router.DefaultConfig())
		}})
	}
	cfg := contest.DefaultConfig()
	cfg.Seeds, cfg.FirstSeed = 6, 100
	f, err := contest.Run(t.Context(), []*sim.Scenario{s}, entries, cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range f.Comparisons[0].Rows {
		means = append(means, float64(r.Mean.Value))
	}
	return means
}

// requestsOfAnotherLog takes the arrivals of a log without propensities, with a
// line that nobody can read and an endpoint that nobody knows.
func requestsOfAnotherLog(t *testing.T, model string) {
	recording := filepath.Join("..", "..", filepath.FromSlash(bundled[len(bundled)-1]))
	path := accessLogOf(t, recording)
	args := []string{"replay", "--recording", recording, "--model", model, "--policies", "round_robin,least_latency", "--requests", path}
	out, log, err := call(t, append(args, "--simulate", "--seeds", "1")...)
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, want := range []string{"1 bad", path + ":3: ", "catalog/stranger is no endpoint of it: 1 requests"} {
		if !strings.Contains(log, want) {
			t.Errorf("stderr lacks %q:\n%s", want, log)
		}
	}
	for _, want := range []string{"no value: no request with a propensity", "simulated with those of the request log, of the judged part", "1 seeds: too few"} {
		if !strings.Contains(out, want) {
			t.Errorf("the replay lacks %q:\n%s", want, out)
		}
	}
	if _, _, err := call(t, append(args, "--service", "other")...); err == nil || !strings.Contains(err.Error(), "knows no endpoint of the access log") {
		t.Errorf("a log of another mesh: %v", err)
	}
}

// accessLogOf writes the recording's own requests as a proxy would have them.
func accessLogOf(t *testing.T, recording string) string {
	t.Helper()
	r, err := datasets.Open(t.Context(), recording, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	lines := []string{"time,service,endpoint,latency_seconds,status,deadline_seconds", "1795732379.1,catalog,stranger,0.01,200,1", "1795732379.1,catalog,catalog-1,soon,200,1"}
	for q, err := range r.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		if q.Service != "catalog" || q.Time.Sub(r.Manifest.Start) > 5*time.Minute {
			continue
		}
		lines = append(lines, fmt.Sprintf("%.6f,%s,%s,%.6f,%d,1", float64(q.Time.UnixNano())/1e9, q.Service, q.Endpoint, q.Latency.Seconds(), q.Status))
	}
	path := filepath.Join(t.TempDir(), "access.csv")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestReplayContradictions: a flag that would have no say is a wrong call.
func TestReplayContradictions(t *testing.T) {
	recorded := []string{"replay", "--recording", "x", "--model", "y"}
	for _, c := range []struct {
		want string
		args []string
	}{
		{"--simulate is for recorded history", []string{"replay", "--scenario", "basic", "--simulate"}},
		{"--requests is for recorded history", []string{"replay", "--scenario", "basic", "--requests", "log"}},
		{"--seeds is for --scenario and --simulate", append(recorded, "--seeds", "3")},
		{"--seeds is 0", append(recorded, "--simulate", "--seeds", "0")},
		{"--proxies is for --simulate", append(recorded, "--proxies", "3")},
		{"--proxies is 0", append(recorded, "--simulate", "--proxies", "0")},
		{"cannot be simulated", append(recorded, "--simulate", "--reference", "as recorded")},
		{"--format says how an access log is read", append(recorded, "--format", "envoy")},
		{"the format is \"nothing\"", append(recorded, "--requests", "log", "--format", "nothing")},
	} {
		if _, _, err := call(t, c.args...); err == nil || !strings.Contains(err.Error(), c.want) || exitStatus(err) != 2 {
			t.Errorf("%q: %v; want a wrong call that says %q", c.args, err, c.want)
		}
	}
}
