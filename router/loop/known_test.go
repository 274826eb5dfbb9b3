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
	"github.com/fairway-mesh/fairway/router/trial"
)

// pod is a discovered endpoint at 10.0.0.N:8080.
func pod(name string, n int, state discovery.State) discovery.Endpoint {
	return discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name, Address: fmt.Sprintf("10.0.0.%d:8080", n)}, State: state,
		Names: []string{fmt.Sprintf("10.0.0.%d", n), "default/" + name}}
}

// kube is a service of Kubernetes in the namespace default.
func kube(name string, endpoints ...discovery.Endpoint) *discovery.Service {
	whole := name + ".default"
	return &discovery.Service{Name: whole + ".svc.cluster.local", Names: []string{whole + ".svc", whole, name}, Namespace: "default",
		Source: "kubernetes", Endpoints: slices.Clone(endpoints)}
}

func (w *world) know(services ...*discovery.Service) { w.Know(discovery.NewSnapshot(1, services)) }

// weights are those of the endpoints of a service for a plain request.
func (w *world) weights(service string) string {
	a := w.Table().Load(service).Weigh(&mesh.Request{Service: service})
	var parts []string
	for i, e := range a.Endpoints {
		parts = append(parts, fmt.Sprintf("%s %.3g", e.Name, a.Weights[i]))
	}
	return strings.Join(parts, ", ")
}

// plainly lets a window of equal endpoints of a service come, by these names.
func (w *world) plainly(service string, names ...string) { w.failing(service, nil, names...) }

// failing lets a window of endpoints come, some of which fail all of their requests.
func (w *world) failing(service string, fails []string, names ...string) {
	w.mu.Lock()
	w.clock = w.clock.Add(5 * time.Second)
	w.mu.Unlock()
	now := w.now()
	out := mesh.Window{Service: service, Time: now, End: now.Add(-time.Second), Start: now.Add(-11 * time.Second), Schema: schema}
	for _, name := range names {
		out.Endpoints = append(out.Endpoints, mesh.Endpoint{Name: name})
		errors := map[bool]float64{true: 1}[slices.Contains(fails, name)]
		out.Values, out.Requests = append(out.Values, 50, 0.01, errors), append(out.Requests, 500)
	}
	w.Take([]mesh.Window{out}, nil)
}

// decided notes what is told of decisions: the services of each time.
func (w *world) decided() *[][]string {
	var all [][]string
	w.cfg.Decided = func(former, tried []router.Made) {
		var services []string
		for _, m := range former {
			services = append(services, m.Decision.Service)
		}
		for _, m := range tried {
			services = append(services, "tried "+m.Decision.Service)
		}
		all = append(all, services)
	}
	return &all
}

// TestStaleWithoutMetrics holds that answers say so where nothing that is known of a
// service is of now; metrics are.
func TestStaleWithoutMetrics(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	check := func(what string, want router.Reason) {
		t.Helper()
		if a := w.Table().Load("checkout").Weigh(&mesh.Request{}); a.Reason != want || len(a.Endpoints) != 2 {
			t.Errorf("%s: reason %q, endpoints %v; want %q", what, a.Reason, a.Endpoints, want)
		}
	}
	fresh, before := kube("checkout", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready)), kube("checkout", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready))
	before.Stale = true
	w.know(before)
	check("out of the cache", router.Stale)
	w.know(fresh)
	check("it answers", router.NoModel)
	w.know(before)
	check("it is away", router.Stale)
	w.plainly("checkout.default", "c-1", "c-2")
	check("metrics come", router.NoModel)
	w.know()
	w.know(before)
	check("told anew while metrics are fresh", router.NoModel)
}

