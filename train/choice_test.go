package train

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestBestChoice(t *testing.T) {
	nan := math.NaN()
	o := mesh.Objective{Deadline: time.Second, ErrorCost: 1}
	seen := func(requests, mean, errors float64) Seen {
		return Seen{Requests: requests, Mean: mean, ErrorRatio: errors}
	}
	for _, c := range []struct {
		name     string
		after    []Seen
		ok       bool
		low, upp []float64 // bounds of the targets
	}{
		{"clear", []Seen{seen(1000, 0.1, 0), seen(1000, 0.2, 0)}, true, []float64{0.99, 0}, []float64{1, 0.01}},
		{"alike", []Seen{seen(1000, 0.1, 0), seen(1000, 0.1, 0)}, true, []float64{0.35, 0.35}, []float64{0.65, 0.65}},
		{"few requests are doubt", []Seen{seen(4, 0.1, 0), seen(4, 0.15, 0)}, true, []float64{0.5, 0.2}, []float64{0.8, 0.5}},
		{"errors cost the deadline", []Seen{seen(1000, 0.1, 0.5), seen(1000, 0.3, 0)}, true, []float64{0, 0.99}, []float64{0.01, 1}},
		{"unknown is no candidate", []Seen{seen(1000, 0.1, 0), seen(nan, nan, nan), seen(1000, 0.5, 0)}, true, []float64{0.99, -1, 0}, []float64{1, -1, 0.01}},
		{"only failures have no latency", []Seen{seen(100, nan, 1), seen(1000, 0.5, 0)}, true, []float64{0, 0.99}, []float64{0.01, 1}},
		{"one is no choice", []Seen{seen(1000, 0.1, 0), seen(0, nan, nan)}, false, nil, nil},
	} {
		dst := make([]float32, len(c.after))
		ok := bestChoice(dst, &Moment{After: c.after}, o, seeded(1))
		if ok != c.ok {
			t.Errorf("%s: choice %v; want %v", c.name, ok, c.ok)
			continue
		}
		for i := range c.low {
			if v := float64(dst[i]); v < c.low[i] || v > c.upp[i] {
				t.Errorf("%s: endpoint %d is the best with probability %v; want %v to %v", c.name, i, v, c.low[i], c.upp[i])
			}
		}
	}
}

func TestShareVariation(t *testing.T) {
	varied := world{service: "s", endpoints: 4, moments: 300, seed: 1}.set()
	if v := shareVariation(varied, "s"); !(v > 0.2) {
		t.Errorf("shares that vary at random: %v", v)
	}
	fixed := world{service: "s", endpoints: 4, moments: 300, seed: 1, fixed: true}.set()
	if v := shareVariation(fixed, "s"); !(v < leastVariation) {
		t.Errorf("equal shares: %v", v)
	}
	// Requests that are drawn one by one by fixed weights vary by chance.
	random := seeded(2)
	for i := range fixed.Histories[0].Moments {
		m := &fixed.Histories[0].Moments[i]
		counts := make([]float64, len(m.After))
		for range 200 {
			counts[random.IntN(len(counts))]++
		}
		for k := range m.After {
			m.After[k].Requests = counts[k]
		}
	}
	if v := shareVariation(fixed, "s"); !(v < leastVariation) {
		t.Errorf("shares that vary by chance alone: %v", v)
	}
}

func TestMeasure(t *testing.T) {
	nan := float32(math.NaN())
	for _, c := range []struct {
		name     string
		values   []float32
		constant bool
		known    int
	}{
		{"varied", []float32{1, 2, nan, 3, 100}, false, 4},
		{"constant", []float32{7, 7, nan, 7}, true, 3},
		{"absent", []float32{nan, nan}, true, 0},
		{"almost always the same", []float32{0, 0, 0, 0, 0, 0, 0, 1}, false, 8},
	} {
		got := measure(c.values)
		if got.constant != c.constant || got.known != c.known || !(got.scale > 0) {
			t.Errorf("%s: %+v", c.name, got)
		}
		for _, v := range c.values {
			if z := math.Abs(float64(v)-got.center) / got.scale; z > 8.000001 {
				t.Errorf("%s: %v is %v scales out, beyond the clip", c.name, v, z)
			}
		}
	}
}
