package ope

import (
	"math"
	"math/rand/v2"
	"testing"
)

// softBandit has Bernoulli rewards that depend on a context of five numbers,
// and two softmax policies that lean towards other actions.
type softBandit struct {
	worth, logging, wanted [][5]float64 // by action
}

func newSoftBandit(actions int, lean float64, random *rand.Rand) *softBandit {
	draw := func(scale float64) [][5]float64 {
		all := make([][5]float64, actions)
		for i := range all {
			for j := range all[i] {
				all[i][j] = scale * random.NormFloat64()
			}
		}
		return all
	}
	b := &softBandit{worth: draw(0.8), logging: draw(lean), wanted: draw(lean)}
	for i := range b.wanted { // the evaluated policy knows something of what pays
		for j := range b.wanted[i] {
			b.wanted[i][j] += lean * b.worth[i][j]
		}
	}
	return b
}

func scores(of [][5]float64, x *[5]float64, dst []float64) []float64 {
	for i := range of {
		dst[i] = 0
		for j := range x {
			dst[i] += of[i][j] * x[j]
		}
	}
	return dst
}

func softmax(p []float64) []float64 {
	sum := 0.0
	for i := range p {
		p[i] = math.Exp(p[i])
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

// rows logs n actions with a model of the rewards, and says what the evaluated
// policy is worth on the same contexts.
func (b *softBandit) rows(n int, random *rand.Rand, model func(reward float64) float64) (rows []Row, truth float64) {
	k := len(b.worth)
	q, log, policy := make([]float64, k), make([]float64, k), make([]float64, k)
	for range n {
		var x [5]float64
		for j := range x {
			x[j] = random.NormFloat64()
		}
		softmax(scores(b.logging, &x, log))
		softmax(scores(b.wanted, &x, policy))
		for i, s := range scores(b.worth, &x, q) {
			q[i] = 1 / (1 + math.Exp(-1-s))
		}
		row, u, a := Row{}, random.Float64(), 0
		for a < k-1 && u >= log[a] {
			u -= log[a]
			a++
		}
		if random.Float64() < q[a] {
			row.Reward = 1
		}
		row.Propensity, row.Evaluation, row.Predicted = log[a], policy[a], model(q[a])
		for i := range policy {
			row.Expected += policy[i] * model(q[i])
			truth += policy[i] * q[i] / float64(n)
		}
		rows = append(rows, row)
	}
	return rows, truth
}

// accuracy is an estimator's bias, variance and root mean squared error over
// runs with fixed contexts' truth, and the standard error of the bias.
type accuracy struct{ bias, variance, rmse, biasError float64 }

func study(runs, n int, cfg Config, model func(float64) float64) map[Estimator]accuracy {
	bandit := newSoftBandit(30, 0.5, rand.New(rand.NewPCG(12345, 0)))
	misses := map[Estimator][]float64{}
	for run := range runs {
		rows, truth := bandit.rows(n, rand.New(rand.NewPCG(uint64(run), 1)), model)
		sums := NewSums(1, cfg)
		for _, r := range rows {
			sums.Add(0, r)
		}
		for _, e := range Estimators {
			misses[e] = append(misses[e], sums.statistic(e)([]int{0})-truth)
		}
	}
	out := map[Estimator]accuracy{}
	for e, all := range misses {
		a, n := accuracy{}, float64(len(all))
		for _, m := range all {
			a.bias += m / n
			a.rmse += m * m / n
		}
		a.variance = a.rmse - a.bias*a.bias
		a.rmse, a.biasError = math.Sqrt(a.rmse), math.Sqrt(a.variance/n)
		out[e] = a
	}
	return out
}

// TestSyntheticBandit: with a wrong model the doubly robust ones come out right
// where the direct method does not, and the variances are in the order that
// theory gives: no weights, self-normalised or corrected weights, plain ones.
func TestSyntheticBandit(t *testing.T) {
	wrong := func(q float64) float64 { return 0.2 + 0.5*q }
	got := study(150, 2000, open(), wrong)
	for _, e := range Estimators {
		t.Logf("%-9v bias %+.4f ± %.4f, sd %.4f, rmse %.4f", e, got[e].bias, got[e].biasError, math.Sqrt(got[e].variance), got[e].rmse)
	}
	if a := got[DM]; math.Abs(a.bias) < 10*a.biasError || math.Abs(a.bias) < 0.03 {
		t.Errorf("DM %+v; want the bias of its wrong model", a)
	}
	for _, e := range []Estimator{IPS, SNIPS, DR, SNDR} {
		if a := got[e]; math.Abs(a.bias) > 4*a.biasError+0.001 {
			t.Errorf("%v %+v; want no bias", e, a)
		}
	}
	for _, e := range []Estimator{DR, SNDR, SwitchDR, DRos} {
		if got[e].rmse > got[DM].rmse/2 {
			t.Errorf("%v misses by %.4f; want at most half of DM's %.4f", e, got[e].rmse, got[DM].rmse)
		}
	}
	fixed := open() // a chosen λ adds a variance of its own
	fixed.Switch, fixed.Shrinkage = 20, 400
	tamed := study(150, 2000, fixed, wrong)
	got[SwitchDR], got[DRos] = tamed[SwitchDR], tamed[DRos]
	below := func(a, b Estimator, factor float64) {
		t.Helper()
		if got[a].variance > factor*got[b].variance {
			t.Errorf("variance of %v is %.3g, of %v %.3g; want the first below %v of the second", a, got[a].variance, b, got[b].variance, factor)
		}
	}
	below(DM, DR, 0.2)
	below(DR, IPS, 0.8)
	below(SNIPS, IPS, 0.8)
	below(SwitchDR, DR, 0.8)
	below(DRos, DR, 0.8)
	below(DM, DRos, 0.2)
}

// TestShrinkageTradesBiasForVariance on weights that are worse.
func TestShrinkageTradesBiasForVariance(t *testing.T) {
	bandit := newSoftBandit(30, 0.5, rand.New(rand.NewPCG(12345, 0)))
	last := math.Inf(1)
	for _, lambda := range []float64{math.Inf(1), 100, 10, 1, 0} {
		sum, square, runs := 0.0, 0.0, 100.0
		for run := range int(runs) {
			rows, truth := bandit.rows(500, rand.New(rand.NewPCG(uint64(run), 2)), func(q float64) float64 { return 0.2 + 0.5*q })
			cfg := open()
			cfg.Shrinkage = lambda
			sums := NewSums(1, cfg)
			for _, r := range rows {
				sums.Add(0, r)
			}
			miss := sums.statistic(DRos)([]int{0}) - truth
			sum += miss
			square += miss * miss
		}
		bias, variance := sum/runs, square/runs-sum/runs*sum/runs
		t.Logf("λ %v: bias %+.4f, variance %.3g", lambda, bias, variance)
		if variance > last {
			t.Errorf("variance %v at λ %v, after %v; want it to fall with λ", variance, lambda, last)
		}
		last = variance
		if lambda == 0 && math.Abs(bias) < 0.03 {
			t.Errorf("bias %v at λ 0; want that of the model", bias)
		}
	}
}

// TestLambdaFollowsTheModel: a good model is kept, a bad one corrected.
func TestLambdaFollowsTheModel(t *testing.T) {
	lambda := func(model func(float64) float64) (switches, shrinks float64) {
		random := rand.New(rand.NewPCG(7, 7))
		sums := NewSums(1, open())
		for range 20000 {
			// One action of two, rarely logged: the weight is 0.5 or 50.
			r := Row{Propensity: 0.99, Evaluation: 0.5, Reward: 0.5 + 0.1*random.NormFloat64()}
			if random.Float64() < 0.01 {
				r.Propensity = 0.01
			}
			r.Predicted, r.Expected = model(0.5), model(0.5)
			sums.Add(0, r)
		}
		return sums.Lambda(SwitchDR), sums.Lambda(DRos)
	}
	switches, shrinks := lambda(func(q float64) float64 { return q })
	badSwitches, badShrinks := lambda(func(q float64) float64 { return q - 0.4 })
	t.Logf("good model: λ %v and %v; bad model: %v and %v", switches, shrinks, badSwitches, badShrinks)
	if !math.IsInf(badSwitches, 1) || badShrinks < 10000 {
		t.Errorf("a bad model: λ %v and %v; want the whole correction", badSwitches, badShrinks)
	}
	if switches >= 50 || shrinks >= badShrinks {
		t.Errorf("a good model: λ %v and %v; want the large weight left out", switches, shrinks)
	}
}

// TestIntervalsCoverThePolicysValue on logs whose truth is known.
func TestIntervalsCoverThePolicysValue(t *testing.T) {
	const trials, actions = 250, 5
	bandit := newSoftBandit(actions, 0.25, rand.New(rand.NewPCG(99, 0)))
	model := func(q float64) float64 { return 0.2 + 0.5*q }
	_, truth := bandit.rows(400000, rand.New(rand.NewPCG(99, 1)), model)
	hits := map[Estimator]int{}
	cfg := open()
	cfg.BlockRows, cfg.Resamples = 30, 300
	for trial := range trials {
		rows, _ := bandit.rows(1200, rand.New(rand.NewPCG(uint64(trial), 3)), model)
		cfg.Seed = uint64(trial)
		r, err := Evaluate(rows, cfg)
		if err != nil {
			t.Fatal(err)
		}
		if r.Blocks != 40 {
			t.Fatalf("%d blocks; want 40", r.Blocks)
		}
		for e, v := range r.Estimates {
			if float64(v.Low) <= truth && truth <= float64(v.High) {
				hits[e]++
			}
		}
	}
	for _, e := range Estimators {
		covered := float64(hits[e]) / trials
		t.Logf("%-9v covers %.3f", e, covered)
		switch e { // two standard errors of 95 %: 2.8 points
		case DM:
		case SwitchDR, DRos: // the intervals do not know of the bias that a chosen λ leaves
			near(t, e.String()+" coverage", covered, 0.95, 0.07)
		default:
			near(t, e.String()+" coverage", covered, 0.95, 0.045)
		}
	}
	if covered := float64(hits[DM]) / trials; covered > 0.5 {
		t.Errorf("DM covers %v with a wrong model; want it to fail", covered)
	}
}
