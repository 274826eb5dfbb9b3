package loop

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/trial"
)

// TestBadRulesAreRolledBack: rules that send most to the slow endpoint are taken back
// within a minute, and those before serve alone.
func TestBadRulesAreRolledBack(t *testing.T) {
	w := newWorld(t, nil, ruled(t, "1", 1, 1), real)
	w.pass(10)
	if err := w.Change(ruled(t, "2", 1, 9)); err != nil {
		t.Fatal(err)
	}
	if share, on := w.Table().Trial(); !on || share != 0.1 {
		t.Fatalf("a trial with a share of %v, %v; want 0.1", share, on)
	}
	began := w.now()
	for range 40 {
		if w.pass(1); w.tried == nil {
			break
		}
	}
	if took := w.now().Sub(began); took > time.Minute {
		t.Errorf("it took %v; want at most a minute", took)
	} else {
		t.Logf("rolled back after %v", took)
	}
	if a := w.answers(); a.RulesVersion != "1" || a.Line != "" || math.Abs(a.Weights[1]-0.5) > 0.01 {
		t.Errorf("after it: %+v", a)
	}
	if all := w.ended(model.SubjectRules); len(all) != 1 || all[0].Kind != model.RolledBack || all[0].Name != "2" || all[0].Former.Name != "1" || all[0].Why == "" {
		t.Errorf("outcomes %+v", all)
	}
}

// TestGoodRulesAreAdopted, after their probation.
func TestGoodRulesAreAdopted(t *testing.T) {
	w := newWorld(t, nil, ruled(t, "1", 1, 1), real)
	w.pass(10)
	if err := w.Change(ruled(t, "2", 9, 1)); err != nil {
		t.Fatal(err)
	}
	for range 400 {
		if w.pass(1); w.tried == nil {
			break
		}
	}
	if a := w.answers(); a.RulesVersion != "2" || math.Abs(a.Weights[1]-0.1) > 0.01 {
		t.Errorf("after it: %+v", a)
	}
	if all := w.ended(model.SubjectRules); len(all) != 1 || all[0].Kind != model.Adopted {
		t.Errorf("outcomes %+v", all)
	}
}

// TestModelGoesOnWhereTheOtherWas: a new version does not begin in warm-up, and answers
// as the one before, for it knows the same.
func TestModelGoesOnWhereTheOtherWas(t *testing.T) {
	var s script
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), s.begin)
	w.pass(12)
	if a := w.answers(); a.Source != router.SourceModel {
		t.Fatalf("the model does not answer: %+v", a)
	}
	if err := w.Change(changeOf(persistence(2))); err != nil {
		t.Fatal(err)
	}
	w.pass(1)
	former, tried := w.former.made["shop"], w.tried.made["shop"]
	if tried.Reason != "" || tried.Model != "persistence@2" {
		t.Errorf("the tried line: %+v", tried)
	}
	for i := range former.Weights {
		if math.Abs(former.Weights[i]-tried.Weights[i]) > 1e-9 {
			t.Errorf("weights %v; the former's are %v", tried.Weights, former.Weights)
		}
	}
	s.say(trial.Verdict{Step: trial.Adopt})
	w.pass(1)
	if a := w.answers(); a.Model != "persistence@2" || a.Line != "" {
		t.Errorf("adopted: %+v", a)
	}
}

// TestRefused: what cannot serve is not tried, and changes nothing.
func TestRefused(t *testing.T) {
	var s script
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), s.begin)
	w.pass(12)
	other := persistence(2)
	other.Schema.Name, other.Schema.Series = "other", []mesh.Series{{Name: mesh.RequestRate, Query: "x"}}
	slow := persistence(3)
	slow.Timing.Step = time.Minute
	declines := persistence(4)
	declines.Card.Unidentified = []string{"shop"}
	huge := persistence(5)
	huge.Routing.Layers = []model.Layer{
		{In: 1, Out: 1, W: []float32{0}, B: []float32{3e38}},
		{In: 1, Out: model.OutcomeOutputs, W: make([]float32, model.OutcomeOutputs), B: make([]float32, model.OutcomeOutputs)},
	}
	for i := range huge.Routing.Layers[1].W {
		huge.Routing.Layers[1].W[i] = 3e38
	}
	broken := persistence(6)
	broken.Routing.Columns = []string{"missing_ratio", "share"}
	for want, m := range map[string]*model.Model{"schema": other, "windows": slow, "declines": declines, "not_finite": huge, "columns": broken} {
		err := w.Change(changeOf(m))
		if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if _, on := w.Table().Trial(); on || w.answers().Model != "persistence@1" {
			t.Errorf("%s: it is tried", want)
		}
	}
}

