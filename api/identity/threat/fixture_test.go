package threat

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const limit = 1000

// world is a judge with a clock, and callers that ask about three services each.
type world struct {
	t   testing.TB
	j   *Judge
	reg *prometheus.Registry
	now time.Time
	rng *rand.Rand
	log strings.Builder
	all []*Subject
}

func newWorld(t testing.TB, callers int, change func(*Config, *Settings)) *world {
	t.Helper()
	w := &world{t: t, reg: prometheus.NewRegistry(), now: noon, rng: rand.New(rand.NewPCG(1, 2))}
	cfg, settings := DefaultConfig(), DefaultSettings()
	cfg.Rate, settings.Mode = limit, Enforce
	cfg.Log = slog.New(slog.NewTextHandler(&w.log, nil))
	if change != nil {
		change(&cfg, &settings)
	}
	var err error
	if w.j, err = New(cfg, settings, w.reg); err != nil {
		t.Fatal(err)
	}
	w.j.Step(w.now)
	for i := range callers {
		w.all = append(w.all, w.j.Subject(fmt.Sprintf("spiffe://d/%d", i)))
	}
	return w
}

// second lets one pass, in which each caller sends about 100 messages times factor.
func (w *world) second(factor float64) {
	for i, s := range w.all {
		n := int64(factor * (90 + 20*w.rng.Float64()))
		for k := range 3 {
			s.Asked(fmt.Sprintf("service-%d", i+k))
		}
		s.Sent(n, n)
	}
	w.tick()
}

func (w *world) tick() {
	w.now = w.now.Add(time.Second)
	w.j.Step(w.now)
}

func (w *world) pass(d time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.second(1)
	}
}

// until waits for a level of s, and returns how long that took.
func (w *world) until(s *Subject, level Level, most time.Duration, do func()) time.Duration {
	w.t.Helper()
	for start := w.now; ; {
		if s.Tier().Level() == level {
			return w.now.Sub(start)
		}
		if w.now.Sub(start) > most {
			w.t.Fatalf("%s is %v after %v; want %v", s.Name(), s.Tier().Level(), most, level)
		}
		if do != nil {
			do()
		}
		w.second(1)
	}
}

// low wants everybody to be.
func (w *world) low(when string) {
	w.t.Helper()
	for _, s := range w.all {
		if s.Tier() != 0 {
			w.t.Fatalf("%s: %s is %v\n%s", when, s.Name(), s.Tier().Level(), w.log.String())
		}
	}
}
