package replay

import (
	"errors"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

func TestEqualEndpointsCostTheSameWhateverTheWeights(t *testing.T) {
	var pairs []datasets.Pair
	for i := range 100 {
		pairs = append(pairs, pair("shop", i, seen{90, 0.05, 0.01, 1}, seen{30, 0.05, 0.01, 1}))
	}
	table := run(t, testConfig(), pairs, fixed{name: "equal"}, fixed{"first", mesh.Weights{1, 0}}).Table()
	want := testConfig().Objective.Cost(0.05, 0.01)
	for _, row := range table.Sections[0].Rows {
		near(t, row.Policy+" cost", float64(row.Cost.Value), want, 1e-12)
		near(t, row.Policy+" regret", float64(row.Regret), 0, 1e-12)
		near(t, row.Policy+" agreement", float64(row.Agreement.Value), 1, 1e-12) // a tie is shared
		if row.Cost.Change != nil && row.Cost.Change.Significant {
			t.Errorf("%s differs from the reference by %v; want ~", row.Policy, row.Cost.Change.Value)
		}
	}
}

func TestOneWindowByHand(t *testing.T) {
	p := pair("shop", 0, seen{60, 0.02, 0, 1}, seen{40, 0.1, 0.05, 1}, seen{0, nan, nan, 0})
	trace := run(t, testConfig(), []datasets.Pair{p}, fixed{"policy", mesh.Weights{0.5, 0.25, 0.25}})
	s := trace.Windows[0].Steps
	second := 0.95*0.1 + 0.05*1
	near(t, "cost", s[0].Cost, 0.5*0.02+0.25*second+0.25*1, 1e-12) // down: fails whatever it is sent
	near(t, "errors", s[0].Errors, 0.25*0.05+0.25, 1e-12)
	near(t, "agreement", s[0].Agreement, 0.5, 1e-12)
	near(t, "regret", s[0].Regret, s[0].Cost-0.02, 1e-12)
	near(t, "moved", s[0].Moved, (0.1+0.15+0.25)/2, 1e-12)
	near(t, "stretch", s[0].Stretch, 0.25/0.6+0.0625/0.4+0.0625*100, 1e-12) // no share counts as one request
	near(t, "p99", s[0].P99, 1, 1e-9)                                       // a quarter takes the deadline
	near(t, "recorded cost", s[1].Cost, 0.6*0.02+0.4*second, 1e-12)
	near(t, "recorded stretch", s[1].Stretch, 1, 1e-12)
	near(t, "recorded moved", s[1].Moved, 0, 1e-12)
	near(t, "best cost", s[2].Cost, 0.02, 1e-12)
	near(t, "best p99", s[2].P99, 0.08, 1e-9)
}

func TestAnEndpointThatShowsNothingIsAsLastSeenElseLikeItsPeers(t *testing.T) {
	first := pair("shop", 0, seen{50, 0.02, 0, 1}, seen{50, 0.3, 0, 1}, gone)
	second := pair("shop", 1, seen{90, 0.04, 0, 1}, seen{0, nan, nan, 1}, gone)
	trace := run(t, testConfig(), []datasets.Pair{first, second}, fixed{"second", mesh.Weights{0, 1, 0}}, fixed{"third", mesh.Weights{0, 0, 1}})
	near(t, "as last seen", trace.Windows[1].Steps[0].Cost, 0.3, 1e-12)
	near(t, "unseen", trace.Windows[1].Steps[0].Unseen, 1, 0)
	near(t, "like its peers", trace.Windows[0].Steps[1].Cost, 0.16, 1e-12)
	if text := strings.Join(trace.Table().Warnings, "\n"); !strings.Contains(text, "third puts 100 % of its weight on endpoints that showed nothing") {
		t.Errorf("no warning of unseen weight in:\n%s", text)
	}
}

func TestWarmUpWindowsAreAskedAndNotJudged(t *testing.T) {
	cfg := testConfig()
	cfg.From = start.Add(40 * timing.Step)
	policy := &counting{declines: 43}
	trace := run(t, cfg, shop("shop", 100, 1), policy)
	if policy.asked != 100 || len(trace.Windows) != 60 {
		t.Errorf("asked %d times, judged %d windows; want 100 and 60", policy.asked, len(trace.Windows))
	}
	row := trace.Table().Sections[0].Rows[0]
	if row.Reasons["warm_up"] != 3 || row.Sources["DEFAULT"] != 3 || row.Sources["RULES"] != 57 {
		t.Errorf("reasons %v, sources %v; want 3 warm_up, 3 DEFAULT, 57 RULES", row.Reasons, row.Sources)
	}
}

func TestServicesWithoutAChoiceAreLeftOutAndNamed(t *testing.T) {
	var pairs []datasets.Pair
	for i, p := range shop("shop", 50, 1) {
		pairs = append(pairs, pair("alone", i, seen{10, 0.1, 0, 1}), pair("idle", i, seen{0, nan, nan, 1}, seen{0, nan, nan, 1}), p)
	}
	trace := run(t, testConfig(), pairs, fixed{name: "equal"})
	if got, want := leftOut(trace.LeftOut()), "alone (one endpoint, no choice), idle (no requests)"; got != want {
		t.Errorf("left out %q; want %q", got, want)
	}
	if len(trace.Table().Sections) != 1 {
		t.Errorf("%d sections; want one, as one service is judged", len(trace.Table().Sections))
	}
}

func TestRunSaysWhatIsWrong(t *testing.T) {
	good := shop("shop", 3, 1)
	short := good[1]
	short.After.Endpoints = short.After.Endpoints[:2]
	late := testConfig()
	late.From = start.Add(timing.Step * 1000)
	foreign := testConfig()
	foreign.Reference = "nobody"
	equal := []router.Policy{fixed{name: "equal"}}
	for _, c := range []struct {
		name     string
		cfg      Config
		pairs    []datasets.Pair
		policies []router.Policy
		want     string
	}{
		{"no policy", testConfig(), good, nil, "no policy"},
		{"twice", testConfig(), good, append(equal, equal...), `policy "equal" is there twice`},
		{"reference", foreign, good, equal, `the reference "nobody" is none of the rows`},
		{"empty", testConfig(), nil, equal, "no window with a whole horizon"},
		{"late", late, good, equal, "judge from earlier on"},
		{"one endpoint", testConfig(), []datasets.Pair{pair("alone", 0, seen{1, 1, 0, 1})}, equal, "alone (one endpoint, no choice)"},
		{"other endpoints", testConfig(), []datasets.Pair{short}, equal, "3 endpoints before the decision and 2 after"},
		{"backwards", testConfig(), []datasets.Pair{good[1], good[0]}, equal, "in order of time"},
		{"bad weights", testConfig(), good, []router.Policy{fixed{"bad", mesh.Weights{0.5, 0.1, 0.1}}}, "policy bad, service shop at 2026-01-01T00:00:00Z: weights sum to"},
		{"bad config", Config{}, good, equal, "horizon is 0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Run(each(c.pairs...), c.policies, c.cfg)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v; want one with %q", err, c.want)
			}
		})
	}
	broken := errors.New("metrics.om:7: broken")
	_, err := Run(func(yield func(datasets.Pair, error) bool) { yield(datasets.Pair{}, broken) }, equal, testConfig())
	if !errors.Is(err, broken) {
		t.Errorf("error %v; want the stream's", err)
	}
}

