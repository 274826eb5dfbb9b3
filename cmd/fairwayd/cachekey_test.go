package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis"
	"github.com/fairway-mesh/fairway/router/discovery/cache/redis/redistest"
)

// TestForgedTable: with a key a daemon that begins with nothing serves what another has
// signed, and nothing that somebody else has put into Redis, though without one it would.
func TestForgedTable(t *testing.T) {
	t.Parallel()
	m, shared := newLab(t), redistest.Start(t)
	key, other := write(t, "key", strings.Repeat("0123456789abcdef", 4)), write(t, "other", strings.Repeat("fedcba9876543210", 4))
	starts := func(prometheus string, more ...string) *child {
		return startChild(t, porttest.Address(t), porttest.Address(t), append([]string{"--prometheus", prometheus, "--model", persistenceOf(t, brisk), "--rules", m.rules, "--state", t.TempDir(), "--no-trial", "--redis", shared.URL(), "--cache-scope", "shop"}, more...)...)
	}
	first := starts(m.url, "--cache-key", key)
	a := newAsker(t, first.api, m)
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })
	writer, err := redis.New(shared.URL(), "shop")
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	eventually(t, "the table is in Redis", func() bool {
		text, err := writer.Get(t.Context(), "table")
		return err == nil && bytes.Contains(text, []byte(`"source":2`))
	})
	a.stop()
	if err := first.end(); err != nil {
		t.Fatal(err)
	}
	down := "http://" + porttest.Address(t)
	serves := func(c *child) *fairwayv1.Decision {
		t.Helper()
		var d *fairwayv1.Decision
		eventually(t, "what the first has is served", func() bool { // at once, unless Redis is slow
			d = answer(t, dial(t, c.api))
			return d.Reason == "stale" && d.Source == fairwayv1.Decision_MODEL
		})
		return d
	}
	whole := serves(starts(down, "--cache-key", key))

	signed, err := writer.Get(t.Context(), "table")
	if err != nil {
		t.Fatal(err)
	}
	puts := func(text string) {
		t.Helper()
		if err := writer.Put(t.Context(), "table", time.Now(), []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	_, rest, _ := strings.Cut(strings.ReplaceAll(string(signed), `"model":"`+whole.ModelVersion, `"model":"forged`), "\n") // of endpoints the rules have the last word here
	puts(fmt.Sprintf("fairway-cache 1 %x\n%s", sha256.Sum256([]byte(rest)), rest))
	drops := func(c *child) {
		t.Helper()
		eventually(t, "it is dropped", func() bool {
			return c.figure(t, `fairway_cache_dropped_total{layer="redis",reason="signature"}`) == 1
		})
		for range 20 {
			if d := answer(t, dial(t, c.api)); d.Source == fairwayv1.Decision_MODEL || strings.Contains(d.String(), "forged") {
				t.Fatalf("what somebody has forged is served: %v", d)
			}
		}
	}
	drops(starts(down, "--cache-key", key))
	if d := serves(starts(down)); !strings.Contains(d.String(), "forged") {
		t.Errorf("without a key: %v", d) // or the forgery proves nothing
	}
	puts(string(signed))
	drops(starts(down, "--cache-key", other))
	drops(starts(down))
	both := write(t, "both", strings.Repeat("fedcba9876543210", 4)+"\n"+strings.Repeat("0123456789abcdef", 4)+"\n")
	serves(starts(down, "--cache-key", both))
}

// TestCacheKeyWarnings: a Redis elsewhere without a key is told of, and so is a key
// that all can read.
func TestCacheKeyWarnings(t *testing.T) {
	rules, key := write(t, "rules.yaml", tinyRules), write(t, "key", strings.Repeat("0123456789abcdef", 4))
	secret := write(t, "secret", strings.Repeat("0123456789abcdef", 4))
	for path, mode := range map[string]os.FileMode{key: 0o644, secret: 0o640} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	const unsigned, open = "is not signed: give each of them the same --cache-key", "everybody on this machine may read the key"
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"elsewhere":                 {[]string{"--redis", "redis://u:hunter22@redis.example:6379"}, unsigned},
		"elsewhere, signed":         {[]string{"--redis", "redis://u:hunter22@redis.example:6379", "--cache-key", secret}, ""},
		"here":                      {[]string{"--redis", "redis://u:hunter22@127.0.0.1:6379"}, ""},
		"here, a key for everybody": {[]string{"--redis", "redis://127.0.0.1:6379", "--cache-key", key}, open},
		"none":                      {nil, ""},
	} {
		said := &log{}
		if err := run(t.Context(), append(c.args, "--rules", rules, "--check-config"), io.Discard, said); err != nil {
			t.Fatal(name, err)
		}
		text := said.String()
		for _, warning := range []string{unsigned, open} {
			if strings.Contains(text, warning) != (warning == c.want) {
				t.Errorf("%s: %s", name, text)
			}
		}
		if strings.Contains(text, "hunter22") || strings.Contains(text, "0123456789abcdef") {
			t.Errorf("%s: a secret is told: %s", name, text)
		}
	}
}
