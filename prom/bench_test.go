package prom

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
)

// recording returns the dump of the first recording of the repository.
func recording(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("../datasets/recordings/*/metrics.om.gz")
	if err != nil || len(found) == 0 {
		t.Fatal("no recording in datasets/recordings", err)
	}
	return found[0]
}

func unzipped(t testing.TB, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func BenchmarkReadOpenMetrics(b *testing.B) {
	text := unzipped(b, recording(b))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		d, err := read(b.Context(), "dump", bytes.NewReader(text))
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(d.history.(*memory).count)*float64(b.N)/b.Elapsed().Seconds(), "samples/s")
	}
}

// BenchmarkWindows evaluates the schema over a quarter of an hour.
func BenchmarkWindows(b *testing.B) {
	d, err := read(b.Context(), "dump", bytes.NewReader(unzipped(b, recording(b))))
	if err != nil {
		b.Fatal(err)
	}
	lab, err := LoadSchema("lab")
	if err != nil {
		b.Fatal(err)
	}
	q := d.Query(mesh.Timing{Step: lab.Step, Range: lab.Range, Delay: d.ScrapeInterval()})
	q.End = q.Start.Add(15 * time.Minute)
	b.ReportAllocs()
	for b.Loop() {
		gather(b, d, lab, q)
	}
}
