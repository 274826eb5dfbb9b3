package loop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// pods are n endpoints, all ready, and what metrics call them.
func pods(n int) (all []discovery.Endpoint, shown []string) {
	for i := range n {
		e := pod(fmt.Sprintf("p-%03d", i), 0, discovery.Ready)
		at := fmt.Sprintf("10.1.%d.%d", i/250, i%250)
		e.Address, e.Names = at+":8080", []string{at}
		all, shown = append(all, e), append(shown, at+":9090")
	}
	slices.Sort(shown)
	return all, shown
}

// shares are the weights of the endpoints of a service for a plain request.
func (w *world) shares(service string) map[string]float64 {
	a := w.Table().Load(service).Weigh(&mesh.Request{Service: service})
	all := map[string]float64{}
	for i, e := range a.Endpoints {
		all[e.Name] = a.Weights[i]
	}
	return all
}

// TestFlapping: whose readiness flips many times a second gets a tenth of its part at
// most until it has been ready for a while, and loads nobody beyond what it leaves.
func TestFlapping(t *testing.T) {
	for _, c := range []struct{ flapping, hz int }{{1, 1}, {1, 20}, {5, 10}, {10, 20}} {
		w := newWorld(t, nil, Change{}, nil)
		all, shown := pods(10)
		w.know(kube("shop", all...))
		for range 20 {
			w.plainly("shop.default", shown...)
		}
		most := 1 / float64(10-c.flapping%10) // of one that does not flap
		for i := range 60 * c.hz {
			w.later(time.Second / time.Duration(c.hz))
			for k := range c.flapping {
				all[k].State = discovery.State(i % 2) // ready, not ready
			}
			w.know(kube("shop", all...))
			if i%(5*c.hz) == 0 {
				w.plainly("shop.default", shown...)
			}
			sum := 0.0
			for name, share := range w.shares("shop") {
				sum += share
				if c.flapping < 10 && name >= all[c.flapping].Name && share > most+1e-9 {
					t.Fatalf("%+v: %s gets %v; want at most %v", c, name, share, most)
				}
				if c.flapping == 1 && name == all[0].Name && i > 2 && share > 0.02 {
					t.Fatalf("%+v: the one that flaps gets %v", c, share)
				}
			}
			if sum < 1-1e-9 || sum > 1+1e-9 {
				t.Fatalf("%+v: weights sum to %v", c, sum)
			}
		}
		for k := range all {
			all[k].State = discovery.Ready
		}
		w.know(kube("shop", all...))
		for range 20 {
			w.plainly("shop.default", shown...)
		}
		for name, share := range w.shares("shop") {
			if share < 0.1-1e-9 || share > 0.1+1e-9 {
				t.Errorf("%+v: in the end %s gets %v", c, name, share)
			}
		}
	}
}

