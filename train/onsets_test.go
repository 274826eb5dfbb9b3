package train

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestBins(t *testing.T) {
	s := time.Second
	for _, c := range []struct {
		step, horizon time.Duration
		want          []time.Duration
	}{
		{5 * s, 30 * s, []time.Duration{5 * s, 10 * s, 15 * s, 20 * s, 30 * s}},
		{15 * s, 60 * s, []time.Duration{15 * s, 30 * s, 45 * s, 60 * s}},
		{15 * s, 1800 * s, []time.Duration{15 * s, 45 * s, 105 * s, 270 * s, 690 * s, 1800 * s}},
		{60 * s, 60 * s, []time.Duration{60 * s}},
		{60 * s, 30 * s, []time.Duration{30 * s}},
	} {
		got := binsOf(mesh.Timing{Step: c.step, Horizon: c.horizon})
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("step %v, horizon %v: %s", c.step, c.horizon, diff)
		}
	}
	bins := []time.Duration{5 * s, 10 * s, 20 * s}
	for _, c := range []struct {
		e    example
		want [3]float32
	}{
		{example{failed: true, after: 5 * s}, [3]float32{1, 1, 2}},
		{example{failed: true, after: 6 * s}, [3]float32{2, 1, 2}},
		{example{failed: true, after: 20 * s}, [3]float32{3, 1, 2}},
		{example{after: 20 * s}, [3]float32{3, 0, 2}},
		{example{after: 12 * s}, [3]float32{2, 0, 2}},
		{example{after: 0}, [3]float32{0, 0, 2}},
	} {
		if diff := cmp.Diff(c.want, c.e.binned(bins, 2)); diff != "" {
			t.Errorf("failed %v after %v: %s", c.e.failed, c.e.after, diff)
		}
	}
}
