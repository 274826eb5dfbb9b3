package prom

import (
	"bytes"
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// recorded returns the text of the first recording of the repository.
func recorded(t testing.TB) []byte {
	t.Helper()
	found, err := filepath.Glob("../datasets/recordings/*/metrics.om.gz")
	if err != nil || len(found) == 0 {
		t.Fatal("no recording in datasets/recordings", err)
	}
	file, err := os.Open(found[0])
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
	text := recorded(b)
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
