package discovery

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery/cache"
)

// shelf is a cache that a test looks into.
type shelf struct {
	values  map[string][]byte
	loads   map[string]func(context.Context) ([]byte, string, error)
	touched chan string
}

func newShelf() *shelf {
	return &shelf{map[string][]byte{}, map[string]func(context.Context) ([]byte, string, error){}, make(chan string, 100)}
}

func (s *shelf) Get(_ context.Context, key string) (cache.Entry, bool) {
	value, ok := s.values[key]
	return cache.Entry{Key: key, Value: value}, ok
}

func (s *shelf) Keep(key string, load func(context.Context) ([]byte, string, error)) {
	s.loads[key] = load
}

func (s *shelf) Touch(key string) { s.touched <- key }

func TestCacheBeginsAndEnds(t *testing.T) {
	s, src := newShelf(), newScript("file")
	cfg := DefaultConfig()
	cfg.Cache = s
	d := made(t, cfg, src)
	running(t, d)
	to := <-src.to
	one := service("a", 1)
	one.Names, one.Port, one.Endpoints[0].State, one.Endpoints[0].Labels = []string{"aa"}, Port{Name: "http", Number: 80, Protocol: "http"}, Draining, map[string]string{"v": "1"}
	to.Put(one)
	to.Put(service("b", 2))
	eventually(t, func() string {
		if len(d.Snapshot().Services()) < 2 {
			return "not published"
		}
		return ""
	})
	<-s.touched // for the cache had nothing
	if _, _, err := s.loads["services/file"](t.Context()); !errors.Is(err, cache.ErrNothing) || len(s.touched) > 0 {
		t.Errorf("before the source has told everything: %v, %d times touched", err, len(s.touched))
	}
	to.Synced()
	if key := <-s.touched; key != "services/file" {
		t.Errorf("%s was touched", key)
	}
	load := s.loads["services/file"]
	text, version, err := load(t.Context())
	if err != nil || version == "" {
		t.Fatal(version, err)
	}
	to.Trouble(errors.New("gone"))
	if _, _, err := load(t.Context()); err == nil {
		t.Fatalf("in trouble: %v", err)
	}
	s.values["services/file"] = text

	// The next life.
	src = newScript("file")
	d = made(t, cfg, src)
	now := d.Snapshot()
	if got := listed(now); got != "a? b? " || now.Version() != 1 {
		t.Fatalf("from the cache: %q, version %d", got, now.Version())
	}
	want := *one
	want.Stale = true
	if got := now.Service("aa"); got == nil || !got.Time.Equal(one.Time) {
		t.Errorf("%+v; want the time %v", got, one.Time)
	} else if want.Time = got.Time; !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v\nwant %+v", *got, want)
	}
	e := &ear{}
	d.Handle(e.hear)
	running(t, d)
	to = <-src.to
	eventually(t, func() string {
		if got := e.all(); len(got) != 1 || !reflect.DeepEqual(got[0].changes, []string{"+a", "+b"}) || got[0].version != 1 {
			return "the first that a handler hears is not what the cache held"
		}
		return ""
	})
	to.Trouble(nil) // it answers, and has told nothing yet
	to.Put(service("b", 2))
	eventually(t, func() string {
		if got := listed(d.Snapshot()); got != "a? b " {
			return "half told: " + got
		}
		return ""
	})
	to.Synced()
	eventually(t, func() string {
		if got := listed(d.Snapshot()); got != "b " {
			return "all told: " + got
		}
		return ""
	})
}

