package datasets

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/prom/generated"
)

// TestGeneratedFormsAreTheSame reads blocks and text and compares every window.
func TestGeneratedFormsAreTheSame(t *testing.T) {
	m := generated.Mesh{Endpoints: 12, Start: time.Date(2026, 3, 1, 1, 30, 0, 0, time.UTC), Span: time.Hour, Scrape: 15 * time.Second, Seed: 3}
	blocks := filepath.Join(t.TempDir(), "blocks")
	if err := m.WriteBlocks(t.Context(), blocks); err != nil {
		t.Fatal(err)
	}
	var om bytes.Buffer
	if err := m.WriteText(t.Context(), &om); err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "metrics.om")
	if err := os.WriteFile(text, om.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	if folders, _ := filepath.Glob(filepath.Join(blocks, "*", "meta.json")); len(folders) != 2 {
		t.Errorf("%d blocks; want one before two o'clock and one after", len(folders))
	}
	var all [][]mesh.Window
	for _, path := range []string{blocks, text} {
		all = append(all, generatedWindows(t, path, m))
	}
	if diff := cmp.Diff(all[0], all[1], sameBits); diff != "" {
		t.Error(diff)
	}
	// Two services; at the end everything is known of each endpoint.
	last := all[0][len(all[0])-1]
	if len(last.Endpoints) != 2 || last.Service != "service-001" {
		t.Errorf("the last window has %d endpoints of %s", len(last.Endpoints), last.Service)
	}
	for i, v := range last.Values {
		if math.IsNaN(v) {
			t.Errorf("%s is unknown", last.Schema.Series[i%len(last.Schema.Series)].Name)
		}
	}
	if n := bytes.Count(om.Bytes(), []byte("\n")) - bytes.Count(om.Bytes(), []byte("# ")); n != m.Samples() {
		t.Errorf("%d samples; want %d", n, m.Samples())
	}
}

func generatedWindows(t *testing.T, path string, m generated.Mesh) (all []mesh.Window) {
	t.Helper()
	d, err := prom.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	if start, end := d.Span(); !start.Equal(m.Start) || !end.Equal(m.Start.Add(m.Span)) {
		t.Errorf("from %s to %s", start, end)
	}
	s, _ := prom.Builtin("lab")
	for w, err := range prom.Windows(t.Context(), d, s, d.Query(mesh.Timing{Step: m.Scrape, Range: time.Minute, Delay: m.Scrape})) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}
