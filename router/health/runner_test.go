package health_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fairway-mesh/fairway/router/health"
)

// target asks one check every second; it is unhealthy after three rounds that
// fail, and healthy again after two that pass.
func target(name string, checks ...health.Check) health.Target {
	return health.Target{Endpoint: name, Checks: checks, Interval: time.Second, Timeout: 500 * time.Millisecond, Least: 0.5, Rise: 2, Fall: 3}
}

func check(name string, run func(context.Context) error) health.Check {
	return health.Check{Name: name, Run: run}
}

// running follows the targets of shop until the test ends.
func running(t *testing.T, most int, targets ...health.Target) *health.Runner {
	t.Helper()
	r := health.NewRunner(most, 1)
	if err := r.Follow("shop", time.Now(), targets); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { r.Run(ctx); close(ended) }()
	t.Cleanup(func() { cancel(); <-ended })
	return r
}

// TestRiseAndFall: rounds of a second, within a tenth.
func TestRiseAndFall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var broken atomic.Bool
		var rounds atomic.Int64
		r := running(t, 1, target("a", check("c", func(context.Context) error {
			rounds.Add(1)
			if broken.Load() {
				return errors.New("refused")
			}
			return nil
		})))
		synctest.Wait()
		if got := r.Checked("shop", "a"); got != (health.Checked{}) {
			t.Errorf("before the first round: %+v", got)
		}
		pass := func(n int64) { // so many rounds more
			for want := rounds.Load() + n; rounds.Load() < want; synctest.Wait() {
				time.Sleep(50 * time.Millisecond)
			}
		}
		expect := func(when string, want health.State, passed int) {
			t.Helper()
			if got := r.Checked("shop", "a"); got.State != want || got.Passed != passed || got.Total != 1 || (got.Reason == "") != (passed == 1) {
				t.Errorf("%s: %+v; want %v", when, got, want)
			}
		}
		pass(1)
		expect("first round", health.Healthy, 1)
		<-r.Changed()
		broken.Store(true)
		pass(2)
		expect("two failed", health.Healthy, 0)
		pass(1)
		expect("three failed", health.Unhealthy, 0)
		<-r.Changed()
		broken.Store(false)
		pass(1)
		expect("one passed", health.Unhealthy, 1)
		broken.Store(true)
		pass(1)
		broken.Store(false)
		pass(1)
		expect("one passed, one failed, one passed", health.Unhealthy, 1)
		pass(1)
		expect("two passed in a row", health.Healthy, 1)
		begun, before := time.Now(), rounds.Load()
		pass(100)
		if took := time.Since(begun); rounds.Load()-before != 100 || took < 93*time.Second || took > 107*time.Second {
			t.Errorf("100 rounds took %v", took)
		}
	})
}

// TestHangingEndpoints: those that hang fall by their timeouts, and hold up the
// others for no longer than the places that they take.
func TestHangingEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var targets []health.Target
		for i := range 20 {
			targets = append(targets, target(fmt.Sprintf("hangs%d", i), check("c", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })))
		}
		targets = append(targets, target("well", check("c", func(context.Context) error { return nil })))
		r := running(t, 4, targets...)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		for i := range 20 {
			if got := r.Checked("shop", fmt.Sprintf("hangs%d", i)); got.State != health.Unhealthy || !strings.Contains(got.Reason, "deadline exceeded") {
				t.Errorf("hangs%d: %+v", i, got)
			}
		}
		if got := r.Checked("shop", "well"); got.State != health.Healthy {
			t.Errorf("well: %+v", got)
		}
	})
}

// TestFollow: what is checked as before keeps its state, what is checked otherwise
// begins anew, and what has left is asked no more.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := map[string]*atomic.Int64{"a": {}, "b": {}, "c": {}}
		counted := func(name string) health.Check {
			return check(name, func(context.Context) error { asked[name].Add(1); return nil })
		}
		r := running(t, 1, target("a", counted("a")), target("b", counted("b")))
		time.Sleep(3 * time.Second)
		if err := r.Follow("shop", time.Now(), []health.Target{target("a", counted("a")), target("c", counted("c"))}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if r.Checked("shop", "a").State != health.Healthy || r.Checked("shop", "b") != (health.Checked{}) || r.Checked("shop", "c") != (health.Checked{}) {
			t.Error("a was not kept, or b not forgotten, or c not begun anew")
		}
		before := asked["b"].Load()
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if a, b, c := asked["a"].Load(), asked["b"].Load(), asked["c"].Load(); b != before || a < 10 || c < 8 {
			t.Errorf("asked %d, %d and %d times, b %d before", a, b, c, before)
		}
		twice := []health.Target{target("a", counted("a")), target("a", counted("b"))}
		if err := r.Follow("shop", time.Now(), twice); err == nil || !strings.Contains(err.Error(), "endpoint a of service shop stands twice") {
			t.Errorf("twice: %v", err)
		}
		if r.Checked("shop", "c").State != health.Healthy {
			t.Error("what was refused has changed something")
		}
		if err := r.Follow("shop", time.Now(), nil); err != nil || r.Checked("shop", "a") != (health.Checked{}) {
			t.Errorf("none: %v", err)
		}
	})
}
