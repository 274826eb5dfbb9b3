package router

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
)

// narrow forecasts a failure of each endpoint that it is told to come at any time
// within a horizon of 300 s, all equally likely, and believes itself surer than
// that: its 10 % quantile is really the 25 %, its 90 % the 75 %.
type narrow struct {
	levels [3]float64
	began  map[string]time.Time // when it became clear that the endpoint will fail
	low    float64
}

func newNarrow() *narrow {
	return &narrow{levels: [3]float64{0.1, 0.5, 0.9}, began: map[string]time.Time{}}
}

func (p *narrow) Horizon() time.Duration      { return 300 * time.Second }
func (p *narrow) TimeLevels() [3]float64      { return p.levels }
func (p *narrow) UseLevels(levels [3]float64) { p.levels = levels }

func (p *narrow) Forecast(dst []predict.Failure, f *features.Frame) error {
	for i, e := range f.Endpoints {
		dst[i] = predict.Failure{Time: [3]float64{nan, nan, nan}, High: 1}
		began, ok := p.began[e.Name]
		if !ok {
			continue
		}
		dst[i].Likely, dst[i].Probability, dst[i].Low = true, 0.9, p.low
		left := 300 - f.Time.Sub(began).Seconds()
		for k, q := range p.levels {
			odds := math.Sqrt(q / (1 - q))
			dst[i].Time[k] = left
			if q < 1 {
				dst[i].Time[k] *= odds / (1 + odds)
			}
		}
	}
	return nil
}

// judged is frame with the latency limit that features tell, 0.2 s; tails are three
// times the mean.
func judged(k int, endpoints ...seen) *features.Frame {
	f := frame(k, endpoints...)
	n := len(f.Names)
	f.Names = append(f.Names, "latency_limit_seconds")
	var x []float32
	for i := range endpoints {
		x = append(append(x, f.X[i*n:(i+1)*n]...), 0.2)
	}
	f.X, f.Step = x, 5
	return f
}

// TestTimeIsHonest: a forecast whose interval holds half of the failures comes to
// hold eight of ten, whichever way the endpoints fail.
func TestTimeIsHonest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 9))
	forecast := newNarrow()
	p := Eject(RoundRobin(), forecast, DefaultConfig())
	list := six()
	fails := make([]int, len(list)) // the window in which it begins to
	for i := range fails {
		fails[i] = -100 * (i + 1)
	}
	ways := []func(seen) seen{seen.down, func(s seen) seen { return s.slow(10) }, func(s seen) seen { return s.failing(0.2) }}
	bare := make([]predict.Failure, len(list))
	adapted, plain, all := 0.0, 0.0, 0.0
	const windows = 60_000
	for k := range windows {
		now := six()
		for i, e := range list {
			switch {
			case k >= fails[i]+80: // long over: the next one may be seen to come
				forecast.began[e.name] = epoch.Add(time.Duration(k) * 5 * time.Second)
				fails[i] = k + 1 + rng.IntN(60)
			case k >= fails[i] && k < fails[i]+5:
				now[i] = ways[(fails[i]+i)%len(ways)](now[i])
				delete(forecast.began, e.name)
			}
		}
		f := judged(k, now...)
		d := decide(t, p, f)
		if k < windows/3 {
			continue
		}
		if err := forecast.Forecast(bare, f); err != nil {
			t.Fatal(err)
		}
		for i := range list {
			if !bare[i].Likely {
				continue
			}
			all++
			after := float64(fails[i]-k) * 5
			if after >= d.Failures[i].Time[0] && after <= d.Failures[i].Time[2] {
				adapted++
			}
			if after >= bare[i].Time[0] && after <= bare[i].Time[2] {
				plain++
			}
		}
	}
	t.Logf("%.3f of the failures are within the interval, %.3f without its adapting", adapted/all, plain/all)
	if part := plain / all; !(part < 0.6) {
		t.Errorf("%.3f of the failures are within the interval that is not adapted: there is nothing to widen", part)
	}
	if part := adapted / all; !(part > 0.76 && part < 0.84) {
		t.Errorf("%.3f of the failures are within the interval, want 0.8", part)
	}
	if forecast.levels != [3]float64{0.1, 0.5, 0.9} {
		t.Errorf("the forecast's own levels are %v now", forecast.levels)
	}
}

// moves runs a story of c1 under the forecast that it fails, told in the windows
// before the first that warns no more, and returns the levels of its time.
func moves(t *testing.T, cfg Config, low float64, told int, story ...func(seen) seen) [3]float64 {
	t.Helper()
	forecast := newNarrow()
	forecast.low = low
	p := Eject(RoundRobin(), forecast, cfg).(*eject)
	for k, change := range story {
		delete(forecast.began, "c1")
		if k < told {
			forecast.began["c1"] = epoch
		}
		list := six()
		list[0] = change(list[0])
		decide(t, p, judged(k, list...))
	}
	return p.punctual.Levels
}

