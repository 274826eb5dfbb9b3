package sim

import (
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestRequestsAreInOrder: requests end in any order and are logged in that of
// their arrival, as they were.
func TestRequestsAreInOrder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "recording")
	e, err := newEmission(dir, "shop", []mesh.Endpoint{{Name: "a"}, {Name: `b,"c"`}}, 10, time.Second, true)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var want []Finished
	for i := range 2000 {
		at := time.Duration(i) * 3 * time.Millisecond
		latency := min(time.Duration(random.ExpFloat64()*float64(300*time.Millisecond)), time.Second).Truncate(time.Microsecond)
		f := Finished{Arrived: at, Ended: at + latency, Class: "x", Endpoint: random.IntN(3) - 1, Propensity: math.NaN(), Latency: latency, Status: 200}
		if latency == time.Second {
			f.Status = 504
		}
		if i%2 == 0 {
			f.Propensity = 0.125
		}
		want = append(want, f)
	}
	pending := append([]Finished(nil), want...)
	for now := time.Duration(0); len(pending) > 0; now += time.Millisecond {
		kept := pending[:0]
		for k := range pending {
			if pending[k].Ended <= now {
				e.requests.add(&pending[k])
			} else {
				kept = append(kept, pending[k])
			}
		}
		pending = kept
		if n := len(e.requests.waiting) - e.requests.head; n > 340 {
			t.Fatalf("%d requests are held back; the deadline allows 334", n)
		}
	}
	e.scraped(time.Millisecond, 0, &Counters{Up: true})
	e.scraped(1001*time.Millisecond, 0, &Counters{Up: true})
	if err := e.finish(testManifest(10*time.Second, time.Second), nil); err != nil {
		t.Fatal(err)
	}
	r, err := datasets.Open(context.Background(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n := 0
	for q, err := range r.Requests() {
		if err != nil {
			t.Fatal(err)
		}
		f := want[n]
		name := map[int]string{-1: "", 0: "a", 1: `b,"c"`}[f.Endpoint]
		status := f.Status
		if status == 504 {
			status = 0
		}
		known := n%2 == 0
		if !q.Time.Equal(instantOf(f.Arrived)) || q.Endpoint != name || q.Status != status || (q.Latency-f.Latency).Abs() > time.Microsecond ||
			q.Deadline != time.Second || known != (q.Propensity == 0.125) || known == math.IsNaN(q.Propensity) {
			t.Fatalf("request %d is %+v; want %+v", n, q, f)
		}
		n++
	}
	if n != len(want) {
		t.Fatalf("%d requests; want %d", n, len(want))
	}
}

// TestEmissionIsWholeOrNothing: what fails, or is given up, leaves nothing; what
// exists is not written over.
func TestEmissionIsWholeOrNothing(t *testing.T) {
	folder := t.TempDir()
	dir := filepath.Join(folder, "recording")
	begin := func() *emission {
		e, err := newEmission(dir, "shop", []mesh.Endpoint{{Name: "a"}}, 1, time.Second, true)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	if err := begin().discard(); err != nil {
		t.Fatal(err)
	}
	e := begin()
	e.scraped(1, 0, &Counters{})
	e.scraped(time.Second, 0, &Counters{})
	if err := e.finish(testManifest(time.Second, time.Second), nil); err == nil {
		t.Error("more scrapes than there is room for are no error")
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v (%v)", left, err)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := newEmission(dir, "shop", nil, 1, time.Second, true); err == nil {
		t.Error("what exists would be written over")
	}
}
