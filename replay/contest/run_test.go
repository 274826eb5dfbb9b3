package contest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

func TestTextIsGolden(t *testing.T) {
	var got bytes.Buffer
	if err := find(t, DefaultConfig(), []*sim.Scenario{ramp()}, "even", "quick", "slow", "stuck", "stuck2").WriteText(&got); err != nil {
		t.Fatal(err)
	}
	const path = "testdata/contest.txt"
	want, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		if err := os.WriteFile(path+".new", got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%s (-want +got):\n%s\nif it is right, move %s.new over it", path, diff, path)
	}
}

// TestWorkersChangeNothing: scheduling must not show.
func TestWorkersChangeNothing(t *testing.T) {
	var want []byte
	for workers := range 9 {
		cfg := DefaultConfig()
		cfg.Workers = workers
		got, err := json.Marshal(find(t, cfg, []*sim.Scenario{ramp(), stall()}, "even", "quick", "slow"))
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%d workers find something else than all", workers)
		}
	}
}

func TestJSONReadsBack(t *testing.T) {
	first, err := json.Marshal(find(t, DefaultConfig(), []*sim.Scenario{ramp()}, "even", "quick", "same"))
	if err != nil {
		t.Fatal(err)
	}
	var back Findings
	if err := json.Unmarshal(first, &back); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(&back)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(first), string(again)); diff != "" {
		t.Error(diff)
	}
}

// TestVerdicts goes from runs to verdicts.
func TestVerdicts(t *testing.T) {
	few := DefaultConfig()
	few.Seeds = 5
	for name, c := range map[string]struct {
		cfg       Config
		candidate string
		want      finding.Answer
	}{
		"quicker":            {DefaultConfig(), "quick", finding.Promote},
		"slower":             {DefaultConfig(), "slow", finding.DoNotPromote},
		"more failures":      {DefaultConfig(), "stuck", finding.DoNotPromote},
		"no difference":      {DefaultConfig(), "same", finding.CannotTell},
		"quicker, few seeds": {few, "quick", finding.CannotTell},
	} {
		f := find(t, c.cfg, []*sim.Scenario{ramp(), stall()}, "even", c.candidate)
		if len(f.Verdicts) != 1 || f.Verdicts[0].Answer != c.want {
			t.Errorf("%s: %+v; want %s", name, f.Verdicts, c.want)
		}
		if warned := len(f.Warnings) > 0; warned != (c.cfg.Seeds == 5) {
			t.Errorf("%s: warnings %q", name, f.Warnings)
		}
	}
}

// TestPairingSeesWhatSpreadHides: the seeds differ by far more than the
// strategies do, and only pairs tell them apart.
func TestPairingSeesWhatSpreadHides(t *testing.T) {
	few := fake{"even": {factor: 1}, "little": {factor: 0.9}}
	f, err := run(t.Context(), []*sim.Scenario{ramp()}, few.entries("even", "little"), DefaultConfig(), few.run)
	if err != nil {
		t.Fatal(err)
	}
	even, little := f.Comparisons[0].Rows[0].Mean, f.Comparisons[0].Rows[1].Mean
	if little.High < even.Low {
		t.Fatalf("the intervals [%v, %v] and [%v, %v] do not overlap: the test shows nothing", even.Low, even.High, little.Low, little.High)
	}
	if c := little.Change; !c.Significant || !c.Relative || c.Value > -0.05 || c.Value < -0.15 {
		t.Errorf("the change is %+v; want about a tenth less, significant", *c)
	}
}

func TestTiesAreSaid(t *testing.T) {
	f := find(t, DefaultConfig(), []*sim.Scenario{ramp()}, "stuck", "stuck2", "quick")
	notes := strings.Join(f.Comparisons[0].Notes, "\n")
	if !strings.Contains(notes, "p99: at the deadline of 5s with every seed, and so not told apart: stuck, stuck2") {
		t.Errorf("notes are %q", notes)
	}
	c := f.Comparisons[0].Rows[1].P99.Change
	if c.Significant || c.Value != 0 || *c.P != 1 {
		t.Errorf("p99 at the deadline differs from p99 at the deadline: %+v", *c)
	}
}

