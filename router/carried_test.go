package router

import (
	"fmt"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/router/discovery"
)

// wells are n endpoints c1, c2, … that are well.
func wells(n int) (list []seen) {
	for i := range n {
		list = append(list, well(fmt.Sprintf("c%d", i+1), ""))
	}
	return list
}

// among is a service of n endpoints that have been ready for a while.
func among(t testing.TB, n int) *readiness {
	r := newReadiness(n)
	for range 10 {
		r.next(t, wells(n)...)
	}
	return r
}

// TestAroundTheThreshold: where half and less than half are ready in turn, however long a
// turn takes, nobody that is ready comes to have much more from one window to the next, nor
// ever more than two equal shares.
func TestAroundTheThreshold(t *testing.T) {
	for turn := 1; turn <= 12; turn++ {
		r := among(t, 10)
		r.are(discovery.NotReady, 0, 1, 2, 3, 4, 5)
		last := r.next(t, wells(10)...)
		for k := range 48 {
			r.are([2]discovery.State{discovery.Ready, discovery.NotReady}[k/turn%2], 5)
			d := r.next(t, wells(10)...)
			for i, w := range d.Weights {
				if i >= 5 && w-last.Weights[i] > 0.05 || w > 0.2+1e-9 {
					t.Fatalf("turns of %d, window %d: weights %.3f; were %.3f", turn, k, d.Weights, last.Weights)
				}
			}
			last = d
		}
	}
}

// TestDeadNodes: most endpoints are not ready at once, since their nodes died. They have
// requests until the next window, and none if that does not show them any more.
func TestDeadNodes(t *testing.T) {
	for what, dead := range map[string]func(seen) seen{"down": seen.down, "failing": func(s seen) seen { return s.failing(1) }, "not shown": nil} {
		r := among(t, 10)
		r.are(discovery.NotReady, 0, 1, 2, 3, 4, 5)
		var list []seen
		for i, s := range wells(10) {
			switch {
			case i >= 6:
				list = append(list, s)
			case dead != nil:
				list = append(list, dead(s))
			}
		}
		for range 10 {
			d := r.next(t, list...)
			for i, e := range d.Endpoints {
				want := 0.0
				if e.Name == "c10" || e.Name > "c6" {
					want = 0.25
				}
				near(t, what+": weight of "+e.Name, d.Weights[i], want, 1e-9)
			}
		}
	}
}

// TestGoneCarryNothing: those that are gone, although metrics show them still, do not make
// those that are left few.
func TestGoneCarryNothing(t *testing.T) {
	r := among(t, 11)
	r.pods = r.pods[:5]
	r.are(discovery.NotReady, 0)
	d := r.next(t, wells(11)...)
	if d.Weights[0] != 0 || d.Carries[0] {
		t.Errorf("four of five are ready: carries %v, weights %.3f", d.Carries, d.Weights)
	}
}

// TestRolloutCarriesNothing: neither what has never been ready nor what drains has
// requests because few are ready, in no step of a rollout.
func TestRolloutCarriesNothing(t *testing.T) {
	r := among(t, 20)
	for i := range 20 {
		r.pods = append(r.pods, pod(fmt.Sprintf("n%d", i+1), 21+i, discovery.NotReady))
	}
	list := wells(20)
	for i := range 20 { // which are asked whether they are ready
		list = append(list, well(fmt.Sprintf("n%d", i+1), ""))
	}
	r.are(discovery.Ready)
	r.next(t, list...)
	for i := range 20 { // the new come late: one for five that go
		r.are(discovery.Ready, 20+i)
		for old := 5 * i; old < min(5*i+5, 20); old++ {
			r.are(discovery.Draining, old)
		}
		for range 2 {
			d := r.next(t, list...)
			for k, w := range d.Weights {
				if p := r.Members("checkout").Presence(d.Endpoints[k].Name); w > 0 && p != Ready {
					t.Fatalf("step %d: %s is %s and gets %v", i, d.Endpoints[k].Name, p.says(), w)
				}
			}
		}
	}
}

// TestMetricsStopWhileCarried: who carries on fades when metrics stop, and is not back
// until they tell that it serves.
func TestMetricsStopWhileCarried(t *testing.T) {
	r := among(t, 10)
	r.are(discovery.NotReady, 0, 1, 2, 3, 4, 5, 6)
	near(t, "weight before", r.next(t, wells(10)...).Weights[0], 0.1, 1e-9)
	last := 0.1
	for s := 5; s <= 150; s += 5 {
		f := frame(r.k, wells(10)...)
		f.Time = f.Time.Add(time.Duration(s) * time.Second)
		w := decide(t, r.policy, f).Weights[0]
		if w > last+1e-9 || s == 150 && w != 0 {
			t.Fatalf("%d s without metrics: %v; was %v", s, w, last)
		}
		last = w
	}
}

// TestScaledDown: most endpoints are told to go at once, and are heard of when they have
// drained already. They do not carry on, though the newest window shows that they served.
func TestScaledDown(t *testing.T) {
	r := among(t, 10)
	for i := range 8 {
		r.pods[i].Leaves = true
	}
	r.are(discovery.NotReady, 0, 1, 2, 3, 4, 5, 6, 7)
	same(t, "weight", r.next(t, wells(10)...).Weights, 0, 0, 0, 0, 0, 0, 0, 0, 0.5, 0.5)
}
