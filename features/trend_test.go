package features_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

func TestPeers(t *testing.T) {
	x := features.New(features.DefaultConfig())
	f := push(t, x, window(everything, 0, healthy(50).but(mesh.LatencyMean, 0.080), healthy(50), healthy(50).but(mesh.LatencyMean, 0.040)))
	for i, want := range []float64{math.Log(0.080) - (math.Log(0.020)+math.Log(0.040))/2, math.Log(0.020) - (math.Log(0.080)+math.Log(0.040))/2, 0} {
		if got := value(t, f, i, "latency_vs_peers"); math.Abs(got-want) > 1e-6 {
			t.Errorf("endpoint %d: latency_vs_peers is %v, want %v", i, got, want)
		}
	}
	alone := push(t, features.New(features.DefaultConfig()), window(everything, 0, healthy(50)))
	for _, column := range []string{"latency_vs_peers", "error_vs_peers", "in_flight_vs_peers", "peers_failing"} {
		if got := value(t, alone, 0, column); got != 0 {
			t.Errorf("one endpoint only: %s is %v, want 0", column, got)
		}
	}
}

// TestTrend lets the latency grow steadily towards the limit.
func TestTrend(t *testing.T) {
	cfg := features.DefaultConfig()
	cfg.Objective.MaxLatency = time.Second
	x := features.New(cfg)
	var f *features.Frame
	p99 := 0.060
	for k := range 64 {
		if k >= 30 {
			p99 *= 1.08
		}
		f = push(t, x, window(everything, k, healthy(50).but(mesh.LatencyP99, p99).but(mesh.LatencyMean, p99/3), healthy(50)))
		if got := value(t, f, 0, "crossing_latency"); k <= 50 && got > 0.1 { // six windows later p99 is 0.48 s
			t.Errorf("window %d: crossing_latency is %v while p99 is %v", k, got, p99)
		}
	}
	if got, want := value(t, f, 0, "latency_trend"), math.Log(1.08)*12; math.Abs(got-want) > 0.1*want {
		t.Errorf("latency_trend is %v, want about %v", got, want)
	}
	// p99 is 0.82 s now, 1 s in three windows, and six are looked ahead.
	if got := value(t, f, 0, "crossing_latency"); got < 0.9 {
		t.Errorf("crossing_latency is %v while p99 is %v", got, p99)
	}
	if got := value(t, f, 1, "crossing_latency"); got != 0 {
		t.Errorf("crossing_latency of the steady one is %v", got)
	}
	// A gap of ten steps: the trend is gone, the level is not.
	f = push(t, x, window(everything, 74, healthy(50).but(mesh.LatencyP99, p99).but(mesh.LatencyMean, p99/3), healthy(50)))
	if got := value(t, f, 0, "latency_trend"); got != 0 {
		t.Errorf("after a gap latency_trend is %v, want 0", got)
	}
	if got := value(t, f, 0, "latency_vs_past"); got < 0.5 {
		t.Errorf("after a gap latency_vs_past is %v: the past is lost", got)
	}
}

func TestAnomaly(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	x := features.New(features.DefaultConfig())
	var f *features.Frame
	k, loud := 0, 0
	for ; k < 300; k++ {
		f = push(t, x, window(everything, k, noisy(r), noisy(r)))
		if value(t, f, 0, "anomaly_score") > 0.5 {
			loud++
		}
	}
	if loud > 5 {
		t.Errorf("%d of 300 windows of mere noise score above 0.5", loud)
	}
	for range 3 {
		slow := noisy(r)
		for _, s := range []string{mesh.LatencyMean, mesh.LatencyP50, mesh.LatencyP90, mesh.LatencyP99, mesh.InFlight} {
			slow[s] *= 20
		}
		f = push(t, x, window(everything, k, slow, noisy(r)))
		k++
	}
	if a := f.Anomalies[0]; a.Score < 0.8 || len(a.Top) != 3 || !strings.HasPrefix(a.Top[0].Series, "latency_") || a.Top[0].Surprise < a.Top[1].Surprise {
		t.Errorf("20 times slower gives %+v", a)
	}
	if got, want := value(t, f, 0, "anomaly_score"), f.Anomalies[0].Score; math.Abs(got-want) > 1e-6 {
		t.Errorf("column %v, anomaly %v", got, want)
	}
	if a := f.Anomalies[1]; a.Score > 0.5 {
		t.Errorf("the other endpoint gives %+v", a)
	}
	for range 3 {
		f = push(t, x, window(everything, k, noisy(r), noisy(r)))
		k++
	}
	if got := value(t, f, 0, "anomaly_max"); got < 0.8 {
		t.Errorf("three windows later anomaly_max is %v", got)
	}
}
