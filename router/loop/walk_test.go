package loop

import (
	"flag"
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
	"github.com/fairway-mesh/fairway/router/rules"
	"github.com/fairway-mesh/fairway/router/trial"
)

var walks = flag.Uint64("walks", 30, "how many random courses TestWalk takes")

// TestWalk holds, whatever is discovered, seen in metrics, ruled and tried in whatever
// order, what a walk checks at each step. A longer one: -walks 100000, or -fuzz FuzzWalk.
func TestWalk(t *testing.T) {
	for seed := range *walks {
		if !t.Run(fmt.Sprint(seed), func(t *testing.T) { walkAlong(t, seed, 80) }) {
			return
		}
	}
}

// FuzzWalk is TestWalk for as long as is wanted.
func FuzzWalk(f *testing.F) {
	for seed := range uint64(5) {
		f.Add(seed, 80)
	}
	f.Fuzz(func(t *testing.T, seed uint64, steps int) { walkAlong(t, seed, min(max(steps, 0), 500)) })
}

// walk is a loop beside the plainest model of what it should know.
type walk struct {
	told map[string]string // by namesake: what discovery said last
	*world
	random   *rand.Rand
	seed     uint64
	step     int
	did      []string
	trying   script
	set      Change
	services map[string]*discovery.Service            // by namesake: those that there are
	version  uint64                                   // of the snapshot
	known    map[string]bool                          // namesakes that are discovered now
	gone     map[string]map[string]time.Time          // by namesake: pods that discovery had and has no more
	lately   map[string]map[string]time.Time          // by namesake: names that metrics may show, and since when they should not
	restored map[string]map[string]time.Time          // by namesake, of which there was no window since a life before: pods that were gone then
	shows    map[string]time.Time                     // by namesake: the last metrics in this life
	places   map[string]map[string]discovery.Endpoint // by namesake: pods as discovery has them
}

// namesakes are the services that there may be: by NAME.NAMESPACE, as metrics call them.
var namesakes = map[string]string{"web.default": "web.default", "web.other": "web.other.svc.cluster.local", "api.default": "api.default.svc", "shop.default": "shop.default"}

var wholes = slices.Sorted(maps.Keys(namesakes))

func walkAlong(t *testing.T, seed uint64, steps int) {
	k := &walk{random: rand.New(rand.NewPCG(seed, 77)), seed: seed, services: map[string]*discovery.Service{}}
	k.set = walkRules(t, k.random.IntN(len(ruleBooks)))
	k.world = newWorld(t, nil, k.set, k.trying.begin)
	k.begin()
	for k.step = range steps {
		k.act()
		k.check()
		if t.Failed() {
			t.Fatalf("seed %d, step %d, after\n%s", seed, k.step, strings.Join(k.did, "\n"))
		}
	}
}

func (k *walk) begin() {
	k.known, k.gone, k.lately, k.shows = map[string]bool{}, map[string]map[string]time.Time{}, map[string]map[string]time.Time{}, map[string]time.Time{}
	k.places, k.told = map[string]map[string]discovery.Endpoint{}, map[string]string{}
	for _, name := range wholes {
		k.gone[name], k.lately[name] = map[string]time.Time{}, map[string]time.Time{}
	}
}

func (k *walk) say(format string, args ...any) {
	k.did = append(k.did, fmt.Sprintf("%d: ", k.step)+fmt.Sprintf(format, args...))
}

// ruleBooks are rules that may be in force, by what they are for.
var ruleBooks = [][]rules.Service{
	nil,
	{{Name: "shop.default", Subsets: []rules.Subset{{Name: "v1", Labels: map[string]string{"version": "v1"}}, {Name: "v2", Labels: map[string]string{"version": "v2"}}},
		Routes: []rules.Route{
			{Name: "canary", To: []rules.Target{{Subset: "v1", Weight: 90}, {Subset: "v2", Weight: 10}}},
		}}},
	{{Name: "shop", Locality: rules.Locality{Spill: &rules.Spill{}}, Balance: rules.Balance{Algorithm: rules.Maglev, Table: 101, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "s"}}}},
		{Name: "api.default.svc.cluster.local", Balance: rules.Balance{Algorithm: rules.RingHash, Hash: []rules.HashKey{{Of: rules.HashCookie, Name: "s"}}}}},
	{{Name: "web.default", Endpoints: []rules.Endpoint{{Endpoint: mesh.Endpoint{Name: "web-1"}, Weight: 1}, {Endpoint: mesh.Endpoint{Name: "front", Address: "10.0.0.3:8080"}, Weight: 2}}}},
	{{Name: "gate", Routes: []rules.Route{{Name: "all", To: []rules.Target{{Service: "shop.default", Weight: 50}, {Service: "web.other", Weight: 50}}}}},
		{Name: "web.other", Locality: rules.Locality{Spill: &rules.Spill{}}}},
}

