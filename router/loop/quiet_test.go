package loop

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/discovery"
	"github.com/fairway-mesh/fairway/router/trial"
)

// cluster is a small one, in which anything may happen: two namespaces with a service
// of one name, pods that come, go, move and take over each other's addresses.
type cluster struct {
	random   *rand.Rand
	services map[string]*discovery.Service
}

var inCluster = []struct{ name, namespace, metrics string }{
	{"web", "default", "web.default"}, {"web", "other", "web.other.svc.cluster.local"}, {"api", "default", "api"}, {"shop", "default", "shop"},
}

// change lets one thing happen to one service.
func (c *cluster) change() {
	k := c.random.IntN(len(inCluster))
	at := inCluster[k]
	whole := at.name + "." + at.namespace
	old := c.services[whole]
	if old != nil && c.random.IntN(8) == 0 {
		delete(c.services, whole)
		return
	}
	s := &discovery.Service{Name: whole + ".svc.cluster.local", Names: []string{whole + ".svc", whole, at.name}, Namespace: at.namespace, Source: "kubernetes"}
	for i := range 4 {
		if c.random.IntN(4) == 0 {
			continue
		}
		n := 10*k + i
		if c.random.IntN(4) == 0 { // it has the address of another, or has had
			n = 10*k + c.random.IntN(6)
		}
		if slices.ContainsFunc(s.Endpoints, func(e discovery.Endpoint) bool { return e.Address == pod("", n, 0).Address }) {
			continue
		}
		s.Endpoints = append(s.Endpoints, pod(fmt.Sprintf("%s-%d", at.name, i+10*c.random.IntN(2)), n, discovery.State(c.random.IntN(3))))
	}
	c.services[whole] = s
}

func (c *cluster) snapshot(stale bool) *discovery.Snapshot {
	var all []*discovery.Service
	for _, s := range c.services {
		now := *s
		now.Stale = stale
		all = append(all, &now)
	}
	return discovery.NewSnapshot(1, all)
}

