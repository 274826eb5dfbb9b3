package router

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/health"
)

// readiness is a service of c1, c2, …, of which discovery and windows tell in turn.
type readiness struct {
	*lookout
	policy Policy
	pods   []discovery.Endpoint
	k      int
}

func newReadiness(n int) *readiness {
	r := &readiness{lookout: &lookout{}}
	cfg := DefaultConfig()
	cfg.Found = r
	r.policy = Eject(RoundRobin(), nil, cfg)
	for i := range n {
		r.pods = append(r.pods, pod(fmt.Sprintf("c%d", i+1), i+1, discovery.Ready))
	}
	r.are(discovery.Ready)
	return r
}

// are gives some endpoints a state.
func (r *readiness) are(state discovery.State, some ...int) {
	for _, i := range some {
		r.pods[i].State = state
	}
	r.know(kube("checkout", "default", r.pods...))
}

// next decides on a window, 5 s after the one before.
func (r *readiness) next(t testing.TB, list ...seen) Decision {
	t.Helper()
	r.k++
	return decide(t, r.policy, frame(r.k, list...))
}

// bare decides where nothing is measured, so many seconds after the beginning.
func (r *readiness) bare(t testing.TB, seconds int) Decision {
	t.Helper()
	at := epoch.Add(time.Duration(seconds) * time.Second)
	return decide(t, r.policy, &features.Frame{Window: mesh.Window{Service: "checkout", Time: at, Schema: &mesh.Schema{}, Endpoints: r.Members("checkout").Endpoints(nil)}})
}

func (s seen) idle() seen { s.rate, s.errors, s.mean, s.inFlight = 0, nan, nan, 0; return s }

// TestFewAreReady walks a service whose readiness fails, though it serves.
func TestFewAreReady(t *testing.T) {
	r := newReadiness(6)
	for range 10 {
		r.next(t, six()...)
	}
	r.are(discovery.NotReady, 0, 1, 2)
	same(t, "half are ready: weight", r.next(t, six()...).Weights, 0, 0, 0, 1.0/3, 1.0/3, 1.0/3)

	r.are(discovery.NotReady, 3, 4)
	d := r.next(t, six()...)
	same(t, "one is: weight", d.Weights, 1.0/6, 1.0/6, 1.0/6, 1.0/6, 1.0/6, 1.0/6)
	if s := d.Health[0]; s.State != health.Degraded || s.Reason != "not ready, says kubernetes; serves since few are ready" {
		t.Errorf("health %+v", s)
	}
	if d.Ejected[0] || d.Carries[5] || !strings.Contains(strings.Join(d.Notes, "; "), "few endpoints are ready") {
		t.Errorf("ejected %v, carries %v, notes %q", d.Ejected, d.Carries, d.Notes)
	}

	list := six()
	list[0], list[1], list[2] = list[0].failing(0.5), list[1].down(), list[2].idle()
	same(t, "one fails, one is down, one is idle: weight", r.next(t, list...).Weights, 0, 0, 0.25, 0.25, 0.25, 0.25)
	list[0], list[1] = list[0].idle(), list[1].idle()
	list[1].up = 0
	for range 6 {
		d = r.next(t, list...)
	}
	same(t, "half a minute later: weight", d.Weights, 0, 0, 0, 1.0/3, 1.0/3, 1.0/3)

	r.are(discovery.Ready, 4)
	got := []float64{}
	for range 8 {
		got = append(got, r.next(t, list...).Weights[3])
	}
	if !slices.IsSortedFunc(got, func(a, b float64) int { return int(1e9 * (b - a)) }) || got[0] != 1.0/3 || got[3] < 0.1 || got[7] != 0 {
		t.Errorf("weight of one that is needed no more: %v; want it to fade", got)
	}
	r.are(discovery.Ready, 3)
	d = r.next(t, list...)
	r.are(discovery.NotReady, 4)
	if d = r.next(t, list...); d.Weights[4] != 0 {
		t.Errorf("one of three: weights %v; want it out at once", d.Weights)
	}
}

