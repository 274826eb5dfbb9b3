package journal

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestMain is also the program that crash_test.go kills.
func TestMain(m *testing.M) {
	if directory := os.Getenv("FAIRWAY_JOURNAL_CHILD"); directory != "" {
		child(directory)
		return
	}
	goleak.VerifyTestMain(m)
}

func small() Config {
	cfg := DefaultConfig()
	cfg.Stream, cfg.Queue, cfg.MaxBytes, cfg.Sync = 7, 4<<10, 64<<10, 5*time.Millisecond
	return cfg
}

func open(t testing.TB, directory string, cfg Config) *Journal {
	t.Helper()
	j, err := Open(directory, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	return j
}

func reader(t testing.TB, j *Journal) *Reader {
	t.Helper()
	r, err := j.Reader()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

func flush(t testing.TB, j *Journal) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := j.Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func outcome(i int) *Entry {
	return &Entry{
		Kind: Outcome, Time: noon.Add(time.Duration(i) * time.Second), Service: "shop", Line: "tried", Model: "3", Rules: "7", Table: 9,
		Class: "gold", Method: "GET", Path: fmt.Sprintf("/%d", i), Route: "v2", Endpoint: "a", Propensity: 0.25,
		Latency: 3 * time.Millisecond, Deadline: time.Second, Status: 200, InFlight: -1, By: "spiffe://x/y",
	}
}

func pick() *Entry {
	return &Entry{Kind: Pick, Time: noon, Service: "shop", Class: "gold", Method: "GET", Path: "/", Route: "v2", Endpoint: "a", Propensity: 0.25}
}

func decided() *Entry {
	return &Entry{
		Kind: Decision, Time: noon, Service: "shop", Source: "MODEL", Policy: "learned", Reason: "", Age: 2 * time.Second,
		Endpoints: []string{"a", "b"}, Weights: []float64{0.75, 0.25}, Ejected: []bool{false, true}, Notes: []string{"held"},
	}
}

// written are n outcomes on disk, after which the journal is closed.
func written(t testing.TB, directory string, n int) {
	t.Helper()
	j := open(t, directory, small())
	for i := range n {
		if !j.Append(outcome(i)) {
			flush(t, j)
			j.Append(outcome(i))
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

// whole reads everything, and fails on an error.
func whole(t testing.TB, directory string) (all []Record) {
	t.Helper()
	for r, err := range Read(directory) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// next is what a Reader has now.
func next(t testing.TB, r *Reader) []Record {
	t.Helper()
	batch, err := r.Next(nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return batch
}

func acknowledge(t testing.TB, r *Reader) {
	t.Helper()
	if err := r.Acknowledge(); err != nil {
		t.Fatal(err)
	}
}

// seqs are the places of records, as text.
func seqs(all []Record) string {
	var b bytes.Buffer
	for _, r := range all {
		fmt.Fprintf(&b, "%d/%d ", r.Stream, r.Seq)
	}
	return b.String()
}

// onlySegment is the path and the bytes of the one segment that there is.
func onlySegment(t testing.TB, directory string) (path string, text []byte) {
	t.Helper()
	all, err := list(directory)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d segments, %v; want one", len(all), err)
	}
	if text, err = os.ReadFile(all[0].path); err != nil {
		t.Fatal(err)
	}
	return all[0].path, text
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
