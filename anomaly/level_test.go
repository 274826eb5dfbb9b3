package anomaly

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestLevelLearns(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var l Level
	for range 5000 {
		l.Learn(7+2*r.NormFloat64(), 0, 1000)
	}
	if math.Abs(l.Mean-7) > 0.3 || math.Abs(l.Scale-2*math.Sqrt(2/math.Pi)) > 0.3 {
		t.Errorf("normal with mean 7 and deviation 2 gives %+v", l)
	}
	if d := l.Distance(l.Mean-3*l.Scale, 0); math.Abs(d+3) > 1e-9 {
		t.Errorf("three scales below are %v", d)
	}
	if d := l.Distance(l.Mean+3, 30); math.Abs(d-0.1) > 1e-9 {
		t.Errorf("3 above the mean with a least scale of 30 are %v scales", d)
	}
}

func TestLevelIsNotMovedByOne(t *testing.T) {
	var l Level
	for k := range 1000 {
		l.Learn(float64(k%2), 0, 100)
	}
	before := l
	l.Learn(1e100, 0, 100)
	if l.Mean > before.Mean+before.Scale || l.Scale > 2*before.Scale {
		t.Errorf("one value moved %+v to %+v", before, l)
	}
}

func TestLevelBoundaries(t *testing.T) {
	var l Level
	if !math.IsNaN(l.Distance(1, 1)) {
		t.Error("without a past there is no distance")
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1), 1e200} {
		if l.Learn(bad, 0, 10); l.N != 0 {
			t.Errorf("learned %v", bad)
		}
	}
	for range 100 {
		l.Learn(0.1, 0, 10)
	}
	if l.Distance(0.1, 0) != 0 || l.Distance(0.2, 0) != outermost || l.Distance(0, 0) != -outermost {
		t.Errorf("constant: %v, above %v, below %v", l.Distance(0.1, 0), l.Distance(0.2, 0), l.Distance(0, 0))
	}
	if !math.IsNaN(l.Distance(math.NaN(), 0)) {
		t.Error("NaN has a distance")
	}
}
