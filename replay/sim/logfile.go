package sim

import (
	"bufio"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// load reads the file of a log of arrivals; folder is what its name is
// relative to.
func (a *Arrivals) load(folder string) error {
	path := a.File
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sim: log of arrivals: %w", err)
	}
	defer file.Close()
	var r io.Reader = file
	if strings.HasSuffix(path, ".gz") {
		unzipped, err := gzip.NewReader(file)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer unzipped.Close()
		r = unzipped
	}
	times, err := arrivalTimes(path, r)
	if err != nil {
		return err
	}
	a.gaps, a.own = gaps(times)
	if a.gaps == nil {
		return fmt.Errorf("%s: %d arrivals at one time; want at least two times", path, len(times))
	}
	return nil
}

// arrivalTimes reads seconds since some start, in any order.
func arrivalTimes(name string, r io.Reader) ([]float64, error) {
	table := csv.NewReader(bufio.NewReader(r))
	table.FieldsPerRecord = -1
	table.ReuseRecord = true
	var times []float64
	column := 0
	for {
		row, err := table.Read()
		if errors.Is(err, io.EOF) {
			return times, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		line, _ := table.FieldPos(0)
		if line == 1 {
			if i := slices.IndexFunc(row, func(s string) bool { return s == "time" || s == "TIMESTAMP" }); i >= 0 {
				column = i
				continue
			}
		}
		if column >= len(row) {
			return nil, fmt.Errorf("%s:%d: has %d columns; want the time in column %d", name, line, len(row), column+1)
		}
		t, ok := instant(strings.TrimSpace(row[column]))
		if !ok {
			return nil, fmt.Errorf("%s:%d: time is %q; want seconds, or a date as in 2006-01-02 15:04:05.999", name, line, row[column])
		}
		times = append(times, t)
	}
}

func instant(text string) (float64, bool) {
	if t, err := strconv.ParseFloat(text, 64); err == nil {
		return t, !math.IsNaN(t) && !math.IsInf(t, 0)
	}
	for _, layout := range []string{"2006-01-02 15:04:05.999999999", time.RFC3339Nano} {
		if t, err := time.Parse(layout, text); err == nil {
			return float64(t.Unix()) + float64(t.Nanosecond())/1e9, true
		}
	}
	return 0, false
}

// gaps are those between the times, scaled to mean 1, and the rate that they
// had; nil when all are at one time. Begun again, the log has its mean gap
// between its last and first arrival.
func gaps(times []float64) ([]float64, float64) {
	slices.Sort(times)
	n := len(times) - 1
	if n < 1 {
		return nil, 0
	}
	mean := (times[n] - times[0]) / float64(n)
	if !(mean > 0) || math.IsInf(mean, 0) {
		return nil, 0
	}
	out := []float64{1}
	for i := range n {
		out = append(out, (times[i+1]-times[i])/mean)
	}
	return out, 1 / mean
}
