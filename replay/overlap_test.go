package replay

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/replay/ope"
)

// weighed is the one section of a log, with the warnings and the text.
func weighed(t *testing.T, trace *Trace, log []datasets.Request) (s RequestSection, warnings, text string) {
	t.Helper()
	if err := trace.Weigh(requests(log)); err != nil {
		t.Fatal(err)
	}
	table := trace.Table()
	var out bytes.Buffer
	if err := table.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	return table.Requests[0], strings.Join(table.Warnings, "\n"), out.String()
}

func novalue(t *testing.T, row RequestRow) {
	t.Helper()
	if row.Refused == "" || !math.IsNaN(float64(row.Cost.Value)) || !math.IsNaN(float64(row.P99.Value)) || !math.IsNaN(float64(row.Errors.Value)) {
		t.Errorf("%s: %+v; want it refused", row.Policy, row)
	}
	for e, v := range row.Estimators {
		if !math.IsNaN(float64(v.Cost.Value)) || !math.IsNaN(float64(v.Errors.Value)) || v.Lambda != nil {
			t.Errorf("%s: %v is %+v; want no value", row.Policy, e, v)
		}
	}
}

func TestWeightWhereTheLogNeverWentIsRefused(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"}, fixed{"near", mesh.Weights{0.48, 0.49, 0.03}})
	s, warnings, text := weighed(t, trace, drawn("shop", 20000, []float64{0.6, 0.4}, 1))
	novalue(t, s.Rows[0])
	near(t, "unsupported", float64(s.Rows[0].Unsupported), 1.0/3, 1e-9)
	if want := "shop: request log, equal: refused: 33.3 % of the policy's probability is on what the log never took, more than 5 %; the mean weight is 0.67"; !strings.Contains(warnings, want) {
		t.Errorf("no warning %q in:\n%s", want, warnings)
	}
	if s.Rows[1].Refused != "" || math.IsNaN(float64(s.Rows[1].Cost.Value)) {
		t.Errorf("row %+v; want a value, with 3 %% unsupported", s.Rows[1])
	}
	near(t, "unsupported", float64(s.Rows[1].Unsupported), 0.03, 1e-9)
	if !strings.Contains(text, "unsupported %") || !strings.Contains(text, "33.3") {
		t.Errorf("the text does not show what is unsupported:\n%s", text)
	}
}

// TestAnEndpointThatTheLogLeftForAWhileIsUnsupportedThen: half of the time.
func TestAnEndpointThatTheLogLeftForAWhileIsUnsupportedThen(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"})
	log := drawn("shop", 20000, []float64{0.4, 0.3, 0.3}, 1)
	for i, r := range drawn("shop", 20000, []float64{0.6, 0.4}, 2) {
		if r.Time.Sub(start) >= 5*time.Minute {
			log[i] = r
		}
	}
	s, _, _ := weighed(t, trace, log)
	novalue(t, s.Rows[0])
	near(t, "unsupported", float64(s.Rows[0].Unsupported), 1.0/6, 1e-3)
}

// TestFewRequestsAreNoLackOfOverlap: nobody expects every endpoint in every
// block of a log of three requests a minute.
func TestFewRequestsAreNoLackOfOverlap(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"})
	s, _, _ := weighed(t, trace, drawn("shop", 30, []float64{0.4, 0.3, 0.3}, 3))
	if s.Rows[0].Unsupported != 0 || !strings.HasPrefix(s.Rows[0].Refused, "the effective sample of") {
		t.Errorf("row %+v; want it refused for its size alone", s.Rows[0])
	}
	never, _, _ := weighed(t, trace, drawn("shop", 30, []float64{0.6, 0.4}, 3)) // the third in no block at all
	near(t, "unsupported", float64(never.Rows[0].Unsupported), 1.0/3, 1e-9)
}

func TestWrongPropensitiesAreRefused(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"})
	log := drawn("shop", 20000, []float64{0.6, 0.3, 0.1}, 1)
	for i := range log {
		log[i].Propensity = 1.0 / 4
	}
	s, warnings, _ := weighed(t, trace, log)
	novalue(t, s.Rows[0])
	if want := "equal: refused: the mean weight is 1.33 ± 0.00, not 1"; !strings.Contains(warnings, want) {
		t.Errorf("no warning %q in:\n%s", want, warnings)
	}
	if s.Rows[1].Refused != "" {
		t.Errorf("as recorded is refused: %s", s.Rows[1].Refused)
	}
}

func TestALogWithoutPropensitiesHasNoValue(t *testing.T) {
	trace := run(t, testConfig(), shop("shop", 120, 1), fixed{name: "equal"})
	log := drawn("shop", 500, []float64{0.6, 0.3, 0.1}, 1)
	for i := range log {
		log[i].Propensity = nan
	}
	s, warnings, text := weighed(t, trace, log)
	if s.Requests != 0 || s.Unknown != 500 {
		t.Errorf("%d used, %d unknown; want 0 and 500", s.Requests, s.Unknown)
	}
	for _, row := range s.Rows {
		novalue(t, row)
	}
	if want := "shop: none of 500 logged requests has a propensity, and none is invented: the request log gives no value"; !strings.Contains(warnings, want) {
		t.Errorf("no warning %q in:\n%s", want, warnings)
	}
	if strings.Contains(warnings, "effective sample of 0") || !strings.Contains(text, "no value: no request with a propensity, 500 without") {
		t.Errorf("want the text to say so once:\n%s", text)
	}
}

