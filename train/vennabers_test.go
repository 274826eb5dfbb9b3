package train

import (
	"math"
	"slices"
	"testing"
)

func TestVennAbers(t *testing.T) {
	random := seeded(1)
	var list []calibrating
	for range 40_000 { // says p, happens with p²
		p := random.Float64()
		list = append(list, calibrating{forecasted{p, random.Float64() < p*p}, 100})
	}
	c := vennAbers(list, 1)
	if !slices.IsSorted(c.X) || !slices.IsSorted(c.Y) || !slices.IsSorted(c.Low) || !slices.IsSorted(c.High) {
		t.Fatal("knots are not in order")
	}
	if len(c.X) < 100 || len(c.X) > knots {
		t.Errorf("%d knots", len(c.X))
	}
	for i := range c.X {
		if math.Abs(c.Y[i]-c.X[i]*c.X[i]) > 0.08 {
			t.Errorf("at %.3f: %.3f; want %.3f", c.X[i], c.Y[i], c.X[i]*c.X[i])
		}
		if !(c.Low[i] <= c.Y[i] && c.Y[i] <= c.High[i] && c.Y[i] > 0 && c.Y[i] < 1) {
			t.Errorf("at %.3f: %v in %v to %v", c.X[i], c.Y[i], c.Low[i], c.High[i])
		}
	}
	if wide := vennAbers(list, 100); widest(wide.High, wide.Low) <= widest(c.High, c.Low) {
		t.Error("a hundred decisions of one failure give as narrow an interval as a hundred failures")
	}
}

func widest(high, low []float64) (w float64) {
	for i := range high {
		w += high[i] - low[i]
	}
	return w
}

// TestVennAbersByHand: two groups, of which one of two and three of four failed.
func TestVennAbersByHand(t *testing.T) {
	say := func(p float64, failed ...bool) (list []calibrating) {
		for _, f := range failed {
			list = append(list, calibrating{forecasted{p, f}, 1})
		}
		return list
	}
	c := vennAbers(append(say(0.2, true, false), say(0.6, true, true, true, false)...), 1)
	// Had one more failed at 0.2, 2 of 3; had it not, 1 of 3. At 0.6 4 of 5, 3 of 5.
	want := [][3]float64{{1. / 3, 2. / 3 / (1 - 1./3 + 2./3), 2. / 3}, {3. / 5, 4. / 5 / (1 - 3./5 + 4./5), 4. / 5}}
	for i, w := range want {
		got := [3]float64{c.Low[i], c.Y[i], c.High[i]}
		for k := range w {
			if math.Abs(got[k]-w[k]) > 1e-12 {
				t.Errorf("group %d: %v, want %v", i, got, w)
			}
		}
	}
	// Against the order: all are one group, whatever is said of one of them.
	c = vennAbers(append(say(0.2, true, true), say(0.6, false, false)...), 1)
	if math.Abs(c.Low[0]-2./5) > 1e-12 || math.Abs(c.High[1]-3./5) > 1e-12 {
		t.Errorf("against the order: %+v", c)
	}
	if c := vennAbers(nil, 1); len(c.X) != 0 {
		t.Errorf("of nothing: %+v", c)
	}
	if c := vennAbers(say(0.1, false, false, false), 1); len(c.X) != 1 || c.Low[0] != 0 || !(c.Y[0] > 0 && c.Y[0] < 0.25) {
		t.Errorf("of one kind: %+v", c)
	}
}

// TestVennAbersHoldsTheTruth: the mean frequency of new decisions that are alike
// lies between the two probabilities, but for chance.
func TestVennAbersHoldsTheTruth(t *testing.T) {
	random := seeded(2)
	draw := func(n int) (list []calibrating) {
		for range n {
			p := random.Float64()
			list = append(list, calibrating{forecasted{p, random.Float64() < 0.5*p}, 1})
		}
		return list
	}
	c := vennAbers(draw(400), 1)
	missed := 0
	for i := range c.X {
		if truth := 0.5 * c.X[i]; truth < c.Low[i]-0.1 || truth > c.High[i]+0.1 {
			missed++
		}
	}
	if missed > len(c.X)/10 {
		t.Errorf("%d of %d intervals miss the truth by more than 0.1", missed, len(c.X))
	}
}

// TestByTraffic: forecasts that are right of busy endpoints and twice too high of
// the others are told apart.
func TestByTraffic(t *testing.T) {
	random := seeded(3)
	var list []calibrating
	for range 20_000 {
		p, requests, truth := random.Float64(), math.Floor(1+99*random.Float64()), 0.0
		if truth = p; requests < 50 {
			truth = p / 2
		}
		list = append(list, calibrating{forecasted{p, random.Float64() < truth}, requests})
	}
	out := byTraffic(list, 1)
	if len(out) != classes || out[0].Requests != 0 || !(out[1].Requests < out[2].Requests) {
		t.Fatalf("%d classes", len(out))
	}
	at := func(k int) float64 {
		c := out[k].Calibration
		i, _ := slices.BinarySearch(c.X, 0.8)
		return c.Y[i]
	}
	if math.Abs(at(0)-0.4) > 0.08 || math.Abs(at(2)-0.8) > 0.08 {
		t.Errorf("0.8 of idle endpoints is %.2f, of busy ones %.2f; want 0.4 and 0.8", at(0), at(2))
	}
	if few := byTraffic(list[:50], 1); few != nil {
		t.Errorf("%d classes of fifty decisions", len(few))
	}
	for i := range list {
		list[i].requests = math.NaN()
	}
	if none := byTraffic(list, 1); none != nil {
		t.Errorf("%d classes though no traffic is known", len(none))
	}
}

// TestTimeLevels: whatever the network's times are, eight of ten failures to come
// are between the levels.
func TestTimeLevels(t *testing.T) {
	random := seeded(4)
	draw := func(n int) (list []float64) {
		for range n {
			list = append(list, math.Pow(random.Float64(), 3))
		}
		return list
	}
	inside, all := 0.0, 0.0
	for range 200 {
		levels := timeLevels(draw(60))
		for _, e := range draw(50) {
			if all++; e >= levels[0] && e <= levels[2] {
				inside++
			}
		}
	}
	if part := inside / all; part < 0.79 || part > 0.84 {
		t.Errorf("%.3f of the times are between the levels; want 0.8 or a little more", part)
	}
	if few := timeLevels(draw(5)); few != [3]float64{} {
		t.Errorf("five failures tell levels, %v", few)
	}
}
