package cache

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// teller is a source: it says at what version it is, slowly, and not while it is down.
type teller struct {
	t       *testing.T
	mu      sync.Mutex
	dice    *rand.Rand
	slowest time.Duration
	down    bool
	version map[string]int
	loading map[string]bool
	atOnce  int
	began   map[string][]time.Time
	at      map[string]time.Time // of the last that succeeded
}

func newTeller(t *testing.T, seed uint64, slowest time.Duration) *teller {
	return &teller{t: t, dice: rand.New(rand.NewPCG(seed, 1)), slowest: slowest,
		version: map[string]int{}, loading: map[string]bool{}, began: map[string][]time.Time{}, at: map[string]time.Time{}}
}

func (s *teller) load(key string) func(context.Context) ([]byte, string, error) {
	return func(ctx context.Context) ([]byte, string, error) {
		s.mu.Lock()
		if s.loading[key] {
			s.t.Errorf("two loads of %s at once", key)
		}
		began := time.Now()
		s.loading[key], s.began[key] = true, append(s.began[key], began)
		if s.atOnce++; s.atOnce > DefaultConfig().Loads {
			s.t.Errorf("%d loads at once", s.atOnce)
		}
		wait := time.Duration(s.dice.Int64N(int64(s.slowest) + 1))
		s.mu.Unlock()
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.loading[key] = false
		s.atOnce--
		if s.down || ctx.Err() != nil {
			return nil, "", errors.New("the source is down")
		}
		s.version[key]++
		s.at[key] = began
		return fmt.Appendf(nil, "%s at %d", key, s.version[key]), fmt.Sprint(s.version[key]), nil
	}
}

// begins are the times at which loads of a key began.
func (s *teller) begins(key string) []time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.began[key])
}

func (s *teller) goes(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// bubbles runs a property for some seeds, each in its own time.
func bubbles(t *testing.T, property func(t *testing.T, dice *rand.Rand, seed uint64)) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { property(t, rand.New(rand.NewPCG(seed, 2)), seed) })
		})
	}
}

// TestHealthySource: while a source is well, nothing that is loaded from it is ever
// served stale; a key is loaded again between the bounds of the jitter, and never twice
// at once.
func TestHealthySource(t *testing.T) {
	bubbles(t, func(t *testing.T, dice *rand.Rand, seed uint64) {
		cfg := DefaultConfig()
		cfg.Seed = seed
		source := newTeller(t, seed, time.Second)
		disk := newFake("disk")
		c := newCache(t, cfg, disk)
		stop := running(t, c)
		defer stop()
		keys := 1 + dice.IntN(30)
		for k := range keys {
			key := fmt.Sprint(k)
			c.Keep(key, source.load(key))
		}
		time.Sleep(time.Minute)
		for end := time.Now().Add(2 * time.Hour); time.Now().Before(end); time.Sleep(time.Duration(dice.Int64N(int64(time.Minute)))) {
			key := fmt.Sprint(dice.IntN(keys))
			if e, ok := c.Get(t.Context(), key); !ok || e.Stale {
				t.Fatalf("%s after %v: %+v, %v", key, time.Since(e.Time), e, ok)
			}
		}
		least := time.Duration((cfg.Refresh - cfg.Jitter) * float64(cfg.TTL))
		most := time.Duration((cfg.Refresh+cfg.Jitter)*float64(cfg.TTL)) + time.Duration(keys)*source.slowest // those before it in the queue
		apart := map[time.Duration]bool{}
		for k := range keys {
			key := fmt.Sprint(k)
			began := source.begins(key)
			for i := 1; i < len(began); i++ {
				after := began[i].Sub(began[i-1])
				if after < least || after > most {
					t.Errorf("%s was loaded again after %v; want %v to %v", key, after, least, most)
				}
				apart[after] = true
			}
		}
		if keys > 5 && len(apart) < 50 {
			t.Errorf("there is no jitter: %d different times", len(apart))
		}
	})
}

