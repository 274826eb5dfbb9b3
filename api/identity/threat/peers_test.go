package threat

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// join is a newcomer that calls, and asks about so many services of its own.
func (w *world) join(name string, services int) *Subject {
	s := w.j.Subject("spiffe://d/" + name)
	for i := range services {
		s.Asked(fmt.Sprintf("%s-%d", name, i))
	}
	w.all = append(w.all, s)
	return s
}

// calling is a scan by one that also sends what it asks.
func calling(s *Subject, each int) func() {
	scan := scanner(s, each)
	return func() { scan(); s.Sent(int64(each), int64(each)) }
}

// TestNewcomerBesideRaised: a newcomer that scans is found, whoever knows many already,
// in meshes of few: a scanner that is raised, two of them, an honest gateway. The first
// is named before and behind the newcomer, as all are judged by name.
func TestNewcomerBesideRaised(t *testing.T) {
	for _, callers := range []int{4, 5, 6, 8, 9, 12} {
		for _, scanners := range []int{1, 2} {
			w := newWorld(t, callers, nil)
			w.pass(11 * time.Minute)
			for i := range scanners {
				w.until(w.all[i], High, time.Minute, scanner(w.all[i], 6))
			}
			newcomer := w.j.Subject("spiffe://d/0-newcomer")
			took := w.until(newcomer, High, 30*time.Second, calling(newcomer, 3))
			if newcomer.Tier().Level() != High || took > 20*time.Second {
				t.Errorf("%d callers, %d of them raised: %v after %v", callers, scanners, newcomer.Tier().Level(), took)
			}
			w.low1(w.all[scanners:])
		}
		w := newWorld(t, callers, nil)
		w.join("gateway", 90) // while everybody is new
		w.pass(11 * time.Minute)
		newcomer := w.j.Subject("spiffe://d/0-newcomer")
		w.until(newcomer, High, 20*time.Second, calling(newcomer, 3))
		w.low(fmt.Sprintf("a gateway and %d callers", callers))
	}
}

// low1 wants these to be.
func (w *world) low1(all []*Subject) {
	w.t.Helper()
	for _, s := range all {
		if s.Tier() != 0 {
			w.t.Errorf("%s is %v\n%s", s.Name(), s.Tier().Level(), w.log.String())
		}
	}
}

// TestNewcomersScan: two that scan are not each other's excuse. Three are, as
// docs/threats.md says: a deployment may bring as many that ask about a lot.
func TestNewcomersScan(t *testing.T) {
	for _, callers := range []int{4, 8, 12} {
		for many := 1; many <= 3; many++ {
			w := newWorld(t, callers, nil)
			w.pass(11 * time.Minute)
			var scans []func()
			var who []*Subject
			for i := range many {
				who = append(who, w.j.Subject(fmt.Sprint("spiffe://d/newcomer-", i)))
				scans = append(scans, calling(who[i], 3))
			}
			for range 25 {
				for _, scan := range scans {
					scan()
				}
				w.second(1)
			}
			want := High
			if many == 3 {
				want = Low
			}
			for _, s := range who {
				if got := s.Tier().Level(); got != want {
					t.Errorf("%d callers, %d newcomers that scan: %s is %v, want %v", callers, many, s.Name(), got, want)
				}
			}
			w.low("those who were there")
		}
	}
}

// TestHonestNewcomer: one that asks about what its peers do is not raised, in meshes of
// any size, beside who is raised, or where few are left to compare with.
func TestHonestNewcomer(t *testing.T) {
	for _, callers := range []int{2, 4, 5, 12} {
		for raised := range min(callers, 4) {
			w := newWorld(t, callers, nil)
			for i, s := range w.all { // 30 services each, while everybody is new
				for k := range 27 {
					s.Asked(fmt.Sprintf("own-%d-%d", i, k))
				}
			}
			w.pass(11 * time.Minute)
			for i := range raised {
				w.until(w.all[i], High, time.Minute, scanner(w.all[i], 6))
			}
			services := 40
			if callers < fewPeers-1 || raised == callers {
				services = leastNewcomer // there is nobody to compare with
			}
			honest := w.join("honest", services-3)
			for range 11 * 60 {
				if w.second(1); honest.Tier() != 0 {
					t.Fatalf("%d callers, %d raised: the newcomer is %v: %s", callers, raised, honest.Tier().Level(), honest.reason)
				}
			}
		}
	}
}

// TestVouched: what an operator says is low excuses others again; what he raises does
// not lose its say, since he may raise all.
func TestVouched(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(11 * time.Minute)
	one, two := w.join("gateway-1", 60), w.join("gateway-2", 60)
	w.until(one, High, 10*time.Second, nil)
	w.until(two, High, 10*time.Second, nil)
	if err := w.j.Override(Override{Identity: "spiffe://d/gateway-*", Level: Low, Why: "gateways"}); err != nil {
		t.Fatal(err)
	}
	w.join("gateway", 50)
	w.pass(2 * time.Minute)
	w.low("a gateway like two that an operator vouches for")

	w = newWorld(t, 6, nil)
	for _, s := range w.all {
		for k := range 20 {
			s.Asked(fmt.Sprint(s.Name(), k))
		}
	}
	w.pass(11 * time.Minute)
	if err := w.j.Override(Override{Identity: "*", Level: Medium, Why: "all of them"}); err != nil {
		t.Fatal(err)
	}
	honest := w.join("honest", 30)
	w.pass(2 * time.Minute)
	if honest.level != Low {
		t.Errorf("where all are raised by a word, a newcomer is judged %v: %s", honest.level, honest.reason)
	}
}

