package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/router/rules"
)

// answersOf are answers that were due every 100 ms.
func answersOf(start time.Time, took ...time.Duration) *lab.Taken {
	t := &lab.Taken{Start: start, Sent: lab.Delay{P99: time.Millisecond}, Late: lab.Delay{P99: 2 * time.Millisecond}}
	for i, d := range took {
		a := lab.Answer{At: start.Add(time.Duration(i) * 100 * time.Millisecond), Latency: d, Status: 200, Endpoint: fmt.Sprint("e", i%2)}
		switch {
		case d == 0: // refused at once
			a.Status = 503
		case d < 0: // nobody answered
			a.Status, a.Endpoint, a.Latency = 0, "", -d
		}
		t.Answers = append(t.Answers, a)
	}
	return t
}

func TestTurnCountsFailuresAsDeadlines(t *testing.T) {
	ms := time.Millisecond
	turn := newTurn(answersOf(time.Unix(100, 0), 30*ms, 0, 10*ms, -499*ms, 20*ms, 20*ms, 20*ms, 20*ms, 20*ms, 20*ms, 40*ms, 50*ms), 2*time.Second, 500*ms, "e0")
	want := []float64{.01, .02, .02, .02, .02, .02, .02, .03, .04, .05, .5, .5}
	if !slices.Equal(turn.took, want) || turn.failed != 2 {
		t.Errorf("took %v with %d failures; want %v with 2", turn.took, turn.failed, want)
	}
	if len(turn.seconds) != 2 || len(turn.seconds[0].took) != 10 || len(turn.seconds[1].took) != 2 {
		t.Fatalf("seconds %+v", turn.seconds)
	}
	if got := [2]float64{turn.seconds[0].degraded, turn.seconds[1].degraded}; got != [2]float64{5. / 9, 0.5} {
		t.Errorf("the endpoint gave parts %v of the answers", got)
	}
	if want := 60 * (5./9 - 0.5); math.Abs(turn.turnover-want) > 1e-9 {
		t.Errorf("turnover %v; want %v", turn.turnover, want)
	}
	if turn.sent != ms || turn.late != 2*ms {
		t.Errorf("sent %v, late %v", turn.sent, turn.late)
	}
}

func TestPercentile(t *testing.T) {
	for _, c := range []struct {
		values  []float64
		percent int
		want    float64
	}{{[]float64{7}, 1, 7}, {[]float64{7}, 99, 7}, {[]float64{1, 2, 3, 4}, 50, 2}, {[]float64{1, 2, 3, 4}, 51, 3}, {[]float64{1, 2, 3, 4}, 99, 4}} {
		if got := percentile(c.values, c.percent); got != c.want {
			t.Errorf("%d %% of %v is %v; want %v", c.percent, c.values, got, c.want)
		}
	}
	if !math.IsNaN(percentile(nil, 50)) {
		t.Error("nothing has a median")
	}
}

// madeUp are turns in whose blocks 100 requests took from, from+1, … ms, of which some
// failed.
func madeUp(from []float64, failed ...int) []compareTurn {
	var turns []compareTurn
	for block := range from {
		turn := compareTurn{failed: failed[block], turnover: 1, seconds: []turnSecond{{}, {}}}
		for i := range 100 {
			took := (from[block] + float64(i)) / 1e3
			if i >= 100-failed[block] {
				took = 0.5
			}
			turn.took = append(turn.took, took)
		}
		for i := range turn.seconds {
			turn.seconds[i] = turnSecond{took: turn.took[:50], degraded: 0.1}
		}
		turns = append(turns, turn)
	}
	return turns
}

func TestPoolIsThePercentileOfBlocksTogether(t *testing.T) {
	p := newPool(madeUp([]float64{0, 200, 50}, 0, 0, 0))
	if !slices.IsSorted(p.took) || len(p.took) != 300 {
		t.Fatalf("%d values, sorted: %v", len(p.took), slices.IsSorted(p.took))
	}
	for _, c := range []struct {
		drawn   []int
		percent int
		want    float64
	}{{[]int{0}, 50, .049}, {[]int{0, 1}, 50, .099}, {[]int{0, 0, 1}, 50, .074}, {[]int{1, 1, 1}, 99, .298}, {[]int{2, 2}, 50, .099}} {
		if got := p.percentile(c.drawn, c.percent); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d %% of blocks %v is %v; want %v", c.percent, c.drawn, got, c.want)
		}
	}
}

// fleetOf is the result of made-up policies.
func fleetOf(t *testing.T, proxies int, names []string, turns ...[]compareTurn) *fleetResult {
	t.Helper()
	policies, err := namedPolicies(names)
	if err != nil {
		t.Fatal(err)
	}
	return newFleetResult(proxies, policies, turns, 1, 20*time.Millisecond)
}