// TestTheModelIsWhatWasKnownBefore: the direct method rests on the metrics up to
// the decision, and neither on what came after nor on the log.
func TestTheModelIsWhatWasKnownBefore(t *testing.T) {
	var pairs []datasets.Pair
	for i := range 120 {
		before := pair("shop", i, seen{50, 0.010, 0, 1}, seen{50, 0.040, 0.1, 1})
		if i < 30 { // the second endpoint shows nothing at first: as its peer
			before = pair("shop", i, seen{50, 0.010, 0, 1}, gone)
		}
		if i >= 60 && i < 90 { // and again, later: as last seen
			before = pair("shop", i, seen{50, 0.020, 0, 1}, gone)
		}
		after := pair("shop", i, seen{50, 0.5, 0.3, 1}, seen{50, 0.6, 0.4, 1})
		pairs = append(pairs, datasets.Pair{Frame: &features.Frame{Window: before.After}, After: after.After})
	}
	trace := run(t, testConfig(), pairs, fixed{"quarter", mesh.Weights{0.25, 0.75}})
	s, _, _ := weighed(t, trace, drawn("shop", 12000, []float64{0.5, 0.5}, 1))
	second := testConfig().Objective.Cost(0.040, 0.1)
	first := 0.25*0.010 + 0.75*0.010
	later := 0.25*0.010 + 0.75*second
	silent := 0.25*0.020 + 0.75*second
	direct := s.Rows[0].Estimators[ope.DM]
	near(t, "DM of the cost", float64(direct.Cost.Value), (first+2*later+silent)/4, 1e-9)
	near(t, "DM of the errors", float64(direct.Errors.Value), 0.75*0.1*3/4, 1e-9)
}

func TestRequestsBeforeAnyMetricDoWithoutAModel(t *testing.T) {
	pairs := shop("shop", 120, 1)
	for i := range 30 {
		before := pair("shop", i, gone, gone, gone)
		pairs[i].Frame = &features.Frame{Window: before.After}
	}
	trace := run(t, testConfig(), pairs, fixed{name: "equal"})
	s, warnings, _ := weighed(t, trace, drawn("shop", 12000, []float64{0.4, 0.3, 0.3}, 1))
	if s.Requests != 12000 || s.Rows[0].Unpredicted != 3000 || math.IsNaN(float64(s.Rows[0].Estimators[ope.DR].Cost.Value)) {
		t.Errorf("%d requests, %d without a prediction, DR %+v; want 12000, 3000 and a value", s.Requests, s.Rows[0].Unpredicted, s.Rows[0].Estimators[ope.DR])
	}
	if want := "shop: request log, equal: 3000 requests came before any metric"; !strings.Contains(warnings, want) {
		t.Errorf("no warning %q in:\n%s", want, warnings)
	}
}

// TestADecisionIsInForceUntilTheNext, also where the next is not judged, as
// there was no choice left; and at most for a horizon.
func TestADecisionIsInForceUntilTheNext(t *testing.T) {
	both := func(i int) datasets.Pair { return pair("shop", i, seen{50, 0.01, 0, 1}, seen{50, 0.02, 0, 1}) }
	pairs := []datasets.Pair{both(0), both(1), pair("shop", 2, seen{50, 0.01, 0, 1}), both(3), both(20)}
	trace := run(t, testConfig(), pairs, fixed{name: "equal"})
	windows := trace.Windows
	for _, c := range []struct {
		after time.Duration
		want  int // window, or -1
	}{
		{-time.Millisecond, -1}, {0, 0}, {4999 * time.Millisecond, 0}, {5 * time.Second, 1}, {9 * time.Second, 1},
		{10 * time.Second, -1}, {14 * time.Second, -1}, {15 * time.Second, 2}, {44 * time.Second, 2}, {45 * time.Second, 2}, {46 * time.Second, -1},
		{100 * time.Second, 3}, {130 * time.Second, 3}, {131 * time.Second, -1},
	} {
		var want *Window
		if c.want >= 0 {
			want = windows[c.want]
		}
		if got := inForce(windows, start.Add(c.after), timing.Horizon); got != want {
			t.Errorf("after %v: %v is in force; want window %d", c.after, got, c.want)
		}
	}
}

func TestAnAnswerAfterTheDeadlineFailed(t *testing.T) {
	o := mesh.DefaultObjective()
	o.ErrorCost = 3
	for _, c := range []struct {
		name                  string
		request               datasets.Request
		cost, latency, failed float64
	}{
		{"good", datasets.Request{Status: 200, Latency: 300 * time.Millisecond}, 0.3, 0.3, 0},
		{"just in time", datasets.Request{Status: 200, Latency: time.Second}, 1, 1, 0},
		{"late", datasets.Request{Status: 200, Latency: 1500 * time.Millisecond}, 3, 1, 1},
		{"late by its own deadline", datasets.Request{Status: 200, Latency: 300 * time.Millisecond, Deadline: 200 * time.Millisecond}, 0.6, 0.2, 1},
		{"in time by its own deadline", datasets.Request{Status: 200, Latency: 1500 * time.Millisecond, Deadline: 2 * time.Second}, 1.5, 1.5, 0},
		{"bad", datasets.Request{Status: 503, Latency: time.Millisecond}, 3, 1, 1},
		{"none", datasets.Request{Latency: time.Millisecond}, 3, 1, 1},
		{"not found is an answer", datasets.Request{Status: 404, Latency: time.Millisecond}, 0.001, 0.001, 0},
	} {
		cost, latency, failed := worth(&c.request, o)
		near(t, c.name+" cost", cost, c.cost, 1e-12)
		near(t, c.name+" latency", latency, c.latency, 1e-12)
		near(t, c.name+" failed", failed, c.failed, 0)
	}
}
