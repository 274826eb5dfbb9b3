package siege

import (
	"math"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// thin is lighter and shorter traffic than what is reported, so that it passes in
// seconds: `fairway bench threats` is the whole.
func thin(t *testing.T, set func(Rates) Set) *Set {
	t.Helper()
	rates, err := Recorded(t.Context(), "../../../datasets/recordings/lab-test")
	if err != nil {
		t.Fatal(err)
	}
	s := set(rates)
	if s.Name == "report" {
		s.Seed = 900_000 // of an earlier report: nothing looks at what is to be reported
	}
	s.Scale, s.Quiet, s.Length = 0.3, 20*time.Minute, 70*time.Minute
	if raced {
		s.Scale = 0.1
	}
	return &s
}

// TestHonest: of a million requests of honest callers, with their bursts, at most
// ten are refused for what the judge thinks; nor would they be with certificates
// that live for a year. Under the race detector, of which one goroutine has nothing
// to fear, only one kind is tried.
func TestHonest(t *testing.T) {
	s, kinds := thin(t, Report), honests
	if raced {
		kinds = honests[1:2]
	}
	for _, h := range kinds {
		t.Run(h.name, func(t *testing.T) {
			t.Parallel()
			got, err := s.honest(t.Context(), h, 1)
			if err != nil {
				t.Fatal(err)
			}
			if got.Requests+got.LongRequests < 30_000 {
				t.Errorf("only %d requests", got.Requests+got.LongRequests)
			}
			if got.PerMillion > 10 || got.LongPerMillion > 10 {
				t.Errorf("%.3g and %.3g of a million are refused, in %d and %d requests; %d times raised", got.PerMillion, got.LongPerMillion, got.Requests, got.LongRequests, got.Raised)
			}
		})
	}
}

// TestAttacks: what can be told from honest traffic is found in time, nobody else
// pays for it, and who is framed least of all.
func TestAttacks(t *testing.T) {
	within := map[string]float64{ // seconds to medium; the others are found now and then
		"stuffing": 15, "scan": 120, "scan, by a newcomer": 180, "jump under the limit": 200, "jump beyond the limit": 200, "ramp to twice the limit": 3700, "framing": 0,
	}
	s := thin(t, Report)
	for _, a := range attacks {
		most, tried := within[a.name]
		if !tried || raced && most > 120 {
			continue
		}
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			got, err := s.attack(t.Context(), a, 1)
			if err != nil {
				t.Fatal(err)
			}
			if most > 0 && (got.Medium != got.Runs || got.ToMedium[2] > most || got.ToMedium[0] < 0) {
				t.Errorf("found in %d of %d, after %v s; want at most %v", got.Medium, got.Runs, got.ToMedium, most)
			}
			if most == 0 && got.Medium+got.High > 0 {
				t.Error("who is framed is a threat")
			}
			if got.Others > 0 {
				t.Errorf("%d requests of others are refused", got.Others)
			}
		})
	}
}

// TestDryRun: the same levels, and nobody is refused.
func TestDryRun(t *testing.T) {
	s := thin(t, Tuning)
	m, err := s.mesh(7, threat.DryRun)
	if err != nil {
		t.Fatal(err)
	}
	who := under(1.2, 3)(s, m, s.Quiet.Seconds())
	m.run(s.Quiet + 5*time.Minute)
	if m.was[who] != threat.High {
		t.Errorf("%s is %v", who, m.was[who])
	}
	for _, c := range m.callers {
		if c.blocked() > 0 && c.tight != c.blocked() {
			t.Errorf("%s is refused %+v", c.name, c.outcome)
		}
	}
}

// TestBound: of no event in n, the bound is about three over n; Clopper and Pearson
// for 5 of 100 is 10.2 %.
func TestBound(t *testing.T) {
	if _, most := perMillion(0, 3e6); math.Abs(most-0.9986) > 0.001 {
		t.Errorf("none in three millions: at most %v of a million", most)
	}
	if share, most := perMillion(5, 100); share != 5e4 || math.Abs(most-102_253) > 100 {
		t.Errorf("5 of 100: %v, at most %v of a million", share, most)
	}
	if _, most := perMillion(3, 3); most != 1e6 {
		t.Errorf("all: %v", most)
	}
}