func TestCacheOnDisk(t *testing.T) {
	dir := t.TempDir()
	life := func(say func(Sink)) *Directory {
		cacheConfig := cache.DefaultConfig()
		cacheConfig.Settle, cacheConfig.ReadTimeout = 0, time.Minute // a busy machine may be slow
		c, err := cache.New(cacheConfig, cache.NewDisk(dir, cacheConfig))
		if err != nil {
			t.Fatal(err)
		}
		cfg := DefaultConfig()
		cfg.Cache, cfg.Recall = c, time.Minute
		src := newScript("file")
		d := made(t, cfg, src)
		if say == nil {
			return d
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); c.Run(ctx) }()
		defer func() { stop(); <-ended }()
		running(t, d)
		say(<-src.to)
		eventually(t, func() string {
			if e, ok := c.Get(ctx, "services/file"); !ok || !bytes.Contains(e.Value, []byte("reviews-9")) {
				return "not kept yet"
			}
			return ""
		})
		return d
	}
	life(func(to Sink) {
		to.Put(service("reviews", 1))
		to.Synced()
		to.Put(service("reviews", 1, 9))
	})
	d := life(nil)
	s := d.Snapshot().Service("reviews")
	if s == nil || !s.Stale || len(s.Endpoints) != 2 {
		t.Errorf("after a restart: %+v", s)
	}
}

// TestCacheHearsTheLast: of what a source said right before it failed, and before the
// end.
func TestCacheHearsTheLast(t *testing.T) {
	s, src := newShelf(), newScript("file")
	cfg := DefaultConfig()
	cfg.Cache, cfg.Gather = s, time.Hour
	d := made(t, cfg, src)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	to := <-src.to
	<-s.touched
	to.Put(service("a", 1))
	to.Synced()
	<-s.touched
	load := s.loads["services/file"]
	if _, _, err := load(t.Context()); err != nil {
		t.Fatal(err)
	}
	to.Put(service("a", 1, 2))
	to.Trouble(errors.New("gone"))
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if len(s.touched) != 1 {
		t.Errorf("touched %d times at the end", len(s.touched))
	}
	if text, _, err := load(t.Context()); err != nil || !bytes.Contains(text, []byte("a-2")) {
		t.Errorf("the last: %s, %v", text, err)
	}
	if _, _, err := load(t.Context()); err == nil {
		t.Error("then it knows more than is kept")
	}
}

// TestCacheThatIsSlow: what a layer has that was too slow for New is taken over as long
// as the source has not told everything, and no longer.
func TestCacheThatIsSlow(t *testing.T) {
	text, err := json.Marshal(kept{keptFormat, keptVersion, "file", []*Service{dated(service("a", 1)), dated(service("b", 2))}})
	if err != nil {
		t.Fatal(err)
	}
	for name, synced := range map[string]bool{"source silent": false, "source there": true} {
		t.Run(name, func(t *testing.T) {
			s, src := newShelf(), newScript("file")
			cfg := DefaultConfig()
			cfg.Cache = s
			d := made(t, cfg, src)
			running(t, d)
			to := <-src.to
			<-s.touched
			load := s.loads["services/file"]
			if _, _, err := load(t.Context()); !errors.Is(err, cache.ErrNothing) || len(d.Snapshot().Services()) > 0 {
				t.Fatalf("while the cache has nothing: %v", err)
			}
			to.Put(service("b", 3))
			if synced {
				to.Synced()
				<-s.touched
			}
			s.values["services/file"] = text
			_, _, err := load(t.Context())
			want := "a? b "
			if synced {
				want = "b "
			}
			if errors.Is(err, cache.ErrNothing) == synced {
				t.Errorf("the load: %v", err)
			}
			eventually(t, func() string {
				if got := listed(d.Snapshot()); got != want {
					return got + ", want " + want
				}
				return ""
			})
			if b := d.Snapshot().Service("b"); b.Endpoints[0].Name != "b-3" {
				t.Errorf("what the source has said is %+v", b)
			}
			to.Synced()
			eventually(t, func() string {
				if got := listed(d.Snapshot()); got != "b " {
					return got + " in the end"
				}
				return ""
			})
		})
	}
}

func dated(s *Service) *Service {
	s.Time = time.Unix(1e9, 0)
	return s
}