func TestTurnoverFollowsEndpointsByName(t *testing.T) {
	a := []mesh.Endpoint{{Name: "a"}, {Name: "b"}}
	b := []mesh.Endpoint{{Name: "b"}, {Name: "c"}}
	near(t, "same", turnover(a, a, mesh.Weights{0.5, 0.5}, mesh.Weights{0.5, 0.5}), 0, 0)
	near(t, "one replaced", turnover(a, b, mesh.Weights{0.5, 0.5}, mesh.Weights{0.5, 0.5}), 0.5, 1e-15)
	near(t, "swapped", turnover(a, a, mesh.Weights{1, 0}, mesh.Weights{0, 1}), 1, 0)
}

func TestSharesThatNeverVariedAreNamed(t *testing.T) {
	warned := func(share func(i int) float64) bool {
		var pairs []datasets.Pair
		for i := range 200 {
			s := share(i)
			pairs = append(pairs, pair("shop", i, seen{1000 * s, 0.05, 0, 1}, seen{1000 * (1 - s), 0.04, 0, 1}))
		}
		warnings := run(t, testConfig(), pairs, fixed{name: "equal"}).Table().Warnings
		return strings.Contains(strings.Join(warnings, "\n"), "load effect not identifiable")
	}
	if !warned(func(i int) float64 { return 0.5 + 0.005*float64(i%2) }) {
		t.Error("fixed shares: no warning")
	}
	if warned(func(i int) float64 { return 0.2 + 0.6*float64(i%7)/7 }) {
		t.Error("varied shares: warned")
	}
}