// shown is what metrics show: the pods that there are, by their addresses. Where lately
// is set, some of what went before is shown too, and some that is there is not; else what
// is not ready has no requests.
func (c *cluster) shown(now time.Time, lately map[string][]string) (all []mesh.Window) {
	for _, at := range inCluster {
		s := c.services[at.name+"."+at.namespace]
		if s == nil {
			continue
		}
		var names []string
		idle := map[string]bool{}
		for _, e := range s.Endpoints {
			name := strings.Replace(e.Address, "8080", "9090", 1)
			if lately == nil || c.random.IntN(4) > 0 {
				names = append(names, name)
			}
			idle[name] = lately == nil && e.State != discovery.Ready
			if lately != nil {
				lately[at.metrics] = append(lately[at.metrics], name)
			}
		}
		for _, name := range lately[at.metrics] {
			if c.random.IntN(3) == 0 {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		w := mesh.Window{Service: at.metrics, Time: now, End: now.Add(-time.Second), Start: now.Add(-11 * time.Second), Schema: schema}
		for _, name := range slices.Compact(names) {
			w.Endpoints = append(w.Endpoints, mesh.Endpoint{Name: name})
			if idle[name] {
				w.Values, w.Requests = append(w.Values, 0, math.NaN(), math.NaN()), append(w.Requests, 0)
				continue
			}
			w.Values, w.Requests = append(w.Values, 50, 0.01, 0), append(w.Requests, 500)
		}
		if len(w.Endpoints) > 0 {
			all = append(all, w)
		}
	}
	return all
}

// settled is what a loop serves and remembers.
func (w *world) settled() string {
	var b strings.Builder
	for _, service := range w.Table().Services() {
		r := w.Table().Load(service)
		fmt.Fprintf(&b, "%s: %s %v %q decided %v\n", service, w.weights(service), r.Endpoints, r.Notes, r.Decision != nil || w.known.Names(service) == nil)
	}
	for _, at := range inCluster {
		whole := at.name + "." + at.namespace
		for _, name := range []string{at.name, whole, whole + ".svc.cluster.local"} {
			fmt.Fprintf(&b, "%s is %s\n", name, w.Table().Load(name).Service)
		}
	}
	fmt.Fprintf(&b, "lost %q\n", w.known.Lost())
	for _, service := range w.former.services() {
		m := w.former.Members(service)
		if m == nil {
			continue
		}
		fmt.Fprintf(&b, "%s has %q\n", service, w.known.Names(service))
		for _, e := range m.Endpoints(nil) {
			fmt.Fprintf(&b, "  %v %v\n", e, m.Presence(e.Name))
		}
	}
	return b.String()
}

// TestQuiet holds that whatever has happened, once all is quiet, what is served does not
// depend on it: a loop that begins now serves the same.
func TestQuiet(t *testing.T) {
	others := []Change{ruled(t, "1", 1, 3), ruled(t, "2", 5, 1), ruledAs(t, "3", "web.default", "web-1", "web-2"), ruledAs(t, "4", "api.default.svc.cluster.local", "api-0", "api-1")}
	for seed := range uint64(60) {
		c := &cluster{rand.New(rand.NewPCG(seed, 99)), map[string]*discovery.Service{}}
		var set Change
		if seed%3 == 1 {
			set = ruled(t, "1", 1, 3)
		}
		var trying script
		w := newWorld(t, nil, set, trying.begin)
		lately := map[string][]string{}
		for range 60 {
			w.later(time.Duration(c.random.IntN(20000)) * time.Millisecond)
			switch c.random.IntN(6) {
			case 0, 1:
				for range 1 + c.random.IntN(3) {
					c.change()
				}
				w.Know(c.snapshot(false))
			case 2:
				w.Know(c.snapshot(c.random.IntN(2) == 0))
			case 3:
				w.Take(c.shown(w.now(), lately), nil)
			case 4:
				if c.random.IntN(4) == 0 {
					w.Take(nil, errDown)
				} else if c.random.IntN(8) == 0 {
					w.Know(discovery.NewSnapshot(1, nil)) // a list that was empty
				}
			case 5:
				if seed%3 != 2 {
					break
				}
				if _, on := w.Table().Trial(); on {
					trying.say(trial.Verdict{Step: []trial.Step{trial.Adopt, trial.RollBack}[c.random.IntN(2)]})
				} else if err := w.Change(others[c.random.IntN(len(others))]); err != nil {
					t.Fatal(err)
				}
			}
		}
		empty := func(_ string, s *discovery.Service) bool { return len(s.Endpoints) == 0 } // no window names them
		for maps.DeleteFunc(c.services, empty); len(c.services) < 2; maps.DeleteFunc(c.services, empty) {
			c.change()
		}
		// What is gone and named by rules is remembered: those that they name are there.
		c.services["web.default"] = kube("web", pod("web-0", 1, discovery.Ready), pod("web-1", 2, discovery.Draining), pod("web-2", 3, discovery.Ready))
		c.services["api.default"] = kube("api", pod("api-0", 20, discovery.Ready), pod("api-1", 21, discovery.NotReady))
		last := c.snapshot(false)
		quiet := func(w *world, windows int) {
			w.Know(last)
			for range windows {
				w.later(5 * time.Second)
				w.Take(c.shown(w.now(), nil), nil)
			}
		}
		trying.say(trial.Verdict{Step: trial.Adopt})
		quiet(w, 2)
		w.later(router.Lingers + time.Minute)
		quiet(w, 2)
		w.later(router.Lingers + time.Minute)
		quiet(w, 60)
		set.Rules = w.former.rules
		fresh := newWorld(t, nil, set, nil)
		fresh.clock = w.now()
		quiet(fresh, 60)
		if got, want := w.settled(), fresh.settled(); got != want {
			t.Fatalf("seed %d: in the end\n%s\nwant, as of one that begins now\n%s", seed, got, want)
		}
	}
}

// ruledAs are rules of a service and two of its endpoints, the second by an address.
func ruledAs(t testing.TB, version, service, first, second string) Change {
	t.Helper()
	c := Change{Version: Version{model.SubjectRules, version, version}, Text: fmt.Appendf(nil, "version: %q\nservices:\n  - name: %s\n    limits: {step: 1}\n    endpoints: [{name: %s}, {name: front, address: \"10.0.0.1:8080\", weight: 2}, {name: %s, subset: other}]\n", version, service, first, second)}
	if err := c.compile("rules.yaml"); err != nil {
		t.Fatal(err)
	}
	return c
}

// later lets time pass.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = w.clock.Add(d)
}
