package threat

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fairway-mesh/fairway/mesh/durable"
)

// raised is a world in which one is high, another medium by an operator.
func raised(t testing.TB) *world {
	w := newWorld(t, 6, nil)
	w.pass(12 * time.Minute)
	w.until(w.all[2], High, 2*time.Minute, scanner(w.all[2], 3))
	if err := w.j.Override(Override{Identity: w.all[1].name, Level: Medium, Why: "x", Until: w.now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	w.window()
	return w
}

func (w *world) memory(dir string) *Memory {
	w.t.Helper()
	m, err := OpenMemory(dir, w.j, w.now, prometheus.NewRegistry())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { m.Close() })
	return m
}

// TestMemory: what is saved is there for the next, and for nobody else at the same time
// or of another user; it is gone when the mode is off.
func TestMemory(t *testing.T) {
	w, dir := raised(t), filepath.Join(t.TempDir(), "state", "threats")
	m := w.memory(dir)
	m.Save()
	m.Save()
	for name, want := range map[string]os.FileMode{"": 0o700 | os.ModeDir, levelsFile: 0o600, baselinesFile: 0o600, "lock": 0o600} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode() != want {
			t.Errorf("%q is %v, %v", name, info.Mode(), err)
		}
	}
	if _, err := OpenMemory(dir, w.j, w.now, prometheus.NewRegistry()); err == nil || !strings.Contains(err.Error(), "another fairwayd") {
		t.Errorf("a second daemon: %v", err)
	}
	m.Close()
	if err := os.WriteFile(filepath.Join(dir, durable.Prefix+"x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n := newWorld(t, 0, nil)
	n.now = w.now
	reg := prometheus.NewRegistry()
	m, err := OpenMemory(dir, n.j, n.now.Add(time.Second), reg)
	if err != nil {
		t.Fatal(err)
	}
	if n.j.Subject(w.all[2].name).Tier().Level() != High || n.j.Subject(w.all[1].name).Tier().Level() != Medium || n.j.Subject(w.all[0].name).windows < 100 {
		t.Error("the next does not know who was raised")
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(`
# HELP fairway_threat_restored Of how many callers levels, those that are raised, and baselines were found on the disk at the start.
# TYPE fairway_threat_restored gauge
fairway_threat_restored{what="baselines"} 7
fairway_threat_restored{what="levels"} 1
`), "fairway_threat_restored"); err != nil {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, durable.Prefix+"*")); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	settings := n.j.settings
	settings.Mode = Off
	if err := n.j.SetSettings(settings); err != nil {
		t.Fatal(err)
	}
	m.Save()
	m.Close()
	if _, err := os.Stat(filepath.Join(dir, levelsFile)); !os.IsNotExist(err) {
		t.Errorf("something is kept in mode off: %v", err)
	}
	w.memory(dir).Save()
	off := newWorld(t, 0, func(_ *Config, s *Settings) { s.Mode = Off })
	_ = os.Rename(dir, dir+"-2") // whose lock goes with it
	if m, err := OpenMemory(dir+"-2", off.j, w.now, prometheus.NewRegistry()); err == nil {
		m.Close()
		t.Error("a directory that is moved is not locked")
	}
}

// TestMemoryRuns: a change is on the disk soon, and all of it when the daemon ends; of
// a disk that cannot be written it is said once.
func TestMemoryRuns(t *testing.T) {
	w, dir := raised(t), t.TempDir()
	m := w.memory(dir)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { m.Run(ctx); close(done) }()
	known := func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, levelsFile))
		return strings.Contains(string(text), "spiffe://d/leaked")
	}
	if err := w.j.Override(Override{Identity: "spiffe://d/leaked", Level: High, Why: "x"}); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); !known(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("an override is not on the disk")
		}
	}
	cancel()
	<-done
	if _, err := os.Stat(filepath.Join(dir, baselinesFile)); err != nil {
		t.Error(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	m.Save()
	m.Save()
	if got := strings.Count(w.log.String(), "cannot be kept"); got != 1 || testutil.ToFloat64(m.saves.WithLabelValues(levelsFile, "failed")) != 2 {
		t.Errorf("said %d times:\n%s", got, w.log.String())
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	m.Save()
	if !strings.Contains(w.log.String(), "kept again") {
		t.Error("that it can be written again is not said")
	}
}

// TestBadFiles: what is damaged, cut off, of something else, of another version, of the
// future or too old, or was written by anybody, is dropped with a warning, and the
// daemon begins as without.
func TestBadFiles(t *testing.T) {
	w := raised(t)
	levels, baselines := w.j.SaveLevels(), w.j.SaveBaselines()
	fresh := func() *world { n := newWorld(t, 0, nil); n.j.now = time.Time{}; return n }
	plain := fresh()
	plain.j.start(w.now)
	want, _ := json.Marshal(plain.j.View())
	refused := func(what string, text []byte, now time.Time) {
		t.Helper()
		n := fresh()
		for format, restore := range map[string]func([]byte, time.Time) (int, error){levelsFormat: n.j.RestoreLevels, baselinesFormat: n.j.RestoreBaselines} {
			if raised, err := restore(text, now); err == nil || raised != 0 {
				t.Fatalf("%s is taken as %q", what, format)
			}
		}
		n.j.start(w.now)
		if got, _ := json.Marshal(n.j.View()); string(got) != string(want) {
			t.Fatalf("%s: %s", what, got)
		}
	}
	for _, text := range [][]byte{levels, baselines} {
		for n := range text {
			if n > 300 && n%97 > 0 { // all would take long
				continue
			}
			refused(fmt.Sprintf("the first %d bytes", n), text[:n], w.now)
			damaged := append([]byte{}, text...)
			damaged[n] ^= 1 << (n % 8)
			refused(fmt.Sprintf("byte %d damaged", n), damaged, w.now)
		}
		refused("more bytes", append(append([]byte{}, text...), 0), w.now)
		refused("the next version", []byte(strings.Replace(string(text), " 1\n", " 2\n", 1)), w.now)
		refused("of the day after tomorrow", text, w.now.Add(-48*time.Hour))
	}
	for _, text := range []string{"", "{}", "\x00", levelsFormat, baselinesFormat, string(begin(levelsFormat).seal(levelsFormat))} {
		refused(text, []byte(text), w.now)
	}

	dir := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"a directory":      func(path string) error { return os.Mkdir(path, 0o700) },
		"a link":           func(path string) error { return os.Symlink("/dev/zero", path) },
		"anybody's":        func(path string) error { os.WriteFile(path, levels, 0o600); return os.Chmod(path, 0o666) },
		"something else's": func(path string) error { return os.WriteFile(path, baselines, 0o600) },
		"too large":        func(path string) error { os.WriteFile(path, nil, 0o600); return os.Truncate(path, mostSaved+1) },
	} {
		path := filepath.Join(dir, levelsFile)
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		n := newWorld(t, 0, nil)
		n.now = w.now
		m := n.memory(dir)
		if !strings.Contains(n.log.String(), "is dropped") || n.j.Subject(w.all[2].name).Tier() != 0 {
			t.Errorf("%s: %s", name, n.log.String())
		}
		if name != "a directory" { // over which nothing can be written, as is said
			if m.Save(); strings.Contains(n.log.String(), "cannot be kept") {
				t.Errorf("%s: %s", name, n.log.String())
			}
		}
		m.Close()
		os.RemoveAll(path)
	}
}

// TestMoreThanPlaces: a file of more callers than are remembered takes no more memory
// than those; who is raised has a place before others.
func TestMoreThanPlaces(t *testing.T) {
	w := raised(t)
	n := newWorld(t, 0, func(c *Config, _ *Settings) { c.Most = 3 })
	got, err := n.j.RestoreBaselines(w.j.SaveBaselines(), w.now)
	if err != nil || got > 4 || len(n.j.subjects) > 3 {
		t.Errorf("%d baselines, %d subjects, %v", got, len(n.j.subjects), err)
	}
	for _, s := range w.all {
		s.level, s.until, s.signal = High, w.now.Add(time.Minute), signalRate
	}
	if got, err := n.j.RestoreLevels(w.j.SaveLevels(), w.now); err != nil || got != 3 || len(n.j.subjects) != 3 {
		t.Errorf("%d are raised, of %d subjects, %v", got, len(n.j.subjects), err)
	}
}

// FuzzRestore: whatever stands in a file whose checksum is right, a judge that takes it
// judges, tells and saves, and what it saves is taken again.
func FuzzRestore(f *testing.F) {
	w := raised(f)
	small := newWorld(f, 1, nil)
	small.pass(time.Minute)
	for _, j := range []*Judge{w.j, small.j} {
		f.Add(j.SaveLevels()[len(levelsFormat)+4:], j.SaveBaselines()[len(baselinesFormat)+4:])
	}
	f.Add([]byte{}, []byte{})
	f.Fuzz(func(t *testing.T, levels, baselines []byte) {
		n := newWorld(t, 1, func(c *Config, _ *Settings) { c.Most = 8 })
		n.now = w.now
		_, _ = n.j.RestoreBaselines(append(begin(baselinesFormat), baselines...).seal(baselinesFormat), n.now)
		_, _ = n.j.RestoreLevels(append(begin(levelsFormat), levels...).seal(levelsFormat), n.now)
		if len(n.j.subjects) > 8 || len(n.j.said) > mostOverrides {
			t.Fatalf("%d subjects, %d overrides", len(n.j.subjects), len(n.j.said))
		}
		n.j.now, n.j.judged = n.now, n.now
		n.all = []*Subject{n.j.Subject("spiffe://d/0"), n.j.Subject("spiffe://d/new")}
		n.pass(12 * time.Second)
		if _, err := json.Marshal(n.j.View()); err != nil {
			t.Fatal(err)
		}
		again := newWorld(t, 0, nil)
		if _, err := again.j.RestoreBaselines(n.j.SaveBaselines(), n.now); err != nil {
			t.Fatal(err)
		}
		if _, err := again.j.RestoreLevels(n.j.SaveLevels(), n.now); err != nil {
			t.Fatal(err)
		}
	})
}

// busy are 4,096 callers that ask about thirty services each.
func busy(b *testing.B) *world {
	w := newWorld(b, 4096, nil)
	for i, s := range w.all {
		for k := range 30 {
			s.Asked(fmt.Sprintf("service-%d.shop.svc.cluster.local", i*7+k))
		}
	}
	for range 100 {
		w.second(1)
	}
	return w
}

func BenchmarkSave(b *testing.B) {
	w := busy(b)
	n := 0
	b.ResetTimer()
	for b.Loop() {
		n = len(w.j.SaveBaselines())
	}
	b.ReportMetric(float64(n), "B")
}

func BenchmarkRestore(b *testing.B) {
	w := busy(b)
	levels, baselines := w.j.SaveLevels(), w.j.SaveBaselines()
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		j, err := New(w.j.cfg, w.j.settings, prometheus.NewRegistry())
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if n, err := j.RestoreBaselines(baselines, w.now); err != nil || n != 4097 {
			b.Fatal(n, err)
		}
		if _, err := j.RestoreLevels(levels, w.now); err != nil {
			b.Fatal(err)
		}
	}
}