// TestFailingSource: whatever a source and the layers go through, and however often a
// key is touched, an entry that was loaded once is there from then on, never goes back,
// is stale exactly when its time is over, and there is never more than one load of a
// key. Once all are well again the newest is everywhere.
func TestFailingSource(t *testing.T) {
	bubbles(t, func(t *testing.T, dice *rand.Rand, seed uint64) {
		cfg := DefaultConfig()
		cfg.Seed = seed
		source := newTeller(t, seed, cfg.LoadTimeout*3/2)
		disk, remote := newFake("disk"), newFake("redis")
		c := newCache(t, cfg, disk, remote)
		stop := running(t, c)
		keys := []string{"a", "b", "c"}
		for _, key := range keys {
			c.Keep(key, source.load(key))
		}
		newest := map[string]time.Time{}
		layer := func() *fake {
			if dice.IntN(2) == 0 {
				return disk
			}
			return remote
		}
		for range 2000 {
			time.Sleep(time.Duration(dice.ExpFloat64() * float64(20*time.Second)))
			key := keys[dice.IntN(len(keys))]
			switch dice.IntN(8) {
			case 0:
				source.goes(dice.IntN(2) == 0)
			case 1:
				layer().becomes(errors.New("broken"), 0)
			case 2:
				layer().becomes(nil, time.Duration(dice.Int64N(int64(10*time.Second))))
			case 3:
				layer().becomes(nil, 0)
			case 4, 5:
				c.Touch(key)
			}
			e, ok := c.Get(t.Context(), key)
			if !ok && !newest[key].IsZero() {
				t.Fatalf("%s of %v is lost", key, newest[key])
			}
			if !ok {
				continue
			}
			if e.Time.Before(newest[key]) {
				t.Fatalf("%s went back from %v to %v", key, newest[key], e.Time)
			}
			if e.Stale != (time.Since(e.Time) >= cfg.TTL) {
				t.Fatalf("%s is %v old; stale: %v", key, time.Since(e.Time), e.Stale)
			}
			newest[key] = e.Time
		}
		source.goes(false)
		source.mu.Lock()
		source.slowest = 0
		source.mu.Unlock()
		disk.becomes(nil, 0)
		remote.becomes(nil, 0)
		time.Sleep(2 * cfg.TTL)
		stop()
		for _, key := range keys {
			e, ok := c.Get(t.Context(), key)
			if !ok || e.Stale || e.Version != fmt.Sprint(source.version[key]) {
				t.Errorf("in the end %s is %+v, %v; the source is at %d", key, e, ok, source.version[key])
			}
			for _, l := range []*fake{disk, remote} {
				if there, err := unseal(l.text(key), "", key); err != nil || there.Version != e.Version || !there.Time.Equal(e.Time) {
					t.Errorf("in the end %s has %+v, %v; want %+v", l.name, there, err, e)
				}
			}
		}
	})
}

// TestTouchSettles loads a key that is touched all the time once a while, and once more
// after the last touch.
func TestTouchSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		source := newTeller(t, 0, 0)
		c := newCache(t, cfg)
		stop := running(t, c)
		defer stop()
		c.Touch("k") // which nobody keeps
		c.Keep("k", source.load("k"))
		for range 1000 {
			time.Sleep(10 * time.Millisecond)
			c.Touch("k")
		}
		last := time.Now()
		time.Sleep(cfg.Settle)
		began := source.begins("k")
		if n := len(began); n < 9 || n > 12 {
			t.Errorf("%d loads in 10 s", n)
		}
		if began[len(began)-1].Before(last) {
			t.Error("what was touched last was not loaded")
		}
	})
}

// TestFreshIsNotLoaded spares the source what a layer has fresh, until its time comes;
// what is stale there is served until the source has answered.
func TestFreshIsNotLoaded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		disk := newFake("disk")
		time.Sleep(time.Hour)
		for key, age := range map[string]time.Duration{"fresh": 2 * time.Minute, "stale": time.Hour} {
			disk.has(Entry{Key: key, Version: "before", Time: time.Now().Add(-age)})
		}
		source := newTeller(t, 0, 0)
		source.goes(true)
		c := newCache(t, cfg, disk)
		stop := running(t, c)
		defer stop()
		c.Keep("fresh", source.load("fresh"))
		c.Keep("stale", source.load("stale"))
		time.Sleep(time.Minute)
		if n := len(source.begins("fresh")); n != 0 {
			t.Errorf("what is fresh was loaded %d times", n)
		}
		if e, ok := c.Get(t.Context(), "stale"); !ok || !e.Stale || e.Version != "before" {
			t.Errorf("while the source is down: %+v, %v", e, ok)
		}
		if n := len(source.begins("stale")); n < 4 || n > 10 {
			t.Errorf("a source that is down was asked %d times in a minute", n)
		}
		source.goes(false)
		time.Sleep(2*time.Minute + cfg.RetryMost)
		for _, key := range []string{"fresh", "stale"} {
			if e, ok := c.Get(t.Context(), key); !ok || e.Stale || e.Version != "1" {
				t.Errorf("%s: %+v, %v", key, e, ok)
			}
		}
	})
}

// TestAnotherWrites takes over what another daemon has written while the source of
// this one is down.
func TestAnotherWrites(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		disk, remote := newFake("disk"), newFake("redis")
		source := newTeller(t, 0, 0)
		c := newCache(t, cfg, disk, remote)
		stop := running(t, c)
		c.Keep("k", source.load("k"))
		time.Sleep(time.Minute)
		source.goes(true)
		time.Sleep(time.Minute)
		other := Entry{Key: "k", Version: "another's", Time: time.Now()}
		if err := remote.Put(t.Context(), "k", other.Time, seal(other, "")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(cfg.TTL)
		stop()
		if e, ok := c.Get(t.Context(), "k"); !ok || e.Version != "another's" {
			t.Errorf("memory has %+v, %v", e, ok)
		}
		if e, err := unseal(disk.text("k"), "", "k"); err != nil || e.Version != "another's" {
			t.Errorf("the disk has %+v, %v", e, err)
		}
	})
}
