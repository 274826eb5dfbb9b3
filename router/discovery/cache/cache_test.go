package cache

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func newCache(t *testing.T, cfg Config, layers ...Layer) *Cache {
	t.Helper()
	c, err := New(cfg, layers...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// patient is a configuration for tests in real time, on a machine that is busy.
func patient() Config {
	cfg := DefaultConfig()
	cfg.ReadTimeout, cfg.FirstTimeout, cfg.WriteTimeout = time.Minute, time.Minute, time.Minute
	return cfg
}

// running runs a cache until the test or the returned function ends it.
func running(t *testing.T, c *Cache) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	return sync.OnceFunc(func() { cancel(); <-done })
}

// fake is a layer in memory that can be dead or slow.
type fake struct {
	name string
	mu   sync.Mutex
	is   map[string]string
	at   map[string]time.Time
	err  error
	slow time.Duration
	asks int
}

func newFake(name string) *fake {
	return &fake{name: name, is: map[string]string{}, at: map[string]time.Time{}}
}

func (f *fake) Name() string { return f.name }

func (f *fake) wait(ctx context.Context) error {
	f.mu.Lock()
	f.asks++
	slow, err := f.slow, f.err
	f.mu.Unlock()
	if slow > 0 {
		select {
		case <-time.After(slow):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

func (f *fake) Get(ctx context.Context, key string) ([]byte, error) {
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if text, ok := f.is[key]; ok {
		return []byte(text), nil
	}
	return nil, ErrNone
}

func (f *fake) Put(ctx context.Context, key string, at time.Time, text []byte) error {
	if err := f.wait(ctx); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at[key].After(at) {
		f.is[key], f.at[key] = string(text), at
	}
	return nil
}

func (f *fake) becomes(err error, slow time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err, f.slow = err, slow
}

func (f *fake) text(key string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	return []byte(f.is[key])
}

func (f *fake) has(e Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.is[e.Key] = string(seal(e, ""))
}

func (f *fake) asked() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asks
}

// TestBackFill finds an entry in the last layer, and afterwards in those above.
func TestBackFill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		disk, remote := newFake("disk"), newFake("redis")
		entry := Entry{Key: "k", Version: "v7", Time: time.Now(), Value: []byte("what")}
		if err := remote.Put(t.Context(), "k", entry.Time, seal(entry, "")); err != nil {
			t.Fatal(err)
		}
		c := newCache(t, cfg, disk, remote)
		stop := running(t, c)
		time.Sleep(time.Minute)
		got, ok := c.Get(t.Context(), "k")
		if !ok || got.Version != "v7" || string(got.Value) != "what" || !got.Time.Equal(entry.Time) || got.Stale {
			t.Fatalf("got %+v, %v", got, ok)
		}
		stop()
		if disk.is["k"] != string(seal(entry, "")) {
			t.Errorf("the disk has %q", disk.is["k"])
		}
		asked := remote.asked()
		if again, ok := c.Get(t.Context(), "k"); !ok || string(again.Value) != "what" || remote.asked() != asked {
			t.Errorf("memory has %+v, %v", again, ok)
		}
		if _, ok := c.Get(t.Context(), "another"); ok {
			t.Error("an entry that is nowhere was found")
		}
	})
}

// TestDeadLayer asks a layer that fails, or does not answer, a few times and then
// seldom; what was to be written is, once it is back.
func TestDeadLayer(t *testing.T) {
	for name, becomes := range map[string]func(*fake){
		"dead": func(f *fake) { f.becomes(errors.New("connection refused"), 0) },
		"slow": func(f *fake) { f.becomes(nil, time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				reg := prometheus.NewPedanticRegistry()
				cfg := DefaultConfig()
				cfg.Registerer = reg
				remote := newFake("redis")
				becomes(remote)
				c := newCache(t, cfg, remote)
				stop := running(t, c)
				defer stop()
				value := "one"
				c.Keep("kept", func(context.Context) ([]byte, string, error) { return []byte(value), "", nil })
				began := time.Now()
				for i := range 1000 {
					if _, ok := c.Get(t.Context(), fmt.Sprint("missing ", i)); ok {
						t.Fatal("found")
					}
				}
				if waited := time.Since(began); waited > cfg.FirstTimeout {
					t.Errorf("a thousand readings waited %v", waited)
				}
				time.Sleep(2 * time.Minute)
				if n := remote.asked(); n > 40 {
					t.Errorf("it was asked %d times in two minutes", n)
				}
				if e, ok := c.Get(t.Context(), "kept"); !ok || string(e.Value) != "one" {
					t.Errorf("memory has %+v, %v", e, ok)
				}
				if testutil.ToFloat64(c.metrics.errors.WithLabelValues("redis")) == 0 || testutil.ToFloat64(c.metrics.skipped.WithLabelValues("redis")) < 900 {
					t.Error("nothing was counted")
				}
				remote.becomes(nil, 0)
				time.Sleep(cfg.RetryMost + cfg.Retry)
				if e, err := unseal(remote.text("kept"), "", "kept"); err != nil || string(e.Value) != "one" {
					t.Errorf("once it is back it has %+v, %v", e, err)
				}
			})
		})
	}
}

