package foresight

import (
	"errors"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
)

func wavy(k int) float64 { return 0.1 * (1 + 0.3*math.Sin(float64(k))) }

var timing = mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: time.Minute}

func TestCausal(t *testing.T) {
	list := windows(60, func(k int) float64 { return 0.01 * float64(k%4) }, wavy)
	if err := Causal(list, timing, []int{10, 30, 59}, Extracted(config()), Baselines(1)); err != nil {
		t.Errorf("the extractor and the baselines: %v", err)
	}
}

// TestCausalFindsAShift: one feature that comes a window too early is found,
// and named.
func TestCausalFindsAShift(t *testing.T) {
	list := windows(60, func(k int) float64 { return 0.01 * float64(k%4) }, wavy)
	err := Causal(list, timing, []int{30}, shifted(Extracted(config()), "log_latency_p99"), nil)
	if !errors.Is(err, ErrLeak) || !strings.Contains(err.Error(), "log_latency_p99") {
		t.Errorf("a shifted feature: %v", err)
	}
}

// shifted takes one feature from the next frame.
func shifted(frames Frames, name string) Frames {
	return func(windows iter.Seq2[mesh.Window, error]) iter.Seq2[*features.Frame, error] {
		return func(yield func(*features.Frame, error) bool) {
			var held *features.Frame
			for f, err := range frames(windows) {
				if err != nil {
					yield(nil, err)
					return
				}
				f = f.Clone()
				if held != nil {
					c := f.Column(name)
					for i := range held.Endpoints {
						held.Row(i)[c] = f.Row(i)[c]
					}
					if !yield(held, nil) {
						return
					}
				}
				held = f
			}
			if held != nil {
				yield(held, nil)
			}
		}
	}
}

// TestCausalFindsAForecaster that was shown the recording before.
func TestCausalFindsAForecaster(t *testing.T) {
	list := windows(60, constant(0), wavy)
	first := true
	cheat := Entry{Name: "cheat", New: func(mesh.Timing) (Forecaster, error) {
		knows := 0.2
		if first { // the recording as it is
			knows = list[40].Values[2]
		}
		first = false
		return function(func(*features.Frame, int) float64 { return knows }), nil
	}}
	err := Causal(list, timing, []int{30}, Extracted(config()), []Entry{cheat})
	if !errors.Is(err, ErrLeak) || !strings.Contains(err.Error(), "cheat") {
		t.Errorf("a forecaster that knows the future: %v", err)
	}
}