func walkRules(t testing.TB, book int) Change {
	t.Helper()
	version := fmt.Sprint("book ", book)
	set, err := rules.Compile(&rules.File{Version: version, Services: ruleBooks[book]})
	if err != nil {
		t.Fatal(err)
	}
	return Change{Version: Version{model.SubjectRules, version, version}, Rules: set}
}

// act lets something come to pass.
func (k *walk) act() {
	k.later(time.Duration(k.random.IntN(10000)) * time.Millisecond)
	switch n := k.random.IntN(20); {
	case n < 8:
		for range 1 + k.random.IntN(3) {
			k.happen()
		}
		k.discover(false)
	case n < 9:
		k.discover(k.random.IntN(2) == 0)
	case n < 15:
		k.measured()
	case n < 16:
		k.say("no metrics")
		k.Take(nil, errDown)
	case n < 17:
		k.say("a long time")
		k.later(time.Duration(k.random.IntN(20)) * time.Minute)
	case n < 19:
		k.rule()
	default:
		k.restart()
	}
}

// happen lets something become of one service.
func (k *walk) happen() {
	name := wholes[k.random.IntN(len(wholes))]
	old := k.services[name]
	if old != nil && k.random.IntN(8) == 0 {
		k.say("%s is deleted", name)
		delete(k.services, name)
		return
	}
	short, namespace, _ := strings.Cut(name, ".")
	s := &discovery.Service{Name: name + ".svc.cluster.local", Names: []string{name + ".svc", name, short}, Namespace: namespace, Source: "kubernetes"}
	if old != nil {
		s.Endpoints = slices.Clone(old.Endpoints)
	}
	switch n := k.random.IntN(6); {
	case old == nil, n == 0:
		for range 1 + k.random.IntN(3) {
			k.podComes(s, short)
		}
	case len(s.Endpoints) == 0:
	case n == 1:
		i := k.random.IntN(len(s.Endpoints))
		s.Endpoints = slices.Delete(s.Endpoints, i, i+1)
	case n == 2:
		i := k.random.IntN(len(s.Endpoints))
		labels := s.Endpoints[i].Labels
		moved := k.pod(s.Endpoints[i].Name)
		moved.Labels, moved.Subset = labels, s.Endpoints[i].Subset
		if !k.taken(s, moved.Address) {
			s.Endpoints[i] = moved
		}
	case n == 3:
		i := k.random.IntN(len(s.Endpoints))
		version := fmt.Sprint("v", 1+k.random.IntN(3))
		s.Endpoints[i].Labels, s.Endpoints[i].Subset = map[string]string{"version": version}, version
	case n == 4:
		state := discovery.State(k.random.IntN(3))
		for i := range s.Endpoints {
			s.Endpoints[i].State = state
		}
	default:
		s.Endpoints[k.random.IntN(len(s.Endpoints))].State = discovery.State(k.random.IntN(3))
	}
	slices.SortFunc(s.Endpoints, func(a, b discovery.Endpoint) int { return strings.Compare(a.Name, b.Name) })
	k.services[name] = s
	k.say("%s is %s", name, described(s))
}

func described(s *discovery.Service) string {
	var parts []string
	for _, e := range s.Endpoints {
		parts = append(parts, fmt.Sprintf("%s at %s %v %s %s", e.Name, e.Address, e.State, e.Zone, e.Subset))
	}
	return strings.Join(parts, ", ")
}

// pod has an address that any other may have had, or has.
func (k *walk) pod(name string) discovery.Endpoint {
	e := pod(name, 1+k.random.IntN(12), discovery.State(k.random.IntN(5)/2))
	e.Zone = []string{"", "a", "b"}[k.random.IntN(3)]
	e.Subset = []string{"", "v1", "v2"}[k.random.IntN(3)]
	if e.Subset != "" {
		e.Labels = map[string]string{"version": e.Subset}
	}
	return e
}