// TestSlowToBegin: a layer that takes longer than whoever begins has time for is asked
// again by Run, which has it.
func TestSlowToBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		remote := newFake("redis")
		remote.has(Entry{Key: "k", Version: "another's", Time: time.Now()})
		remote.becomes(nil, cfg.ReadTimeout/2)
		c := newCache(t, cfg, remote)
		began := time.Now()
		for range 3 {
			if e, ok := c.Get(t.Context(), "k"); ok {
				t.Fatalf("got %+v", e)
			}
		}
		if waited := time.Since(began); waited > cfg.FirstTimeout {
			t.Errorf("it was waited for %v", waited)
		}
		stop := running(t, c)
		defer stop()
		found := ""
		c.Keep("k", func(ctx context.Context) ([]byte, string, error) {
			e, _ := c.Get(ctx, "k")
			found = e.Version
			return nil, "", ErrNothing
		})
		c.Touch("k")
		time.Sleep(5 * time.Second)
		stop()
		if found != "another's" {
			t.Errorf("found %q", found)
		}
		remote.becomes(nil, 0)
		if _, ok := c.Get(t.Context(), "none"); ok {
			t.Error("found what is nowhere")
		}
		remote.becomes(nil, cfg.ReadTimeout/2)
		remote.has(Entry{Key: "l", Time: time.Now()})
		if _, ok := c.Get(t.Context(), "l"); !ok {
			t.Error("a layer that has answered is not waited for")
		}
	})
}

// TestMemoryIsBounded keeps the newest of many entries, and refuses one that is too large.
func TestMemoryIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Bytes = 10_000
		c := newCache(t, cfg)
		stop := running(t, c)
		defer stop()
		for i := range 50 {
			c.Keep(fmt.Sprint("key ", i), func(context.Context) ([]byte, string, error) { return make([]byte, 1000), "", nil })
		}
		c.Keep("large", func(context.Context) ([]byte, string, error) { return make([]byte, 5000), "", nil })
		time.Sleep(time.Second)
		stop()
		if n := c.memory.entries.Len(); n < 7 || n > 8 || c.memory.left < 0 {
			t.Errorf("%d entries of 1000 bytes in %d; %d left", n, cfg.Bytes, c.memory.left)
		}
		if _, ok := c.Get(t.Context(), "large"); ok {
			t.Error("the large one is there")
		}
		if testutil.ToFloat64(c.metrics.dropped.WithLabelValues(inMemory, "full")) < 40 {
			t.Error("what had to go was not counted")
		}
	})
}

// TestMemoryKeepsTheNewest, whatever comes late.
func TestMemoryKeepsTheNewest(t *testing.T) {
	m := newMemory(1 << 20)
	now := time.Now()
	for _, step := range []struct {
		after time.Duration
		want  string
	}{{2, "2ns"}, {1, "2ns"}, {3, "3ns"}} {
		e, _ := m.put(Entry{Key: "k", Version: step.after.String(), Time: now.Add(step.after)})
		if got, _ := m.get("k"); got.Version != step.want || e.Version != step.want {
			t.Errorf("after %v there is %s, and put says %s", step.after, got.Version, e.Version)
		}
	}
	if want := 1<<20 - size(Entry{Key: "k", Version: "3ns"}); m.left != want {
		t.Errorf("%d bytes are left; want %d", m.left, want)
	}
}

// TestFlawed drops entries that are not the one asked for, and says why.
func TestFlawed(t *testing.T) {
	now := time.Now()
	good := Entry{Key: "k", Time: now, Value: []byte("value")}
	text := string(seal(good, "here"))
	ahead, further := good, good
	ahead.Time, further.Time = now.Add(time.Minute), now.Add(MostSkew+time.Minute)
	for name, c := range map[string]struct{ text, reason string }{
		"whole":         {text, ""},
		"empty":         {"", "foreign"},
		"other format":  {strings.Replace(text, " 1 ", " 9 ", 1), "foreign"},
		"cut short":     {text[:len(text)-1], "corrupt"},
		"longer":        {text + "x", "corrupt"},
		"a bit flipped": {text[:len(text)-2] + "\x00" + text[len(text)-1:], "corrupt"},
		"other key":     {string(seal(Entry{Key: "l", Time: now}, "here")), "foreign"},
		"other scope":   {string(seal(good, "there")), "foreign"},
		"of the future": {string(seal(further, "here")), "future"},
		"clock ahead":   {string(seal(ahead, "here")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := patient()
			cfg.Scope, cfg.Clock = "here", func() time.Time { return now }
			layer := newFake("disk")
			layer.is["k"] = c.text
			cache := newCache(t, cfg, layer)
			e, ok := cache.Get(t.Context(), "k")
			if ok != (c.reason == "") {
				t.Fatalf("got %+v, %v", e, ok)
			}
			if ok && (e.Time.After(now) || string(e.Value) != "value") {
				t.Errorf("got %+v", e)
			}
			if !ok && testutil.ToFloat64(cache.metrics.dropped.WithLabelValues("disk", c.reason)) != 1 {
				t.Errorf("not counted as %s", c.reason)
			}
		})
	}
}