// TestMatured: levels move by a failure that was told, once it is one, and by
// nothing else.
func TestMatured(t *testing.T) {
	fine := func(s seen) seen { return s }
	slow := func(s seen) seen { return s.slow(10) }
	idle := func(s seen) seen { s.rate = 0; return s }
	few := func(s seen) seen { s = s.slow(10); s.rate = 0.5; return s }
	then := func(first, rest func(seen) seen) []func(seen) seen {
		return []func(seen) seen{fine, fine, first, rest, rest, rest}
	}
	own := [3]float64{0.1, 0.5, 0.9}
	sooner := [3]float64{0.091, 0.495, 0.899} // before each of the three
	tests := map[string]struct {
		story   []func(seen) seen
		told    int
		low     float64
		holdOut float64
		want    [3]float64
	}{
		"down at once":        {then(seen.down, fine), 2, 0, 0, sooner},
		"slow for long":       {then(slow, slow), 2, 0, 0, sooner},
		"slow once":           {then(slow, fine), 2, 0, 0, own},
		"slow for few":        {then(few, few), 2, 0, 0, own},
		"fails most requests": {then(func(s seen) seen { return s.failing(0.9) }, fine), 2, 0, 0, sooner},
		"fails some":          {then(func(s seen) seen { return s.failing(0.2) }, fine), 2, 0, 0, own},
		"was not told":        {then(seen.down, fine), 0, 0, 0, own},
		"does not fail":       {then(fine, fine), 2, 0, 0, own},
		"taken out of use":    {then(idle, seen.down), 2, 0, 0, own},
		"drained":             {then(seen.down, fine), 2, 0.9, 0, own},
		"held out":            {then(seen.down, fine), 2, 0.9, 1, sooner},
		"ends before it is known whether": {
			[]func(seen) seen{fine, fine, slow, slow}, 2, 0, 0, own},
	}
	for name, test := range tests {
		cfg := DefaultConfig()
		cfg.HoldOut = test.holdOut
		got := moves(t, cfg, test.low, test.told, test.story...)
		for k := range got {
			near(t, name+": level", got[k], test.want[k], 1e-9)
		}
	}
	late := append(make([]func(seen) seen, 0, 80), fine, fine)
	for range 75 {
		late = append(late, fine)
	}
	if got := moves(t, DefaultConfig(), 0, 2, append(late, seen.down)...); got != own {
		t.Errorf("a failure after the horizon leaves levels %v", got)
	}
}

// TestMaturedTogether: what fails together is told of once.
func TestMaturedTogether(t *testing.T) {
	forecast := newNarrow()
	p := Eject(RoundRobin(), forecast, DefaultConfig()).(*eject)
	list := six()
	for i := range list {
		forecast.began[list[i].name] = epoch
	}
	decide(t, p, judged(0, list...))
	for i := range list {
		list[i] = list[i].down()
	}
	decide(t, p, judged(1, list...))
	near(t, "level", p.punctual.Levels[0], 0.091, 1e-9)
}

// TestMaturedSaved: a policy that takes over goes on with levels and with what is
// not known yet; levels that are none, or another model's, are not taken over.
func TestMaturedSaved(t *testing.T) {
	forecast := newNarrow()
	p := Eject(RoundRobin(), forecast, DefaultConfig()).(*eject)
	p.punctual = punctuality{forecast.levels, [3]float64{0.05, 0.5, 0.95}}
	forecast.began["c1"] = epoch
	decide(t, p, judged(0, six()...))
	saved, err := Save(p)
	if err != nil {
		t.Fatal(err)
	}
	next := Eject(RoundRobin(), forecast, DefaultConfig()).(*eject)
	if err := Restore(next, saved); err != nil {
		t.Fatal(err)
	}
	decide(t, next, judged(1, with(0, seen.down)...))
	near(t, "level", next.punctual.Levels[0], 0.041, 1e-9)
	forecast.levels = [3]float64{0.2, 0.5, 0.8}
	decide(t, next, judged(2, six()...))
	if next.punctual.Levels != forecast.levels {
		t.Errorf("another model's levels are %v", next.punctual.Levels)
	}
	next.punctual = punctuality{[3]float64{0.2, 0.5, 0.8}, [3]float64{3, -1, 2}}
	if next.punctual.tidy(); next.punctual != (punctuality{}) {
		t.Errorf("levels %v were restored", next.punctual)
	}
}
