package router

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// foreseen is a forecast made by hand: the lower bound of each endpoint by name, in
// each window in turn; the last one stays. Failures come between 20 and 60 s.
type foreseen struct {
	low   []map[string]float64
	times [3]float64
	k     int
	end   time.Time
}

func (p *foreseen) Horizon() time.Duration { return 5 * time.Minute }

func (p *foreseen) Forecast(dst []predict.Failure, f *features.Frame) error {
	if f.End.After(p.end) && !p.end.IsZero() {
		p.k++
	}
	p.end = f.End
	for i, e := range f.Endpoints {
		low := p.low[min(p.k, len(p.low)-1)][e.Name]
		dst[i] = predict.Failure{Probability: low, Low: low, High: 1, Likely: low > 0.1, Time: p.times}
	}
	return nil
}

// of is the same lower bound of some endpoints in every window.
func of(low float64, names ...string) map[string]float64 {
	m := map[string]float64{}
	for _, name := range names {
		m[name] = low
	}
	return m
}

// foretold is round robin under forecasts, one map per window.
func foretold(cfg Config, low ...map[string]float64) Policy {
	return Eject(RoundRobin(), &foreseen{low: low, times: [3]float64{60, 120, 200}}, cfg)
}

// alone is the weight of one of n endpoints of which all but a part is taken, by
// the default limits.
func alone(n int, part float64) float64 {
	kept := 1 - part + part*0.02
	return kept / (float64(n-1) + kept)
}

// TestDrain: a sure forecast takes the weight to the floor in three windows, tells
// why, and what it took comes back in 30 s once it has passed for three windows.
func TestDrain(t *testing.T) {
	sure, passed := of(0.9, "c3"), of(0, "c3")
	story := []map[string]float64{passed, sure, sure, sure, sure, passed}
	all := run(t, foretold(DefaultConfig(), story...), times(16, six())...)
	want := []float64{0, 1. / 3, 2. / 3, 1, 1, 1, 1, 5. / 6, 4. / 6, 3. / 6, 2. / 6, 1. / 6, 0, 0, 0, 0}
	for k, d := range all {
		near(t, fmt.Sprintf("window %d: part", k), d.Drains[2].Part, want[k], 1e-9)
		near(t, fmt.Sprintf("window %d: weight", k), d.Weights[2], alone(6, want[k]), 1e-9)
		if d.Ejected[2] || d.Held[2] {
			t.Errorf("window %d: ejected %v, held %v: it has not failed", k, d.Ejected, d.Held)
		}
	}
	if got := all[3].Notes; !slices.Equal(got, []string{"c3 drained: failing 90 % within 5 min"}) {
		t.Errorf("notes %q", got)
	}
	if got := all[15]; len(got.Notes) > 0 || got.Drains[2] != (Drain{}) {
		t.Errorf("in the end: notes %q, %+v", got.Notes, got.Drains[2])
	}
}

// TestDrainTime holds the number that others plan with to what happens.
func TestDrainTime(t *testing.T) {
	for n, want := range map[int]time.Duration{2: 20 * time.Second, 3: 15 * time.Second, 4: 10 * time.Second, 6: 10 * time.Second} {
		got := DrainTime(5*time.Second, n, rules.DefaultLimits())
		if got != want {
			t.Errorf("%d endpoints: drain time %v; want %v", n, got, want)
		}
		for at, low := range []float64{0.7, 1} {
			p := foretold(DefaultConfig(), of(0), of(low, "c1"))
			k := 0
			for d := (Decision{}); k < 20; k++ {
				if d = decide(t, p, frame(k, six()[:n]...)); d.Drains[0].Part == 1 {
					break
				}
			}
			if took := time.Duration(k-1) * 5 * time.Second; took != want {
				t.Errorf("%d endpoints, forecast %d: at the floor after %v; want %v", n, at, took, want)
			}
		}
	}
}

// TestDrainByTheLowerBound: half of the threshold takes half, less takes nothing,
// and a failure that may come before the next window takes all at once.
func TestDrainByTheLowerBound(t *testing.T) {
	for low, part := range map[float64]float64{0.34: 0, 0.35: 0.5, 0.56: 0.8, 0.7: 1, 0.99: 1} {
		all := run(t, foretold(DefaultConfig(), of(low, "c5")), times(8, six())...)
		near(t, fmt.Sprintf("part at %v", low), all[7].Drains[4].Part, part, 1e-9)
	}
	soon := Eject(RoundRobin(), &foreseen{low: []map[string]float64{of(0.9, "c5")}, times: [3]float64{4, 9, 20}}, DefaultConfig())
	near(t, "part where failures come soon", decide(t, soon, frame(0, six()...)).Drains[4].Part, 0.1*6, 1e-9)
	near(t, "part one window later", decide(t, soon, frame(1, six()...)).Drains[4].Part, 1, 1e-9)
	many := run(t, foretold(DefaultConfig(), of(0.9, "c3")), six(), with(2, failsAll))
	if d := many[1]; !d.Ejected[2] || d.Drains[2] != (Drain{}) {
		t.Errorf("failed after all: ejected %v, drains %+v", d.Ejected, d.Drains)
	}
}