func TestProgressCountsEveryRun(t *testing.T) {
	cfg := DefaultConfig()
	last := 0
	cfg.Progress = func(done, all int) {
		if done != last+1 || all != 2*3*10 {
			t.Errorf("%d of %d after %d", done, all, last)
		}
		last = done
	}
	find(t, cfg, []*sim.Scenario{ramp(), stall()}, "even", "quick", "slow")
	if last != 60 {
		t.Errorf("%d runs were told of; want 60", last)
	}
}

// TestSeedsAreCommon: every strategy meets the same seeds.
func TestSeedsAreCommon(t *testing.T) {
	var met [20]atomic.Int64
	cfg := DefaultConfig()
	cfg.FirstSeed, cfg.Seeds = 7, 12
	_, err := run(t.Context(), []*sim.Scenario{ramp()}, fakes.entries("even", "quick"), cfg,
		func(ctx context.Context, s *sim.Scenario, seed uint64, strategy router.Strategy) (*sim.Result, error) {
			met[seed].Add(1)
			return fakes.run(ctx, s, seed, strategy)
		})
	if err != nil {
		t.Fatal(err)
	}
	for seed := range met {
		want := int64(0)
		if seed >= 7 && seed < 19 {
			want = 2
		}
		if got := met[seed].Load(); got != want {
			t.Errorf("seed %d was run %d times; want %d", seed, got, want)
		}
	}
}

func TestFailureEndsTheContest(t *testing.T) {
	broken := errors.New("no endpoint")
	_, err := run(t.Context(), []*sim.Scenario{ramp()}, fakes.entries("even", "quick"), DefaultConfig(),
		func(context.Context, *sim.Scenario, uint64, router.Strategy) (*sim.Result, error) { return nil, broken })
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "scenario ramp, strategy ") {
		t.Errorf("error is %v; want the cause, the scenario and the strategy", err)
	}
	entry := Entry{Name: "odd", New: func() (router.Strategy, error) { return router.Strategy{}, broken }}
	if _, err := run(t.Context(), []*sim.Scenario{ramp()}, []Entry{entry}, DefaultConfig(), fakes.run); !errors.Is(err, broken) || !strings.Contains(err.Error(), "odd") {
		t.Errorf("error is %v; want the cause and the strategy", err)
	}
}

func TestCancelEndsTheContest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cfg := DefaultConfig()
	cfg.Workers = 1
	runs := 0
	_, err := run(ctx, []*sim.Scenario{ramp()}, fakes.entries("even", "quick"), cfg,
		func(ctx context.Context, s *sim.Scenario, seed uint64, strategy router.Strategy) (*sim.Result, error) {
			runs++
			cancel()
			return fakes.run(ctx, s, seed, strategy)
		})
	if !errors.Is(err, context.Canceled) || runs > 2 {
		t.Errorf("%d runs after which %v; want one and the cause", runs, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"seeds is -1":     func(c *Config) { c.Seeds = -1 },
		"level is 2":      func(c *Config) { c.Level = 2 },
		"workers is -1":   func(c *Config) { c.Workers = -1 },
		"margin":          func(c *Config) { c.Margins.Latency = -1 },
		`reference "none`: func(c *Config) { c.Reference = "none" },
	} {
		cfg := DefaultConfig()
		change(&cfg)
		if _, err := run(t.Context(), []*sim.Scenario{ramp()}, fakes.entries("even"), cfg, fakes.run); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error is %v; want %q", err, name)
		}
	}
	for want, c := range map[string]struct {
		scenarios []*sim.Scenario
		entries   []Entry
	}{
		"at least one":              {nil, fakes.entries("even")},
		`strategy "even" is there`:  {[]*sim.Scenario{ramp()}, fakes.entries("even", "even")},
		`scenario "ramp" is there`:  {[]*sim.Scenario{ramp(), ramp()}, fakes.entries("even")},
		"1 scenarios and 0 strateg": {[]*sim.Scenario{ramp()}, nil},
	} {
		if _, err := run(t.Context(), c.scenarios, c.entries, DefaultConfig(), fakes.run); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; want %q", err, want)
		}
	}
}
