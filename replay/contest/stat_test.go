package contest

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestPairedOnSleep is the example of Student's paper of 1908, the two drugs
// of Cushny and Peebles: t = 4.0621 with 9 degrees of freedom, p = 0.002833, and
// a mean difference of 1.58 between 0.7001 and 2.4599.
func TestPairedOnSleep(t *testing.T) {
	one := []float64{0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0}
	two := []float64{1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4}
	c, p, _ := paired(two, one, false, 0.95)
	for what, x := range map[string][2]float64{
		"p": {p, 0.002833}, "mean": {float64(c.Value), 1.58}, "low": {float64(c.Low), 0.7001142}, "high": {float64(c.High), 2.4598858},
	} {
		if math.Abs(x[0]-x[1]) > 1e-6 {
			t.Errorf("%s is %v; want %v", what, x[0], x[1])
		}
	}
}

func TestPairedAtTheEdges(t *testing.T) {
	nan := math.NaN()
	for name, c := range map[string]struct {
		own, reference []float64
		ratio          bool
		value, p       float64
	}{
		"same":             {[]float64{1, 2, 3}, []float64{1, 2, 3}, true, 0, 1},
		"twice, exactly":   {[]float64{2, 4, 8}, []float64{1, 2, 4}, true, 1, 0},
		"nothing known":    {[]float64{nan, nan}, []float64{1, 2}, false, nan, nan},
		"one known":        {[]float64{2, nan}, []float64{1, 2}, false, 1, nan},
		"ratio to nothing": {[]float64{1, 1}, []float64{0, 0}, true, nan, nan},
	} {
		change, p, _ := paired(c.own, c.reference, c.ratio, 0.95)
		if !(math.Abs(float64(change.Value)-c.value) < 1e-12 || math.IsNaN(c.value) && math.IsNaN(float64(change.Value))) || p != c.p && !(math.IsNaN(p) && math.IsNaN(c.p)) {
			t.Errorf("%s: %v, p %v; want %v, p %v", name, change.Value, p, c.value, c.p)
		}
	}
}

// TestHolm is worked out by hand: 0.01·4, max with 0.02·3, and so on.
func TestHolm(t *testing.T) {
	got := holm([]float64{0.04, 0.01, math.NaN(), 0.02, 0.5})
	for i, want := range []float64{0.08, 0.04, math.NaN(), 0.06, 0.5} {
		if math.Abs(got[i]-want) > 1e-12 || math.IsNaN(got[i]) != math.IsNaN(want) {
			t.Errorf("p[%d] becomes %v; want %v", i, got[i], want)
		}
	}
}

// TestHolmKeepsItsLevel: in tables of nothing but noise, hardly one in twenty
// has anything in it that is called significant.
func TestHolmKeepsItsLevel(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	wrong := 0
	const tables = 1000
	for range tables {
		var ps []float64
		for range 20 {
			own, reference := make([]float64, 10), make([]float64, 10)
			for i := range own {
				own[i], reference[i] = math.Exp(random.NormFloat64()), math.Exp(random.NormFloat64())
			}
			_, p, _ := paired(own, reference, true, 0.95)
			ps = append(ps, p)
		}
		for _, p := range holm(ps) {
			if p < 0.05 {
				wrong++
				break
			}
		}
	}
	if wrong > 80 {
		t.Errorf("%d of %d tables of noise call something significant; want about 50", wrong, tables)
	}
}

// TestIntervalCovers: of a thousand intervals 95 % hold the truth.
func TestIntervalCovers(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	held := 0
	for range 1000 {
		x := make([]float64, 10)
		for i := range x {
			x[i] = 5 + random.NormFloat64()
		}
		if _, low, high := interval(x, 0.95); low <= 5 && 5 <= high {
			held++
		}
	}
	if held < 930 || held > 970 {
		t.Errorf("%d of 1000 intervals hold the mean; want 950", held)
	}
}

// A figure that few of the seeds know is not significant, however many seeds
// there are: two equal differences are no evidence.
func TestFewKnownSeedsShowNothing(t *testing.T) {
	nan := math.NaN()
	_, p, pairs := paired([]float64{3, 3, nan, nan, nan, nan, nan, nan, nan, nan}, make([]float64, 10), false, 0.95)
	if p != 0 || pairs != 2 {
		t.Fatalf("p %v of %d pairs, want 0 of 2", p, pairs)
	}
	f := field{scenario: stall(), runs: make([][]*reduced, 2)}
	drain := 9
	for _, known := range []int{2, 10} {
		for i := range f.runs {
			f.runs[i] = nil
			for seed := range 10 {
				r := &reduced{requests: 1, trail: &trail{}}
				for m := range r.figures {
					r.figures[m] = 1
				}
				if r.figures[drain] = nan; seed < known {
					r.figures[drain] = float64(1 + 3*i)
				}
				f.runs[i] = append(f.runs[i], r)
			}
		}
		c := contest{cfg: DefaultConfig(), entries: []Entry{{Name: "a"}, {Name: "b"}}}
		c.cfg.Reference = "a"
		out := Comparison{Rows: make([]Row, 2), Seeds: 10}
		c.test(&f, &out, 0)
		if got := Metrics[drain].In(&out.Rows[1]).Change.Significant; got != (known == 10) {
			t.Errorf("with %d of 10 seeds known, %s is significant: %v", known, Metrics[drain].Name, got)
		}
	}
}
