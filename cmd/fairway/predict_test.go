package main

import (
	"math"
	"path/filepath"
	"strconv"
	"testing"
)

// TestPredictPaced: the forecast that ships was learned from windows of 5 s. Of a
// mesh that is scraped every 9.2 s it has a row for each scrape, knows what it sees,
// and looks as many steps ahead.
func TestPredictPaced(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mesh")
	mustCall(t, "lab", "simulate", "--failing", "--random", "9000001", "--out", dir)
	rows := readTable(t, mustCall(t, "predict", "--recording", dir, "--model", filepath.Join("models", "forecast.model"), "--cache", "off"))
	number := func(row record, name string) float64 {
		x, err := strconv.ParseFloat(row[name], 64)
		if err != nil {
			return math.NaN()
		}
		return x
	}
	sure, last, latest := 0, 0.0, 0.0
	for _, row := range rows {
		at := number(row, "time")
		if step := at - last; last > 0 && step > 0 && math.Abs(step-9.22) > 0.01 {
			t.Fatalf("%v s between two windows; want 9.22", step)
		}
		last = at
		if number(row, "confidence") > 0.8 {
			sure++
		}
		if ahead := number(row, "predicted_time") - at; ahead > latest {
			latest = ahead
		}
	}
	if n := len(rows); n < 1000 || sure < n*9/10 {
		t.Errorf("%d of %d rows have a confidence above 0.8; want nine of ten of a thousand", sure, n)
	}
	if latest <= 60 || latest > 12*9.22+1 {
		t.Errorf("the latest failure is predicted %v s ahead; want more than the minute of 5 s windows, and up to 12 steps", latest)
	}
}
