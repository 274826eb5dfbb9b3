package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// call runs the program in this process.
func call(t *testing.T, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	var out, log bytes.Buffer
	err = run(context.Background(), args, &out, &log)
	return out.String(), log.String(), err
}

func mustCall(t *testing.T, args ...string) string {
	t.Helper()
	out, log, err := call(t, args...)
	if err != nil {
		t.Fatalf("fairway %s: %v\n%s", strings.Join(args, " "), err, log)
	}
	return out
}

// tool finds one of the real programs that the tests use.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no %s on this machine", name)
	}
	return path
}

// shared is a file of the development data. Without it the test is skipped,
// except in CI, where nothing may be.
func shared(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join("..", "..", "..", "shared", filepath.FromSlash(path))
	if _, err := os.Stat(full); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no development data: %v", err)
	}
	return full
}

func TestExitStatus(t *testing.T) {
	for _, c := range []struct {
		want int
		says string
		args []string
	}{
		{0, "", nil},
		{0, "", []string{"train", "--help"}},
		{0, "", []string{"replay", "--list"}},
		{2, "--help", []string{"fly"}},
		{2, "--help", []string{"model", "fly"}},
		{2, "--frobnicate", []string{"train", "--frobnicate"}},
		{2, "--recording", []string{"train", "--out", "x"}},
		{2, "--recording", []string{"train", "--recording", "", "--out", "x"}},
		{2, "--out", []string{"train", "--recording", "x", "--out", ""}},
		{2, "--model", []string{"predict", "--recording", "x"}},
		{2, "csv or jsonl", []string{"predict", "--recording", "x", "--model", "y", "--format", "xml"}},
		{2, "network", []string{"train", "--recording", "x", "--out", "y", "--network", "deep"}},
		{2, "file or directory of rules", []string{"rules", "check"}},
		{2, "--window", []string{"train", "--recording", "x", "--out", "y", "--window", "-15s"}},
		{2, "--horizon", []string{"train", "--recording", "x", "--out", "y", "--horizon", "-1m"}},
		{2, "wants", []string{"model", "show"}},
		{2, "names none", []string{"replay", "--recording", "x", "--model", "y", "--policies", ""}},
		{2, "twice", []string{"replay", "--recording", "x", "--model", "y", "--policies", "static,fairway,static"}},
		{2, "hindsight", []string{"replay", "--recording", "x", "--model", "y", "--reference", "nobody"}},
		{2, "--scenario", []string{"replay", "--scenario", "x"}},
		{2, "--scenario", []string{"replay"}},
		{2, "--scenario", []string{"replay", "--scenario", ""}},
		{2, "--recording", []string{"replay", "--scenario", "basic", "--recording", "x"}},
		{2, "--all", []string{"replay", "--scenario", "basic", "--all"}},
		{2, "--seeds", []string{"replay", "--scenario", "basic", "--seeds", "0"}},
		{2, "--seeds", []string{"replay", "--recording", "x", "--model", "y", "--seeds", "3"}},
		{2, "--list", []string{"replay", "--scenario", "basic", "--policies", "nobody"}},
		{2, "twice", []string{"replay", "--scenario", "basic", "--policies", "random,random"}},
		{2, "reference", []string{"replay", "--scenario", "basic", "--policies", "random", "--reference", "pid"}},
		{1, "no/such", []string{"replay", "--scenario", "basic", "--report", "no/such/page.html"}},
		{1, "no/such", []string{"inspect", "no/such"}},
		{1, "no/such", []string{"train", "--recording", "no/such", "--out", "y"}},
		{1, "no/such", []string{"rules", "check", "no/such"}},
		{1, "no/such", []string{"detect", "--in", "no/such"}},
	} {
		_, _, err := call(t, c.args...)
		if got := exitStatus(err); got != c.want {
			t.Errorf("fairway %q ends with %d (%v); want %d", c.args, got, err, c.want)
		}
		if err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("fairway %q says %q; want it to speak of %q", c.args, err, c.says)
		}
	}
}