// TestNeverServed holds that what has never been ready does not serve because few are,
// whatever its metrics count: probes are requests too.
func TestNeverServed(t *testing.T) {
	r := newReadiness(6)
	r.are(discovery.NotReady, 0, 1, 2, 3, 4, 5)
	for range 10 {
		r.next(t, six()...)
	}
	r.are(discovery.Ready, 5)
	same(t, "the first is ready: weight", r.next(t, six()...).Weights, 0, 0, 0, 0, 0, 1)
	r.are(discovery.Ready, 4)
	if d := r.next(t, six()...); d.Weights[0] != 0 || d.Weights[4] == 0 {
		t.Errorf("the second is: weights %v", d.Weights)
	}

	// Nor does what was ready long ago.
	r = newReadiness(6)
	for range 10 {
		r.next(t, six()...)
	}
	r.are(discovery.NotReady, 0, 1, 2)
	for range 8 {
		r.next(t, six()...)
	}
	r.are(discovery.NotReady, 3, 4)
	same(t, "three have been out for a while: weight", r.next(t, six()...).Weights, 0, 0, 0, 1.0/3, 1.0/3, 1.0/3)
}

// TestReadinessWithoutMetrics holds that Kubernetes' meaning counts where nothing else is
// known, and that leaving "nobody is ready" takes its time.
func TestReadinessWithoutMetrics(t *testing.T) {
	r := newReadiness(3)
	r.bare(t, 0)
	r.are(discovery.NotReady, 0, 1)
	same(t, "one is ready: weight", r.bare(t, 100).Weights, 0, 0, 1)
	r.are(discovery.Ready, 0, 1)
	r.bare(t, 200)
	r.are(discovery.NotReady, 0, 1, 2)
	same(t, "nobody is: weight", r.bare(t, 300).Weights, 1.0/3, 1.0/3, 1.0/3)
	r.are(discovery.Ready, 0)
	same(t, "the first is again: weight", r.bare(t, 400).Weights, 1.0/3, 1.0/3, 1.0/3)
	same(t, "after half a slow start: weight", r.bare(t, 415).Weights, 0.5, 0.25, 0.25)
	same(t, "after it: weight", r.bare(t, 430).Weights, 1, 0, 0)
	r.are(discovery.Ready, 1)
	if d := r.bare(t, 500); !(d.Weights[1] > 0 && d.Weights[1] < 0.2) {
		t.Errorf("the next begins slowly; weights %v", d.Weights)
	}

	r = newReadiness(3)
	r.are(discovery.NotReady, 0, 1, 2)
	r.bare(t, 0)
	r.bare(t, 10)
	r.are(discovery.Ready, 0)
	same(t, "a rollout from nothing: weight", r.bare(t, 20).Weights, 1, 0, 0)
}

// TestDrainingServesOn holds that who drains serves on where it has been needed, and not
// where it has not.
func TestDrainingServesOn(t *testing.T) {
	r := newReadiness(6)
	for range 10 {
		r.next(t, six()...)
	}
	r.are(discovery.Draining, 0, 1, 2, 3)
	same(t, "two are ready: weight", r.next(t, six()...).Weights, 0, 0, 0, 0, 0.5, 0.5)
	r.are(discovery.NotReady, 0, 1, 2, 3)
	same(t, "the others have drained: weight", r.next(t, six()...).Weights, 0, 0, 0, 0, 0.5, 0.5)
	r.are(discovery.Ready, 0, 1, 2, 3)
	for range 10 {
		r.next(t, six()...)
	}
	r.are(discovery.Draining, 0, 1, 2)
	r.next(t, six()...)
	r.are(discovery.Draining, 3, 4, 5)
	for range 7 { // three begin anew, slowly
		r.next(t, six()...)
	}
	same(t, "nobody is: weight", r.next(t, six()...).Weights, 1.0/6, 1.0/6, 1.0/6, 1.0/6, 1.0/6, 1.0/6)
	r.are(discovery.Ready, 5)
	same(t, "the first is: weight", r.next(t, six()...).Weights, 1.0/6, 1.0/6, 1.0/6, 1.0/6, 1.0/6, 1.0/6)
	r.are(discovery.NotReady, 0)
	same(t, "one has drained: weight", r.next(t, six()...).Weights, 0, 0.2, 0.2, 0.2, 0.2, 0.2)
	r.are(discovery.Ready, 3, 4)
	for range 7 {
		r.next(t, six()...)
	}
	same(t, "half are, for half a minute: weight", r.next(t, six()...).Weights, 0, 0, 0, 1.0/3, 1.0/3, 1.0/3)
}

