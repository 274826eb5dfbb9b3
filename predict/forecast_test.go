package predict

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func logit(p float64) float32 { return float32(math.Log(p / (1 - p))) }

func seconds(s ...int) []time.Duration {
	var d []time.Duration
	for _, v := range s {
		d = append(d, time.Duration(v)*time.Second)
	}
	return d
}

// quantile is one of quantiles.
func quantile(bins []time.Duration, logits []float32, q float64) float64 {
	return quantiles(bins, logits, [3]float64{q, q, q})[1]
}

func TestForecastByHand(t *testing.T) {
	// 0.2 fail in the first bin, 0.5 of the others in the second: 0.6 in all,
	// a third of them before 10 s.
	h := &model.Hazard{Bins: seconds(10, 30), BaseRate: 0.05,
		Calibration: model.Calibration{X: []float64{0.5, 0.7}, Y: []float64{0.4, 0.6}, Low: []float64{0.3, 0.5}, High: []float64{0.5, 0.8}}}
	logits := []float32{logit(0.2), logit(0.5)}
	got := failure(h, h.TimeLevels(), logits, 50, 0.25)
	want := Failure{Probability: 0.5, Low: 0.4, High: 0.65, Confidence: 0.75 * 0.75, Likely: true,
		Time: [3]float64{3, 10 + 20*(0.5-1./3)/(2./3), 10 + 20*(0.9-1./3)/(2./3)}}
	if diff := cmp.Diff(want, got, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}

	unseen := failure(h, h.TimeLevels(), logits, 50, math.NaN())
	if unseen.Confidence != 0 {
		t.Errorf("confidence %v although nothing was seen", unseen.Confidence)
	}

	h.Calibration = model.Calibration{}
	got = failure(h, h.TimeLevels(), logits, 50, 0)
	if math.Abs(got.Probability-0.6) > 1e-6 || got.Low != 0 || got.High != 1 || got.Confidence != 0 {
		t.Errorf("without calibration: %+v; want the network's word, and no confidence in it", got)
	}

	rare := failure(h, h.TimeLevels(), []float32{logit(1e-4), logit(1e-4)}, 50, 0)
	if rare.Likely || !math.IsNaN(rare.Time[0]) || !math.IsNaN(rare.Time[2]) {
		t.Errorf("%+v: want no time of what is not likely", rare)
	}
}

func TestCalibratedBetweenAndBeyondKnots(t *testing.T) {
	c := &model.Calibration{X: []float64{0.2, 0.4}, Y: []float64{0.1, 0.3}, Low: []float64{0, 0.1}, High: []float64{0.2, 0.6}}
	for _, test := range [][4]float64{{0, 0.1, 0, 0.2}, {0.2, 0.1, 0, 0.2}, {0.3, 0.2, 0.05, 0.4}, {0.4, 0.3, 0.1, 0.6}, {1, 0.3, 0.1, 0.6}} {
		y, low, high := calibrated(c, test[0])
		if diff := cmp.Diff(test, [4]float64{test[0], y, low, high}, cmpopts.EquateApprox(1e-12, 0)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestLikely(t *testing.T) {
	for rate, want := range map[float64]float64{0: 0.1, 0.001: 0.02, 0.01: 0.05, 0.02: 0.1, 0.5: 0.1} {
		if got := likely(rate); got != want {
			t.Errorf("base rate %v: likely from %v; want %v", rate, got, want)
		}
	}
}

// TestTimesAreInOrder: whatever the logits, extreme ones among them, the
// quantiles increase within the horizon.
func TestTimesAreInOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 13))
	bins := seconds(2, 5, 10, 20, 30)
	for range 5000 {
		logits := make([]float32, len(bins))
		for i := range logits {
			logits[i] = float32(rng.NormFloat64() * math.Pow(10, 4*rng.Float64()-1))
		}
		all := quantiles(bins, logits, [3]float64{0.1, 0.5, 0.9})
		a, b, c := all[0], all[1], all[2]
		if !(0 <= a && a <= b && b <= c && c <= 30+1e-9) {
			t.Fatalf("%v: %v, %v, %v", logits, a, b, c)
		}
		if p := within(logits); !(p >= 0 && p <= 1) {
			t.Fatalf("%v: %v", logits, p)
		}
	}
}

// TestForecastStretches: what looks three times as far ahead fails three times
// as late, and no less surely.
func TestForecastStretches(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	m := trained(rng, model.Outcome)
	m.Failure.BaseRate = 0 // a time is told from 0.1 on
	last := &m.Failure.Layers[len(m.Failure.Layers)-1]
	for i := range last.B {
		last.B[i] = 2
	}
	p, f := compile(t, m), frame(rng, 3)
	near, far := make([]Failure, 3), make([]Failure, 3)
	if err := p.Forecast(near, f); err != nil {
		t.Fatal(err)
	}
	f.Horizon = 3 * m.Timing.Horizon.Seconds()
	if err := p.Forecast(far, f); err != nil {
		t.Fatal(err)
	}
	for i := range near {
		if near[i].Probability != far[i].Probability {
			t.Errorf("probability %v and %v", near[i].Probability, far[i].Probability)
		}
		for k, at := range near[i].Time {
			if !(math.Abs(far[i].Time[k]-3*at) < 1e-9*at) {
				t.Errorf("quantile %d at %v and %v s", k, at, far[i].Time[k])
			}
		}
	}
}

// TestClassesByRequests: each endpoint is calibrated as those with its traffic.
func TestClassesByRequests(t *testing.T) {
	always := func(y float64) model.Calibration {
		return model.Calibration{X: []float64{0.5}, Y: []float64{y}, Low: []float64{y}, High: []float64{y}}
	}
	h := &model.Hazard{Bins: seconds(10), Calibration: always(0.5), Classes: []model.Class{{Requests: 0, Calibration: always(0.2)}, {Requests: 100, Calibration: always(0.7)}}}
	for requests, want := range map[float64]float64{0: 0.2, 99.9: 0.2, 100: 0.7, 1e6: 0.7} {
		if got := failure(h, h.TimeLevels(), []float32{0}, requests, 0).Probability; got != want {
			t.Errorf("%v requests: %v, want %v", requests, got, want)
		}
	}
	if got := failure(h, h.TimeLevels(), []float32{0}, math.NaN(), 0).Probability; got != 0.5 {
		t.Errorf("unknown requests: %v, want the pooled 0.5", got)
	}
}

// TestElapsedIsTheQuantilesInverse within the bins.
func TestElapsedIsTheQuantilesInverse(t *testing.T) {
	bins := seconds(10, 30)
	logits := []float32{logit(0.2), logit(0.5)} // a third of 0.6 before 10 s
	for after, want := range map[time.Duration]float64{0: 0, 5 * time.Second: 1. / 6, 10 * time.Second: 1. / 3, 20 * time.Second: 2. / 3, 30 * time.Second: 1, time.Minute: 1} {
		got := Elapsed(bins, logits, after)
		if math.Abs(got-want) > 1e-6 {
			t.Errorf("after %v: %v, want %v", after, got, want)
		}
		if back := quantile(bins, logits, got); after <= 30*time.Second && math.Abs(back-after.Seconds()) > 1e-4 {
			t.Errorf("the quantile %v is %v, want %v", got, back, after)
		}
	}
}