// TestChangesDuringATrial: a newer version of what is tried takes its place, going back
// ends it, and a change of the other subject waits.
func TestChangesDuringATrial(t *testing.T) {
	var s script
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), s.begin)
	w.pass(12)
	change := func(c Change) {
		t.Helper()
		if err := w.Change(c); err != nil {
			t.Fatal(err)
		}
	}
	change(changeOf(persistence(2)))
	change(ruled(t, "2", 2, 1))
	if w.trying.Name != "2" || w.trying.Subject != model.SubjectModel {
		t.Fatalf("trying %+v", w.trying.Version)
	}
	change(changeOf(persistence(3)))
	if w.trying.Name != "3" {
		t.Errorf("the newest does not take the place: %+v", w.trying.Version)
	}
	change(changeOf(persistence(1)))
	if _, on := w.Table().Trial(); on {
		t.Error("going back does not end the trial")
	}
	w.next()
	if w.tried == nil || w.trying.Subject != model.SubjectRules {
		t.Errorf("what has waited is not tried: %+v", w.trying.Version)
	}
	back := changeOf(persistence(7))
	back.Back = true
	change(back)
	if a := w.answers(); a.Model != "persistence@7" || a.Line != "" {
		t.Errorf("what was gone back to serves at once: %+v", a)
	}
	w.next()
	if w.tried == nil || w.trying.Subject != model.SubjectRules {
		t.Errorf("the rules are tried no more: %+v", w.trying.Version)
	}
	if n := len(w.ended(model.SubjectModel)); n != 1 { // the adoption of what was gone back to
		t.Errorf("%d outcomes of models", n)
	}
}

// TestChangeMeetsAnother: rules that are being prepared when another model comes into
// force serve with that one, not with the one that they were prepared beside.
func TestChangeMeetsAnother(t *testing.T) {
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	w.pass(8)
	policy, met := w.cfg.Policy, false
	w.cfg.Policy = func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy {
		if !met {
			met = true // as when a trial ends meanwhile
			w.Loop.mu.Lock()
			n, err := newLine(&w.cfg, persistence(2), w.former.rules, w.pace, nil)
			if err != nil {
				t.Error(err)
			}
			w.take(n, changeOf(persistence(2)))
			w.Loop.mu.Unlock()
		}
		return policy(m, p, cfg)
	}
	if err := w.Change(ruled(t, "2", 2, 1)); err != nil {
		t.Fatal(err)
	}
	w.pass(1)
	if a := w.answers(); a.RulesVersion != "2" || w.former.model.Version != 2 || w.Version(model.SubjectModel).Name != "2" {
		t.Errorf("rules %s, model %d, said to be %v", a.RulesVersion, w.former.model.Version, w.Version(model.SubjectModel))
	}
}

// TestLies: whatever the metrics say, nothing panics, and every request has an endpoint.
func TestLies(t *testing.T) {
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	w.pass(8)
	for _, lie := range []float64{math.NaN(), -1, math.Inf(1), math.Inf(-1), 1e308, -1e308, 1e-320} {
		for column := range 3 {
			w.pass(2)
			w.clock = w.clock.Add(5 * time.Second)
			x := w.window()
			x.Values[column] = lie
			x.Requests[1] = lie
			w.Take([]mesh.Window{x}, nil)
			w.answers()
		}
	}
	w.pass(1)
	again := w.window()
	w.Take([]mesh.Window{again}, nil)
	w.answers()
	if !strings.Contains(w.said(), "it came twice") {
		t.Error("a window that comes twice is not told")
	}
	future := w.window()
	for _, at := range []*time.Time{&future.Time, &future.Start, &future.End} {
		*at = at.Add(time.Hour)
	}
	w.Take([]mesh.Window{future}, nil)
	if w.answers(); !strings.Contains(w.said(), "in the future") {
		t.Error("a window of the future is not told")
	}
	w.pass(2)
	if w.former.last["shop"].Time.After(w.now()) {
		t.Error("it was taken")
	}
	for name, jump := range map[string]time.Duration{"forwards": 3 * time.Hour, "backwards": -2 * time.Hour} {
		w.clock = w.clock.Add(jump)
		w.pass(12)
		if a := w.answers(); a.Source != router.SourceModel {
			t.Errorf("a minute after the clock went %s: %+v", name, a)
		}
	}
}

// TestEndpointsGo: when the metrics know no endpoint any more, the last ones are served
// on, as stale when they are.
func TestEndpointsGo(t *testing.T) {
	w := newWorld(t, persistence(1), Change{}, nil)
	w.pass(12)
	for range 24 {
		w.clock = w.clock.Add(5 * time.Second)
		w.Take([]mesh.Window{{Service: "shop", Time: w.clock, End: w.clock.Add(-time.Second), Start: w.clock.Add(-11 * time.Second), Schema: schema}}, nil)
		w.answers()
	}
	if a := w.answers(); a.Reason != router.Stale || len(a.Weights) != 2 {
		t.Errorf("two minutes after the endpoints: %+v", a)
	}
	w.pass(8)
	if a := w.answers(); a.Reason != "" {
		t.Errorf("when they are back: %+v", a)
	}
}

// TestRemember: another process goes on where one stopped, not in warm-up.
func TestRemember(t *testing.T) {
	s, err := OpenState(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	w.pass(12)
	if err := w.Remember(s); err != nil {
		t.Fatal(err)
	}
	next := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	next.clock = w.clock
	if err := next.Recall(s); err != nil {
		t.Fatal(err)
	}
	next.pass(1)
	if a := next.answers(); a.Source != router.SourceModel {
		t.Errorf("the first answer: %+v", a)
	}
	late := newWorld(t, persistence(1), ruled(t, "1", 1, 1), nil)
	late.clock = w.clock.Add(time.Hour)
	other := newWorld(t, persistence(2), ruled(t, "1", 1, 1), nil)
	other.clock = w.clock
	for _, w := range []*world{late, other} {
		if err := w.Recall(s); err == nil {
			t.Error("a memory that does not fit is taken")
		}
	}
	if info, err := os.Stat(s.dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info, err)
	}
}
