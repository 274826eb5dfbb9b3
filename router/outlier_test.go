package router

import (
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/rules"
)

// outlying are six endpoints, of which c3 is changed; Eject under these rules.
func outlying(t *testing.T, o rules.Outlier, windows ...[]seen) []Decision {
	t.Helper()
	s, err := rules.Compile(&rules.File{Services: []rules.Service{{Name: "checkout", Outlier: o}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Rules = s
	return run(t, Eject(RoundRobin(), nil, cfg), windows...)
}

// ejectedFor is in how many windows c3 was ejected, and the first of them; −1: in none.
func ejectedFor(all []Decision) (n, first int) {
	first = -1
	for k, d := range all {
		if d.Ejected[2] {
			if n++; first < 0 {
				first = k
			}
		}
	}
	return n, first
}

func TestConsecutiveFailures(t *testing.T) {
	for _, test := range []struct {
		consecutive     int
		ratio, requests float64
		want            bool
	}{
		{0, 0.5, 5, true}, {0, 0.49, 1000, false}, {0, 1, 4, false}, // the router's own
		{5, 1, 5, true}, {5, 1, 4, false}, // all fail: five are enough
		{5, 0.9, 5, false},                      // 0.59 runs are expected
		{5, 0.9, 8, true},                       // 0.77
		{5, 0.5, 40, false}, {5, 0.5, 60, true}, // 0.58, 0.89
		{5, 0.1, 70_000, false}, {5, 0.1, 80_000, true},
		{100, 0.6, 1000, false}, {100, 1, 99, false}, {100, 1, 100, true},
		{5, nan, 1000, false}, {5, 0, 1000, false}, {5, 1, nan, false}, {5, 2, 10, true},
	} {
		j := judge(DefaultConfig(), rules.Outlier{Consecutive: test.consecutive})
		if got := j.fails(test.ratio, test.requests); got != test.want {
			t.Errorf("%d in a row, %v of %v fail: %v; want %v", test.consecutive, test.ratio, test.requests, got, test.want)
		}
	}
}

// TestOutlierHasAnEffect: two fifths of 200 requests fail, which is none of the router's
// thresholds, but five in a row.
func TestOutlierHasAnEffect(t *testing.T) {
	some := with(2, func(s seen) seen { return s.failing(0.4) })
	windows := append([][]seen{six(), some}, times(20, six())...)
	if n, _ := ejectedFor(outlying(t, rules.Outlier{}, windows...)); n != 0 {
		t.Errorf("without rules %d windows", n)
	}
	for _, test := range []struct {
		name string
		o    rules.Outlier
		want int // windows of 5 s
	}{
		{"five in a row", rules.Outlier{Consecutive: 5}, 6},
		{"ejection of a minute", rules.Outlier{Consecutive: 5, BaseEjection: time.Minute}, 12},
		{"of ten minutes, beyond the most", rules.Outlier{Consecutive: 5, BaseEjection: 10 * time.Minute}, 21},
		{"of ten seconds", rules.Outlier{Consecutive: 5, BaseEjection: 10 * time.Second}, 2},
		{"all must be healthy", rules.Outlier{Consecutive: 5, MinHealthy: 1}, 0},
	} {
		if n, first := ejectedFor(outlying(t, test.o, windows...)); n != test.want || n > 0 && first != 1 {
			t.Errorf("%s: %d windows from %d; want %d", test.name, n, first, test.want)
		}
	}
}

// TestOutlierInterval: failures are judged every so often; that an endpoint is down is
// seen at once.
func TestOutlierInterval(t *testing.T) {
	o := rules.Outlier{Interval: 20 * time.Second, BaseEjection: 5 * time.Second}
	all := outlying(t, o, append([][]seen{six()}, times(8, with(2, failsAll))...)...)
	if _, first := ejectedFor(all); first != 4 { // judged in windows 0, 4, 8
		t.Errorf("ejected from window %d; want 4", first)
	}
	all = outlying(t, o, append([][]seen{six(), with(2, failsAll)}, times(8, six())...)...)
	if n, _ := ejectedFor(all); n != 0 {
		t.Errorf("%d windows for a failure between two judgements", n)
	}
	all = outlying(t, o, append([][]seen{six(), with(2, seen.down)}, times(8, six())...)...)
	if n, first := ejectedFor(all); first != 1 || n != 1 {
		t.Errorf("down: %d windows from %d; want 1 from 1", n, first)
	}
}

// TestMinHealthy: with fewer than that well, nothing is ejected; the default is half.
func TestMinHealthy(t *testing.T) {
	two := six()
	two[1], two[2] = two[1].down(), two[2].down()
	if n, _ := ejectedFor(outlying(t, rules.Outlier{}, two)); n != 1 {
		t.Error("two of six down are a panic")
	}
	if n, _ := ejectedFor(outlying(t, rules.Outlier{MinHealthy: 0.8}, two)); n != 0 {
		t.Error("two of six down are no panic where 80 % must be healthy")
	}
}
