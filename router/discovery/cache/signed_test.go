package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

func keyOf(letter string) []byte { return []byte(strings.Repeat(letter, 64)) }

// TestSigned uses an entry only if it is sealed as the keys ask for, and counts and tells
// of every other once, however often it is read.
func TestSigned(t *testing.T) {
	now := time.Now()
	e := Entry{Key: "k", Version: "1", Time: now, Value: []byte("10.0.0.1:80")}
	a, b := keyOf("a"), keyOf("b")
	text := string(seal(e, "here", a))
	forged := strings.Replace(text, "10.0.0.1", "10.6.6.6", 1)
	_, rest, _ := strings.Cut(forged, "\n")
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(rest)))
	for name, c := range map[string]struct {
		text   string
		keys   [][]byte
		reason string
	}{
		"signed":                        {text, [][]byte{a}, ""},
		"signed with the former key":    {text, [][]byte{b, a}, ""},
		"signed with another key":       {text, [][]byte{b}, "signature"},
		"signed, and no key here":       {text, nil, "signature"},
		"not signed":                    {string(seal(e, "here")), [][]byte{a, b}, "signature"},
		"changed":                       {forged, [][]byte{a}, "signature"},
		"changed, with a checksum":      {summed + sum + "\n" + rest, [][]byte{a}, "signature"},
		"changed, a checksum as signed": {signed + sum + "\n" + rest, [][]byte{a}, "signature"},
		"no signature":                  {signed + "\n" + rest, [][]byte{a}, "signature"},
		"cut short":                     {text[:len(text)-1], [][]byte{a}, "signature"},
		"of another key":                {string(seal(Entry{Key: "l", Time: now}, "here", a)), [][]byte{a}, "foreign"},
		"of another scope":              {string(seal(e, "there", a)), [][]byte{a}, "foreign"},
		"of another format":             {strings.Replace(text, " 2 ", " 3 ", 1), [][]byte{a}, "foreign"},
	} {
		t.Run(name, func(t *testing.T) {
			log := &bytes.Buffer{}
			cfg := patient()
			cfg.Scope, cfg.Keys, cfg.Clock, cfg.Log = "here", c.keys, func() time.Time { return now }, slog.New(slog.NewTextHandler(log, nil))
			layer := newFake("redis")
			layer.is["k"] = c.text
			cache := newCache(t, cfg, layer)
			for range 3 {
				if got, ok := cache.Get(t.Context(), "k"); ok != (c.reason == "") || ok && string(got.Value) != "10.0.0.1:80" {
					t.Fatalf("got %+v, %v", got, ok)
				}
			}
			if c.reason == "" {
				return
			}
			if n := testutil.ToFloat64(cache.metrics.dropped.WithLabelValues("redis", c.reason)); n != 1 {
				t.Errorf("counted %v times as %s", n, c.reason)
			}
			if n := strings.Count(log.String(), "dropped"); n != 1 {
				t.Errorf("it is told of %d times: %s", n, log)
			}
			if strings.Contains(log.String(), string(a)) || strings.Contains(log.String(), "10.6.6.6") {
				t.Errorf("the log tells a key, or what somebody wrote: %s", log)
			}
		})
	}
}

// TestBadEntriesAreCounted: another bad entry counts again, also if it is the first that
// comes back after a good one.
func TestBadEntriesAreCounted(t *testing.T) {
	layer, now := newFake("redis"), time.Now()
	cfg := patient()
	cfg.Clock = func() time.Time { return now }
	c := newCache(t, cfg, layer)
	reads := func(text string) float64 {
		t.Helper()
		layer.is["k"] = text
		for range 2 {
			c.read(t.Context(), c.layers[0], "k", false)
		}
		return testutil.ToFloat64(c.metrics.dropped.WithLabelValues("redis", "foreign"))
	}
	good := string(seal(Entry{Key: "k", Time: now}, ""))
	for i, step := range []struct {
		text string
		want float64
	}{{"bad", 1}, {"worse", 2}, {"bad", 3}, {good, 3}, {"bad", 4}} {
		if got := reads(step.text); got != step.want {
			t.Errorf("step %d: %v were counted, want %v", i, got, step.want)
		}
	}
}

// TestRotation: daemons go over from one key to the next, one after the other, and
// lose nothing if the file has both meanwhile.
func TestRotation(t *testing.T) {
	a, b := keyOf("a"), keyOf("b")
	now := time.Now()
	dir := t.TempDir()
	for i, keys := range [][][]byte{{a}, {a, b}, {b, a}, {b}} {
		cfg := patient()
		cfg.Keys = keys
		disk := NewDisk(dir, cfg)
		c := newCache(t, cfg, disk)
		e, ok := c.Get(t.Context(), "k")
		if ok != (i > 0) || ok && e.Version != fmt.Sprint(i-1) {
			t.Errorf("step %d found %+v, %v", i, e, ok)
		}
		next := Entry{Key: "k", Version: fmt.Sprint(i), Time: now.Add(time.Duration(i))}
		if err := disk.Put(t.Context(), "k", next.Time, seal(next, "", keys...)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestReplay: whoever can write to a layer, and has kept what was signed once, cannot
// put it in place of what is newer here, nor have it used at all once it is too old.
func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Keys = [][]byte{keyOf("a")}
		remote, disk := newFake("redis"), newFake("disk")
		begun := time.Now()
		kept := Entry{Key: "k", Version: "kept", Time: begun, Value: []byte("10.6.6.6:80")}
		replay := func() {
			remote.mu.Lock()
			defer remote.mu.Unlock()
			remote.is["k"] = string(seal(kept, "", cfg.Keys...))
		}
		time.Sleep(time.Minute)
		c := newCache(t, cfg, disk, remote)
		stop := running(t, c)
		source := newTeller(t, 0, 0)
		c.Keep("k", source.load("k"))
		c.Touch("k")
		time.Sleep(time.Minute)
		source.goes(true) // from now on the layers are asked for what is newer
		for range 100 {
			replay()
			time.Sleep(10 * time.Second)
			if e, ok := c.Get(t.Context(), "k"); !ok || e.Version == "kept" {
				t.Fatalf("got %+v, %v", e, ok)
			}
		}
		stop()
		// A daemon that begins with nothing believes it, as stale, and not for ever.
		for _, step := range []struct {
			age  time.Duration
			want bool
		}{{time.Hour, true}, {cfg.Oldest, true}, {cfg.Oldest + time.Second, false}, {10 * cfg.Oldest, false}} {
			time.Sleep(time.Until(begun.Add(step.age)))
			replay()
			next := newCache(t, cfg, remote)
			if e, ok := next.Get(t.Context(), "k"); ok != step.want || ok && !e.Stale {
				t.Errorf("after %v: %+v, %v", step.age, e, ok)
			}
			if n := testutil.ToFloat64(next.metrics.dropped.WithLabelValues("redis", "old")); (n == 1) == step.want {
				t.Errorf("after %v %v were counted as old", step.age, n)
			}
		}
	})
}

