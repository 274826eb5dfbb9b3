package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestInstant(t *testing.T) {
	for stamp, want := range map[string]float64{
		"2014-07-01 00:30:00":       1404174600,
		"2014-07-01 00:30:00.5":     1404174600.5,
		"2014-07-01T00:30:00Z":      1404174600,
		"2014-07-01T02:30:00+02:00": 1404174600,
		"2014-07-01T00:30:00":       1404174600,
		"2014-07-01 02:30:00+02:00": 1404174600,
		"2014-07-01 00:30":          1404174600,
		"2014-07-01":                1404172800,
		" 1404174600 ":              1404174600,
		"1404174600.25":             1404174600.25,
		"1404174600000":             1404174600,
		"1404174600000000":          1404174600,
		"1404174600000000000":       1404174600,
		"0":                         0,
		"-60":                       -60,
		"1383840":                   1383840, // seconds from the start of a recording
	} {
		if got := instant(stamp); got != want {
			t.Errorf("%q is read as %v; want %v", stamp, got, want)
		}
	}
	for _, stamp := range []string{"", "now", "2026-13-01 00:00:00", "2026-01-01 0007", "NaN"} {
		if got := instant(stamp); !math.IsNaN(got) {
			t.Errorf("%q is read as %v; want NaN", stamp, got)
		}
	}
}

func FuzzInstant(f *testing.F) {
	for _, stamp := range []string{"2014-07-01 00:30:00", "1404174600000", "-1e308", "0001-01-01", "Inf"} {
		f.Add(stamp)
	}
	f.Fuzz(func(t *testing.T, stamp string) { instant(stamp) })
}

// detected writes a table, scores it and returns the rows below the head.
func detected(t *testing.T, table string) [][]string {
	t.Helper()
	in := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(in, []byte(table), 0o644); err != nil {
		t.Fatal(err)
	}
	var rows [][]string
	for _, line := range strings.Split(strings.TrimSpace(mustCall(t, "detect", "--in", in)), "\n")[1:] {
		rows = append(rows, strings.Split(line, ","))
	}
	return rows
}

// TestDetectOnset: one alert for a shift that lasts, in a series with a day,
// gaps, missing values, a repeated stamp and a step back; and the rows before
// are scored the same without those after.
func TestDetectOnset(t *testing.T) {
	const day, onset, end = 288, 2000, 2050
	var lines []string
	for i := range end {
		second := i * 300
		switch {
		case i > 900:
			second += 7 * 3600 // after a gap
		case i == 700:
			second -= 3300
		case i == 500:
			second -= 300
		}
		v := strconv.FormatFloat(10*math.Sin(float64(i)*2*math.Pi/day)+math.Sin(float64(i)*1.7), 'g', 8, 64)
		switch {
		case i >= onset:
			v = "60"
		case i%97 == 0:
			v = ""
		case i/10 == 30:
			v = "NaN"
		}
		lines = append(lines, fmt.Sprintf("2026-01-%02d %02d:%02d:00,%s", 1+second/86400, second/3600%24, second/60%60, v))
	}
	head := "timestamp,value\n"
	rows := detected(t, head+strings.Join(lines, "\n"))
	if len(rows) != end {
		t.Fatalf("%d rows; want %d", len(rows), end)
	}
	var alerts []int
	for i, row := range rows {
		score, err := strconv.ParseFloat(row[1], 64)
		if stamp, _, _ := strings.Cut(lines[i], ","); err != nil || !(score >= 0 && score <= 1) || row[0] != stamp {
			t.Fatalf("row %d is %q after %q", i, row, lines[i])
		}
		if score >= 0.5 && i >= onset-50 {
			alerts = append(alerts, i)
		}
	}
	if len(alerts) != 1 || alerts[0] < onset || alerts[0] > onset+5 {
		t.Errorf("alerts in rows %v; want one soon after %d", alerts, onset)
	}
	for i, row := range detected(t, head+strings.Join(lines[:1234], "\n")) {
		if strings.Join(row, ",") != strings.Join(rows[i], ",") {
			t.Fatalf("row %d is %q, without what comes later %q", i, rows[i], row)
		}
	}
}

// TestDetectMany: a table of 38 metrics, its time in seconds from the start.
func TestDetectMany(t *testing.T) {
	var table strings.Builder
	table.WriteString("t")
	for m := range 38 {
		fmt.Fprintf(&table, ",m%02d", m)
	}
	for i := range 600 {
		fmt.Fprintf(&table, "\n%d", i*60)
		for m := range 38 {
			v := math.Sin(float64(i) * (0.3 + float64(m)))
			if i >= 580 && m >= 20 && m < 25 {
				v = 40
			}
			fmt.Fprintf(&table, ",%g", v)
		}
	}
	rows := detected(t, table.String())
	last := rows[len(rows)-1]
	before, _ := strconv.ParseFloat(rows[570][1], 64)
	after, _ := strconv.ParseFloat(last[1], 64)
	if len(rows) != 600 || before >= 0.2 || after < 0.5 || last[2] < "m20" || last[2] > "m24" {
		t.Errorf("%d rows; before the fault the score is %v, in it %v with %s on top", len(rows), before, after, last[2])
	}
}
