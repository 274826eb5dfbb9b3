package prom

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/fairway-mesh/fairway/mesh"
)

// shared returns a path of the development data, which is not in the
// repository but beside it.
func shared(t testing.TB, path string) string {
	t.Helper()
	path = filepath.Join("../../shared/data", path)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip("no development data on this machine")
	}
	return path
}

func TestNezha(t *testing.T) {
	d := open(t, shared(t, "nezha/onlineboutique-20220822.om.gz"))
	if n := d.history.(*memory).count; n != 269388 {
		t.Errorf("%d samples, want 269388", n)
	}
	s, err := LoadSchema("../datasets/schemas/nezha.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if missing, err := Check(t.Context(), d, s); err != nil || len(missing) > 0 {
		t.Error(missing, err)
	}
	services := map[string]int{}
	cells, unknown := 0, 0
	for w, err := range Windows(t.Context(), d, s, d.Query(mesh.Timing{Step: s.Step, Range: s.Range, Delay: time.Minute})) {
		if err != nil {
			t.Fatal(err)
		}
		services[w.Service]++
		if len(w.Endpoints) != 1 {
			t.Fatalf("%s has %d pods, want 1", w.Service, len(w.Endpoints))
		}
		for _, name := range []string{mesh.RequestRate, mesh.Memory, mesh.Utilization} {
			if cells++; math.IsNaN(w.At(0, name)) {
				unknown++
			}
		}
		if age := w.At(0, mesh.Age); age < 60 || age > 60+150 {
			t.Errorf("%s at %s: age %v s", w.Service, w.Time, age)
		}
	}
	if len(services) != 10 || services["frontend"] < 1200 {
		t.Errorf("windows of the services: %v", services)
	}
	if unknown*100 > cells {
		t.Errorf("%d of %d values that are always there are unknown", unknown, cells)
	}
}

// exposed makes a history of expositions that were scraped a second apart.
func exposed(t testing.TB, files []string) *Dump {
	t.Helper()
	m := newMemory()
	known := map[string]*packed{}
	for i, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p := textparse.NewPromParser(bytes.TrimSpace(append(text, '\n')), labels.NewSymbolTable(), false)
		for {
			entry, err := p.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(file, err)
			}
			if entry != textparse.EntrySeries {
				continue
			}
			name, _, v := p.Series()
			s := known[string(name)]
			if s == nil {
				var l labels.Labels
				p.Labels(&l)
				s = m.open(l)
				known[string(name)] = s
			}
			if err := m.add(s, dawn.Add(time.Duration(i)*time.Second).UnixMilli(), v); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := m.seal(); err != nil {
		t.Fatal(err)
	}
	return newDump(m, m.first, m.last, m.interval, m.slowest, nil)
}

// The weights of the three servers were 37/100/10 in the first six scrapes and
// 10/10/100 in the other six; the rates follow them.
func TestHAProxyAlone(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(shared(t, "expositions/haproxy-1s"), "*.prom"))
	if err != nil || len(files) != 12 {
		t.Fatal(files, err)
	}
	slices.Sort(files)
	d := exposed(t, files)
	s, err := detect(t, d)
	if err != nil || s.Name != "haproxy" {
		t.Fatal(s, err)
	}
	shares := func(second int) string {
		when := dawn.Add(time.Duration(second) * time.Second)
		all := gather(t, d, s, Query{Start: when, End: when, Timing: mesh.Timing{Step: time.Second, Range: 4 * time.Second}})
		if len(all) != 1 {
			t.Fatalf("%d windows", len(all))
		}
		w := all[0]
		total := 0.0
		for i := range w.Endpoints {
			total += w.At(i, mesh.RequestRate)
		}
		text := w.Service
		for i, e := range w.Endpoints {
			text += fmt.Sprintf(" %s %.1f", e.Name, w.At(i, mesh.RequestRate)/total)
			near(t, e.Name+" up", w.At(i, mesh.Up), 1)
			if mean := w.At(i, mesh.LatencyMean); mean < 0 || mean > 1 {
				t.Errorf("%s: mean latency %v s", e.Name, mean)
			}
			if !math.IsNaN(w.At(i, mesh.Utilization)) {
				t.Errorf("%s: a utilization without a limit", e.Name)
			}
		}
		return text
	}
	for second, want := range map[int]string{5: "be b1 0.3 b2 0.7 b3 0.1", 11: "be b1 0.1 b2 0.1 b3 0.8"} {
		if got := shares(second); got != want {
			t.Errorf("after %d s the shares are %s, want %s", second, got, want)
		}
	}
}