// TestOldOnDisk: what this machine's disk has is used whatever its age, and not given to
// others, who would not use it.
func TestOldOnDisk(t *testing.T) {
	now := time.Now()
	cfg := patient()
	e := Entry{Key: "k", Version: "old", Time: now.Add(-30 * cfg.Oldest)}
	disk := NewDisk(t.TempDir(), cfg)
	if err := disk.Put(t.Context(), "k", e.Time, seal(e, "")); err != nil {
		t.Fatal(err)
	}
	remote := newFake("redis")
	c := newCache(t, cfg, disk, remote)
	c.catchUp(t.Context(), "k")
	if got, ok := c.Get(t.Context(), "k"); !ok || got.Version != "old" || !got.Stale {
		t.Errorf("got %+v, %v", got, ok)
	}
	if _, some := c.layers[1].take(); some {
		t.Error("it would be written to redis")
	}
}

// TestAllIsSigned has all that Run writes signed with the first key.
func TestAllIsSigned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := DefaultConfig()
		cfg.Keys = [][]byte{keyOf("a"), keyOf("b")}
		disk, remote := newFake("disk"), newFake("redis")
		c := newCache(t, cfg, disk, remote)
		stop := running(t, c)
		c.Keep("k", func(context.Context) ([]byte, string, error) { return []byte("value"), "", nil })
		time.Sleep(time.Minute)
		stop()
		for _, l := range []*fake{disk, remote} {
			if _, err := unseal(l.text("k"), "", "k", keyOf("a")); err != nil {
				t.Errorf("%s: %v", l.name, err)
			}
		}
	})
}

func TestParseKeys(t *testing.T) {
	a, b := string(keyOf("a")), string(keyOf("b"))
	for text, want := range map[string]string{
		a:                        a,
		a + "\n":                 a,
		"\n " + a + "\r\n\n" + b: a + " " + b,
		"":                       "empty",
		"\n \n":                  "empty",
		a[:31]:                   "line 1 has 31 bytes",
		a + "\n" + b[:8]:         "line 2 has 8 bytes",
		a + "\n" + b + "\n" + a:  "more than two",
		a + "\n" + a:             "the same",
		strings.Repeat(a, 17):    "bytes",
		a[:32] + " " + a[:32]:    "blanks",
		a[:32] + "\x00" + a[:32]: "cannot be printed",
		"Schlüssel " + a[:40]:    "cannot be printed",
	} {
		keys, err := ParseKeys([]byte(text))
		got := string(bytes.Join(keys, []byte(" ")))
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != want || err != nil && !strings.Contains(got, want) {
			t.Errorf("%.50q: %s", text, got)
		}
		if err != nil && (strings.Contains(got, "aaaaaaaa") || strings.Contains(got, "bbbbbbbb")) {
			t.Errorf("%.50q: the error tells a key: %s", text, got)
		}
	}
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(strings.Repeat("a", 64) + "\n" + strings.Repeat("b", 32)))
	f.Add([]byte("\r\n\x00\xff"))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseKeys(text)
		if err != nil {
			return
		}
		if len(keys) < 1 || len(keys) > 2 {
			t.Fatalf("%d keys", len(keys))
		}
		e := Entry{Key: "k", Time: time.Unix(1e9, 0)}
		for _, key := range keys {
			if _, err := unseal(seal(e, "", key), "", "k", keys...); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzSigned: nothing that is not signed with a key is taken for an entry.
func FuzzSigned(f *testing.F) {
	key := keyOf("a")
	e := Entry{Key: "k", Version: "1", Time: time.Unix(1e9, 0), Value: []byte("value\n")}
	text := seal(e, "scope", key)
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add(seal(e, "scope"))
	f.Add(seal(e, "scope", keyOf("b")))
	f.Add([]byte(signed + strings.Repeat("0", 64) + "\n{}\n"))
	f.Add([]byte(signed))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := unseal(text, "scope", "k", key)
		if err == nil { // then it is what we sealed, for nobody else has the key
			if want := seal(e, "scope", key); !bytes.Equal(text, want) {
				t.Fatalf("%q is taken for %+v", text, got)
			}
			return
		}
		if !errors.As(err, new(flawed)) {
			t.Errorf("%v has no reason", err)
		}
		rest := text
		made := append(append([]byte(signed), sign(rest, key)...), append([]byte("\n"), rest...)...) // past the signature
		if _, err := unseal(made, "scope", "k", key); err != nil && !errors.As(err, new(flawed)) {
			t.Errorf("%v has no reason", err)
		}
	})
}
