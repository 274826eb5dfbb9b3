package train

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
)

// TestRequestsMeetTheDecisionsInForce: each request is held against the
// decisions that were in force when it was sent, and against no other.
func TestRequestsMeetTheDecisionsInForce(t *testing.T) {
	set := &Set{Timing: mesh.Timing{Step: 5 * time.Second, Range: 10 * time.Second, Horizon: 30 * time.Second}}
	set.Histories = []History{{Split: datasets.Split{Start: epoch, End: epoch.Add(time.Minute)}}}
	h := &hearing{judge: &judge{set: set}, clock: newClock(set)}
	h.single = newScored(h.clock, requestScores[:])
	l := &logged{hearing: h}
	at := func(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }
	var said [rivals][3]float32
	for r := range said {
		said[r] = [3]float32{0.1, 0.2, 0.4}
	}
	key := [2]string{"shop", "a"}
	l.rows = map[[2]string][]loggedRow{key: {{at(0), 0, said}, {at(5), 0, said}, {at(20), 1, said}}}
	for _, one := range []struct {
		seconds float64
		name    string
		status  int
		want    float64 // decisions that it is held against
	}{
		{0, "a", 200, 0},  // sent before the decision could tell
		{1, "a", 200, 1},  //
		{7, "a", 200, 2},  // of 0 s and of 5 s
		{10, "a", 404, 2}, // no failure of the endpoint
		{11, "a", 0, 1},   // no answer: took its deadline
		{15.1, "a", 200, 0},
		{7, "b", 200, 0}, {7, "a", 503, 0},
	} {
		before := h.single.tally.total()[rivals+1]
		l.request(&datasets.Request{Time: at(one.seconds), Service: "shop", Endpoint: one.name, Status: one.status, Latency: 150 * time.Millisecond})
		if got := h.single.tally.total()[rivals+1] - before; got != one.want {
			t.Errorf("sent at %v s to %s with status %d: held against %v decisions; want %v", one.seconds, one.name, one.status, got, one.want)
		}
	}
	covered := h.single.tally.total()
	for k, want := range map[int]float64{3: 0, 4: 6, 5: 6} { // 150 ms: above the p50, below the others
		if got := covered[k*lossWidth]; got != want {
			t.Errorf("%s held %v times; want %v", quantityNames[requestScores[k].of], got, want)
		}
	}
}

// TestBrokenLogIsNoted and ends nothing: what was read before counts.
func TestBrokenLogIsNoted(t *testing.T) {
	set := world{service: "shop", endpoints: 3, moments: 700, seed: 6}.set()
	set.Histories[0].Log = logOf(set, errors.New("requests.csv.gz:7: latency is \"x\""))
	cfg := quick()
	cfg.Epochs = 2
	m, r, err := Fit(context.Background(), set, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if notes := strings.Join(m.Card.Notes, "\n"); !strings.Contains(notes, "made up: its request log was not read to the end") || !strings.Contains(notes, "gz:7") {
		t.Errorf("the notes do not say that a log broke off: %s", notes)
	}
	if r.Routing.Test.Errors == nil || r.Routing.Test.Errors.find(ofMean, relative, byWindows) == nil {
		t.Error("without a whole log, windows were not judged")
	}
}
