package sim

import (
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
)

// foreseen is a forecast made by hand, of some endpoints at a time.
type foreseen func(t time.Duration, endpoint string) (low float64)

func (foreseen) Horizon() time.Duration { return time.Minute }

func (p foreseen) Forecast(dst []predict.Failure, f *features.Frame) error {
	for i, e := range f.Endpoints {
		low := p(f.Time.Sub(instantOf(0)), e.Name)
		dst[i] = predict.Failure{Probability: low, Low: low, High: 1, Likely: low > 0.1, Time: [3]float64{20, 40, 55}}
	}
	return nil
}

// crashes is a scenario of its own, none of the built-in ones: of eight endpoints
// one crashes at 100 s for 20 s, and at 200 s another one.
func crashes(t *testing.T) *Scenario {
	t.Helper()
	const text = `
name: foreseen crashes
about: two of eight endpoints crash in turn.
source: ours
warm_up: 40s
duration: 300s
arrivals: {load: 0.5}
work: {mean: 10ms}
proxies: {count: 2}
endpoints:
  - {count: 8, workers: 2}
metrics: {scrape: 5s, step: 5s, range: 10s, delay: 2s}
events:
  - {kind: crash, at: 100s, for: 20s, select: {index: [2]}}
  - {kind: crash, at: 200s, for: 20s, select: {index: [5]}}
`
	scenarios, err := Parse("crashes.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return scenarios[0]
}

// driven is what fairway does around a policy, on a forecast: nil is none.
func driven(t *testing.T, f router.Forecaster) router.Strategy {
	t.Helper()
	s, err := router.StrategyNamed("round_robin/weighted", nil, nil, router.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	cfg := router.DefaultConfig()
	s.Policy = router.Limit(router.Eject(s.Policy, f, cfg), cfg)
	return s
}

// TestDrainSavesRequests: forecasts that are right 45 s ahead save most of the
// requests that fail until a crash is seen in the metrics; as many in vain cost no
// request and little time; what is forecast for all endpoints changes nothing.
func TestDrainSavesRequests(t *testing.T) {
	s := crashes(t)
	first, second := s.Endpoints()[2].Name, s.Endpoints()[5].Name
	right := foreseen(func(t time.Duration, endpoint string) float64 {
		soon := func(at time.Duration) bool { return t >= at-45*time.Second && t < at+20*time.Second }
		if endpoint == first && soon(100*time.Second) || endpoint == second && soon(200*time.Second) {
			return 0.8
		}
		return 0.02
	})
	other := s.Endpoints()[7].Name
	vain := foreseen(func(t time.Duration, endpoint string) float64 {
		if endpoint == other && t > 50*time.Second {
			return 0.8
		}
		return 0.02
	})
	wolf := foreseen(func(t time.Duration, _ string) float64 {
		if t > 50*time.Second {
			return 0.8
		}
		return 0
	})
	none := runOne(t, s, 1, driven(t, nil))
	drained, inVain, cried := runOne(t, s, 1, driven(t, right)), runOne(t, s, 1, driven(t, vain)), runOne(t, s, 1, driven(t, wolf))
	t.Logf("failed without a forecast %d of %d, drained %d, in vain %d, wolf %d; mean %.2f, %.2f, %.2f ms",
		none.Failed, none.Requests, drained.Failed, inVain.Failed, cried.Failed, 1e3*none.Mean, 1e3*drained.Mean, 1e3*inVain.Mean)
	if none.Failed < 20 || drained.Failed > none.Failed/4 {
		t.Errorf("%d failed without a forecast and %d with; want a quarter at most", none.Failed, drained.Failed)
	}
	if float64(inVain.Failed) > 1.2*float64(none.Failed) || inVain.Mean > 1.1*none.Mean {
		t.Errorf("in vain: %d failed, mean %v s; without a forecast %d and %v s", inVain.Failed, inVain.Mean, none.Failed, none.Mean)
	}
	if cried.Failed != none.Failed || cried.Mean != none.Mean || cried.Churn != none.Churn {
		t.Errorf("cried wolf: %d failed, mean %v s; without a forecast %d and %v s", cried.Failed, cried.Mean, none.Failed, none.Mean)
	}
}

// TestFlappingForecast: one that comes and goes at each decision moves the weights
// no more than one that stays.
func TestFlappingForecast(t *testing.T) {
	s := crashes(t)
	s.Events = nil
	name := s.Endpoints()[3].Name
	churn := func(period time.Duration) float64 {
		return runOne(t, s, 1, driven(t, foreseen(func(t time.Duration, endpoint string) float64 {
			if endpoint == name && t > 60*time.Second && t%period < 5*time.Second {
				return 0.8
			}
			return 0.02
		}))).Churn
	}
	stays, flaps := churn(5*time.Second), churn(10*time.Second)
	t.Logf("churn %.4f per minute where it stays, %.4f where it flaps", stays, flaps)
	if stays <= 0 || flaps > stays {
		t.Errorf("churn %v per minute; want at most %v", flaps, stays)
	}
}
