package nab

import (
	"math"
	"math/rand/v2"
	"testing"
)

// flat is a series of so many rows with windows; its values do not matter.
func flat(rows int, windows ...Window) Series {
	return Series{Times: make([]float64, rows), Values: make([]float64, rows), Windows: windows}
}

// detected has score 1 in some rows and 0 in the others.
func detected(rows int, at ...int) []float64 {
	scores := make([]float64, rows)
	for _, i := range at {
		scores[i] = 1
	}
	return scores
}

// TestAt follows scoring.md by hand. The window is 10 rows wide, so that a
// detection in its row k, from 0, is worth σ(−(10−k)/10)/σ(−1), and a row d
// behind it σ(d/9).
func TestAt(t *testing.T) {
	s := flat(100, Window{40, 49})
	σ := func(x float64) float64 { return 2/(1+math.Exp(5*x)) - 1 }
	tests := map[string]struct {
		rows []int
		p    Profile
		want float64
	}{
		"nothing":                       {nil, Standard, -1},
		"nothing, misses count double":  {nil, LowFN, -2},
		"first row":                     {[]int{40}, Standard, 1},
		"last row":                      {[]int{49}, Standard, σ(-0.1) / σ(-1)},
		"the first in a window counts":  {[]int{45, 46, 49}, Standard, σ(-0.5) / σ(-1)},
		"before any window":             {[]int{20}, Standard, -1 - 0.11},
		"before any window, false dear": {[]int{20}, LowFP, -1 - 0.22},
		"in the probation":              {[]int{0, 14}, Standard, -1},
		"first row after the probation": {[]int{15}, Standard, -1 - 0.11},
		"one width behind":              {[]int{58}, Standard, -1 + 0.11*σ(1)},
		"three widths behind":           {[]int{76}, Standard, -1 + 0.11*σ(3)},
		"farther":                       {[]int{77}, Standard, -1 - 0.11},
		"each false row costs":          {[]int{40, 80, 81, 82}, Standard, 1 - 3*0.11},
	}
	for name, test := range tests {
		got := test.p.At(&s, detected(100, test.rows...), 1)
		if math.Abs(got.Raw-test.want) > 1e-12 {
			t.Errorf("%s: %v; want %v", name, got.Raw, test.want)
		}
	}
	both := Standard.At(&s, detected(100, 41, 80), 1)
	if both.Hit != 1 || both.False != 1 || both.Windows != 1 {
		t.Errorf("one window found and one false row are counted as %+v", both)
	}
}

func TestFinal(t *testing.T) {
	for _, p := range []Profile{Standard, LowFP, LowFN} {
		corpus := []Series{flat(100, Window{40, 49}, Window{60, 64}), flat(50)}
		if got := p.Final(p.All(corpus, [][]float64{detected(100), detected(50)}, 1)); got != 0 {
			t.Errorf("%s: silence scores %v; want 0", p.Name, got)
		}
		if got := p.Final(p.All(corpus, [][]float64{detected(100, 40, 60), detected(50)}, 1)); math.Abs(got-100) > 1e-9 {
			t.Errorf("%s: all found at once scores %v; want 100", p.Name, got)
		}
		if got := p.Final(p.All(corpus, [][]float64{detected(100, 20), detected(50, 20)}, 1)); got >= 0 {
			t.Errorf("%s: false rows alone score %v; want less than 0", p.Name, got)
		}
	}
	if got := Standard.Final(Tally{Raw: -3}); got != 0 {
		t.Errorf("without windows the score is %v; want 0", got)
	}
}

func TestProbation(t *testing.T) {
	for rows, want := range map[int]int{0: 0, 6: 0, 1127: 169, 4032: 604, 5000: 750, 22695: 750} {
		if got := Probation(rows); got != want {
			t.Errorf("of %d rows %d are for learning; want %d", rows, got, want)
		}
	}
}

// TestSweep compares with trying each threshold.
func TestSweep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20 {
		corpus := []Series{flat(60, Window{20, 24}, Window{40, 49}), flat(30), flat(40, Window{10, 19})}
		var scores [][]float64
		for i := range corpus {
			row := make([]float64, len(corpus[i].Values))
			for k := range row {
				row[k] = float64(r.IntN(12)) / 11 // with ties
			}
			row[7] = math.NaN() // is never detected
			scores = append(scores, row)
		}
		for _, p := range []Profile{Standard, LowFP, LowFN} {
			best := p.All(corpus, scores, math.Inf(1))
			for k := range 12 {
				if now := p.All(corpus, scores, float64(k)/11); now.Raw > best.Raw {
					best = now
				}
			}
			got := p.Sweep(corpus, scores)
			if math.Abs(got.Raw-best.Raw) > 1e-9 || got.Hit != best.Hit || got.False != best.False {
				t.Fatalf("%s: the sweep finds %+v; trying finds %+v", p.Name, got, best)
			}
		}
	}
}

// TestCrossFit: what is chosen on one half need not be best on the other.
func TestCrossFit(t *testing.T) {
	corpus := []Series{flat(100, Window{40, 49}), flat(100, Window{40, 49})}
	good := [][]float64{detected(100, 40), detected(100, 40)}
	lopsided := [][]float64{detected(100, 40), detected(100, 20)} // right in the first series alone
	other := [][]float64{detected(100, 20), detected(100, 40)}
	fit := func(choices ...[][]float64) float64 {
		mean, worst, best := Standard.CrossFit(corpus, choices, 0.5, 10, rand.New(rand.NewPCG(1, 1)))
		if mean < worst-1e-9 || mean > best+1e-9 {
			t.Errorf("mean %v is not between worst %v and best %v", mean, worst, best)
		}
		return mean
	}
	if got := fit(good); math.Abs(got-100) > 1e-9 {
		t.Errorf("one choice that is right throughout scores %v; want 100", got)
	}
	if got := fit(lopsided, other); got > 0 {
		t.Errorf("choices that are right where they are chosen alone score %v; want less than 0", got)
	}
}