// TestDiskIsOurs writes files that nobody else can read, under names that stay in the
// directory.
func TestDiskIsOurs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	disk := NewDisk(dir, DefaultConfig())
	keys := []string{"table", "../../etc/passwd", ".", "..", "", "a/b\x00c", "Ü", strings.Repeat("long/", 100), strings.Repeat("long/", 100) + "er", ".writing-x"}
	for _, key := range keys {
		e := Entry{Key: key, Time: time.Now(), Value: []byte("of " + key)}
		if err := disk.Put(t.Context(), key, e.Time, seal(e, "")); err != nil {
			t.Fatalf("%q: %v", key, err)
		}
	}
	for _, key := range keys {
		text, err := disk.Get(t.Context(), key)
		if e, wrong := unseal(text, "", key); err != nil || wrong != nil || string(e.Value) != "of "+key {
			t.Errorf("%q: %v, %v, %q", key, err, wrong, e.Value)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != len(keys) {
		t.Fatalf("%d files of %d keys, %v", len(files), len(keys), err)
	}
	for _, f := range files {
		if info, err := f.Info(); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name(), info.Mode(), err)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory: %v, %v", info.Mode(), err)
	}
}

// TestDiskFollowsNoLink neither reads nor writes through links.
func TestDiskFollowsNoLink(t *testing.T) {
	dir, outside := t.TempDir(), filepath.Join(t.TempDir(), "secret")
	secret := Entry{Key: "k", Time: time.Now(), Value: []byte("secret")}
	if err := os.WriteFile(outside, seal(secret, ""), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, fileName("k"))); err != nil {
		t.Fatal(err)
	}
	cfg := patient()
	disk := NewDisk(dir, cfg)
	c := newCache(t, cfg, disk)
	if e, ok := c.Get(t.Context(), "k"); ok {
		t.Errorf("read %q through a link", e.Value)
	}
	if testutil.ToFloat64(c.metrics.dropped.WithLabelValues("disk", "foreign")) != 1 {
		t.Error("not counted")
	}
	e := Entry{Key: "k", Time: time.Now().Add(time.Second), Value: []byte("ours")}
	if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(outside); string(text) != string(seal(secret, "")) {
		t.Error("what the link led to was written to")
	}
	if text, err := disk.Get(t.Context(), "k"); err != nil || string(text) != string(seal(e, "")) {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestDiskKeepsTheNewest does not go back in time, but for a time that is yet to come.
func TestDiskKeepsTheNewest(t *testing.T) {
	now := time.Now()
	disk := NewDisk(t.TempDir(), DefaultConfig())
	for _, step := range []struct {
		at   time.Time
		want bool
	}{{now, true}, {now.Add(-time.Second), false}, {now.Add(time.Second), true}, {now.Add(time.Hour), true}, {now.Add(2 * time.Second), true}} {
		e := Entry{Key: "k", Time: step.at, Value: []byte(step.at.String())}
		if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
			t.Fatal(err)
		}
		text, err := disk.Get(t.Context(), "k")
		if is := string(text) == string(seal(e, "")); err != nil || is != step.want {
			t.Errorf("at %v: written %v, %v", step.at.Sub(now), is, err)
		}
	}
}

func TestDiskSweeps(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{writing + "old": time.Hour, writing + "new": 0, "other": time.Hour} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Now().Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	e := Entry{Key: "k", Time: time.Now()}
	if err := NewDisk(dir, DefaultConfig()).Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Fatal(err)
	}
	var names []string
	files, err := os.ReadDir(dir)
	for _, f := range files {
		names = append(names, f.Name())
	}
	if want := ".writing-new k.entry other"; err != nil || strings.Join(names, " ") != want {
		t.Errorf("%v, %v; want %s", names, err, want)
	}
}

func FuzzUnseal(f *testing.F) {
	e := Entry{Key: "k", Version: "1", Time: time.Unix(1e9, 0), Value: []byte("value\n")}
	text := seal(e, "scope")
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add([]byte(summed))
	f.Add([]byte(summed + strings.Repeat("0", 64) + "\n{}\n"))
	f.Add(text[len(summed)+65:])
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := unseal(text, "scope", "k"); err != nil && !errors.As(err, new(flawed)) {
			t.Errorf("%v has no reason", err)
		}
		summed := fmt.Appendf(nil, "%s%x\n%s", summed, sha256.Sum256(text), text) // past the checksum
		e, err := unseal(summed, "scope", "k")
		if err != nil {
			if !errors.As(err, new(flawed)) {
				t.Errorf("%v has no reason", err)
			}
			return
		}
		again, err := unseal(seal(e, "scope"), "scope", "k")
		if err != nil || string(again.Value) != string(e.Value) || again.Version != e.Version || !again.Time.Equal(e.Time) {
			t.Errorf("%+v came back as %+v, %v", e, again, err)
		}
	})
}