// TestNezha walks a real history without any choice: one pod per service.
func TestNezha(t *testing.T) {
	dump := shared(t, "data/nezha/onlineboutique-20220822.om.gz")
	schema := filepath.Join("..", "..", "datasets", "schemas", "nezha.yaml")
	file := filepath.Join(t.TempDir(), "nezha.model")
	report := mustCall(t, "train", "--recording", dump, "--schema", schema, "--out", file, "--epochs", "5")
	if n := strings.Count(report, "no choice, not trained"); n < 10 {
		t.Errorf("the report says `no choice, not trained` %d times; want it for each of ten services:\n%s", n, report)
	}
	if shown := mustCall(t, "model", "show", file); !strings.Contains(shown, "failure") {
		t.Errorf("the model shows no failure forecast:\n%s", shown)
	}
	rows := readTable(t, mustCall(t, "predict", "--recording", dump, "--model", file))
	pods := map[string]int{}
	for i, r := range rows {
		pods[r["endpoint"]]++
		if i > 0 && r.number(t, "time") < rows[i-1].number(t, "time") {
			t.Fatalf("row %d is earlier than the one before it", i)
		}
		p := r.number(t, "failure_probability")
		if !(p >= 0 && p <= 1) {
			t.Fatalf("row %d: failure_probability is %v", i, p)
		}
		if r["weight"] != "1" {
			t.Fatalf("row %d: the only pod of %s has weight %s", i, r["service"], r["weight"])
		}
	}
	for pod, n := range pods {
		// Twenty hours of minutes, less the first and last.
		if n < 1195 || n > 1210 {
			t.Errorf("%s has %d rows; want one for each of about 1,205 windows", pod, n)
		}
	}
	if len(pods) != 10 {
		t.Errorf("%d pods; want 10", len(pods))
	}
}

type record map[string]string

func (r record) number(t *testing.T, column string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(r[column], 64)
	if err != nil {
		t.Fatalf("%s is %q", column, r[column])
	}
	return x
}

func readTable(t *testing.T, text string) []record {
	t.Helper()
	lines, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(lines[0], predictColumns) {
		t.Fatalf("columns %q; want %q", lines[0], predictColumns)
	}
	var records []record
	for _, line := range lines[1:] {
		r := record{}
		for i, column := range lines[0] {
			r[column] = line[i]
		}
		records = append(records, r)
	}
	return records
}

