package foresight

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/finding"
)

func near(t *testing.T, what string, got finding.Number, want float64) {
	t.Helper()
	if !(math.Abs(float64(got)-want) < 1e-9) {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}

// TestFigures counts two outages of which one is announced 40 s ahead, and one
// alarm for nothing.
func TestFigures(t *testing.T) {
	s := (&story{
		end:     2000,
		outages: []outage{{"a", 500, 530}, {"b", 1500, 1530}},
		says: []func(string, float64) Forecast{
			func(e string, s float64) Forecast {
				if e == "a" && s >= 460 && s < 500 || e == "b" && s >= 1000 && s < 1010 {
					return said(0.9)
				}
				return said(0.1)
			},
			func(string, float64) Forecast { return said(0) },
		},
	}).ramps()
	_, section := s.judged()
	row := section.Rows[0]
	near(t, "recall of ramps", row.RampRecall.Value, 0.5)
	near(t, "recall", row.Recall.Value, 0.5)
	near(t, "precision", row.AlarmPrecision.Value, 0.5)
	near(t, "lead", row.Lead.Value, 40)
	near(t, "right", row.Right, 1)
	near(t, "wrong", row.Wrong, 1)
	if !math.IsNaN(float64(row.SuddenRecall.Value)) {
		t.Errorf("recall of what there was none of is %v", row.SuddenRecall.Value)
	}
	// Two endpoints for 2005 s, each without 30 s of outage and 60 of cool-down
	// (19 decisions, both ends included).
	near(t, "endpoint-days", section.Days, (2*401-2*19)*5/86400.0)
	near(t, "alarms per day", row.PerDay.Value, 2/float64(section.Days))
	// The last 11 decisions of each endpoint have no whole horizon after them.
	near(t, "decisions", section.Decisions, 2*401-2*19-2*12)
	near(t, "base rate", section.BaseRate, 24/float64(section.Decisions))
	if section.Within != 2*19 || section.Unseen != 0 || section.Incidents[datasets.Ramp] != 2 {
		t.Errorf("section is %+v", section)
	}
	if silent := section.Rows[1]; silent.Right+silent.Wrong != 0 || !math.IsNaN(float64(silent.AlarmPrecision.Value)) || silent.Recall.Value != 0 {
		t.Errorf("who says nothing has %+v", silent)
	}
	if len(row.Kinds) != 1 || row.Kinds[0] != (Kind{"leak", datasets.Ramp, 2, 1}) {
		t.Errorf("kinds are %+v", row.Kinds)
	}
}

// TestAlarms: who goes on saying it raises an alarm once in a refractory time,
// each of which counts; a failure farther away than the horizon makes none
// right, and what ends before the horizon none wrong.
func TestAlarms(t *testing.T) {
	s := (&story{end: 1000, outages: []outage{{"a", 500, 530}}, says: []func(string, float64) Forecast{
		between("a", 330, 500), // at 330 and 390 too early, right at 450
		between("b", 960, 1000),
	}}).ramps()
	_, section := s.judged()
	row := section.Rows[0]
	near(t, "right", row.Right, 1)
	near(t, "wrong", row.Wrong, 2)
	near(t, "lead", row.Lead.Value, 50)
	near(t, "wrong on a ramp that broke later", finding.Number(row.WrongIn[datasets.Ramp]), 2)
	near(t, "unresolved", section.Rows[1].Unresolved, 1)
	near(t, "wrong at the end", section.Rows[1].Wrong, 0)
}

// TestCorrelated: endpoints that fail together are one incident; whoever alarms
// only after the first of them failed has not announced it.
func TestCorrelated(t *testing.T) {
	s := (&story{end: 1000, outages: []outage{{"a", 500, 560}}, says: []func(string, float64) Forecast{between("b", 505, 560), between("a", 455, 460)}}).ramps()
	joint := s.outages
	cfg := DefaultConfig(time.Minute)
	j := newJudging(&standard{cfg: &cfg, chosen: []chosen{{Threshold: 0.5}, {Threshold: 0.5}}, mappings: []*[cells]float64{nil, nil}}, 0)
	w := s.tell(func(w *walk, r *row) {
		if r.endpoint == "b" && r.at.Before(at(520)) && !r.at.Before(at(460)) { // fails at 520, of the same
			r.fate.Failed, r.fate.After, r.fate.Incident = true, at(520).Sub(r.at), 0
		}
		j.row(w, r)
	})
	j.finish(w)
	incidents := 0
	for _, u := range j.units {
		if u.incident {
			incidents++
			if u.of[0].lead > 0 || u.of[0].right != 1 {
				t.Errorf("an alarm after the onset counts as %+v", u.of[0])
			}
			if u.of[1].lead != 45 {
				t.Errorf("lead is %v, want 45", u.of[1].lead)
			}
		}
	}
	if incidents != 1 || len(joint) != 1 {
		t.Errorf("%d incidents, want 1", incidents)
	}
}

// TestCensored: what was acted on and did not fail is neither right nor wrong,
// and no decision; who was spared by a draw counts for those who were not.
func TestCensored(t *testing.T) {
	says := []func(string, float64) Forecast{func(e string, s float64) Forecast {
		if s == 200 || e == "b" && s == 460 {
			return said(0.9)
		}
		return said(0.1)
	}}
	acted := &story{end: 1000, outages: []outage{{"b", 500, 530}}, says: says, actions: func(e string, t time.Time) Action {
		if t.Equal(at(210)) || t.Equal(at(465)) {
			return Action{Acted: true, Propensity: 0.75}
		}
		return Action{}
	}}
	_, section := acted.judged()
	row := section.Rows[0]
	near(t, "censored", row.Censored, 2)
	near(t, "wrong", row.Wrong, 0)
	near(t, "right although acted on", row.Right, 1)
	near(t, "precision", row.AlarmPrecision.Value, 1)
	free := &story{end: 1000, outages: acted.outages, says: says}
	_, all := free.judged()
	// 13 decisions see 210 within the horizon and as many 465, of two endpoints.
	// Two of those about b are before 405 and b fails at 500: all are left out.
	near(t, "decisions", section.Decisions, float64(all.Decisions)-4*13)
	near(t, "wrong without actions", all.Rows[0].Wrong, 2)

	acted.actions = func(e string, t time.Time) Action {
		if e == "a" && t.Equal(at(200)) {
			return Action{Propensity: 0.75}
		}
		return Action{}
	}
	_, section = acted.judged()
	near(t, "wrong, standing for four", section.Rows[0].Wrong, 4+1)
	near(t, "decisions, 13 of which stand for four", section.Decisions, float64(all.Decisions)+13*3)
}

// TestProbabilities holds Brier score, skill and the error of calibration
// against what a few numbers give by hand.
func TestProbabilities(t *testing.T) {
	s := (&story{end: 600, outages: []outage{{"a", 300, 330}}, says: []func(string, float64) Forecast{
		func(e string, s float64) Forecast {
			f := said(0.02)
			if e == "a" && s >= 240 && s < 300 { // 12 decisions, all before the failure
				f = said(0.75)
				f.Time = [3]float64{20, 30, 40}
			}
			return f
		},
	}}).ramps()
	_, section := s.judged()
	row := section.Rows[0]
	n := float64(section.Decisions)
	near(t, "decisions", section.Decisions, 2*121-19-2*12)
	near(t, "Brier", row.Brier.Value, (12*0.25*0.25+(n-12)*0.02*0.02)/n)
	base := 12 / n
	near(t, "skill", row.Skill.Value, 1-float64(row.Brier.Value)/(base*(1-base)))
	near(t, "ECE", row.ECE.Value, 0.25)
	near(t, "ECE of all", row.ECEAll.Value, (12*0.25+(n-12)*0.02)/n)
	// After 60, 55, … 5 s; within 20 and 40 are five of twelve.
	near(t, "cover", row.Cover.Value, 5.0/12)
	near(t, "with an interval", row.Timed, 1)
	if len(row.Bins) != 2 || row.Bins[1].Decisions != 12 || row.Bins[1].Observed.Value != 1 || row.Bins[1].From != 0.7 {
		t.Errorf("bins are %+v", row.Bins)
	}
}

// TestBootstrap: the same seed gives the same, another another; and intervals
// cover what is true about as often as they say.
func TestBootstrap(t *testing.T) {
	s := many(1)
	a, _ := s.judged()
	b, _ := s.judged()
	if first, err := json.Marshal(a); err != nil {
		t.Error(err)
	} else if second, _ := json.Marshal(b); !bytes.Equal(first, second) {
		t.Error("two equal judgements differ")
	}
	covered := 0
	const tries = 60
	for seed := range uint64(tries) {
		_, section := many(seed).judged()
		if e := section.Rows[0].RampRecall; e.Low <= 0.6 && 0.6 <= e.High {
			covered++
		}
	}
	if covered < tries*85/100 {
		t.Errorf("95 %% intervals hold the truth in %d of %d", covered, tries)
	}
	_, section := s.judged()
	if d := section.Rows[1].RampRecall.Change; d == nil || !d.Significant || d.High >= 0 {
		t.Errorf("who says nothing is not clearly worse: %+v", d)
	}
	if d := section.Rows[2].RampRecall.Change; d == nil || d.Significant || d.Value != 0 || d.Low != 0 || d.High != 0 {
		t.Errorf("who says the same differs: %+v", d)
	}
}

// many are 40 outages, each of which is announced with a chance of 0.6.
func many(seed uint64) *story {
	s := &story{end: 20000}
	announced := map[float64]bool{}
	x := seed*0x9e3779b97f4a7c15 + 1
	for i := range 40 {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		start := 300 + 480*float64(i)
		s.outages = append(s.outages, outage{"a", start, start + 30})
		announced[start] = x>>11%10 < 6
	}
	says := func(e string, t float64) Forecast {
		if next := 300 + 480*math.Ceil((t-300)/480); e == "a" && announced[next] && next-t <= 30 && next > t {
			return said(0.9)
		}
		return said(0.05)
	}
	s.says = []func(string, float64) Forecast{says, func(string, float64) Forecast { return said(0) }, says}
	return s.ramps()
}

// TestChance: on forecasts that are honest, the error of calibration is about
// what chance says; on others it is far above.
func TestChance(t *testing.T) {
	s := many(3)
	honest, liar := 0.0, 0.0
	for _, scale := range []float64{1, 3} {
		s.says = []func(string, float64) Forecast{func(e string, at float64) Forecast {
			if e != "a" {
				return said(0)
			}
			return said(scale * 12 / 78) // of every 480 s, 60 precede a failure, and 90 are not watched
		}}
		_, section := s.judged()
		row := section.Rows[0]
		if scale == 1 {
			honest = float64(row.ECE.Value) / float64(row.ECEChance)
		} else {
			liar = float64(row.ECE.Value) / float64(row.ECEChance)
		}
	}
	if !(honest < 2 && liar > 5) {
		t.Errorf("the error is %.1f times what chance says, of a liar %.1f times", honest, liar)
	}
}
