package sim

import (
	"math"
	"os"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
)

// cautious is a model of the lab schema that knows nothing of the scenario and
// corrects the formula of the queue for all endpoints alike, downwards: what there
// is of learned before any training.
func cautious(s *Scenario) *model.Model {
	bias := make([]float32, model.OutcomeOutputs)
	for k := range 5 { // those of the queue and its level
		bias[k] = -1
	}
	return &model.Model{
		Format: model.Format, Name: "cautious", Schema: *labSchema(), Objective: mesh.DefaultObjective(),
		Timing: mesh.Timing{Step: s.Metrics.Step, Range: s.Metrics.Range, Delay: s.Metrics.Delay, Horizon: 3 * s.Metrics.Range},
		Routing: &model.Network{
			Kind: model.Outcome, Columns: []string{"error_recent"}, Bounds: model.DefaultBounds(),
			Scaler: model.Scaler{Center: []float32{0}, Scale: []float32{1}, Impute: []float32{0}, Low: []float32{0}, High: []float32{1}},
			Layers: []model.Layer{{In: 1, Out: model.OutcomeOutputs, W: make([]float32, model.OutcomeOutputs), B: bias}},
		},
	}
}

// TestStability: by number of proxies and age of the metrics, on endpoints that
// differ and on such as do not, where knowing them is worth nothing: weights
// that follow the metrics are never worse than those by capacity alone, drawn by
// the same picker, by more than 2 %; and they move no more at the end of the run
// than in its middle, on old metrics next to nothing.
func TestStability(t *testing.T) {
	if slowdown > 1 {
		t.Skip("means of fewer requests say nothing")
	}
	const file = "testdata/stability.yaml"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	scenarios, err := Parse(file, text)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			base := averaged(t, s, "capacity/weighted")
			for _, name := range []string{"queueing/weighted", "learned/weighted"} {
				got := averaged(t, s, name)
				t.Logf("%s: mean %.4f s, %.3f of capacity's; %.2f moved per minute, %.4f per slot in the middle, %.4f at the end", name, got.mean, got.mean/base.mean, got.churn, got.early, got.late)
				if got.mean > 1.02*base.mean {
					t.Errorf("%s: mean %v s; capacity has %v", name, got.mean, base.mean)
				}
				if got.late > 1.25*got.early+0.002 {
					t.Errorf("%s: a slot moves %v of the traffic at the end, %v in the middle", name, got.late, got.early)
				}
				if old := s.Metrics.Scrape > 50*s.Work.Mean; old && got.churn > 1 {
					t.Errorf("%s: %v of the traffic moves per minute on metrics that are too old to follow", name, got.churn)
				}
			}
		})
	}
}

// average is what a strategy did in a scenario, over all seeds.
type average struct{ mean, churn, early, late float64 }

func averaged(t *testing.T, s *Scenario, name string) (a average) {
	t.Helper()
	n := float64(s.Seeds)
	for seed := range uint64(s.Seeds) {
		strategy, err := router.StrategyNamed(name, cautious(s), nil, router.DefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		res := runOne(t, s, seed+1, strategy)
		for reason, times := range res.Declined {
			if reason != string(router.WarmUp) {
				t.Errorf("%s declined %d times: %s", name, times, reason)
			}
		}
		a.mean, a.churn = a.mean+res.Mean/n, a.churn+res.Churn/n
		a.early, a.late = a.early+variation(res, 0.2, 0.6)/n, a.late+variation(res, 0.6, 1)/n
	}
	return a
}

// variation is the mean variation of the weights from one slot to the next, in a
// part of the run.
func variation(res *Result, from, to float64) (mean float64) {
	slots := res.Slots[int(from*float64(len(res.Slots))):int(to*float64(len(res.Slots)))]
	for k := range slots[1:] {
		for j, w := range slots[k].Weights {
			mean += math.Abs(slots[k+1].Weights[j]-w) / 2 / float64(len(slots)-1)
		}
	}
	return mean
}
