package rules

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

// naive is what an index must agree with.
func naive(matches []Match, r *mesh.Request, taken []bool) int {
	for i := range matches {
		if (taken == nil || taken[i]) && matches[i].Matches(r) {
			return i
		}
	}
	return -1
}

func (w *world) matches(n, most int) []Match {
	var list []Match
	for range n {
		list = append(list, w.match(most))
	}
	return list
}

// taken leaves out one in eight.
func (w *world) taken(n int) []bool {
	taken := make([]bool, n)
	for i := range taken {
		taken[i] = w.IntN(8) > 0
	}
	return taken
}

// TestIndexAgrees compares the index with walking the rules: many requests to
// 1,000 rules of several conditions, and fewer to many other sets of rules.
func TestIndexAgrees(t *testing.T) {
	sets, requests, great := 300, 300, 1_000_000
	if testing.Short() || raceEnabled {
		sets, great = 60, 50_000
	}
	found := 0
	agree := func(w *world, matches []Match, taken []bool, requests int) {
		t.Helper()
		x := newIndex(matches)
		for i := range requests {
			r := w.request()
			taken := taken
			if i%2 == 0 {
				taken = nil
			}
			got, want := x.find(r, taken), naive(matches, r, taken)
			if got != want {
				t.Fatalf("%+v\ntakes rule %d, want %d", r, got, want)
			}
			if got >= 0 {
				found++
			}
		}
	}
	for seed := range uint64(sets) {
		w := newWorld(rand.New(rand.NewPCG(seed, 8)), 6+int(seed%50))
		n := fewest + int(seed)
		agree(w, w.matches(n, 1+int(seed%5)), w.taken(n), requests)
	}
	if found < sets*requests/4 {
		t.Errorf("%d of %d requests take a rule, too few to tell", found, sets*requests)
	}
	w := newWorld(rand.New(rand.NewPCG(1, 2)), 60)
	agree(w, w.matches(1000, 6), w.taken(1000), great)

	several := w.taken(2*blockSize + 100)
	clear(several[:blockSize]) // else the first block has one for each
	agree(w, w.matches(len(several), 6), several, 5000)
}

// TestCompiledAgrees: routes and classes are looked up, and Explain says the same.
func TestCompiledAgrees(t *testing.T) {
	w := newWorld(rand.New(rand.NewPCG(5, 6)), 30)
	matches := w.matches(100, 5)
	file := &File{Services: []Service{{Name: "s"}}}
	for i, m := range matches {
		file.Classes = append(file.Classes, Class{Name: fmt.Sprint(i), Match: m})
		file.Services[0].Routes = append(file.Services[0].Routes, Route{Name: fmt.Sprint(i), Match: m})
	}
	set, err := Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	matcher, met := set.Service("s"), w.taken(len(matches))
	for range 1000 {
		r := w.request()
		class := ""
		if i := naive(matches, r, nil); i >= 0 {
			class = fmt.Sprint(i)
		}
		if got := set.Class(r); got != class {
			t.Fatalf("%+v is of class %q, want %q", r, got, class)
		}
		got, steps := matcher.Match(r, met), matcher.Explain(r, met)
		if last := steps[len(steps)-1]; got != naive(matches, r, met) || last.Matched != (got >= 0) || got >= 0 && got != len(steps)-1 {
			t.Fatalf("%+v takes route %d; Explain says %+v", r, got, last)
		}
	}
}