func (k *walk) podComes(s *discovery.Service, short string) {
	e := k.pod(fmt.Sprintf("%s-%d", short, k.random.IntN(8)))
	if !k.taken(s, e.Address) && !slices.ContainsFunc(s.Endpoints, func(o discovery.Endpoint) bool { return o.Name == e.Name }) {
		s.Endpoints = append(s.Endpoints, e)
	}
}

func (k *walk) taken(s *discovery.Service, address string) bool {
	return slices.ContainsFunc(s.Endpoints, func(o discovery.Endpoint) bool { return o.Address == address })
}

// snapshot is what there is, which the model knows from now on.
func (k *walk) snapshot(stale bool) *discovery.Snapshot {
	k.version++
	var all []*discovery.Service
	for _, name := range wholes {
		s := k.services[name]
		if s == nil {
			if k.known[name] {
				k.ends(name)
			}
			delete(k.known, name)
			continue
		}
		now := *s
		now.Stale = stale
		all = append(all, &now)
		old := k.places[name]
		k.places[name] = map[string]discovery.Endpoint{}
		for _, e := range s.Endpoints {
			k.places[name][e.Name] = e
			delete(k.gone[name], e.Name)
			for _, n := range seenAs(e) {
				k.lately[name][n] = time.Time{}
			}
		}
		for pod, e := range old {
			now, there := k.places[name][pod]
			if !there && !stale {
				k.gone[name][pod] = k.now()
			}
			for _, n := range seenAs(e) {
				if !there || !slices.Contains(seenAs(now), n) {
					k.lately[name][n] = k.now()
				}
			}
		}
		k.known[name] = true
	}
	return discovery.NewSnapshot(k.version, all)
}

// tell tells the loop what there is.
func (k *walk) tell(stale bool) {
	for name, s := range k.services {
		k.told[name] = fmt.Sprint(described(s), stale)
	}
	k.Know(k.snapshot(stale))
}

// discover tells the loop what there is. Who is not said to be anything else keeps
// what was decided of him.
func (k *walk) discover(stale bool) {
	k.say("discovered, stale %v", stale)
	before := map[string]*router.Decision{}
	for name, s := range k.services {
		if said := fmt.Sprint(described(s), stale); k.told[name] == said {
			before[name] = k.Table().Load(name).Decision
		} else {
			k.told[name] = said
		}
	}
	maps.DeleteFunc(k.told, func(name, _ string) bool { return k.services[name] == nil })
	k.Know(k.snapshot(stale))
	for name, d := range before {
		if k.Table().Load(name).Decision != d {
			k.t.Errorf("%s is decided anew, and nothing is said of it", name)
		}
	}
}

// ends notes that a service is deleted: it is remembered for as long as metrics can show
// it, and goes at once where none did lately.
func (k *walk) ends(name string) {
	for _, e := range k.places[name] {
		for _, n := range seenAs(e) {
			k.lately[name][n] = k.now()
		}
	}
	delete(k.places, name)
	if k.now().Sub(k.shows[name]) > 8*time.Minute {
		clear(k.lately[name])
		clear(k.gone[name])
	}
}

// seenAs are the names that metrics may have for an endpoint.
func seenAs(e discovery.Endpoint) []string {
	ip, _, _ := strings.Cut(e.Address, ":")
	return []string{e.Name, ip + ":9090", ip, "default/" + e.Name}
}

// measured lets windows of some services come: of who is there, who went lately, and now
// and then of a stranger.
func (k *walk) measured() {
	var windows []mesh.Window
	now := k.now()
	for at, name := range wholes {
		if k.random.IntN(3) == 0 {
			continue
		}
		var names []string
		style := at // each service is called in a way of its own
		if s := k.services[name]; s != nil {
			for _, e := range s.Endpoints {
				if k.random.IntN(5) > 0 {
					names = append(names, seenAs(e)[style])
				}
			}
		}
		for _, n := range slices.Sorted(maps.Keys(k.lately[name])) {
			since := k.lately[name][n]
			if style == stylized(n) && k.random.IntN(3) == 0 && (since.IsZero() || now.Sub(since) < 6*time.Minute) {
				names = append(names, n)
			}
		}
		if k.random.IntN(8) == 0 {
			names = append(names, "stranger")
		}
		if slices.Sort(names); len(names) == 0 {
			continue
		}
		w := mesh.Window{Service: namesakes[name], Time: now, End: now.Add(-time.Second), Start: now.Add(-11 * time.Second), Schema: schema}
		for _, n := range slices.Compact(names) {
			w.Endpoints = append(w.Endpoints, mesh.Endpoint{Name: n, Zone: []string{"", "", "z9"}[k.random.IntN(3)]})
			errors := []float64{0, 0, 0, 0.9, math.NaN()}[k.random.IntN(5)]
			w.Values, w.Requests = append(w.Values, float64(k.random.IntN(100)), 0.01, errors), append(w.Requests, 500)
		}
		windows = append(windows, w)
		k.shows[name] = now
		delete(k.restored, name)
		k.say("seen of %s: %q", name, names)
	}
	if len(windows) > 0 {
		if k.random.IntN(3) == 0 {
			k.midway()
		}
		k.Take(windows, nil)
		k.world.midway = nil
	}
}

