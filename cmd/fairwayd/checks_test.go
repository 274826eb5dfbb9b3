package main

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/model"
)

// accepting listens at an address and hangs up on whoever comes.
func accepting(t testing.TB, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close() })
	return l
}

// checkedShop are rules of endpoints that are asked over TCP, and of one without
// an address.
func checkedShop(addresses ...net.Listener) string {
	rules := "services:\n  - name: shop\n    health: {checks: [{tcp: {}}], interval: 300ms, timeout: 300ms, rise: 1, fall: 2}\n    endpoints:\n"
	for i, l := range addresses {
		rules += fmt.Sprintf("      - {name: %c, address: %q}\n", 'a'+i, l.Addr())
	}
	return rules + "      - {name: unknown}\n"
}

// weight is that of an endpoint in a decision.
func weight(d *fairwayv1.Decision, endpoint string) float64 {
	for _, w := range d.Weights {
		if w.Endpoint == endpoint {
			return w.Weight
		}
	}
	return -1
}

// TestChecksEject: without any metrics, an endpoint that stops to listen gets
// nothing, the others its part; and it comes back when it listens again.
func TestChecksEject(t *testing.T) {
	a, b, c := accepting(t, porttest.Address(t)), accepting(t, porttest.Address(t)), accepting(t, porttest.Address(t))
	p := start(t, "--rules", write(t, "rules.yaml", checkedShop(a, b, c)))
	state := func(endpoint, state string) func(*fairwayv1.Decision) bool {
		line := fmt.Sprintf(`fairway_endpoint_health{endpoint=%q,service="shop",state=%q} 1`, endpoint, state)
		return func(*fairwayv1.Decision) bool {
			_, page := p.get(t, "/metrics")
			return strings.Contains(page, line)
		}
	}
	p.until(t, "healthy", state("b", "healthy"))
	p.until(t, "unknown, without an address", state("unknown", "unknown"))
	b.Close()
	p.until(t, "without b", func(d *fairwayv1.Decision) bool { return weight(d, "b") == 0 && weight(d, "a") > 0.3 })
	if !state("b", "unhealthy")(nil) {
		t.Error("b gets nothing, and /metrics does not call it unhealthy")
	}
	e, err := p.client.Explain(t.Context(), &fairwayv1.DecideRequest{Service: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if h := e.Endpoints[1].Health; h.GetState() != "unhealthy" || !strings.Contains(h.GetReason(), "only 0/1 checks passed") || !strings.Contains(h.GetReason(), "refused") {
		t.Errorf("b is explained as %v", h)
	}
	accepting(t, b.Addr().String())
	p.until(t, "with b", func(d *fairwayv1.Decision) bool { return weight(d, "b") > 0 })
	if !strings.Contains(p.log.String(), "endpoints without an address are not checked") {
		t.Error("the log does not name the endpoint that has no address")
	}
}

// TestChecksBesideMetrics: the metrics go on to praise an endpoint whose address,
// of the rules, answers nobody.
func TestChecksBesideMetrics(t *testing.T) {
	a, b := accepting(t, porttest.Address(t)), accepting(t, porttest.Address(t))
	b.Close()
	rules := strings.Replace(checkedShop(a, b), "      - {name: unknown}\n", "", 1)
	p := start(t, "--recording", recording(t), "--schema", write(t, "tiny.yaml", tiny), "--speed", "10", "--rules", write(t, "rules.yaml", rules))
	p.until(t, "without b", func(d *fairwayv1.Decision) bool { return weight(d, "b") == 0 && d.DecidedAt != nil })
}

// forecasting is persistence that expects every endpoint to fail within its
// horizon with a probability of one half.
func forecasting(t testing.TB) (path string) {
	t.Helper()
	path = persistence(t)
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	m.Failure = &model.Hazard{
		Columns: []string{"missing_ratio"}, Scaler: m.Routing.Scaler, BaseRate: 0.01, Bins: []time.Duration{m.Timing.Horizon},
		Layers:      []model.Layer{{In: 1, Out: 1, W: []float32{0}, B: []float32{0}}},
		Calibration: model.Calibration{X: []float64{0, 1}, Y: []float64{0, 1}, Low: []float64{0, 0.9}, High: []float64{0.1, 1}},
	}
	if err := model.Save(path, m); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestForecasts are answered and exported, with the model's horizon; and a
// forecast that is the same for all endpoints drains none.
func TestForecasts(t *testing.T) {
	p := start(t, "--recording", recording(t), "--model", forecasting(t), "--speed", "20", "--hold-out", "5%")
	p.first(t, func(d *fairwayv1.Decision) bool { return d.Source == fairwayv1.Decision_MODEL })
	got, err := p.client.Forecast(t.Context(), &fairwayv1.ForecastRequest{Services: []string{"shop"}})
	if err != nil || len(got.Forecasts) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	f := got.Forecasts[0]
	if f.Endpoint != "a" || f.FailureProbability != 0.5 || f.Horizon.AsDuration() != 5*time.Second || f.Low != 0.45 || f.Confidence <= 0 || f.Drain != nil {
		t.Errorf("got %v", f)
	}
	at := f.AsOf.AsTime()
	if p10, p90 := f.PredictedTime.GetP10().AsTime(), f.PredictedTime.GetP90().AsTime(); p10.Before(at) || !p90.After(p10) || p90.After(at.Add(5*time.Second)) {
		t.Errorf("predicted between %v and %v at %v", p10, p90, at)
	}
	_, page := p.get(t, "/metrics")
	for _, line := range []string{
		`fairway_failure_probability{endpoint="a",service="shop"} 0.5`,
		`fairway_failure_probability{endpoint="b",service="shop"} 0.5`,
		`fairway_endpoint_drained{endpoint="a",service="shop"} 0`,
		`fairway_drained_endpoints{service="shop"} 0`,
		`fairway_endpoint_health{endpoint="a",service="shop",state="degraded"} 1`,
	} {
		if !strings.Contains(page, line) {
			t.Errorf("/metrics has no %s", line)
		}
	}
}

// TestForecastPaced: a model that only forecasts, and learned from windows ten times
// as short, forecasts as many steps of the recording.
func TestForecastPaced(t *testing.T) {
	path := forecasting(t)
	m, err := model.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	m.Routing = nil
	m.Timing.Step, m.Timing.Range, m.Timing.Delay, m.Timing.Horizon = 100*time.Millisecond, 300*time.Millisecond, 100*time.Millisecond, 500*time.Millisecond
	m.Failure.Bins = []time.Duration{m.Timing.Horizon}
	if err := model.Save(path, m); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--recording", recording(t), "--model", path, "--speed", "20")
	p.first(t, func(d *fairwayv1.Decision) bool { return d.DecidedAt != nil })
	got, err := p.client.Forecast(t.Context(), &fairwayv1.ForecastRequest{Services: []string{"shop"}})
	if err != nil || len(got.Forecasts) != 2 {
		t.Fatalf("got %v, %v", got, err)
	}
	f := got.Forecasts[0]
	if p90 := f.PredictedTime.GetP90().AsTime().Sub(f.AsOf.AsTime()); f.Horizon.AsDuration() != 5*time.Second || p90 < time.Second || p90 > 5*time.Second {
		t.Errorf("horizon %v, 90 %% after %v; want 5 steps of 1 s, and a time within them", f.Horizon.AsDuration(), p90)
	}
}