func TestVerdictAgainstAll(t *testing.T) {
	names := []string{"haproxy-leastconn", "nginx-least-conn", "fairway-agent", "fairway-spoe"}
	slow := madeUp([]float64{100, 101, 102, 103, 104}, 5, 6, 7, 8, 9)
	r := fleetOf(t, 10, names, slow, slow, madeUp([]float64{0, 1, 2, 3, 4}, 0, 1, 0, 1, 0), madeUp([]float64{0, 1, 2, 3, 4}, 4, 5, 4, 5, 6))
	if len(r.verdicts) != 2 || !r.verdicts[0].wins || r.verdicts[1].wins {
		t.Errorf("verdicts %+v; want that the first wins and the second does not", r.verdicts)
	}
	if text := r.verdicts[1].text; !strings.Contains(text, "errors, 4 to 5.8 a block, is not below haproxy-leastconn's 5.2 to 8.64") {
		t.Errorf("the second loses because %q", text)
	}
	few := fleetOf(t, 10, names[2:], slow[:2], slow[:2])
	if few.verdicts[0].wins || !strings.Contains(few.verdicts[0].text, "no intervals") {
		t.Errorf("of two blocks: %+v", few.verdicts[0])
	}
	alone := fleetOf(t, 10, names[2:], slow, slow)
	if alone.verdicts[0].wins || !strings.Contains(alone.verdicts[0].text, "no built-in policy") {
		t.Errorf("without others: %+v", alone.verdicts[0])
	}
}

func TestVerdictBesideLeastconn(t *testing.T) {
	late := madeUp([]float64{500, 500, 500, 500, 500}, 5, 5, 5, 5, 5)
	if v := fleetOf(t, 1, []string{"haproxy-leastconn", "fairway-spoe"}, late, late).verdicts[0]; v.wins || !strings.Contains(v.text, "no verdict") {
		t.Errorf("both at the deadline: %+v", v)
	}
	leastconn := madeUp([]float64{100, 110, 120, 130, 140}, 0, 0, 0, 0, 0)
	for _, c := range []struct {
		more float64
		want bool
	}{{-50, true}, {0, true}, {11, true}, {13, false}} { // of about 237 ms
		own := madeUp([]float64{100 + c.more, 110 + c.more, 120 + c.more, 130 + c.more, 140 + c.more}, 0, 0, 0, 0, 0)
		r := fleetOf(t, 1, []string{"haproxy-leastconn", "fairway-spoe"}, leastconn, own)
		if v := r.verdicts[0]; v.wins != c.want {
			t.Errorf("%v ms more: %+v; want %v", c.more, v, c.want)
		}
	}
	if v := fleetOf(t, 1, []string{"fairway-spoe"}, leastconn).verdicts[0]; v.wins || !strings.Contains(v.text, "not beside it") {
		t.Errorf("alone: %+v", v)
	}
}

func TestCompareWritesWhatItFound(t *testing.T) {
	own := madeUp([]float64{0, 1, 2, 3, 4}, 0, 1, 0, 1, 0)
	own[2].late = 30 * time.Millisecond
	r := fleetOf(t, 10, []string{"haproxy-leastconn", "fairway-spoe"}, madeUp([]float64{100, 101, 102, 103, 104}, 5, 6, 7, 8, 9), own)
	var got bytes.Buffer
	if err := r.write(&got); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", "compare.txt")
	if want, err := os.ReadFile(file); err != nil || got.String() != string(want) {
		if err := os.WriteFile(file+".new", got.Bytes(), 0o644); err != nil {
			t.Error(err)
		}
		t.Errorf("the table is not %s (%v); it was written to %s.new", file, err, file)
	}
	var line bytes.Buffer
	if err := writeFigures(&line, fleetFigures{Fleets: []resultFigures{r.figures()}}); err != nil || bytes.Count(line.Bytes(), []byte("\n")) != 1 {
		t.Fatalf("%v, %q", err, line.String())
	}
	var f fleetFigures
	if err := json.Unmarshal(line.Bytes(), &f); err != nil {
		t.Fatal(err)
	}
	p := f.Fleets[0].Policies[1]
	if p.Policy != "fairway-spoe" || p.Requests != 500 || p.Errors != 2 || !slices.Equal(p.Failed, []int{0, 1, 0, 1, 0}) || p.LateP99 != 30 || !f.Fleets[0].Verdicts["fairway-spoe"] || f.Fleets[0].Disturbed != 1 {
		t.Errorf("figures %+v", f.Fleets[0])
	}
	if v, low, high := p.P99, p.P99Range[0], p.P99Range[1]; !(low <= v && v <= high) || math.IsNaN(float64(v)) {
		t.Errorf("p99 %v within %v to %v", v, low, high)
	}
	if _, err := json.Marshal(finding.Number(math.NaN())); err != nil {
		t.Error("what is unknown is no JSON")
	}
}