// midway lets something happen, and be discovered, while windows are decided upon.
func (k *walk) midway() {
	after := k.random.IntN(4)
	k.world.midway = func() {
		if after--; after == 0 {
			k.world.midway = nil
			k.happen()
			k.say("midway")
			k.tell(false)
		}
	}
}

// stylized is which of seenAs a name is.
func stylized(name string) int {
	switch {
	case strings.Contains(name, "/"):
		return 3
	case strings.HasSuffix(name, ":9090"):
		return 1
	case strings.HasPrefix(name, "10."):
		return 2
	}
	return 0
}

func (k *walk) rule() {
	if _, on := k.Table().Trial(); on {
		step := []trial.Step{trial.Adopt, trial.RollBack}[k.random.IntN(2)]
		k.say("the trial ends: %v", step)
		k.trying.say(trial.Verdict{Step: step})
		k.Review()
		return
	}
	book := k.random.IntN(len(ruleBooks))
	k.say("rules: book %d", book)
	if err := k.Change(walkRules(k.t, book)); err != nil {
		k.t.Fatal(err)
	}
}

// restart begins another life, which knows of the one before what was saved.
func (k *walk) restart() {
	text, err := k.Saved()
	if err != nil {
		return
	}
	now := k.now()
	set := Change{Version: k.Loop.versions[model.SubjectRules], Rules: k.former.rules}
	if k.random.IntN(3) == 0 {
		set = walkRules(k.t, k.random.IntN(len(ruleBooks)))
	}
	k.say("restarted, with rules %s", set.Name)
	k.trying = script{}
	k.world = newWorld(k.t, nil, set, k.trying.begin)
	k.clock = now
	k.restored = k.gone
	k.begin()
	first := k.random.IntN(2) == 0
	if first {
		k.discover(k.random.IntN(2) == 0)
	}
	if text != nil {
		if err := k.Restore(text); err != nil {
			k.t.Fatal(err)
		}
	}
	if !first {
		k.discover(false)
	}
}

// check compares what is served with the model.
func (k *walk) check() {
	for _, name := range wholes {
		if k.known[name] {
			k.checkNames(name)
			k.checkService(name)
		} else if k.shows[name].IsZero() && k.restored[name] == nil {
			k.checkNobody(name)
		}
	}
	for _, service := range k.Table().Services() {
		r := k.Table().Load(service)
		for _, a := range r.Answers() {
			k.sums(service, a)
		}
		for _, zone := range []string{"", "a", "b", "z9"} {
			k.sums(service, r.Weigh(from(zone)))
		}
	}
}

func from(zone string) *mesh.Request {
	return &mesh.Request{Source: mesh.Source{Zone: zone}, Headers: map[string]string{"cookie": "s=1"}}
}

func (k *walk) sums(service string, a router.Answer) {
	if a.Reason == router.NoEndpoints {
		for _, w := range a.Weights {
			if w != 0 {
				k.t.Errorf("%s: no endpoints, and weights %v", service, a.Weights)
			}
		}
		return
	}
	if err := a.Weights.Validate(); err != nil {
		k.t.Errorf("%s: route %s: %v: %v of %v", service, a.Route, err, a.Weights, a.Endpoints)
	}
}

// checkNames holds that all names of a service find it.
func (k *walk) checkNames(name string) {
	want := k.Table().Load(name + ".svc.cluster.local")
	names := []string{name, name + ".svc", name + ".svc.cluster.local.", strings.ToUpper(name)}
	if short, _, _ := strings.Cut(name, "."); short != "web" || !k.known["web.default"] || !k.known["web.other"] {
		names = append(names, short)
	}
	for _, n := range names {
		if r := k.Table().Load(n); r != want || r.Service == "" {
			k.t.Errorf("%s finds %q; want %q", n, r.Service, want.Service)
		}
	}
}