// TestKnowDecidesAtOnce walks a service from discovery to metrics, a readiness flip,
// and its end.
func TestKnowDecidesAtOnce(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	told := w.decided()
	check := func(what, want string, services ...string) {
		t.Helper()
		if got := w.weights("checkout"); got != want {
			t.Errorf("%s: %s; want %s", what, got, want)
		}
		if len(*told) != 1 || !slices.Equal((*told)[0], services) {
			t.Errorf("%s: decided on %q; want %q at once", what, *told, services)
		}
		*told = nil
	}
	full := "checkout.default.svc.cluster.local"
	a, b := pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.NotReady)
	other := kube("other", pod("o-1", 9, discovery.Ready))
	w.know(kube("checkout", a, b), other)
	check("without metrics", "c-1 1, c-2 0", full, "other.default.svc.cluster.local")
	if w.Ready() {
		t.Error("discovery alone makes the loop ready")
	}
	line := w.former

	w.plainly("checkout.default", "10.0.0.1:9090")
	check("a window", "c-1 1, c-2 0", "checkout.default")
	if got := w.Table().Load(full).Service; got != "checkout.default" {
		t.Errorf("it is served as %s; want the metrics' name", got)
	}
	if services := w.Table().Services(); !slices.Equal(services, []string{"checkout.default", "other.default.svc.cluster.local"}) {
		t.Errorf("services %q", services)
	}
	b.State = discovery.Ready
	version := w.Table().Version()
	w.know(kube("checkout", a, b), other)
	check("a flip", "c-1 0.5, c-2 0.5", "checkout.default")
	if w.Table().Version() != version+1 {
		t.Errorf("%d editions for one snapshot", w.Table().Version()-version)
	}
	for range 10 {
		w.plainly("checkout.default", "10.0.0.1:9090", "10.0.0.2")
	}
	*told = nil
	w.know(kube("checkout", a, b), other)
	if len(*told) > 0 || w.Table().Version() != version+11 {
		t.Error("the same said again was decided upon")
	}
	// The time goes on with the clock, and the reason is told.
	w.mu.Lock()
	w.clock = w.clock.Add(2 * time.Second)
	w.mu.Unlock()
	a.State = discovery.NotReady
	w.know(kube("checkout", a, b), other)
	check("a flip", "c-1 0, c-2 1", "checkout.default")
	d := w.Table().Load("checkout").Decision
	if !d.Time.Equal(w.now()) || d.Health[0].Reason != "not ready, says kubernetes" {
		t.Errorf("decided at %v, health %+v", d.Time, d.Health)
	}
	// It is gone, while metrics go on for a while; it is back, slowly.
	w.know(kube("checkout", b), other)
	check("gone", "c-2 1", "checkout.default")
	w.plainly("checkout.default", "10.0.0.1:9090", "10.0.0.2")
	if got := w.weights("checkout"); got != "c-2 1" {
		t.Errorf("gone, and in the metrics: %s", got)
	}
	*told = nil
	a.State = discovery.Ready
	w.know(kube("checkout", a, b), other)
	check("back", "c-1 0.0909, c-2 0.909", "checkout.default")
	// The service is gone: metrics count until they end.
	w.know(other)
	*told = nil
	for range 10 {
		w.plainly("checkout.default", "10.0.0.1:9090", "10.0.0.2")
	}
	if got := w.weights("checkout"); got != "c-1 0.5, c-2 0.5" {
		t.Errorf("without the service: %s", got)
	}
	if w.former != line {
		t.Error("another line: what the policies remembered is lost")
	}
	w.mu.Lock()
	w.clock = w.clock.Add(router.Lingers)
	w.mu.Unlock()
	w.plainly("other.default", "10.0.0.9")
	if services := w.Table().Services(); !slices.Equal(services, []string{"other.default"}) {
		t.Errorf("services %q; want those that anybody knows still", services)
	}
}

// TestDeletedWithoutMetrics holds that what only discovery knew goes with it.
func TestDeletedWithoutMetrics(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	w.know(kube("checkout", pod("c-1", 1, discovery.Ready)), kube("other", pod("o-1", 9, discovery.Ready)))
	w.know(kube("other", pod("o-1", 9, discovery.Ready)))
	if services := w.Table().Services(); !slices.Equal(services, []string{"other.default.svc.cluster.local"}) || len(w.former.last) != 1 {
		t.Errorf("services %q, frames of %v", services, w.former.services())
	}
}

