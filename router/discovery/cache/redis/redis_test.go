package redis_test

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/router/discovery/cache"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis/redistest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("not within 30 s: " + what)
		}
	}
}

func layer(t *testing.T, s *redistest.Server, scope string) *redis.Redis {
	t.Helper()
	r, err := redis.New(s.URL(), scope)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

func run(t *testing.T, c *cache.Cache) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return stop
}

func config() cache.Config {
	cfg := cache.DefaultConfig()
	cfg.Scope, cfg.Settle, cfg.Retry, cfg.RetryMost, cfg.ReadTimeout = "test", time.Millisecond, 10*time.Millisecond, 50*time.Millisecond, 5*time.Second
	return cfg
}

// TestTwoCaches has what one daemon keeps found by another, and by none of another scope.
func TestTwoCaches(t *testing.T) {
	s := redistest.Start(t)
	one, err := cache.New(config(), layer(t, s, "test"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, one)
	one.Keep("services/kubernetes", func(context.Context) ([]byte, string, error) { return []byte("reviews"), "7", nil })
	two, err := cache.New(config(), layer(t, s, "test"))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other finds it", func() bool {
		e, ok := two.Get(t.Context(), "services/kubernetes")
		return ok && string(e.Value) == "reviews" && e.Version == "7" && !e.Stale
	})
	other, err := cache.New(config(), layer(t, s, "other"))
	if err != nil {
		t.Fatal(err)
	}
	if e, ok := other.Get(t.Context(), "services/kubernetes"); ok {
		t.Errorf("another scope has %+v", e)
	}
	client := goredis.NewClient(&goredis.Options{Network: "unix", Addr: s.Socket()})
	defer client.Close()
	if left, err := client.TTL(t.Context(), "fairway:test:services/kubernetes").Result(); err != nil || left < redis.Expiry/2 {
		t.Errorf("it expires in %v, %v", left, err)
	}
}

// TestTheNewestWins does not let an older entry take the place of a newer one, but of
// one of a time that is yet to come, nor of what is not ours.
func TestTheNewestWins(t *testing.T) {
	s := redistest.Start(t)
	r := layer(t, s, "test")
	now := time.Now()
	for _, step := range []struct {
		at   time.Time
		want bool
	}{{now, true}, {now.Add(-time.Microsecond), false}, {now.Add(time.Microsecond), true}, {now.Add(time.Hour), true}, {now.Add(time.Second), true}} {
		text := fmt.Sprint(step.at)
		if err := r.Put(t.Context(), "k", step.at, []byte(text)); err != nil {
			t.Fatal(err)
		}
		got, err := r.Get(t.Context(), "k")
		if err != nil || (string(got) == text) != step.want {
			t.Errorf("%v: got %q, %v", step.at.Sub(now), got, err)
		}
	}
	client := goredis.NewClient(&goredis.Options{Network: "unix", Addr: s.Socket()})
	defer client.Close()
	if err := client.Set(t.Context(), "fairway:test:foreign", "a string", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(t.Context(), "foreign"); err == nil {
		t.Error("a string was read as an entry")
	}
	if err := r.Put(t.Context(), "foreign", now, []byte("ours")); err != nil {
		t.Fatal(err)
	}
	if text, err := r.Get(t.Context(), "foreign"); err != nil || string(text) != "ours" {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestTwoWriters has two caches write one key at once; in the end Redis has the newest.
func TestTwoWriters(t *testing.T) {
	s := redistest.Start(t)
	done := make(chan struct{})
	now := time.Now()
	for w := range 2 {
		r := layer(t, s, "test")
		go func() {
			defer func() { done <- struct{}{} }()
			for i := range 500 {
				at := now.Add(time.Duration((i*7919+w*13)%1000) * time.Millisecond)
				if err := r.Put(context.Background(), "k", at, []byte(at.String())); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	<-done
	<-done
	var newest time.Time
	for w := range 2 {
		for i := range 500 {
			if at := now.Add(time.Duration((i*7919+w*13)%1000) * time.Millisecond); at.After(newest) {
				newest = at
			}
		}
	}
	if text, err := layer(t, s, "test").Get(t.Context(), "k"); err != nil || string(text) != newest.String() {
		t.Errorf("got %q, %v; want %v", text, err, newest)
	}
}

// TestKilled goes on without Redis, and gives it what is new when it is back.
func TestKilled(t *testing.T) {
	s := redistest.Start(t)
	c, err := cache.New(config(), layer(t, s, "test"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, c)
	values := make(chan string, 1)
	values <- "before"
	c.Keep("k", func(context.Context) ([]byte, string, error) {
		select {
		case v := <-values:
			return []byte(v), "", nil
		default:
			return nil, "", cache.ErrNothing
		}
	})
	watcher := layer(t, s, "test")
	has := func(want string) bool {
		other, err := cache.New(config(), watcher)
		if err != nil {
			t.Fatal(err)
		}
		e, ok := other.Get(t.Context(), "k")
		return ok && string(e.Value) == want
	}
	eventually(t, "Redis has the first", func() bool { return has("before") })
	s.Kill()
	values <- "meanwhile"
	c.Touch("k")
	eventually(t, "memory has the next", func() bool { e, ok := c.Get(t.Context(), "k"); return ok && string(e.Value) == "meanwhile" })
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "Redis has it once it is back", func() bool { return has("meanwhile") })
}

// TestBlackHole gives up on what takes connections and never answers.
func TestBlackHole(t *testing.T) {
	hole, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hole.Close()
	r, err := redis.New("redis://"+hole.Addr().String(), "test")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := r.Get(ctx, "k"); err == nil {
		t.Error("it answered")
	}
}

func TestURL(t *testing.T) {
	for _, good := range []string{"redis://localhost", "rediss://u:p@host:6380/2", "unix:///run/redis.sock", "unix://u:p@/run/redis.sock?db=3"} {
		r, err := redis.New(good, "")
		if err != nil {
			t.Errorf("%s: %v", good, err)
			continue
		}
		r.Close()
	}
	for _, wrong := range []string{"", "localhost:6379", "http://user:hunter2@host", "redis://user:hunter2@host/a/b", "redis://user:hunter2@host:port", "redis://user:hunter2@host:65536", "redis://user:hunter2@host:0", "redis://user:hunter2@host/?x=1", "redis://user:hunter2%zz@host", "unix://user:hunter2@"} {
		r, err := redis.New(wrong, "")
		if err == nil {
			r.Close()
			t.Errorf("%q was taken", wrong)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error of %q tells the password: %v", wrong, err)
		}
	}
}