// checkNobody holds that a service which is not there, and was never measured, has none
// but the endpoints that rules list.
func (k *walk) checkNobody(name string) {
	for _, e := range k.Table().Load(name).Endpoints {
		if e.Name != "front" && e.Name != "web-1" {
			k.t.Errorf("%s: there is %s of a service that is gone", name, e.Name)
		}
	}
}

func (k *walk) checkService(name string) {
	r := k.Table().Load(name)
	there := k.places[name]
	for pod, e := range there {
		at := slices.IndexFunc(r.Endpoints, func(x mesh.Endpoint) bool { return x.Address == e.Address })
		if at < 0 {
			k.t.Errorf("%s: %s at %s is not among %v", name, pod, e.Address, r.Endpoints)
		} else if got := r.Endpoints[at]; got.Name != "front" && (got.Name != pod || got.Zone != e.Zone && e.Zone != "") {
			k.t.Errorf("%s: %+v; want %+v", name, got, e)
		}
	}
	for i, a := range r.Answers() {
		rule, _ := r.Rule(i)
		if rule == nil || rule.To[0].Service == "" {
			k.checkAnswer(name, a, rule, "")
		}
	}
	for _, zone := range []string{"", "a", "b", "z9"} {
		a := r.Weigh(from(zone))
		var rule *rules.Route
		for i, b := range r.Answers() {
			if x, _ := r.Rule(i); b.Route == a.Route {
				rule = x
			}
		}
		k.checkAnswer(name, a, rule, "")
	}
}

// carries reports whether an endpoint goes on by a decision since few are ready. One of
// other rules, of the other line or of a life before, may call it otherwise.
func (k *walk) carries(name, pod, called, address string) bool {
	r := k.Table().Load(name)
	all := []*router.Decision{r.Decision}
	for _, n := range k.lines() {
		for service, d := range n.made {
			if k.Table().Load(service) == r {
				all = append(all, d)
			}
		}
	}
	for _, d := range all {
		if d == nil {
			continue
		}
		for i, e := range d.Endpoints {
			if (e.Name == pod || e.Name == called || e.Address == address) && i < len(d.Carries) && d.Carries[i] {
				return true
			}
		}
	}
	return false
}

// checkAnswer holds who may have weight in an answer of a service.
func (k *walk) checkAnswer(name string, a router.Answer, rule *rules.Route, zone string) {
	there := k.places[name]
	_, on := k.Table().Trial()
	in := func(subset string) bool {
		if on && subset != "v1" && subset != "v2" { // the other line may lead to subsets alone
			return false
		}
		return rule == nil || slices.ContainsFunc(rule.To, func(t rules.Target) bool { return t.Subset == "" || t.Subset == subset })
	}
	ready, any := false, false
	for _, e := range there {
		ready = ready || e.State == discovery.Ready && in(e.Subset)
		any = any || in(e.Subset)
	}
	if any && a.Reason == router.NoEndpoints {
		k.t.Errorf("%s: route %s: no endpoints; there are %v", name, a.Route, there)
	}
	for i, e := range a.Endpoints {
		if !(a.Weights[i] > 0) {
			continue
		}
		pod := e.Name
		for is, x := range there {
			if e.Name == "front" && x.Address == e.Address {
				pod = is
			}
		}
		x, is := there[pod]
		switch {
		case is && x.State != discovery.Ready && ready && k.carries(name, pod, e.Name, x.Address):
		case is && x.State != discovery.Ready && ready:
			k.t.Errorf("%s: route %s: %s is %v and gets %v, of %v %v %v %v %v", name, a.Route, pod, x.State, a.Weights[i], a.Weights, a.Endpoints, a.Line, a.Reason, zone)
		case is, pod == "stranger", pod == "front":
		case k.restored[name] != nil && k.restored[name][pod].IsZero(): // whom metrics showed alone
		case pod == "web-1" && k.now().Sub(k.gone[name][pod]) > router.Lingers: // whom rules name alone
		default:
			k.t.Errorf("%s: route %s: %s is gone and gets %v; there are %v", name, a.Route, pod, a.Weights[i], there)
		}
	}
}
