package main

import (
	"compress/gzip"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/anomaly/benchmark"
)

// scores are the second column that detect wrote.
func scores(t *testing.T, out string) (scores []float64, tops []string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range rows[1:] {
		x, err := strconv.ParseFloat(row[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		scores, tops = append(scores, x), append(tops, row[2])
	}
	return scores, tops
}

// TestDetectTable: of several metrics the score stays while the endpoint is
// strange, against the history given.
func TestDetectTable(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, rows int, fault func(k int) float64) string {
		var text strings.Builder
		text.WriteString("t,cpu,memory,network,requests,latency\n")
		for k := range rows {
			load := math.Sin(float64(k) / 40)
			fmt.Fprintf(&text, "%d,%g,%g,%g,%g,%g\n", 60*k, load+0.1*math.Cos(float64(7*k)), 5+0.1*math.Sin(float64(3*k)),
				3*load+0.2*math.Cos(float64(5*k)), load+0.1*math.Sin(float64(11*k)), 2*load+0.1*math.Cos(float64(13*k))+fault(k))
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	train := write("train.csv", 3000, func(int) float64 { return 0 })
	in := write("in.csv", 1000, func(k int) float64 {
		if k >= 400 && k < 700 {
			return 3
		}
		return 0
	})
	got, tops := scores(t, mustCall(t, "detect", "--train", train, "--in", in))
	quiet := 0.0
	for _, x := range append(got[50:400:400], got[800:]...) {
		quiet = max(quiet, x)
	}
	for k := 410; k < 700; k++ {
		if got[k] <= quiet || tops[k] != "latency" {
			t.Fatalf("row %d of the fault: score %v by %q; usual rows have up to %v", k, got[k], tops[k], quiet)
		}
	}
}

// TestDetectSMD: what detect prints is what the benchmark judges.
func TestDetectSMD(t *testing.T) {
	train, test := shared(t, "data/smd/machine-1-5_train.csv.gz"), shared(t, "data/smd/machine-1-5_test.csv.gz")
	file, err := os.Open(test)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(unpacked).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var positive []bool
	for _, row := range rows[1:] {
		positive = append(positive, row[len(row)-1] != "0")
	}
	got, _ := scores(t, mustCall(t, "detect", "--train", train, "--in", test))
	if len(got) != len(positive) {
		t.Fatalf("%d scores for %d rows", len(got), len(positive))
	}
	// 0.544; the best naive figure is 0.524.
	if ap := benchmark.AveragePrecision(got, positive); ap < 0.53 {
		t.Errorf("average precision of the printed scores is %.3f", ap)
	}
}
