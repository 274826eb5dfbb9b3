package datasets

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/prom"
)

// scripted is a server whose clock and history the test sets: one endpoint,
// scraped each second, of which it keeps what lies in its spans.
type scripted struct {
	url string

	mu    sync.Mutex
	now   time.Time
	holds []gap // spans with samples
	down  bool
	asked []string // raw selectors, with their times
}

var noon = time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)

func startScripted(t *testing.T) *scripted {
	t.Helper()
	s := &scripted{now: noon.Add(time.Minute), holds: []gap{{noon.Add(-time.Hour), noon.Add(time.Hour)}}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"status":"success","data":%s}`, s.answer(r))
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

var rawQuery = regexp.MustCompile(`^\{(.*)\}\[(.*)\]$`)

func (s *scripted) answer(r *http.Request) string {
	query := r.FormValue("query")
	raw := rawQuery.FindStringSubmatch(query)
	const metric = `"app":"cart","pod":"a"`
	switch {
	case strings.Contains(r.URL.Path, "/label/"):
		return `["requests_total","up"]`
	case query == "time()":
		return fmt.Sprintf(`{"resultType":"scalar","result":[0,"%.3f"]}`, float64(s.now.UnixMilli())/1000)
	case strings.HasSuffix(r.URL.Path, "/query_range"):
		return fmt.Sprintf(`{"resultType":"matrix","result":[{"metric":{%s},"values":[[%s,"1"]]}]}`, metric, r.FormValue("start"))
	case raw == nil:
		return fmt.Sprintf(`{"resultType":"vector","result":[{"metric":{%s},"value":[%s,"1"]}]}`, metric, r.FormValue("time"))
	}
	name := "up"
	if strings.Contains(raw[1], "requests_total") {
		name = "requests_total"
	}
	seconds, _ := strconv.ParseFloat(r.FormValue("time"), 64)
	length := 0 * time.Second
	for part := range strings.FieldsSeq(regexp.MustCompile(`[a-z]+`).ReplaceAllString(raw[2], "$0 ")) {
		d, err := time.ParseDuration(part)
		if err != nil {
			panic(err)
		}
		length += d
	}
	until := time.UnixMilli(int64(seconds*1000 + 0.5)).UTC()
	s.asked = append(s.asked, fmt.Sprintf("%s@%s", name, until.Format(time.TimeOnly+".000")))
	var values []string
	for t := until.Add(-length).Truncate(time.Second); !t.After(until); t = t.Add(time.Second) {
		inside := slices.ContainsFunc(s.holds, func(g gap) bool { return !t.Before(g.From) && t.Before(g.To) })
		if inside && !t.Before(until.Add(-length)) && !t.After(s.now) {
			values = append(values, fmt.Sprintf(`[%d,"%d"]`, t.Unix(), t.Unix()%1000))
		}
	}
	if len(values) == 0 {
		return `{"resultType":"matrix","result":[]}`
	}
	return fmt.Sprintf(`{"resultType":"matrix","result":[{"metric":{"__name__":%q,%s},"values":[%s]}]}`, name, metric, strings.Join(values, ","))
}

func (s *scripted) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

const scriptedSchema = `name: shop
labels: {service: app, endpoint: pod}
step: 5s
range: 5s
series:
- {name: request_rate, query: 'sum by (app, pod) (rate(requests_total[$range]))'}
`

// scriptedConfig records the last minute in blocks of 20 s.
func scriptedConfig(t *testing.T, s *scripted) RecordConfig {
	t.Helper()
	dir := t.TempDir()
	cfg := DefaultRecordConfig()
	var err error
	if cfg.Connection, err = prom.LoadConnection(s.url); err != nil {
		t.Fatal(err)
	}
	cfg.Connection.Since = time.Minute
	cfg.Out, cfg.Schema = filepath.Join(dir, "recording"), filepath.Join(dir, "shop.yaml")
	if err := os.WriteFile(cfg.Schema, []byte(scriptedSchema), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg.Shard, cfg.Every, cfg.Delay = 20*time.Second, 5*time.Second, time.Second
	cfg.Limits.Pause, cfg.Limits.Longest, cfg.Limits.Attempts = time.Millisecond, time.Millisecond, 2
	return cfg
}

// grow lets the clock of the server come to each time, and records until then.
func grow(t *testing.T, cfg RecordConfig, s *scripted, seconds ...int) {
	t.Helper()
	for _, at := range seconds {
		s.set(func() { s.now = noon.Add(time.Duration(at) * time.Second) })
		if _, err := Record(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
}

// covers checks that the blocks cover every second from noon on to the last one,
// once.
func covers(t *testing.T, cfg RecordConfig, last int) {
	t.Helper()
	g, err := openGrowing(cfg.Out)
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	after, samples := g.state.Start, int64(0)
	for _, p := range g.blocks {
		if !p.After.Equal(after) {
			t.Errorf("a block covers what is after %s; the one before it ends at %s", p.After, after)
		}
		after = p.Until
		samples += p.block.Samples
	}
	if want := noon.Add(time.Duration(last) * time.Second); !after.Equal(want) {
		t.Errorf("covered until %s; want %s", after, want)
	}
	if want := int64(2 * last); samples != want { // the start is exclusive
		t.Errorf("%d samples; want %d", samples, want)
	}
}

func TestRecordContinues(t *testing.T) {
	s := startScripted(t)
	cfg := scriptedConfig(t, s)
	grow(t, cfg, s, 60, 65, 65, 73, 90, 92)
	covers(t, cfg, 90)
	r, err := Open(t.Context(), cfg.Out, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Manifest.ScrapeIntervalS != 1 || r.Schema.Name != "shop" || !slices.Equal(r.Manifest.Services, []string{"cart"}) {
		t.Errorf("manifest %+v", r.Manifest)
	}
	n := 0
	for w, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if v := w.At(0, "request_rate"); v < 0.99 || v > 1.01 {
			t.Errorf("rate %v at %s", v, w.Time)
		}
		n++
	}
	if n < 14 {
		t.Errorf("%d windows", n)
	}
	seen := map[string]bool{}
	for _, a := range s.asked {
		// The scrape interval is found from some of the last samples; all the
		// rest is asked for once.
		if seen[a] && !strings.Contains(a, "12:01:00") {
			t.Errorf("%s was asked for twice", a)
		}
		seen[a] = true
	}
}

// Whatever a process that was killed leaves, the next one continues from it.
func TestRecordAfterKill(t *testing.T) {
	dirOf := func(cfg RecordConfig, name string) string { return filepath.Join(cfg.Out, name) }
	for name, kill := range map[string]func(t *testing.T, cfg RecordConfig, s *scripted){
		"before record.json": func(t *testing.T, cfg RecordConfig, s *scripted) {
			for _, name := range []string{"record.json", "manifest.json", "blocks"} {
				if err := os.RemoveAll(dirOf(cfg, name)); err != nil {
					t.Fatal(err)
				}
			}
			grow(t, cfg, s, 60)
		},
		"in the middle of a block": func(t *testing.T, cfg RecordConfig, _ *scripted) {
			blocks, err := filepath.Glob(dirOf(cfg, "blocks/*"))
			if err != nil || len(blocks) == 0 {
				t.Fatal(err)
			}
			if err := os.CopyFS(dirOf(cfg, "tmp/"+filepath.Base(blocks[0])), os.DirFS(blocks[0])); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dirOf(cfg, "tmp/record.json"), []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"after a block, before record.json": func(t *testing.T, cfg RecordConfig, s *scripted) {
			before, err := os.ReadFile(dirOf(cfg, "record.json"))
			if err != nil {
				t.Fatal(err)
			}
			grow(t, cfg, s, 66, 72)
			if err := os.WriteFile(dirOf(cfg, "record.json"), before, 0o600); err != nil {
				t.Fatal(err)
			}
		},
		"after a merged block, before its parents are gone": func(t *testing.T, cfg RecordConfig, s *scripted) {
			grow(t, cfg, s, 66, 72, 78)
			blocks := dirOf(cfg, "blocks")
			kept := filepath.Join(t.TempDir(), "blocks")
			if err := os.CopyFS(kept, os.DirFS(blocks)); err != nil {
				t.Fatal(err)
			}
			grow(t, cfg, s, 83) // ends the block of 20 s
			merged, err := filepath.Glob(filepath.Join(blocks, "*"))
			if err != nil {
				t.Fatal(err)
			}
			parents, err := os.ReadDir(kept)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range parents {
				if err := os.Rename(filepath.Join(kept, p.Name()), filepath.Join(blocks, p.Name())); err != nil && !errors.Is(err, fs.ErrExist) {
					t.Fatal(err)
				}
			}
			if all, _ := filepath.Glob(filepath.Join(blocks, "*")); len(all) <= len(merged) {
				t.Fatalf("%d blocks, %d without the parents: nothing was merged", len(all), len(merged))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := startScripted(t)
			cfg := scriptedConfig(t, s)
			grow(t, cfg, s, 60)
			kill(t, cfg, s)
			grow(t, cfg, s, 90)
			covers(t, cfg, 88)
			if left, err := os.ReadDir(dirOf(cfg, "tmp")); err != nil || len(left) > 0 {
				t.Errorf("left in tmp: %v, %v", left, err)
			}
		})
	}
}

// What the server has no more is told, and not hidden.
func TestRecordTellsGaps(t *testing.T) {
	s := startScripted(t)
	s.holds = []gap{{noon.Add(10 * time.Second), noon.Add(20 * time.Second)}, {noon.Add(50 * time.Second), noon.Add(55 * time.Second)}}
	cfg := scriptedConfig(t, s)
	var said []string
	cfg.Say = func(line string) { said = append(said, line) }
	grow(t, cfg, s, 60)
	s.set(func() { s.holds = append(s.holds, gap{noon.Add(80 * time.Second), noon.Add(time.Hour)}) })
	grow(t, cfg, s, 100)
	m, err := readManifest(cfg.Out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"12:00:00Z and 2026-01-31T12:00:10Z", "12:00:19Z and 2026-01-31T12:00:50Z", "12:00:54Z and 2026-01-31T12:01:20Z"} {
		if !strings.Contains(strings.Join(m.Notes, "\n"), want) || !strings.Contains(strings.Join(said, "\n"), want) {
			t.Errorf("no word of a gap between %s in %q, or in %q", want, m.Notes, said)
		}
	}
	if notes := strings.Join(m.Notes, "\n"); strings.Count(notes, "no sample") != 3 {
		t.Errorf("notes %q", m.Notes)
	}
}

func TestRecordOfNothing(t *testing.T) {
	s := startScripted(t)
	cfg := scriptedConfig(t, s)
	s.holds = nil
	if _, err := Record(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "scrape interval") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(cfg.Out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory is left: %v", err)
	}
}

// A follower outlasts a server that is away, and catches up.
func TestRecordFollowsThroughAnOutage(t *testing.T) {
	s := startScripted(t)
	cfg := scriptedConfig(t, s)
	cfg.Follow, cfg.Every = true, 50*time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said := make(chan string, 100)
	cfg.Say = func(line string) { said <- line }
	reached := make(chan time.Time, 1000)
	cfg.Progress = func(p RecordProgress) { reached <- p.Until }
	done := make(chan error)
	go func() { _, err := Record(ctx, cfg); done <- err }()
	await(t, reached, func(until time.Time) bool { return until.Equal(noon.Add(58 * time.Second)) })
	s.set(func() { s.down = true })
	await(t, said, func(line string) bool { return strings.Contains(line, "trying again") })
	s.set(func() { s.down, s.now = false, noon.Add(120*time.Second) })
	await(t, said, func(line string) bool { return strings.Contains(line, "answers again") })
	await(t, reached, func(until time.Time) bool { return until.Equal(noon.Add(118 * time.Second)) })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	covers(t, cfg, 118)
}

func await[T any](t *testing.T, from <-chan T, yes func(T) bool) {
	t.Helper()
	deadline := time.After(time.Minute)
	for {
		select {
		case x := <-from:
			if yes(x) {
				return
			}
		case <-deadline:
			t.Fatal("not within a minute")
		}
	}
}

func TestRecordRefuses(t *testing.T) {
	s := startScripted(t)
	cfg := scriptedConfig(t, s)
	grow(t, cfg, s, 60)
	other := cfg
	other.Schema = filepath.Join(t.TempDir(), "other.yaml")
	if err := os.WriteFile(other.Schema, []byte(strings.Replace(scriptedSchema, "rate(", "irate(", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Record(t.Context(), other); err == nil || !strings.Contains(err.Error(), "schema") {
		t.Errorf("another schema: %v", err)
	}
	other = cfg
	other.Connection = scriptedConfig(t, startScripted(t)).Connection
	if _, err := Record(t.Context(), other); err == nil || !strings.Contains(err.Error(), other.Connection.Identity()) {
		t.Errorf("another server: %v", err)
	}
	foreign := cfg
	foreign.Out = t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign.Out, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Record(t.Context(), foreign); err == nil || !strings.Contains(err.Error(), "thesis.txt") {
		t.Errorf("a foreign directory: %v", err)
	}
	owned := cfg
	owned.Out = t.TempDir()
	mine := filepath.Join(owned.Out, "schema.yaml")
	if err := os.WriteFile(mine, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Record(t.Context(), owned); err == nil || !strings.Contains(err.Error(), "schema.yaml") {
		t.Errorf("another schema.yaml: %v", err)
	}
	if text, err := os.ReadFile(mine); err != nil || string(text) != "mine" {
		t.Errorf("schema.yaml holds %q, %v", text, err)
	}
	if err := os.Mkdir(filepath.Join(cfg.Out, "blocks", "copied"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := Record(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "copied") {
		t.Errorf("a foreign block: %v", err)
	}
	whole := scriptedConfig(t, s)
	whole.Follow, whole.Connection.End = true, noon
	if err := whole.Validate(); err == nil {
		t.Error("a recording that follows to an end is accepted")
	}
}

// A source file is a recording that stays at its server.
func TestOpenSourceFile(t *testing.T) {
	s := startScripted(t)
	dir := t.TempDir()
	for name, text := range map[string]string{"shop.yaml": scriptedSchema, "source.yaml": "prometheus: " + s.url + "\nstart: 2026-01-31T12:00:00Z\nend: 2026-01-31T12:00:50Z\nschema: shop.yaml\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := Open(t.Context(), filepath.Join(dir, "source.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Schema.Name != "shop" || r.Manifest.ScrapeIntervalS != 1 || !r.Manifest.Start.Equal(noon) || !r.Manifest.End.Equal(noon.Add(50*time.Second)) {
		t.Errorf("manifest %+v, schema %s", r.Manifest, r.Schema.Name)
	}
	n := 0
	for w, err := range r.Windows(t.Context(), r.Timing(0, 0)) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; w.Service != "cart" {
			t.Errorf("window of %s", w.Service)
		}
	}
	if n == 0 {
		t.Error("no windows")
	}
	if _, err := Open(t.Context(), strings.Replace(s.url, "//", "//u:hunter22@", 1), ""); err == nil || !strings.Contains(err.Error(), "since") || strings.Contains(err.Error(), "hunter22") {
		t.Errorf("a URL as a recording: %v", err)
	}
}

// Which schema fits is asked of the span that is recorded, which may be long
// over, and not of now.
func TestRecordDetectsInTheSpan(t *testing.T) {
	s := startScripted(t)
	var mu sync.Mutex
	var outside []string
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		switch query := r.FormValue("query"); {
		case strings.Contains(r.URL.Path, "/label/"):
			fmt.Fprint(w, `{"status":"success","data":["haproxy_server_http_responses_total","haproxy_server_status"]}`)
		case query == "time()":
			fmt.Fprintf(w, `{"status":"success","data":{"resultType":"scalar","result":[0,"%d"]}}`, noon.Unix())
		default:
			asked++
			for _, name := range []string{"time", "start", "end"} {
				seconds, err := strconv.ParseFloat(r.FormValue(name), 64)
				if at := time.UnixMilli(int64(seconds * 1000)).UTC(); err == nil && (at.Before(noon.Add(-3*time.Hour)) || at.After(noon.Add(-2*time.Hour))) {
					outside = append(outside, fmt.Sprintf("%s %s: %s", name, at, query))
				}
			}
			fmt.Fprint(w, `{"status":"success","data":{"resultType":"vector","result":[]}}`)
		}
	}))
	t.Cleanup(server.Close)
	cfg := scriptedConfig(t, s)
	cfg.Connection.Address, cfg.Schema = server.URL, ""
	cfg.Connection.Since, cfg.Connection.Start, cfg.Connection.End = 0, noon.Add(-3*time.Hour), noon.Add(-2*time.Hour)
	if _, err := Record(t.Context(), cfg); err == nil {
		t.Error("a schema was found where nothing is")
	}
	mu.Lock()
	defer mu.Unlock()
	if asked == 0 || len(outside) > 0 {
		t.Errorf("%d questions, of which outside of the span: %q", asked, outside)
	}
}
