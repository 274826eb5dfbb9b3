package router

import (
	"fmt"
	"testing"
	"time"
)

// young is the service with one endpoint more.
func young() []seen { return append(six(), well("c7", "v1")) }

// TestSlowStartOfTheYoung: one that appears beside six that have served for 40 s
// gets a tenth of its weight, then 5/30, 10/30, …; through Limit too, which else
// would begin at the mean.
func TestSlowStartOfTheYoung(t *testing.T) {
	for name, p := range map[string]Policy{
		"eject":           Eject(RoundRobin(), nil, DefaultConfig()),
		"eject and limit": Limit(Eject(RoundRobin(), nil, DefaultConfig()), DefaultConfig()),
	} {
		all := run(t, p, append(times(8, six()), times(10, young())...)...)
		for k, d := range all[8:] {
			part := min(max(float64(k)/6, 0.1), 1)
			near(t, fmt.Sprintf("%s: window %d: weight", name, k), d.Weights[6], part/(6+part), 1e-9)
		}
	}
}

// TestSlowStartBesideOne: the only endpoint has had all the traffic; the second
// one gets little at first, whatever the step would allow.
func TestSlowStartBesideOne(t *testing.T) {
	p := Limit(Eject(RoundRobin(), nil, DefaultConfig()), DefaultConfig())
	last := 0.0
	for k, d := range run(t, p, append(times(8, six()[:1]), times(20, six()[:2])...)...) {
		switch {
		case k < 8:
			continue
		case k == 8:
			near(t, "first weight", d.Weights[1], 0.1/1.1, 1e-9)
		case d.Weights[1] < last || d.Weights[1] > last+0.1+1e-9:
			t.Errorf("window %d: weight %v after %v", k, d.Weights[1], last)
		}
		last = d.Weights[1]
	}
	near(t, "last weight", last, 0.5, 1e-9)
}

// TestNoSlowStartTogether: a daemon that begins, a service that comes to be known
// in parts within its first 30 s, and a fleet that is replaced at once have equal
// weights from the first window on.
func TestNoSlowStartTogether(t *testing.T) {
	other := six()
	for i := range other {
		other[i].name = fmt.Sprintf("d%d", i)
	}
	for name, windows := range map[string][][]seen{
		"begins":   times(3, six()),
		"in parts": append(append(times(2, six()[:1]), times(2, six()[:3])...), times(3, six())...),
		"replaced": append(times(20, six()), times(3, other)...),
	} {
		for k, d := range run(t, Eject(RoundRobin(), nil, DefaultConfig()), windows...) {
			for i, w := range d.Weights {
				near(t, fmt.Sprintf("%s: window %d: weight of %s", name, k, d.Endpoints[i].Name), w, 1/float64(len(d.Weights)), 1e-9)
			}
		}
	}
}

// TestSlowStartAfterARestart: of two that go down at once one is up first. It takes
// its share at once, for the other is still out: together they would take more from
// the rest than may be ejected.
func TestSlowStartAfterARestart(t *testing.T) {
	both := six()
	both[1], both[4] = both[1].down(), both[4].down()
	p := Eject(RoundRobin(), nil, DefaultConfig())
	all := run(t, p, append(append(times(2, six()), times(2, both)...), times(8, with(1, seen.down))...)...)
	if out := all[3]; !out.Ejected[1] || !out.Ejected[4] {
		t.Fatalf("ejected %v", out.Ejected)
	}
	for k, d := range all[4:] {
		near(t, fmt.Sprintf("window %d: weight", k), d.Weights[4], 1.0/5, 1e-9)
	}
}

// TestSlowStartOfWhatHadLeft: what was away for longer than an ejection lasts is
// as cold as a new one.
func TestSlowStartOfWhatHadLeft(t *testing.T) {
	windows := append(times(2, six()), times(70, with(3, seen.down))...)
	d := run(t, Eject(RoundRobin(), nil, DefaultConfig()), append(windows, six())...)
	near(t, "weight", d[72].Weights[3], 0.1/5.1, 1e-9)
}

// TestSlowStartIsRemembered over a restart of the daemon: neither do all begin
// anew, nor is one that was young forgotten.
func TestSlowStartIsRemembered(t *testing.T) {
	p := Eject(RoundRobin(), nil, DefaultConfig())
	run(t, p, append(times(8, six()), young())...)
	saved, err := Save(p)
	if err != nil {
		t.Fatal(err)
	}
	p = Eject(RoundRobin(), nil, DefaultConfig())
	if err := Restore(p, saved); err != nil {
		t.Fatal(err)
	}
	near(t, "weight 10 s later", decide(t, p, frame(10, young()...)).Weights[6], (1.0/3)/(6+1.0/3), 1e-9)
}

func TestNoSlowStartWhereItIsOff(t *testing.T) {
	cfg := DefaultConfig()
	cfg.SlowStart = 0 * time.Second
	all := run(t, Eject(RoundRobin(), nil, cfg), append(times(8, six()), young())...)
	near(t, "weight", all[8].Weights[6], 1.0/7, 1e-9)
}

// TestSlowStartOfMany: what one has served alone it goes on to serve mostly,
// while nine that appeared at once warm up.
func TestSlowStartOfMany(t *testing.T) {
	var ten []seen
	for i := range 10 {
		ten = append(ten, well(fmt.Sprintf("e%d", i), ""))
	}
	all := run(t, Eject(RoundRobin(), nil, DefaultConfig()), append(times(8, ten[:1]), times(8, ten)...)...)
	near(t, "weight of the first", all[8].Weights[0], 1/1.9, 1e-9)
	near(t, "weight of the first in the end", all[15].Weights[0], 0.1, 1e-9)
}