// TestWindowFirst holds that whatever comes first, decisions and memory have the same
// names in the end.
func TestWindowFirst(t *testing.T) {
	a, b := pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready)
	var remembered []string
	for _, first := range []string{"discovery", "window"} {
		w := newWorld(t, nil, Change{}, nil)
		for _, what := range []string{first, "discovery", "window"} {
			if what == "discovery" {
				w.know(kube("checkout", a, b))
			} else {
				w.plainly("checkout", "10.0.0.1:9090", "10.0.0.2")
			}
			if what == "discovery" && first == "window" {
				if got := w.weights("checkout"); got != "c-1 0.5, c-2 0.5" {
					t.Errorf("at once: %s", got)
				}
			}
		}
		if got := w.weights("checkout"); got != "c-1 0.5, c-2 0.5" {
			t.Errorf("%s first: %s", first, got)
		}
		remembered = append(remembered, fmt.Sprint(w.former.names()))
	}
	if remembered[0] != remembered[1] {
		t.Errorf("names %q", remembered)
	}
}

// TestEjectedByAnotherName: an endpoint that fails does not begin anew when discovery
// tells what it is called.
func TestEjectedByAnotherName(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	failing := func(names ...string) {
		w.mu.Lock()
		w.clock = w.clock.Add(5 * time.Second)
		w.mu.Unlock()
		now := w.now()
		out := mesh.Window{Service: "checkout", Time: now, End: now.Add(-time.Second), Start: now.Add(-11 * time.Second), Schema: schema}
		for i, name := range names {
			errors := 0.0
			if i == 2 {
				errors = 0.9
			}
			out.Endpoints = append(out.Endpoints, mesh.Endpoint{Name: name})
			out.Values, out.Requests = append(out.Values, 50, 0.01, errors), append(out.Requests, 500)
		}
		w.Take([]mesh.Window{out}, nil)
	}
	seen := []string{"10.0.0.1:9090", "10.0.0.2:9090", "10.0.0.3:9090", "10.0.0.4:9090"}
	for range 10 {
		failing(seen...)
	}
	if got := w.weights("checkout"); !strings.Contains(got, "10.0.0.3:9090 0,") {
		t.Fatalf("it is not ejected: %s", got)
	}
	w.know(kube("checkout", pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready), pod("c-3", 3, discovery.Ready), pod("c-4", 4, discovery.Ready)))
	if got := w.weights("checkout"); got != "c-1 0.333, c-2 0.333, c-3 0, c-4 0.333" {
		t.Errorf("by its name: %s", got)
	}
	w.plainly("checkout", seen...) // one good window brings it back slowly
	if got := w.weights("checkout"); !strings.Contains(got, "c-3 0.0") {
		t.Errorf("after one good window: %s", got)
	}
}

// TestRulesByShortName holds that rules which call a service shortly hold for metrics
// that call it in full, once discovery says that they are one.
func TestRulesByShortName(t *testing.T) {
	w := newWorld(t, nil, ruled(t, "1", 1, 3), nil)
	full := "shop.default.svc.cluster.local"
	w.plainly(full, "10.0.0.1", "10.0.0.2")
	if w.Table().Load(full).Service != full {
		t.Fatal("the names are one before anybody says so")
	}
	w.know(kube("shop", pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready)))
	w.plainly(full, "10.0.0.1", "10.0.0.2")
	if got := w.weights(full); got != "a 0.25, b 0.75" {
		t.Errorf("%s; want the weights of the rules", got)
	}
	if d := w.Table().Load("shop").Decision; d == nil || d.Service != full || !slices.Equal(w.Table().Services(), []string{"shop"}) {
		t.Errorf("services %q, decision %+v", w.Table().Services(), d)
	}
	// Rules that come later learn it too.
	if err := w.Change(ruled(t, "2", 4, 1)); err != nil {
		t.Fatal(err)
	}
	w.plainly(full, "10.0.0.1", "10.0.0.2")
	if got := w.weights("shop.default"); got != "a 0.8, b 0.2" {
		t.Errorf("%s; want the weights of the new rules", got)
	}
}