// shop is a made-up recording of two endpoints in which one slows down now and
// then, until the given time.
func shop(t *testing.T, until time.Duration) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.om")
	var om strings.Builder
	line := func(metric, endpoint string, x float64, at time.Duration) {
		fmt.Fprintf(&om, "%s{service=\"shop\",endpoint=%q} %g %d\n", metric, endpoint, x, 1767225600+int64(at.Seconds()))
	}
	each := func(metric, kind string, value func(e int, at float64) float64) {
		fmt.Fprintf(&om, "# TYPE %s %s\n", strings.TrimSuffix(metric, "_total"), kind)
		for e := range 2 {
			for at := time.Duration(0); at <= until; at += 5 * time.Second {
				line(metric, fmt.Sprintf("e%d", e), value(e, at.Seconds()), at)
			}
		}
	}
	// The shares swing with different periods, so that load varies.
	each("shop_requests_total", "counter", func(e int, at float64) float64 {
		return math.Round(20*at + float64(1-2*e)*700*math.Sin(at/70))
	})
	each("shop_latency_seconds", "gauge", func(e int, at float64) float64 {
		slow := 0.0
		if e == 1 && math.Mod(at, 900) > 780 {
			slow = 1.5
		}
		return 0.1 + 0.03*math.Sin(at/11+float64(e)) + slow
	})
	om.WriteString("# EOF\n")
	if err := os.WriteFile(path, []byte(om.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func shopSchema(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "shop.yaml")
	text := `name: shop
labels: {service: service, endpoint: endpoint}
step: 10s
range: 20s
series:
  - {name: request_rate, unit: 1/s, query: 'sum by (service, endpoint) (rate(shop_requests_total[$range]))'}
  - {name: latency_mean_seconds, unit: s, query: 'avg by (service, endpoint) (avg_over_time(shop_latency_seconds[$range]))'}
`
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNothingComesFromLater predicts over a history and over the same history
// cut short: what both have must be the same rows.
func TestNothingComesFromLater(t *testing.T) {
	schema, file := shopSchema(t), filepath.Join(t.TempDir(), "shop.model")
	whole, cut := shop(t, 2*time.Hour), shop(t, time.Hour)
	mustCall(t, "train", "--recording", whole, "--schema", schema, "--out", file, "--epochs", "3")
	all := mustCall(t, "predict", "--recording", whole, "--model", file)
	first := mustCall(t, "predict", "--recording", cut, "--model", file)
	if !strings.HasPrefix(all, first) {
		a, b := strings.Split(all, "\n"), strings.Split(first, "\n")
		for i := range b {
			if a[i] != b[i] {
				t.Fatalf("row %d differs when the future is cut away:\n%s\n%s", i, a[i], b[i])
			}
		}
	}
	if n := len(readTable(t, first)); n < 700 {
		t.Errorf("only %d rows in an hour of steps of 10 s with two endpoints", n)
	}
}

// TestWindowBelowTheScrapesIsSaid holds that a flag is not replaced in silence.
func TestWindowBelowTheScrapesIsSaid(t *testing.T) {
	_, log, err := call(t, "train", "--recording", shop(t, time.Hour), "--schema", shopSchema(t), "--out", filepath.Join(t.TempDir(), "m"), "--epochs", "1", "--window", "1s")
	if err != nil || !strings.Contains(log, "--window 1s") || !strings.Contains(log, "5s is taken") {
		t.Errorf("train says %q (%v); want that the window became 5s", log, err)
	}
}

// TestTrainTwice holds that equal calls write equal bytes.
func TestTrainTwice(t *testing.T) {
	schema, history := shopSchema(t), shop(t, time.Hour)
	var files [2][]byte
	for i := range files {
		path := filepath.Join(t.TempDir(), "shop.model")
		mustCall(t, "train", "--recording", history, "--schema", schema, "--out", path, "--epochs", "3")
		var err error
		if files[i], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(files[0], files[1]) {
		t.Error("two trainings with one seed wrote different models")
	}
}

// TestDetectReadsWhatThereIs takes tables as people have them, and says of
// what is none why.
func TestDetectReadsWhatThereIs(t *testing.T) {
	const rows = "timestamp,value\n2014-07-01 00:00:00, 10\n2014-07-01 00:30:00,\n2014-07-01 00:30:00,NaN\n"
	const want = "timestamp,anomaly_score,top_metric\n2014-07-01 00:00:00,0,\n2014-07-01 00:30:00,0,\n2014-07-01 00:30:00,0,\n"
	in := filepath.Join(t.TempDir(), "in.csv")
	write := func(text string) {
		if err := os.WriteFile(in, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	fmt.Fprint(w, rows)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	marked := strings.Replace("\ufeff"+rows, "timestamp", `"timestamp"`, 1) // as spreadsheets write it
	for _, text := range []string{rows, packed.String(), marked} {
		write(text)
		if got := mustCall(t, "detect", "--in", in); got != want {
			t.Errorf("detect on %.20q writes %q; want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":                   "is empty",
		"t\n1\n":             ":1: no metric",
		"t,label\n1,0\n":     ":1: no metric",
		"1,2,3\n2,3,4\n":     ":1: all names of metrics are numbers",
		"t,a,b\n1,2,3\n2,3":  ":3: wrong number of fields",
		"t,a\n1,2\n2,x\n":    ":3: a is \"x\"",
		"\x1f\x8bnone":       "begins like gzip",
		packed.String()[:40]: "breaks off",
	} {
		write(text)
		if _, _, err := call(t, "detect", "--in", in); exitStatus(err) != 1 || !strings.Contains(err.Error(), in) || !strings.Contains(err.Error(), want) {
			t.Errorf("detect on %q says %v; want the file and %q", text, err, want)
		}
	}
}

func TestDetect(t *testing.T) {
	var csv strings.Builder
	csv.WriteString("timestamp,cpu,label,memory\n")
	for i := range 400 {
		cpu := 0.5 + 0.05*math.Sin(float64(i)*1.7)
		if i == 350 {
			cpu = 3
		}
		fmt.Fprintf(&csv, "2026-01-01 %04d,%g,0,%g\n", i, cpu, 100+math.Cos(float64(i)))
	}
	in := filepath.Join(t.TempDir(), "in.csv")
	if err := os.WriteFile(in, []byte(csv.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(mustCall(t, "detect", "--in", in)), "\n")
	if lines[0] != "timestamp,anomaly_score,top_metric" || len(lines) != 401 {
		t.Fatalf("%d lines, the first is %q; want 401 with the head first", len(lines), lines[0])
	}
	score := func(i int) float64 {
		fields := strings.Split(lines[i+1], ",")
		if want := fmt.Sprintf("2026-01-01 %04d", i); fields[0] != want {
			t.Fatalf("timestamp %q; want %q as it was", fields[0], want)
		}
		x, err := strconv.ParseFloat(fields[1], 64)
		if err != nil || x < 0 || x > 1 {
			t.Fatalf("score %q of row %d; want a number in [0, 1]", fields[1], i)
		}
		return x
	}
	if score(350) <= score(349) || !strings.HasSuffix(lines[351], ",cpu") {
		t.Errorf("the jump of cpu is scored %q after %q; want higher, and cpu named", lines[351], lines[350])
	}
}
