package predict

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/features"
)

func TestOriginFailure(t *testing.T) {
	for _, c := range []struct {
		anomalies   int
		slope, want float64
	}{{0, 0, 0}, {3, 0, 0.3}, {3, 0.5, 0.3}, {3, -0.25, 0.55}, {12, 0, 1}, {5, -0.9, 1}} {
		if got := originFailure(c.anomalies, c.slope); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%d anomalies, slope %v: %v, want %v", c.anomalies, c.slope, got, c.want)
		}
	}
}

func TestOriginForecast(t *testing.T) {
	f := frame(rand.New(rand.NewPCG(3, 3)), 2)
	f.Step = 5
	f.Anomalies = []features.Anomaly{{Top: []features.Contribution{{Series: "a", Surprise: 4}, {Series: "b", Surprise: 2}, {Series: "c", Surprise: 1.5}}}, {}}
	for i := range 2 {
		set(f, i, "error_ratio", 0.5)
		set(f, i, "error_trend", 0)
	}
	set(f, 1, "error_trend", 1.2) // asin √ of the ratio rises by 0.1 a window: the ratio by about 0.1
	got := make([]float64, 2)
	if err := OriginForecast(got, f); err != nil || math.Abs(got[0]-0.2) > 1e-6 || math.Abs(got[1]-0.1) > 1e-6 {
		t.Errorf("%v: %v, want 0.2 and 0.1", err, got)
	}
	set(f, 1, "error_trend", nan32)
	if err := OriginForecast(got, f); err != nil || got[1] != 0 {
		t.Errorf("%v: %v of an unknown trend", err, got[1])
	}
	if err := OriginForecast(got[:1], f); err == nil {
		t.Error("room for one forecast of two was taken")
	}
	f.Names = []string{"x"}
	if err := OriginForecast(got, f); !errors.Is(err, ErrSchema) {
		t.Errorf("error %v, want ErrSchema", err)
	}
}
