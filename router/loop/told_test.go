package loop

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
)

// TestUnjoined holds what is counted, and told once, of names that do not meet.
func TestUnjoined(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	count := func(side, what string) float64 {
		return testutil.ToFloat64(w.metrics.unjoined.WithLabelValues(side, what))
	}
	check := func(what string, want ...float64) {
		t.Helper()
		if got := []float64{count("metrics", "service"), count("metrics", "endpoint"), count("discovery", "service"), count("discovery", "endpoint")}; !slices.Equal(got, want) {
			t.Errorf("%s: %v; want %v", what, got, want)
		}
	}
	reviews := kube("reviews", pod("r-1", 1, discovery.Ready), pod("r-2", 2, discovery.Ready), pod("r-3", 3, discovery.NotReady))
	aside := kube("reviews", pod("r-1", 1, discovery.Ready))
	aside.Name, aside.Names = reviews.Name+":9090", nil
	shown := func() {
		w.plainly("reviews", "10.0.0.1", "r-9")
		w.plainly("reviewz.default", "x")
	}
	shown()
	check("before anything is discovered", 0, 0, 0, 0)
	w.know(reviews, aside, kube("quiet", pod("q", 7, discovery.Ready)))
	shown()
	check("with both", 1, 1, 1, 1)
	if strings.Contains(w.said(), "do not call everything alike") {
		t.Error("it is told at once")
	}
	for range 40 {
		shown()
	}
	said := w.said()
	if n := strings.Count(said, "do not call everything alike"); n != 1 {
		t.Errorf("told %d times; want once", n)
	}
	for _, want := range []string{"unjoined=3", "endpoint reviews/r-9, in metrics only", "endpoint reviews/r-2, in discovery only", "service reviewz.default, in metrics only", "likely="} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in\n%s", want, said)
		}
	}
	w.know(kube("reviews", pod("r-1", 1, discovery.Ready), pod("r-9", 9, discovery.Ready)), kube("quiet", pod("q", 7, discovery.Ready)))
	shown()
	check("after one is joined", 1, 0, 1, 0)
}

// TestNamesakes holds that a short name which becomes two services' is nobody's, and
// each is served under its own.
func TestNamesakes(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	here := kube("reviews", pod("r-1", 1, discovery.Ready))
	there := kube("reviews", pod("r-2", 2, discovery.Ready))
	there.Name, there.Names, there.Namespace = "reviews.other.svc.cluster.local", []string{"reviews.other", "reviews"}, "other"
	w.know(here)
	w.plainly("reviews", "10.0.0.1")
	if got := w.weights("reviews.default"); got != "r-1 1" {
		t.Errorf("alone: %s", got)
	}
	w.know(here, there)
	w.plainly("reviews", "10.0.0.1")
	for service, want := range map[string]string{"reviews": "10.0.0.1 1", "reviews.default": "r-1 1", "reviews.other": "r-2 1"} {
		if got := w.weights(service); got != want || w.Table().Load(service).Decision == nil {
			t.Errorf("%s: %s; want %s, decided", service, got, want)
		}
	}
	w.know(there)
	w.know(here)
	w.plainly("reviews", "10.0.0.1")
	if got := w.weights("reviews.default"); got != "r-1 1" || !slices.Equal(w.Table().Services(), []string{"reviews"}) {
		t.Errorf("alone again: %s of %q", got, w.Table().Services())
	}
}

// TestNoEndpointsFound holds that a service which is found without endpoints is no error,
// and serves when it has some.
func TestNoEndpointsFound(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	w.know(kube("shop"))
	if r := w.Table().Load("shop"); r.Service == "" || r.Answers()[0].Reason != router.NoEndpoints {
		t.Errorf("%q answers %+v", r.Service, r.Answers())
	}
	w.know(kube("shop", pod("a", 1, discovery.Ready)))
	if got := w.weights("shop"); got != "a 1" {
		t.Errorf("with one: %s", got)
	}
	w.know(kube("shop"))
	if a := w.Table().Load("shop").Answers()[0]; a.Reason != router.NoEndpoints || len(a.Endpoints) > 0 {
		t.Errorf("without it: %+v", a)
	}
	if said := w.said(); strings.Contains(said, "level=ERROR") {
		t.Error(said)
	}
}

// TestNobodyReady holds that a service without a ready endpoint is logged, once, and that
// it has one again; not once more for a port beside it.
func TestNobodyReady(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	say := func(state discovery.State) {
		aside := kube("reviews", pod("r-1", 1, state))
		aside.Name, aside.Names = aside.Name+":9090", nil
		w.know(kube("reviews", pod("r-1", 1, state), pod("r-2", 2, state)), aside)
		w.plainly("reviews", "10.0.0.1")
		w.plainly("reviews", "10.0.0.1")
	}
	nobody, again := `level=WARN msg="no endpoint is ready, says kubernetes: those that are not ready serve" service=reviews`, `msg="endpoints are ready again" service=reviews`
	for i, state := range []discovery.State{discovery.Ready, discovery.NotReady, discovery.Ready, discovery.NotReady} {
		say(state)
		said := w.said()
		if down, up := strings.Count(said, nobody), strings.Count(said, again); down != (i+1)/2 || up != i/2 || strings.Count(said, "is ready, says") != down {
			t.Errorf("%d: said %d times that nobody is ready, %d times that they are again, in\n%s", i, down, up, said)
		}
	}
}

// TestBlurred holds that a short name which was of use and is two services' now is
// logged; not while everything is found for the first time.
func TestBlurred(t *testing.T) {
	other := func(name string) *discovery.Service {
		s := kube(name, pod(name+"-2", 2, discovery.Ready))
		s.Name, s.Names = name+".other.svc.cluster.local", []string{name + ".other", name, name + ":80"}
		return s
	}
	w := newWorld(t, nil, Change{}, nil)
	a, b := kube("a", pod("a-1", 1, discovery.Ready)), kube("b", pod("b-1", 3, discovery.Ready))
	w.know(a)
	w.know(a, other("a"))
	w.know(a, other("a"), b)
	if said := w.said(); strings.Contains(said, "two services") {
		t.Errorf("at first: %s", said)
	}
	w.mu.Lock()
	w.clock = w.clock.Add(foundBy)
	w.mu.Unlock()
	w.know(a, other("a"), b, other("b"))
	w.know(a, b, other("b"))
	if said := w.said(); strings.Count(said, "two services") != 1 || !strings.Contains(said, `name=b services="[b.default.svc.cluster.local b.other.svc.cluster.local]"`) {
		t.Errorf("want it of b: %s", said)
	}
}