// TestCarriesInTable holds that the table serves what a decision says of those that carry
// on, also one that was saved, and no others.
func TestCarriesInTable(t *testing.T) {
	r := newReadiness(4)
	list := six()[:4]
	for range 10 {
		r.next(t, list...)
	}
	r.are(discovery.NotReady, 0, 1, 2)
	list[0] = list[0].failing(1)
	d := r.next(t, list...)
	table := NewTable(nil, DefaultConfig())
	table.Know(r.snapshot)
	table.Publish(&d, frame(r.k, list...))
	if got := joined(table.Load("checkout")); got != "c1 0, c2 0.333, c3 0.333, c4 0.333" {
		t.Errorf("served: %s", got)
	}
	text, err := table.Look().Save()
	if err != nil {
		t.Fatal(err)
	}
	saved, _, err := ReadSaved(text)
	if err != nil {
		t.Fatal(err)
	}
	next := NewTable(nil, DefaultConfig())
	next.Know(r.snapshot)
	next.PublishAll(saved, nil)
	if got := joined(next.Load("checkout")); got != "c1 0, c2 0.333, c3 0.333, c4 0.333" {
		t.Errorf("restored: %s", got)
	}
	r.pods = r.pods[:1]
	r.are(discovery.NotReady)
	next.Know(r.snapshot)
	if got := joined(next.Load("checkout")); got != "c1 1" {
		t.Errorf("gone: %s", got)
	}
}

// TestCarryAnyCourse holds, whatever comes, that weights sum to 1, that nobody serves on
// that fails or has never been ready, and that one more that is ready does not leave less
// to the ready ones.
func TestCarryAnyCourse(t *testing.T) {
	carried := 0
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 5))
		n, troubled := 2+random.IntN(10), seed%2 == 0
		r := newReadiness(n)
		ready, fails := make([]bool, n), make([]bool, n)
		if random.IntN(4) == 0 {
			for i := range n {
				r.are(discovery.NotReady, i)
			}
		}
		for range 60 {
			chance := random.Float64()
			for i := range n {
				if random.IntN(6) == 0 {
					r.pods[i].State = []discovery.State{discovery.NotReady, discovery.Draining, discovery.Ready}[min(random.IntN(8), 2)]
					if random.Float64() < chance {
						r.pods[i].State = discovery.NotReady
					}
				}
			}
			r.are(discovery.Ready)
			var list []seen
			for i := range n {
				s := well(r.pods[i].Name, "")
				fails[i] = false
				switch k := random.IntN(12); {
				case k == 0:
					s = s.idle()
				case k == 1 && troubled:
					s, fails[i] = s.failing(0.5+random.Float64()/2), true
				case k == 2 && troubled:
					s, fails[i] = s.down(), true
				}
				list = append(list, s)
			}
			before, err := Save(r.policy)
			if err != nil {
				t.Fatal(err)
			}
			d := r.next(t, list...)
			some := slices.ContainsFunc(r.pods, func(e discovery.Endpoint) bool { return e.State == discovery.Ready })
			for i, w := range d.Weights {
				switch state := r.pods[i].State; {
				case state == discovery.Ready:
					ready[i] = true
				case some && w > 0 && (fails[i] || !ready[i] || !d.Carries[i]):
					t.Fatalf("seed %d: %s is %v and gets %v; fails %v, was ready %v, carries %v", seed, r.pods[i].Name, state, w, fails[i], ready[i], d.Carries[i])
				case some && w > 0:
					carried++
				}
			}
			if !troubled { // an ejection more, or a slow start, has its own effects
				r.oneMore(t, seed, random, before, list, &d)
			}
		}
	}
	if carried < 500 {
		t.Errorf("%d times anybody has served on: too few to tell", carried)
	}
}

// oneMore holds what a decision leaves to the ready ones against that of the same moment
// if one more were ready.
func (r *readiness) oneMore(t *testing.T, seed uint64, random *rand.Rand, before []byte, list []seen, d *Decision) {
	t.Helper()
	i := random.IntN(len(r.pods))
	if r.pods[i].State == discovery.Ready {
		return
	}
	other := newReadiness(len(r.pods))
	if err := Restore(other.policy, before); err != nil {
		t.Fatal(err)
	}
	other.Known, other.pods, other.k = r.Known, slices.Clone(r.pods), r.k-1
	sum := func(pods []discovery.Endpoint, d *Decision) (sum float64) {
		for i, w := range d.Weights {
			if pods[i].State == discovery.Ready {
				sum += w
			}
		}
		return sum
	}
	other.are(discovery.Ready, i)
	more := other.next(t, list...)
	if was, is := sum(r.pods, d), sum(other.pods, &more); is < was-1e-9 {
		t.Fatalf("seed %d: the ready ones have %v, and if %s were ready too, %v\n%v\n%v", seed, was, r.pods[i].Name, is, d.Weights, more.Weights)
	}
}