// TestTrialKnows holds that both lines of a trial decide anew.
func TestTrialKnows(t *testing.T) {
	s := &script{}
	w := newWorld(t, nil, ruled(t, "1", 1, 1), s.begin)
	a, b := pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready)
	w.know(kube("shop", a, b))
	w.pass(5)
	if err := w.Change(ruled(t, "2", 3, 1)); err != nil {
		t.Fatal(err)
	}
	w.pass(2)
	if _, on := w.Table().Trial(); !on {
		t.Fatal("no trial")
	}
	told := w.decided()
	b.State = discovery.NotReady
	w.know(kube("shop", a, b), kube("new", pod("n", 3, discovery.Ready)))
	if got := w.weights("shop"); got != "a 1, b 0" {
		t.Errorf("on trial: %s", got)
	}
	if want := []string{"new.default.svc.cluster.local", "shop", "tried new.default.svc.cluster.local", "tried shop"}; len(*told) != 1 || !slices.Equal((*told)[0], want) {
		t.Errorf("decided on %q; want %q", *told, want)
	}
	s.say(trial.Verdict{Step: trial.Adopt})
	w.pass(1)
	if got := w.weights("shop") + ", " + w.weights("new.default"); got != "a 1, b 0, n 1" {
		t.Errorf("adopted: %s", got)
	}
	b.State = discovery.Ready
	w.know(kube("shop", a, b), kube("new", pod("n", 3, discovery.NotReady), pod("n2", 4, discovery.Ready)))
	if got := w.weights("new.default"); got != "n 0, n2 1" {
		t.Errorf("after the trial: %s", got)
	}
}

// TestKnownAreChecked holds that what was discovered is checked as the rules ask.
func TestKnownAreChecked(t *testing.T) {
	c := Change{Text: []byte("version: 1\nservices:\n  - name: shop\n    health: {checks: [{tcp: {}}]}\n")}
	if err := c.compile("rules.yaml"); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, nil, c, nil)
	w.know(kube("shop", pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready)))
	followed := func(service string) (list []string) {
		for _, e := range w.checks.known[service] {
			list = append(list, e.Name+" "+e.Address)
		}
		return list
	}
	if got, want := followed("shop"), []string{"a 10.0.0.1:8080", "b 10.0.0.2:8080"}; !slices.Equal(got, want) {
		t.Errorf("checked: %q; want %q", got, want)
	}
	w.plainly("shop.default.svc", "10.0.0.1", "10.0.0.2")
	if got := followed("shop"); len(got) > 0 || len(followed("shop.default.svc")) != 2 {
		t.Errorf("checked by two names of one service: %q and %q", got, followed("shop.default.svc"))
	}
	w.know(kube("shop", pod("b", 2, discovery.Ready)))
	if got := followed("shop.default.svc"); !slices.Equal(got, []string{"b 10.0.0.2:8080"}) {
		t.Errorf("checked: %q", got)
	}
}

// fleet is n services of m endpoints, all ready.
func fleet(n, m int) (all []*discovery.Service) {
	for i := range n {
		var pods []discovery.Endpoint
		for k := range m {
			name := fmt.Sprintf("s%d-%d", i, k)
			ip := fmt.Sprintf("10.%d.%d.%d", k, i/250, i%250)
			pods = append(pods, discovery.Endpoint{Endpoint: mesh.Endpoint{Name: name, Address: ip + ":8080"}, Names: []string{ip, "default/" + name}})
		}
		all = append(all, kube(fmt.Sprintf("s%d", i), pods...))
	}
	return all
}

// all lets a window of every service of a fleet come.
func (w *world) all(services []*discovery.Service) {
	w.mu.Lock()
	w.clock = w.clock.Add(5 * time.Second)
	w.mu.Unlock()
	now := w.now()
	var windows []mesh.Window
	for i, s := range services {
		out := mesh.Window{Service: fmt.Sprintf("s%d.default", i), Time: now, End: now.Add(-time.Second), Start: now.Add(-11 * time.Second), Schema: schema}
		for _, e := range s.Endpoints {
			out.Endpoints = append(out.Endpoints, mesh.Endpoint{Name: e.Address})
			out.Values, out.Requests = append(out.Values, 50, 0.01, 0), append(out.Requests, 500)
		}
		slices.SortFunc(out.Endpoints, func(a, b mesh.Endpoint) int { return strings.Compare(a.Name, b.Name) })
		windows = append(windows, out)
	}
	w.Take(windows, nil)
}

// flip is the fleet with one endpoint, of the first service, ready or not.
func flip(services []*discovery.Service, state discovery.State) *discovery.Snapshot {
	one := *services[0]
	one.Endpoints = slices.Clone(one.Endpoints)
	one.Endpoints[0].State = state
	return discovery.NewSnapshot(2, append([]*discovery.Service{&one}, services[1:]...))
}

