package foresight

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/train"
)

func lab(name string) Source {
	return Source{Name: name, Group: "lab", Open: func(ctx context.Context) (*datasets.Recording, error) {
		return datasets.Open(ctx, filepath.Join("..", "..", "datasets", "recordings", name), "")
	}}
}

// TestJudgeRecordings judges baselines on the lab's recordings. What the walk
// says of incidents must agree with what package train finds by itself.
func TestJudgeRecordings(t *testing.T) {
	ctx := context.Background()
	cfg := DefaultConfig(24 * time.Second)
	cfg.Resamples = 200
	var done int
	cfg.Progress = func(n, all int) { done = n*10 + all }
	r, err := Judge(ctx, []Source{lab("lab-validation")}, []Source{lab("lab-test")}, Baselines(1), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if done != 22 {
		t.Errorf("progress ended at %d", done)
	}
	test := lab("lab-test")
	rec, err := test.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	timing, _ := cfg.Look(rec)
	incidents, err := train.Incidents(ctx, rec, timing, train.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	s := &r.Sections[0]
	told := s.Unseen
	for _, n := range s.Incidents {
		told += n
	}
	if told != len(incidents) || told == 0 {
		t.Errorf("%d incidents are told of, %d there are", told, len(incidents))
	}
	for i := range s.Rows {
		row := &s.Rows[i]
		if row.Name == "random" && !(row.Skill.Value < 0.05) {
			t.Errorf("random has a skill of %v", row.Skill.Value)
		}
		if row.Name == "base rate" && !(row.Skill.Value <= 0) {
			t.Errorf("the base rate is better than itself by %v", row.Skill.Value)
		}
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "predict_linear") {
		t.Errorf("%v: %s", err, text.String())
	}
}

func TestJudgeRefuses(t *testing.T) {
	ctx := context.Background()
	validation, test := []Source{lab("lab-validation")}, []Source{lab("lab-test")}
	cfg := DefaultConfig(24 * time.Second)
	if _, err := Judge(ctx, test, test, Baselines(1), cfg); err == nil || !strings.Contains(err.Error(), "want one for validation") {
		t.Errorf("calibrated on what judges: %v", err)
	}
	if _, err := Judge(ctx, validation, validation, Baselines(1), cfg); err == nil || !strings.Contains(err.Error(), "want one for test") {
		t.Errorf("judged by what calibrates: %v", err)
	}
	if _, err := Judge(ctx, nil, test, Baselines(1), cfg); err == nil {
		t.Error("no calibration is none")
	}
	if _, err := Judge(ctx, validation, test, Baselines(1), Config{}); err == nil || !strings.Contains(err.Error(), "looked at") {
		t.Errorf("a config of nothing: %v", err)
	}
	broken := errors.New("broken")
	bad := Entry{Name: "bad", New: func(mesh.Timing) (Forecaster, error) { return failing{broken}, nil }}
	if _, err := Judge(ctx, validation, test, []Entry{bad}, cfg); !errors.Is(err, broken) || !strings.Contains(err.Error(), "bad") {
		t.Errorf("who fails: %v", err)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := Judge(cancelled, validation, test, Baselines(1), cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Forecast([]Forecast, *features.Frame) error { return f.err }

// TestMisplace: by labels of other endpoints and later nobody has skill, but
// one who was told them.
func TestMisplace(t *testing.T) {
	ctx := context.Background()
	validation, test := []Source{lab("lab-validation")}, []Source{lab("lab-test")}
	cfg := DefaultConfig(24 * time.Second)
	cfg.Resamples = 200
	if _, err := Misplace(ctx, validation, test, Baselines(1), cfg, 5); err != nil {
		t.Errorf("baselines: %v", err)
	}
	told := map[string][]train.Incident{}
	for _, s := range []Source{validation[0], test[0]} {
		rec, err := s.Open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		timing, _ := cfg.Look(rec)
		list, err := train.Incidents(ctx, rec, timing, train.DefaultConfig())
		if err = errors.Join(err, rec.Close()); err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			for _, f := range i.Failures {
				told[i.Service+"/"+f.Endpoint] = append(told[i.Service+"/"+f.Endpoint], train.Incident{Start: f.Start})
			}
		}
	}
	cheat := Entry{Name: "cheat", Probability: true, New: func(timing mesh.Timing) (Forecaster, error) {
		return function(func(f *features.Frame, i int) float64 {
			n := len(f.Endpoints)
			for _, incident := range told[f.Service+"/"+f.Endpoints[(i+n-1)%n].Name] {
				if ahead := incident.Start.Sub(f.Time) - 5*timing.Horizon; ahead > 0 && ahead <= timing.Horizon {
					return 0.95
				}
			}
			return math.SmallestNonzeroFloat64
		}), nil
	}}
	if r, err := Misplace(ctx, validation, test, []Entry{cheat}, cfg, 5); !errors.Is(err, ErrLeak) || r == nil {
		t.Errorf("who was told the labels: %v", err)
	}
}