// FuzzIndex takes any text as the values of conditions and requests.
func FuzzIndex(f *testing.F) {
	f.Add(uint64(1), "/shop/items", "/shop/Items/7", "/shop/items/7")
	f.Add(uint64(2), "a\xff\xfe\u00e9", "A\xff", "a\xff\xfe")
	f.Add(uint64(3), "", "//", "/")
	f.Add(uint64(4), "(?i)a.*|b", "K\u212a", "k")
	f.Fuzz(func(t *testing.T, seed uint64, one, two, value string) {
		w := newWorld(rand.New(rand.NewPCG(seed, 5)), 9)
		part := func(text string) string { return text[:w.IntN(len(text)+1)] }
		var matches []Match
		for range 40 {
			m := w.match(2)
			for i := range m {
				p, err := NewPattern(Op(w.IntN(int(PathPrefix)+1)), part(pick(w, []string{one, two})))
				if err != nil {
					continue // no regular expression
				}
				p.IgnoreCase = w.IntN(2) == 0
				m[i].Pattern = p
			}
			matches = append(matches, m)
		}
		x, taken := newIndex(matches), w.taken(len(matches))
		for range 40 {
			text := func() string { return pick(w, []string{value, one, two, part(value) + part(one)}) }
			r := w.request()
			r.Path, r.Host, r.Query = text(), text(), pick(w, w.names[Query])+"="+text()
			for name := range r.Headers {
				r.Headers[name] = text()
			}
			if got, want := x.find(r, taken), naive(matches, r, taken); got != want {
				t.Fatalf("%+v\ntakes rule %d, want %d", r, got, want)
			}
		}
	})
}

// mix is a set of rules and requests to them, to measure with.
type mix struct {
	name     string
	matches  []Match
	requests []*mesh.Request
}

const mixRules, mixRequests = 1000, 4096

func newMix(name string, rule func(i int) []string, request func(r *rand.Rand) *mesh.Request) func(testing.TB) mix {
	return func(t testing.TB) mix {
		m := mix{name: name}
		for i := range mixRules {
			var match Match
			for _, c := range rule(i) {
				match = append(match, asks(t, c))
			}
			m.matches = append(m.matches, match)
		}
		r := rand.New(rand.NewPCG(3, 4))
		for range mixRequests {
			m.requests = append(m.requests, request(r))
		}
		return m
	}
}

func list(words ...string) []string { return words }

// common are headers that requests have beside those that rules ask of.
func common(pairs ...string) map[string]string {
	return headers(append(pairs, "accept", "*/*", "user-agent", "curl/8", "x-request-id", "7d2c", "traceparent", "00-1-2-01", "cookie", "a=b", "content-type", "application/json")...)
}

// The mixes: one as meshes have them, those that are hard for one way of finding
// rules or another, and what the index cannot help.
var mixes = []func(testing.TB) mix{
	newMix("realistic", func(i int) []string {
		rule := list(fmt.Sprintf("host exact svc%d.example.com", i%40), fmt.Sprintf("path prefix /api/v%d/things%d", i%3, i/4))
		switch i % 5 {
		case 0:
			rule = append(rule, "method exact GET")
		case 1:
			rule = append(rule, "header:end-user regex user-[0-9]*"+fmt.Sprint(i%7))
		case 2:
			rule = append(rule, "header:x-canary exact true")
		}
		return rule
	}, func(r *rand.Rand) *mesh.Request {
		i := r.IntN(1100)
		return &mesh.Request{Method: "GET", Host: fmt.Sprintf("svc%d.example.com", i%40), Path: fmt.Sprintf("/api/v%d/things%d/77", i%3, i/4),
			Headers: common("end-user", fmt.Sprint("user-", r.IntN(100)), "x-canary", "true")}
	}),
	newMix("one prefix, a header's value each", func(i int) []string {
		return list("path prefix /api/", fmt.Sprintf("header:x-tenant exact tenant-%d", i))
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Path: "/api/orders", Headers: common("x-tenant", fmt.Sprint("tenant-", r.IntN(1100)))}
	}),
	newMix("one header, nested prefixes", func(i int) []string {
		return list("header:x-team present", fmt.Sprintf("path path_prefix /a%d/b%d/c%d", i%10, i/10%10, i/100))
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Path: fmt.Sprintf("/a%d/b%d/c%d/d", r.IntN(10), r.IntN(10), r.IntN(11)), Headers: common("x-team", "red")}
	}),
	newMix("each combination of three subjects", func(i int) []string {
		return list(fmt.Sprintf("host exact h%d", i%10), fmt.Sprintf("path prefix /p%d", i/10%10), fmt.Sprintf("header:x-user exact %d", i/100))
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Host: fmt.Sprint("h", r.IntN(10)), Path: fmt.Sprintf("/p%d/x", r.IntN(10)), Headers: common("x-user", fmt.Sprint(r.IntN(11)))}
	}),
	newMix("a header of its own each", func(i int) []string {
		return list("path prefix /", fmt.Sprintf("header:x-flag-%d exact on", i))
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Path: "/x", Headers: common(fmt.Sprint("x-flag-", r.IntN(1000)), "off", fmt.Sprint("x-flag-", r.IntN(1100)), "on")}
	}),
	newMix("regular expressions with a beginning", func(i int) []string {
		return list(fmt.Sprintf("path regex ^/shop/%d/items/[0-9]+$", i))
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Path: fmt.Sprintf("/shop/%d/items/%d", r.IntN(1100), r.IntN(1e6)), Headers: common()}
	}),
	newMix("in any case, negated", func(i int) []string {
		return list(fmt.Sprintf("path exact~ /Shop/%d", i%500), fmt.Sprintf("not header:x-env exact env-%d", i%3), "not method exact TRACE")
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Method: "GET", Path: fmt.Sprintf("/shop/%d", r.IntN(600)), Headers: common("x-env", fmt.Sprint("env-", r.IntN(3)))}
	}),
	newMix("query parameters and labels", func(i int) []string {
		return list(fmt.Sprintf("query:q%d exact %d", i%50, i), fmt.Sprintf("label:app exact app-%d", i%20))
	}, func(r *rand.Rand) *mesh.Request {
		i := r.IntN(1100)
		return &mesh.Request{Query: fmt.Sprintf("page=3&q%d=%d&sort=up", i%50, i), Headers: common(), Source: mesh.Source{Labels: headers("app", fmt.Sprint("app-", i%20), "version", "v1")}}
	}),
	newMix("regular expressions with an end only", func(i int) []string {
		return list(fmt.Sprintf("path regex .*/file-%d", i))
	}, func(r *rand.Rand) *mesh.Request {
		return &mesh.Request{Path: fmt.Sprintf("/download/file-%d", r.IntN(1100)), Headers: common()}
	}),
}