// TestWolf: a forecast that rises for all endpoints, or for most of them, is none
// of an endpoint; neither is one of the only endpoint.
func TestWolf(t *testing.T) {
	names := []string{"c1", "c2", "c3", "c4", "c5", "c6"}
	worse := of(0.8, names...)
	worse["c4"] = 0.95
	for name, low := range map[string]map[string]float64{"all": of(0.9, names...), "all, one more": worse, "four": of(0.9, names[:4]...)} {
		for k, d := range run(t, foretold(DefaultConfig(), of(0), low), times(10, six())...) {
			for i, w := range d.Weights {
				near(t, fmt.Sprintf("%s, window %d: weight of %s", name, k, d.Endpoints[i].Name), w, 1.0/6, 1e-12)
			}
			if len(d.Notes) > 0 {
				t.Errorf("%s: notes %q", name, d.Notes)
			}
		}
	}
	if d := run(t, foretold(DefaultConfig(), of(0.9, "c1")), six()[:1])[0]; d.Weights[0] != 1 || d.Drains[0] != (Drain{}) {
		t.Errorf("the only endpoint: %+v", d)
	}
}

// TestDrainsAreCapped: one of six, ejections first, and who drains goes on before
// who begins.
func TestDrainsAreCapped(t *testing.T) {
	both, other := of(0.8, "c1"), of(0.8, "c1")
	both["c2"], other["c2"] = 0.9, 0.9
	all := run(t, foretold(DefaultConfig(), of(0.8, "c1"), both), times(6, six())...)
	if d := all[5]; d.Drains[0].Part != 1 || d.Drains[1] != (Drain{}) {
		t.Errorf("drains %+v; want the first to go on", d.Drains)
	}
	all = run(t, foretold(DefaultConfig(), both), times(6, six())...)
	if d := all[5]; d.Drains[1].Part != 1 || d.Drains[0] != (Drain{}) {
		t.Errorf("drains %+v; want the likelier failure", d.Drains)
	}
	all = run(t, foretold(DefaultConfig(), of(0.8, "c1")), append(times(4, six()), times(4, with(4, seen.down))...)...)
	if d := all[7]; !d.Ejected[4] || d.Drains[0] != (Drain{}) {
		t.Errorf("ejected %v, drains %+v; want the ejection alone", d.Ejected, d.Drains)
	}
	near(t, "weight of the one that was drained", all[7].Weights[0], 1.0/5, 1e-9)
}

// TestNoDrainInAPanic: where too many have failed, whoever works is needed.
func TestNoDrainInAPanic(t *testing.T) {
	list := six()
	for i := range 4 {
		list[i] = list[i].down()
	}
	d := run(t, foretold(DefaultConfig(), of(0.9, "c6")), append(times(3, six()), list)...)[3]
	if d.Drains[5] != (Drain{}) || d.Weights[5] < 1.0/6-1e-9 {
		t.Errorf("weights %v, drains %+v", d.Weights, d.Drains)
	}
}

// TestFlapping: a forecast that comes and goes moves no weight but the first time
// where it goes for less than three windows, and little where for up to six.
func TestFlapping(t *testing.T) {
	for period := 2; period <= 12; period += 2 {
		var story []map[string]float64
		for k := range 60 {
			low := 0.9
			if k%period >= period/2 {
				low = 0.05
			}
			story = append(story, of(low, "c3"))
		}
		moved, before := 0.0, 1.0/6
		for _, d := range run(t, Limit(foretold(DefaultConfig(), story...), DefaultConfig()), times(60, six())...) {
			moved, before = moved+math.Abs(d.Weights[2]-before), d.Weights[2]
		}
		most := 1.0 / 6
		if period > 4 {
			most *= 3
		}
		if moved > most {
			t.Errorf("period %d: %.3f of the traffic moved; want at most %.3f", period, moved, most)
		}
	}
}

// TestForecastsOfWhatCannotBeBelieved: in warm-up and on stale metrics nothing is
// drained, and what was drained comes back while no window comes.
func TestForecastsOfWhatCannotBeBelieved(t *testing.T) {
	for _, reason := range []Reason{WarmUp, Stale} {
		declined := policyFunc(func(d *Decision, f *frameOf) error { _ = RoundRobin().Decide(d, f); d.Reason = reason; return nil })
		p := Eject(declined, &foreseen{low: []map[string]float64{of(0.9, "c1")}}, DefaultConfig())
		for _, d := range run(t, p, times(5, six())...) {
			near(t, string(reason), d.Weights[0], 1.0/6, 1e-12)
		}
	}
	var reason Reason
	p := Eject(policyFunc(func(d *Decision, f *frameOf) error { _ = RoundRobin().Decide(d, f); d.Reason = reason; return nil }),
		&foreseen{low: []map[string]float64{of(0.9, "c1")}, times: [3]float64{nan, nan, nan}}, DefaultConfig())
	run(t, p, times(5, six())...)
	f := frame(4, six()...)
	reason = Stale
	for _, part := range []float64{1, 0.5, 0, 0} {
		near(t, "part", decide(t, p, f).Drains[0].Part, part, 1e-9)
		f.Time = f.Time.Add(15 * time.Second)
	}
}

func TestMedianWithout(t *testing.T) {
	for _, c := range []struct {
		sorted    []float64
		one, want float64
	}{
		{[]float64{1, 2}, 1, 2}, {[]float64{1, 2}, 2, 1}, {[]float64{1, 2, 3}, 1, 3}, {[]float64{1, 2, 3}, 2, 3}, {[]float64{1, 2, 3}, 3, 2},
		{[]float64{1, 2, 2, 9}, 2, 2}, {[]float64{1, 2, 3, 4, 5}, 5, 3}, {[]float64{1, 2, 3, 4, 5}, 1, 4}, {[]float64{5, 5, 5}, 5, 5},
	} {
		if got := medianWithout(c.sorted, c.one); got != c.want {
			t.Errorf("%v without %v: %v; want %v", c.sorted, c.one, got, c.want)
		}
	}
}