func TestComparePage(t *testing.T) {
	turns := madeUp([]float64{100, 101, 102}, 5, 6, 7)
	c := &comparison{o: compareOptions{block: 2 * time.Second, load: 0.65}, service: lab.FleetService(0.65)}
	var page bytes.Buffer
	if err := c.page([]*fleetResult{fleetOf(t, 10, []string{"nginx-least-conn", "fairway-agent"}, turns, turns)}).Write(&page); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10 proxies, 3 blocks", "fairway, agent check: no: ", "Share of the degrading endpoint", "<svg"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestCompareUsage(t *testing.T) {
	for _, c := range [][]string{
		{"--proxies", "0"}, {"--proxies", "21"}, {"--blocks", "0"}, {"--block", "1s"}, {"--settle", "-1s"}, {"--load", "1"}, {"--load", "0"},
		{"--policies", "magic"}, {"--policies", "fairway-spoe,fairway-spoe"}, {"--max-delay", "0"}, {"--again", "-1"},
	} {
		_, _, err := call(t, append([]string{"lab", "compare"}, c...)...)
		if exitStatus(err) != 2 {
			t.Errorf("%v: %v; want a wrong usage", c, err)
		}
	}
}

func TestBlocksAreTheSameForAllPolicies(t *testing.T) {
	s := lab.FleetService(0.65)
	seeds, faulty := map[uint64]bool{}, map[string]bool{}
	for block := range 40 {
		seed := blockSeed(7, block)
		seeds[seed] = true
		f, again := blockFaults(seed, s, 30*time.Second), blockFaults(seed, s, 30*time.Second)
		if f[0] != again[0] || f[0].Severity < degradeLeast || f[0].Severity > degradeMost || f[0].End() > 30*time.Second {
			t.Errorf("block %d: %+v, then %+v", block, f, again)
		}
		faulty[f[0].Endpoint] = true
		order := turnOrder(7, 10, block, 7)
		if slices.Sort(order); !slices.Equal(order, []int{0, 1, 2, 3, 4, 5, 6}) {
			t.Errorf("block %d has turns %v", block, order)
		}
	}
	if len(seeds) != 40 || len(faulty) != 6 {
		t.Errorf("%d seeds, %d endpoints that degrade; want 40 and the six new ones", len(seeds), len(faulty))
	}
}

// TestCompareShips: recipes, rules, schema and model fit each other.
func TestCompareShips(t *testing.T) {
	for _, p := range comparePolicies {
		if _, err := p.read(); err != nil && os.Getenv("CI") == "true" {
			t.Error(err)
		}
	}
	s := lab.FleetService(0.65)
	for i := range s.Endpoints {
		s.Endpoints[i].Address = fmt.Sprint("127.0.0.1:", 2000+i)
	}
	file, err := rules.Parse("rules.yaml", []byte(fleetRules(s)))
	if err != nil {
		t.Fatal(err)
	}
	if got := file.Services[0]; len(got.Endpoints) != 10 || got.Objective.Deadline != 500*time.Millisecond {
		t.Errorf("rules %+v", got)
	}
}

// TestCompareRuns is a small fleet of two proxies of two kinds.
func TestCompareRuns(t *testing.T) {
	for _, name := range []string{"haproxy", "nginx", "prometheus"} {
		if err := (&lab.Recipe{Needs: []lab.Program{{Name: name, Debian: name}}}).Missing(); err != nil {
			if os.Getenv("CI") == "true" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	page := filepath.Join(t.TempDir(), "page.html")
	out := mustCall(t, "lab", "compare", "--proxies", "2", "--blocks", "1", "--block", "3s", "--settle", "0s", "--warm-up", "1s", "--load", "0.2", "--again", "0",
		"--policies", "haproxy-leastconn,nginx-least-conn", "--json", "--report", page)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	var f fleetFigures
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &f); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(f.Fleets) != 1 || f.Fleets[0].Proxies != 2 || len(f.Fleets[0].Policies) != 2 {
		t.Fatalf("figures %+v", f)
	}
	for _, p := range f.Fleets[0].Policies {
		if p.Requests < 100 || p.Requests != f.Fleets[0].Policies[0].Requests || p.Errors >= p.Requests || !(p.P99 >= p.P50 && p.P50 > 10) {
			t.Errorf("figures %+v", p)
		}
	}
	if text, err := os.ReadFile(page); err != nil || !strings.Contains(string(text), "nginx least_conn") {
		t.Errorf("the page: %v", err)
	}
}
