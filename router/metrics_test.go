package router

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := NewMetrics(registry)
	list := six()
	list[0] = list[0].down()
	d := decide(t, Eject(Fallback(Learned(nil, nil, DefaultConfig()), RoundRobin()), nil, DefaultConfig()), frame(0, list...))
	m.Count(&d)
	m.Count(&d)
	d.Drains[3].Part = 0.5
	m.Count(&d)
	want := `
# HELP fairway_drained_endpoints Endpoints from which a forecast takes weight, by service.
# TYPE fairway_drained_endpoints gauge
fairway_drained_endpoints{service="checkout"} 1
# HELP fairway_ejected_endpoints Endpoints that get no traffic, by service.
# TYPE fairway_ejected_endpoints gauge
fairway_ejected_endpoints{service="checkout"} 1
# HELP fairway_window_decisions_total Decisions on windows, by who set the weights and why the policy asked first declined.
# TYPE fairway_window_decisions_total counter
fairway_window_decisions_total{reason="no_model",source="RULES"} 3
`
	if err := testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	cfg := DefaultConfig()
	cfg.StaleAfter, cfg.WarmUp, cfg.MinLoad, cfg.FailureThreshold = -1, -1, -1, 2
	cfg.ErrorThreshold, cfg.PanicThreshold, cfg.BaseEjection, cfg.MaxEjection = nan, 2, 0, -1
	cfg.SlowStart, cfg.TTL, cfg.HoldOut = -1, 0, 1.5
	if err := cfg.Validate(); err == nil || strings.Count(err.Error(), "\n") != 10 {
		t.Errorf("want eleven complaints, got %v", err)
	}
}