func TestIndexDoesNotAllocate(t *testing.T) {
	for _, m := range mixes {
		m := m(t)
		x, i := newIndex(m.matches), 0
		if n := testing.AllocsPerRun(2000, func() { x.find(m.requests[i%mixRequests], nil); i++ }); n != 0 {
			t.Errorf("%s: %v allocations; want 0", m.name, n)
		}
	}
}

// TestIndexComparesFew counts the rules that are left to compare in full, which
// does not depend on the machine.
func TestIndexComparesFew(t *testing.T) {
	for _, m := range mixes[:len(mixes)-1] {
		m := m(t)
		x := newIndex(m.matches)
		left, found := 0, 0
		for _, r := range m.requests {
			first := x.find(r, nil)
			if first != naive(m.matches, r, nil) {
				t.Fatalf("%s: %+v takes rule %d", m.name, r, first)
			}
			if first >= 0 {
				found++
			}
			left += x[0].possible(r).before(first)
		}
		if found < mixRequests/2 || found == mixRequests {
			t.Errorf("%s: %d of %d requests take a rule; want most of them", m.name, found, mixRequests)
		}
		if mean := float64(left) / mixRequests; mean > 1 {
			t.Errorf("%s: %.2f rules per request are compared in vain; want at most 1", m.name, mean)
		}
	}
}

// before counts the rules before first, all when that is -1.
func (s set) before(first int) (n int) {
	for i := range blockSize {
		if i == first {
			break
		}
		if s.has(i) {
			n++
		}
	}
	return n
}

func BenchmarkNewIndex(b *testing.B) {
	matches := newWorld(rand.New(rand.NewPCG(1, 2)), 60).matches(mixRules, 6)
	for b.Loop() {
		newIndex(matches)
	}
}

func BenchmarkIndex(b *testing.B) {
	for _, m := range mixes {
		m := m(b)
		x := newIndex(m.matches)
		b.Run(m.name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				x.find(m.requests[i%mixRequests], nil)
			}
		})
	}
	w := newWorld(rand.New(rand.NewPCG(1, 2)), 60)
	matches := w.matches(1000, 6)
	x := newIndex(matches)
	var requests []*mesh.Request
	for range mixRequests {
		requests = append(requests, w.request())
	}
	b.Run("all kinds", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			x.find(requests[i%mixRequests], nil)
		}
	})
}