// TestRaisedMoveNoMedian: whoever is raised, and goes on, excuses no other of any signal
// in a mesh of few; nor does a second one that does the same.
func TestRaisedMoveNoMedian(t *testing.T) {
	n := 0
	for name, harm := range map[string]func(s *Subject) func(){
		"scan": func(s *Subject) func() { return scanner(s, 1) },
		"rate": func(s *Subject) func() { return func() { s.Sent(700, 700) } },
		"denied": func(s *Subject) func() {
			return func() { n++; s.Denied(fmt.Sprint("thing-", n)) }
		},
	} {
		for _, callers := range []int{3, 4, 5, 6} {
			w := newWorld(t, callers, nil)
			w.pass(20 * time.Minute)
			first, second := harm(w.all[0]), harm(w.all[1])
			w.until(w.all[0], Medium, 4*time.Minute, first)
			took := w.until(w.all[1], Medium, 4*time.Minute, func() { first(); second() })
			if name != "rate" && took > 20*time.Second {
				t.Errorf("%s in a mesh of %d: the second is found after %v", name, callers, took)
			}
			w.low1(w.all[2:])
		}
	}
}

// TestWhatComesToAll: services that a change brings to all, one caller after the other,
// raise those at most that it comes to first: were they left out of the median, the
// rest would follow.
func TestWhatComesToAll(t *testing.T) {
	w := newWorld(t, 8, nil)
	w.pass(20 * time.Minute)
	for second := range 600 {
		for i, s := range w.all {
			if since := second - 60*i; since%5 == 0 && since >= 0 && since < 60 {
				s.Asked(fmt.Sprintf("rolled-out-%d-%d", i, since))
			}
		}
		w.second(1)
	}
	raised := strings.Count(w.log.String(), "from=low")
	if raised == 0 || raised > 4 {
		t.Errorf("%d of %d are raised, want those alone that were first\n%s", raised, len(w.all), w.log.String())
	}
}

// TestKnownBut takes the subject out, wherever it is among them.
func TestKnownBut(t *testing.T) {
	for _, c := range []struct {
		known []int // the subject's first
		want  float64
	}{
		{[]int{60, 3, 3}, 0}, // fewer than four
		{[]int{60, 1, 2, 3}, 2},
		{[]int{60, 1, 2, 90}, 2},
		{[]int{1, 1, 2, 90}, 2},
		{[]int{2, 2, 2, 2}, 2},
		{[]int{60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 90}, 9},
		{[]int{5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 90}, 9},
		{[]int{60, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 80, 90}, 80},
	} {
		var all []*Subject
		var did []counts
		for _, n := range c.known {
			all, did = append(all, &Subject{past: past{known: n}}), append(did, counts{attempted: 1})
		}
		p := compare(all, did)
		if got := p.knownBut(all[0], did[0]); got != c.want {
			t.Errorf("%v: %v, want %v", c.known, got, c.want)
		}
		all[0].level = High
		if p = compare(all, did); p.knownBut(all[0], did[0]) != c.want {
			t.Errorf("%v, raised: %v, want %v", c.known, p.knownBut(all[0], did[0]), c.want)
		}
	}
}

// TestServicesFrom: until the judge can tell who is new, a scan raises nobody, and is
// told to be judged from a time on, which holds.
func TestServicesFrom(t *testing.T) {
	w := newWorld(t, 6, nil)
	w.pass(time.Minute)
	from := w.j.View().ServicesFrom
	if want := noon.Add(10*time.Minute + window); from != want {
		t.Fatalf("judged from %v, want %v", from, want)
	}
	if text, err := json.Marshal(w.j.View()); err != nil || !strings.Contains(string(text), `"services_judged_from":"2026-11-23T12:10:05Z"`) {
		t.Errorf("%s, %v", text, err)
	}
	late := w.j.Subject("spiffe://d/late")
	scan := calling(late, 1)
	for w.now.Before(from.Add(-time.Second)) {
		scan()
		w.second(1)
		if v := w.j.View(); late.Tier() != 0 || v.ServicesFrom != from {
			t.Fatalf("at %v it is %v, judged from %v", w.now, late.Tier().Level(), v.ServicesFrom)
		}
	}
	scan()
	if w.second(1); late.Tier().Level() != High || !w.j.View().ServicesFrom.IsZero() {
		t.Errorf("at %v it is %v, judged from %v", w.now, late.Tier().Level(), w.j.View().ServicesFrom)
	}
	settings := DefaultSettings()
	settings.Mode = Off
	w = newWorld(t, 2, func(_ *Config, s *Settings) { *s = settings })
	if v := w.j.View(); !v.ServicesFrom.IsZero() {
		t.Errorf("off: judged from %v", v.ServicesFrom)
	}
}