// BenchmarkFlip is what the readiness of one endpoint of 500 services of 10 costs, from
// the snapshot to the published table.
func BenchmarkFlip(b *testing.B) {
	for _, metrics := range []bool{true, false} {
		b.Run(fmt.Sprintf("metrics=%v", metrics), func(b *testing.B) {
			w := newWorld(b, nil, Change{}, nil)
			services := fleet(500, 10)
			w.know(services...)
			if metrics {
				w.all(services)
			}
			both := []*discovery.Snapshot{flip(services, discovery.NotReady), flip(services, discovery.Ready)}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				w.Know(both[i%2])
			}
		})
	}
}

// BenchmarkTakeKnown is what discovery adds to the windows of 500 services of 10.
func BenchmarkTakeKnown(b *testing.B) {
	for _, known := range []bool{false, true} {
		b.Run(fmt.Sprintf("known=%v", known), func(b *testing.B) {
			w := newWorld(b, nil, Change{}, nil)
			services := fleet(500, 10)
			if known {
				w.know(services...)
			}
			w.all(services)
			b.ReportAllocs()
			for b.Loop() {
				w.all(services)
			}
		})
	}
}

// TestWithoutMetrics holds that slow starts go on where no metrics come at all.
func TestWithoutMetrics(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	w.pace = Pace{}
	w.Open()
	later := func(d time.Duration) {
		w.mu.Lock()
		w.clock = w.clock.Add(d)
		w.mu.Unlock()
	}
	w.know(kube("shop", pod("a", 1, discovery.Ready)))
	later(time.Hour)
	w.know(kube("shop", pod("a", 1, discovery.Ready), pod("b", 2, discovery.Ready)))
	if got := w.weights("shop"); got != "a 0.909, b 0.0909" {
		t.Errorf("at first: %s", got)
	}
	for range 10 {
		later(withoutMetrics)
		w.anew()
	}
	if got := w.weights("shop"); got != "a 0.5, b 0.5" {
		t.Errorf("in the end: %s", got)
	}
	if len(w.moved) > 0 {
		t.Errorf("%v is decided on for ever", w.moved)
	}
}

// TestRestoredAndKnown holds that what is served of a life before serves on when
// discovery says what there is: its weights, of those who are there.
func TestRestoredAndKnown(t *testing.T) {
	w := newWorld(t, nil, Change{}, nil)
	pods := []discovery.Endpoint{pod("c-1", 1, discovery.Ready), pod("c-2", 2, discovery.Ready), pod("c-3", 3, discovery.Ready)}
	w.know(kube("checkout", pods...), kube("new", pod("n", 9, discovery.Ready)))
	w.plainly("checkout.default", "10.0.0.1", "10.0.0.2", "10.0.0.3")
	text, err := w.Saved()
	if err != nil {
		t.Fatal(err)
	}
	for _, first := range []string{"table", "discovery"} {
		again := newWorld(t, nil, Change{}, nil)
		again.clock = w.now().Add(time.Second)
		pods[0].State = discovery.NotReady
		know := func() { // what the cache holds, and then what there is
			old := kube("checkout", pods...)
			old.Stale = true
			again.know(old)
			again.know(kube("checkout", pods[:2]...), kube("new", pod("n", 9, discovery.Ready)))
		}
		if first == "discovery" {
			know()
		}
		if err := again.Restore(text); err != nil {
			t.Fatal(err)
		}
		if first == "table" {
			know()
		}
		r := again.Table().Load("checkout")
		if got := again.weights("checkout") + ", " + again.weights("new"); r.Service != "checkout.default" || got != "c-1 0, c-2 1, n 1" {
			t.Errorf("%s first: %s serves %s", first, r.Service, got)
		}
		if r.Decision.Reason != router.Stale {
			t.Errorf("%s first: decided anew: %q %q", first, r.Decision.Reason, r.Decision.Notes)
		}
		again.plainly("checkout.default", "10.0.0.2")
		if services := again.Table().Services(); !slices.Equal(services, []string{"checkout.default", "new.default.svc.cluster.local"}) {
			t.Errorf("%s first: services %q", first, services)
		}
	}
}
