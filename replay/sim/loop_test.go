package sim

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// scripted decides what it was told to, one answer after the other.
type scripted struct {
	answers []mesh.Weights
	scrapes []time.Duration
	decided []time.Duration
	fails   error
}

func (s *scripted) scrape(t time.Duration, _ int, c *Counters) { s.scrapes = append(s.scrapes, t) }

func (s *scripted) decide(t time.Duration) (news, string, error) {
	s.decided = append(s.decided, t)
	if len(s.answers) == 0 {
		return news{}, "stale", s.fails
	}
	w := s.answers[0]
	s.answers = s.answers[1:]
	return news{weights: w}, "", s.fails
}

// updated notes when weights come.
type updated struct {
	picker.Picker
	now     *int64
	at      []time.Duration
	weights []mesh.Weights
}

func (u *updated) Update(w mesh.Weights) {
	u.at = append(u.at, time.Duration(*u.now))
	u.weights = append(u.weights, w)
}

func slowRun(t *testing.T, s *Scenario, slow slowLoop) (*run, *updated, error) {
	t.Helper()
	u := &updated{}
	r, err := newRun(s, 1, router.Strategy{Name: "scripted", Picker: func(c picker.Config) picker.Picker {
		p, err := picker.Named("random", c)
		if err != nil {
			t.Fatal(err)
		}
		u.Picker = p
		return u
	}}, &Observer{})
	if err != nil {
		t.Fatal(err)
	}
	u.now = &r.now
	r.startSlowLoop(slow, 1)
	return r, u, r.loop(t.Context())
}

func TestSlowLoop(t *testing.T) {
	s := steady(2)
	s.Metrics = Metrics{Scrape: time.Second, Step: 2 * time.Second, Range: 2 * time.Second, Jitter: 100 * ms}
	s.Decisions = Decisions{Delay: 500 * ms, Down: Span{3 * time.Second, 5 * time.Second}, Stale: Span{6 * time.Second, 8 * time.Second}}
	slow := &scripted{answers: []mesh.Weights{{0.9, 0.1}, {0.2, 0.8}}}
	r, u, err := slowRun(t, s, slow)
	if err != nil {
		t.Fatal(err)
	}
	res := r.finish()
	if want := []time.Duration{2 * time.Second, 6 * time.Second, 8 * time.Second}; !slices.Equal(slow.decided[:3], want) {
		t.Errorf("decided at %v; want %v, and nothing while it is down", slow.decided, want)
	}
	for _, at := range slow.scrapes {
		if s.Decisions.Stale.holds(int64(at)) {
			t.Errorf("a scrape at %v, while none arrives", at)
		}
	}
	if n := len(slow.scrapes); n < 14 || n > 18 { // of two endpoints in ten seconds less two
		t.Errorf("%d scrapes", n)
	}
	if len(u.at) != 2 || u.at[0] < 2500*ms || u.at[0] > 2600*ms || u.at[1] < 6500*ms || u.at[1] > 6600*ms || u.weights[1][1] != 0.8 {
		t.Errorf("weights %v came at %v", u.weights, u.at)
	}
	// From equal to 0.9 is 0.4, to 0.2 another 0.7, in a sixth of a minute.
	if want := 1.1 * 6; res.Churn < want-1e-9 || res.Churn > want+1e-9 {
		t.Errorf("churn is %v per minute; want %v", res.Churn, want)
	}
	if res.Declined["stale"] < 1 {
		t.Errorf("declined %v", res.Declined)
	}
	if w := res.Slots[res0(4*time.Second)].Weights; w == nil || w[0] != 0.9 {
		t.Errorf("weights at 4 s are %v", w)
	}
}

func TestSlowLoopFails(t *testing.T) {
	wrong := errors.New("wrong")
	if _, _, err := slowRun(t, steady(2), &scripted{fails: wrong}); !errors.Is(err, wrong) {
		t.Errorf("error is %v", err)
	}
}