func TestCacheOfOthers(t *testing.T) {
	now := time.Unix(1e9, 0)
	whole := func(k kept) string {
		text, err := json.Marshal(k)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	good := &Service{Name: "a", Time: now, Endpoints: []Endpoint{{Endpoint: mesh.Endpoint{Name: "e"}}}}
	text := whole(kept{keptFormat, keptVersion, "file", []*Service{good}})
	if _, err := parseKept([]byte(text), "file"); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"empty":          "",
		"cut short":      text[:len(text)-5],
		"another format": whole(kept{"something", keptVersion, "file", []*Service{good}}),
		"newer":          whole(kept{keptFormat, keptVersion + 1, "file", []*Service{good}}),
		"another source": whole(kept{keptFormat, keptVersion, "dns", []*Service{good}}),
		"null":           whole(kept{keptFormat, keptVersion, "file", []*Service{nil}}),
		"no name":        whole(kept{keptFormat, keptVersion, "file", []*Service{{Time: now}}}),
		"no time":        whole(kept{keptFormat, keptVersion, "file", []*Service{{Name: "a"}}}),
		"strange state":  strings.Replace(text, `"ready"`, `"unwell"`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			log := &bytes.Buffer{}
			s := newShelf()
			s.values["services/file"] = []byte(bad)
			cfg := DefaultConfig()
			cfg.Cache, cfg.Log = s, slog.New(slog.NewTextHandler(log, nil))
			if got := listed(made(t, cfg, newScript("file")).Snapshot()); got != "" {
				t.Errorf("taken: %q", got)
			}
			if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "services/file") {
				t.Errorf("log: %s", log)
			}
		})
	}
}

