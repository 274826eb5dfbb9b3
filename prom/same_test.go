package prom

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"

	"github.com/fairway-mesh/fairway/mesh"
)

// aroundCrash cuts a minute before, and one and a half from, the first crash
// of the first recording of the repository: endpoints vanish and come again.
func aroundCrash(t testing.TB) string {
	t.Helper()
	dump := recording(t)
	file, err := os.Open(filepath.Join(filepath.Dir(dump), "faults.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row[2] == "crash" {
			start, err := strconv.ParseFloat(row[3], 64)
			if err != nil {
				t.Fatal(err)
			}
			return between(t, unzipped(t, dump), start-60, start+90)
		}
	}
	t.Fatalf("%s: no crash", file.Name())
	return ""
}

// between keeps the samples of an OpenMetrics text from one time to another.
func between(t testing.TB, text []byte, start, end float64) string {
	t.Helper()
	var kept strings.Builder
	for line := range bytes.Lines(text) {
		if line[0] != '#' {
			at, err := strconv.ParseFloat(string(bytes.TrimSpace(line[bytes.LastIndexByte(line, ' '):])), 64)
			if err != nil {
				t.Fatal(err)
			}
			if at < start || at > end {
				continue
			}
		}
		kept.Write(line)
	}
	return kept.String()
}

// exposition writes what a dump holds in the Prometheus text format.
func exposition(d *Dump) string {
	var b strings.Builder
	for _, s := range d.history.(*memory).series {
		var name strings.Builder
		name.WriteString(s.labels.Get(model.MetricNameLabel) + "{")
		s.labels.Range(func(l labels.Label) {
			if l.Name != model.MetricNameLabel {
				fmt.Fprintf(&name, "%s=%q,", l.Name, l.Value)
			}
		})
		for _, x := range s.points() {
			if !value.IsStaleNaN(x.v) {
				fmt.Fprintf(&b, "%s} %s %d\n", &name, strconv.FormatFloat(x.v, 'g', -1, 64), x.t)
			}
		}
	}
	return b.String()
}

// backfilled makes blocks of an OpenMetrics text.
func backfilled(t testing.TB, text string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	run := exec.Command(tool(t, "promtool"), "tsdb", "create-blocks-from", "openmetrics", keep(t, text), dir)
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return dir
}

// throughVictoria brings a Prometheus text through a real VictoriaMetrics.
func throughVictoria(t testing.TB, text string, samples int) string {
	t.Helper()
	server := serveVictoria(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/api/v1/import/prometheus", strings.NewReader(text))
	fetch(t, request, err)
	get(t, server+"/internal/force_flush")
	var export string
	until(t, "imported", func() bool {
		export = get(t, server+"/api/v1/export?"+url.Values{"match[]": {`{__name__!=""}`}, "start": {"0"}}.Encode())
		d, err := read(t.Context(), "export", strings.NewReader(export))
		return err == nil && d.history.(*memory).count >= samples
	})
	return export
}

// The same recording gives the same windows, bit for bit, in whatever form it
// is given; the real tools bring it into these forms.
func TestEveryFormGivesTheSameWindows(t *testing.T) {
	text := aroundCrash(t)
	reference := open(t, keep(t, text))
	samples := reference.history.(*memory).count
	prometheusForm := exposition(reference)
	dir := backfilled(t, text)
	paths := map[string]string{
		"OpenMetrics, gzip":     keep(t, zipped(text)),
		"OpenMetrics, zstd":     keep(t, squeezed(text)),
		"Prometheus text":       keep(t, prometheusForm),
		"Prometheus text, zstd": keep(t, squeezed(prometheusForm)),
		"blocks":                dir,
	}
	served := t.TempDir()
	if err := os.CopyFS(served, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	server, _ := serveBlocks(t, served, false)
	_, end := reference.Span()
	answer := get(t, server+"/api/v1/query?"+url.Values{"query": {`{__name__!=""}[1h]`}, "time": {end.Format(time.RFC3339Nano)}}.Encode())
	paths["query_range"] = keep(t, answer)
	paths["query_range, gzip"] = keep(t, zipped(answer))
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server+"/api/v1/admin/tsdb/snapshot", nil)
	var made struct{ Data struct{ Name string } }
	if err := json.Unmarshal([]byte(fetch(t, request, err)), &made); err != nil {
		t.Fatal(err)
	}
	paths["snapshot"] = filepath.Join(served, "snapshots", made.Data.Name)
	paths["folder of a running server"] = served
	lab, err := LoadSchema("lab")
	if err != nil {
		t.Fatal(err)
	}
	timing := mesh.Timing{Step: lab.Step, Range: lab.Range, Delay: reference.ScrapeInterval()}
	windows := func(t testing.TB, d *Dump) []mesh.Window {
		t.Helper()
		if d.ScrapeInterval() != reference.ScrapeInterval() {
			t.Errorf("scrape interval %s, want %s", d.ScrapeInterval(), reference.ScrapeInterval())
		}
		return gather(t, d, lab, d.Query(timing))
	}
	want := windows(t, reference)
	if len(want) < 40 {
		t.Fatalf("%d windows", len(want))
	}
	for form, path := range paths {
		t.Run(form, func(t *testing.T) { same(t, want, windows(t, open(t, path)), 0) })
	}
	// VictoriaMetrics keeps decimal numbers, and so the 17th digit of a sample
	// may be another one. Its samples, in another form, give the same windows as
	// its export; both are close to the others.
	t.Run("VictoriaMetrics", func(t *testing.T) {
		export := throughVictoria(t, prometheusForm, samples)
		d := open(t, keep(t, export))
		if n := d.history.(*memory).count; n != samples {
			t.Errorf("%d samples, want %d", n, samples)
		}
		got := windows(t, d)
		same(t, want, got, 1e-6)
		same(t, got, windows(t, open(t, keep(t, zipped(export)))), 0)
		same(t, got, windows(t, open(t, keep(t, squeezed(exposition(d))))), 0)
	})
}

// same compares windows; without a tolerance, to the last bit.
func same(t testing.TB, want, got []mesh.Window, tolerance float64) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d windows, want %d", len(got), len(want))
	}
	for i, w := range want {
		g := got[i]
		if g.Service != w.Service || !g.Time.Equal(w.Time) || !slices.Equal(g.Endpoints, w.Endpoints) {
			t.Fatalf("%s at %s with %v; want %s at %s with %v", g.Service, g.Time, g.Endpoints, w.Service, w.Time, w.Endpoints)
		}
		for j, v := range w.Values {
			x := g.Values[j]
			if math.Float64bits(x) == math.Float64bits(v) || math.IsNaN(x) && math.IsNaN(v) || tolerance > 0 && math.Abs(x-v) <= tolerance*math.Abs(v) {
				continue
			}
			t.Errorf("%s at %s, %s: %v, want %v", g.Service, g.Time, w.Schema.Series[j%len(w.Schema.Series)].Name, x, v)
		}
	}
}
