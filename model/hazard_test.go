package model

import (
	"reflect"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// TestPaced: a model that only forecasts says of other steps what it said of its
// own; one that routes is as it is, and neither is changed by asking.
func TestPaced(t *testing.T) {
	m := sample()
	own := mesh.Timing{Step: 3 * m.Timing.Step, Range: time.Minute, Delay: time.Second}
	if m.Paced(own) != m {
		t.Error("a model that routes is paced")
	}
	m.Routing = nil
	before := *m.Failure
	before.Bins = append([]time.Duration(nil), m.Failure.Bins...)
	paced := m.Paced(own)
	if got := paced.Timing; got.Step != own.Step || got.Range != own.Range || got.Horizon != 3*m.Timing.Horizon {
		t.Errorf("paced as %v; want three times the horizon of %v", got, m.Timing)
	}
	for i, edge := range m.Failure.Bins {
		if paced.Failure.Bins[i] != 3*edge {
			t.Errorf("bin %d ends at %v; want %v", i, paced.Failure.Bins[i], 3*edge)
		}
	}
	if paced.FeatureConfig().Horizon != paced.Timing.Horizon {
		t.Errorf("frames look %v ahead; want %v", paced.FeatureConfig().Horizon, paced.Timing.Horizon)
	}
	if err := paced.Validate(); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(before, *m.Failure) {
		t.Error("the model itself has changed")
	}
	if again := paced.Paced(own); !reflect.DeepEqual(again, paced) {
		t.Error("paced twice it is another")
	}
	if m.Paced(mesh.Timing{}) != m {
		t.Error("without a step it is paced")
	}
}