// TestMostAreNotReady: what a source says of many at once is believed of those that fail,
// or have no requests; others serve until more are ready. Where none is left, all serve.
func TestMostAreNotReady(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	all, shown := pods(1000)
	w.know(kube("shop", all...))
	for range 3 {
		w.plainly("shop.default", shown...)
	}
	for i := range 900 {
		all[i].State = discovery.NotReady
	}
	w.know(kube("shop", all...))
	check := func(what string, least string, want float64) {
		t.Helper()
		for name, share := range w.shares("shop") {
			if want := map[bool]float64{true: want}[name >= least]; share < want-1e-9 || share > want+1e-9 {
				t.Fatalf("%s: %s gets %v; want %v", what, name, share, want)
			}
		}
	}
	check("they served until now", "p-000", 0.001)
	const carried = "few endpoints are ready: others that have served until now go on meanwhile"
	if w.Loop.unready["shop.default"] != carried {
		t.Errorf("logged %q", w.Loop.unready)
	}
	var fail []string
	for i := range 900 {
		fail = append(fail, all[i].Names[0]+":9090")
	}
	w.failing("shop.default", fail[:400], shown...)
	check("400 of them fail", "p-400", 1.0/600)
	w.failing("shop.default", fail, shown...)
	check("all of them fail", "p-900", 0.01)
	if len(w.Loop.unready) > 0 {
		t.Errorf("logged %q", w.Loop.unready)
	}
	for i := 900; i < 1000; i++ {
		all[i].State = discovery.NotReady
	}
	w.know(kube("shop", all...))
	if share := w.shares("shop")["p-000"]; share < 0.001-1e-9 || share > 0.001+1e-9 {
		t.Errorf("nobody is ready: it gets %v; want 0.001", share)
	}
	r := w.Table().Load("shop")
	if !slices.ContainsFunc(r.Notes, func(n string) bool { return strings.Contains(n, "no endpoint is ready") }) {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestEverythingDeleted: a source that has nothing any more, by mistake, takes nothing
// away from what has requests.
func TestEverythingDeleted(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	all, shown := pods(4)
	w.know(kube("shop", all...), kube("quiet", pod("q", 9, discovery.Ready)))
	for range 20 {
		w.plainly("shop.default", shown...)
	}
	w.Know(discovery.NewSnapshot(1, nil))
	check := func(what string) {
		t.Helper()
		for _, e := range all {
			if share := w.shares("shop")[e.Name]; share < 0.25-1e-9 || share > 0.25+1e-9 {
				t.Errorf("%s: %s gets %v", what, e.Name, share)
			}
		}
	}
	check("at once")
	if services := w.Table().Services(); !slices.Equal(services, []string{"shop.default"}) {
		t.Errorf("services %q", services)
	}
	for range 300 { // 25 min
		w.plainly("shop.default", shown...)
	}
	check("as long as metrics come")
	w.know(kube("shop", all...), kube("quiet", pod("q", 9, discovery.Ready)))
	check("when it is mended")
	if got := w.weights("quiet"); got != "q 1" {
		t.Errorf("what nobody measures: %s", got)
	}
}

// TestReplaced: where all endpoints are new at once, none is young beside others: those
// that metrics show first get no more than the rest.
func TestReplaced(t *testing.T) {
	for _, emptied := range []bool{false, true} {
		w := newWorld(t, nil, Change{}, nil)
		w.know(kube("shop", pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready), pod("c", 3, discovery.Ready)))
		for range 20 {
			w.plainly("shop.default", "10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.3:9090")
		}
		if emptied {
			w.know(kube("shop"))
		}
		// d has the address that b had.
		w.know(kube("shop", pod("d", 2, discovery.Ready), pod("e", 5, discovery.Ready), pod("f", 6, discovery.Ready)))
		for _, shown := range []string{"", "10.0.0.5:9090", "10.0.0.6:9090"} {
			if shown != "" {
				w.plainly("shop.default", "10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.3:9090", shown)
			}
			if got := w.weights("shop"); got != "d 0.333, e 0.333, f 0.333" {
				t.Errorf("emptied %v, shown %q: %s", emptied, shown, got)
			}
		}
	}
}

// TestMoved: an endpoint that keeps its name and has another address is one; what
// metrics show of the old address is nobody's, and somebody's who gets it.
func TestMoved(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	a, b := pod("db-0", 1, discovery.Ready), pod("db-1", 2, discovery.Ready)
	w.know(kube("db", a, b))
	for range 20 {
		w.plainly("db.default", "10.0.0.1:9090", "10.0.0.2:9090")
	}
	a = pod("db-0", 7, discovery.Ready)
	w.know(kube("db", a, b))
	for _, shown := range [][]string{{"10.0.0.1:9090", "10.0.0.2:9090"}, {"10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.7:9090"}} {
		w.plainly("db.default", shown...)
		if r := w.Table().Load("db"); w.weights("db") != "db-0 0.5, db-1 0.5" || r.Endpoints[0].Address != "10.0.0.7:8080" {
			t.Errorf("shown %q: %s at %v", shown, w.weights("db"), r.Endpoints)
		}
	}
	w.know(kube("db", a, b, pod("db-2", 1, discovery.Ready)))
	for range 20 {
		w.plainly("db.default", "10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.7:9090")
	}
	if got := w.weights("db"); got != "db-0 0.333, db-1 0.333, db-2 0.333" {
		t.Errorf("another has its address: %s", got)
	}
	w.later(2 * router.Lingers)
	w.plainly("db.default", "10.0.0.2:9090", "10.0.0.7:9090")
	if got := len(w.former.Members("db.default").Endpoints(nil)); got != 3 {
		t.Errorf("%d endpoints", got)
	}
}

// TestForgets: what comes and goes leaves nothing behind, whether or not there are
// metrics of it.
func TestForgets(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	all, shown := pods(3)
	w.know(kube("shop", all...))
	for i := range 2000 {
		w.later(10 * time.Second)
		short := fmt.Sprintf("ci-%d", i)
		job := pod(fmt.Sprintf("job-%d", i), 9, discovery.Ready) // nobody measures it
		w.know(kube("shop", all...), kube("jobs", job), kube(short, pod("one", 8, discovery.Ready)))
		if i%10 == 0 {
			w.plainly("shop.default", shown...)
			w.plainly(short+".default", "10.0.0.8:9090")
		}
	}
	most := int(router.Lingers/(10*time.Second)) + 20
	saved, err := router.Save(w.former.policy)
	if err != nil {
		t.Fatal(err)
	}
	features, err := w.former.extractor.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for what, n := range map[string]int{
		"services of the table": len(w.Table().Services()), "services that are gone": len(w.known.Lost()), "frames": len(w.former.last),
		"decisions": len(w.former.made), "members": len(w.former.members), "times of moves": len(w.moved), "sayings": len(w.Loop.said),
		"services that policies know": strings.Count(string(saved), `"ci-`) / 4, "that features know": strings.Count(string(features), "ci-"),
	} {
		if n > most {
			t.Errorf("%d %s; want at most %d", n, what, most)
		}
	}
	if n := strings.Count(fmt.Sprint(w.former.Members("jobs")), "job-"); n > 6*most {
		t.Errorf("jobs has %d names of what is gone", n)
	}
}