func FuzzParseKept(f *testing.F) {
	f.Add(`{"format":"fairway-services","version":1,"source":"file","services":[{"name":"a","source":"file","time":"2026-01-01T00:00:00Z","endpoints":[{"name":"e","address":"10.0.0.1:80","state":"draining","names":["x"],"labels":{"v":"1"}}]}]}`)
	f.Add(`{"format":"fairway-services","version":1,"source":"file","services":[{"name":"A.","time":"2026-01-01T00:00:00Z","names":["","b"],"endpoints":[{},{"name":"e"},{"name":"e"}]},{"name":"a","time":"2026-01-01T00:00:00Z"}]}`)
	f.Add(`{"format":"fairway-services","version":1,"source":"file","services":[null]}`)
	f.Add(`{"format":"fairway-services","version":1,"source":"file","services":[{"name":"a..","time":"0000-01-01T00:00:00Z"}]}`)
	f.Add(`[]`)
	f.Fuzz(func(t *testing.T, text string) {
		services, err := parseKept([]byte(text), "file")
		if err != nil {
			return
		}
		s := newShelf()
		s.values["services/file"] = []byte(text)
		cfg := DefaultConfig()
		cfg.Cache = s
		d, err := New(cfg, newScript("file"))
		if err != nil {
			t.Fatal(err)
		}
		now := d.Snapshot()
		for _, service := range services {
			found := now.named(canonical(service.Name))
			if found == nil || !found.Stale || found.Source != "file" {
				t.Fatalf("%q is %+v", service.Name, found)
			}
			for i := 1; i < len(found.Endpoints); i++ {
				if found.Endpoints[i-1].Name >= found.Endpoints[i].Name {
					t.Fatalf("endpoints of %q are not in order", service.Name)
				}
			}
		}
		// What was read and is written again reads the same.
		d.all[0].old = map[string]bool{}
		d.all[0].up, d.all[0].synced = true, time.Unix(1, 0)
		again, _, err := d.load(t.Context(), d.all[0])
		if err != nil {
			t.Fatal(err)
		}
		s.values["services/file"] = again
		twice, err := New(cfg, newScript("file"))
		if err != nil {
			t.Fatal(err)
		}
		if got, want := textOf(twice.Snapshot()), textOf(now); got != want {
			t.Fatalf("got\n%swant\n%s", got, want)
		}
	})
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	cfg := DefaultConfig()
	cfg.Registerer, cfg.Clock = reg, func() time.Time { return time.Unix(1000, 5e8) }
	d := made(t, cfg, newScript("file"), newScript("dns"))
	to, other := &sink{d, d.all[0]}, &sink{d, d.all[1]}
	s := service("a", 1, 2, 3)
	s.Endpoints[1].State, s.Endpoints[2].State = NotReady, Draining
	to.Put(s)
	to.Put(service("b", 4))
	to.Synced()
	d.publish()
	to.Put(service("a", 1, 2))
	to.Delete("b")
	other.Put(service("c", 5))
	d.publish()
	other.Trouble(errors.New("gone"))
	d.publish()
	want := `
# HELP fairway_discovery_changes_total Services that changed in a snapshot: added, updated or deleted.
# TYPE fairway_discovery_changes_total counter
fairway_discovery_changes_total{kind="added"} 3
fairway_discovery_changes_total{kind="deleted"} 1
fairway_discovery_changes_total{kind="updated"} 2
# HELP fairway_discovery_endpoints Endpoints that a source has found, by what it says of them: ready, not_ready or draining.
# TYPE fairway_discovery_endpoints gauge
fairway_discovery_endpoints{source="dns",state="draining"} 0
fairway_discovery_endpoints{source="dns",state="not_ready"} 0
fairway_discovery_endpoints{source="dns",state="ready"} 1
fairway_discovery_endpoints{source="file",state="draining"} 0
fairway_discovery_endpoints{source="file",state="not_ready"} 0
fairway_discovery_endpoints{source="file",state="ready"} 2
# HELP fairway_discovery_restarts_total Times that a source had ended and was started again.
# TYPE fairway_discovery_restarts_total counter
fairway_discovery_restarts_total{source="dns"} 0
fairway_discovery_restarts_total{source="file"} 0
# HELP fairway_discovery_services Services that a source has found.
# TYPE fairway_discovery_services gauge
fairway_discovery_services{source="dns"} 1
fairway_discovery_services{source="file"} 1
# HELP fairway_discovery_snapshot_version Number of the snapshot of what all sources found.
# TYPE fairway_discovery_snapshot_version gauge
fairway_discovery_snapshot_version 4
# HELP fairway_discovery_source_up 1 while a source answers and has told everything; 0 before and otherwise.
# TYPE fairway_discovery_source_up gauge
fairway_discovery_source_up{source="dns"} 0
fairway_discovery_source_up{source="file"} 1
# HELP fairway_discovery_stale_services Services that are served as a source told them before it stopped answering.
# TYPE fairway_discovery_stale_services gauge
fairway_discovery_stale_services{source="dns"} 1
fairway_discovery_stale_services{source="file"} 0
# HELP fairway_discovery_synced_timestamp_seconds When a source had last told everything; 0 where it never has.
# TYPE fairway_discovery_synced_timestamp_seconds gauge
fairway_discovery_synced_timestamp_seconds{source="dns"} 0
fairway_discovery_synced_timestamp_seconds{source="file"} 1000.5
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if _, err := New(cfg, newScript("file")); err == nil {
		t.Error("metrics registered twice are no error")
	}
}

// TestOneChangeCostsOne: what did not change is the same memory, the index too.
func TestOneChangeCostsOne(t *testing.T) {
	d := made(t, DefaultConfig(), newScript("file"))
	to := &sink{d, d.all[0]}
	to.Put(service("a", 1))
	to.Put(service("b", 2))
	d.publish()
	before := d.Snapshot()
	to.Put(service("b", 2, 3))
	d.publish()
	now := d.Snapshot()
	if reflect.ValueOf(now.byName).UnsafePointer() != reflect.ValueOf(before.byName).UnsafePointer() {
		t.Error("the index was made anew")
	}
	if now.Service("a") != before.Service("a") || now.Service("b") == before.Service("b") || len(before.Service("b").Endpoints) != 1 {
		t.Error("more or less than b has changed, or the snapshot before")
	}
}
