package rules

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/fairway-mesh/fairway/mesh"
)

func compiled(t testing.TB, path string) *Set {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func headers(pairs ...string) map[string]string {
	h := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		h[pairs[i]] = pairs[i+1]
	}
	return h
}

// TestRequests walks requests, one by one, to the route that they must take.
func TestRequests(t *testing.T) {
	batch := map[string]string{"app": "batch-night"}
	for _, test := range []struct {
		name, file, service string
		request             mesh.Request
		want                string // "" for none
	}{
		{"jason", "content", "reviews", mesh.Request{Headers: headers("end-user", "jason")}, "jason"},
		{"not jason", "content", "reviews", mesh.Request{Headers: headers("end-user", "jasonia")}, "rest"},
		{"canary", "content", "reviews", mesh.Request{Headers: headers("x-canary", "true")}, "canary"},
		{"no canary", "content", "reviews", mesh.Request{Headers: headers("x-canary", "false")}, "rest"},
		{"first match wins", "content", "reviews", mesh.Request{Headers: headers("x-canary", "true", "end-user", "jason")}, "jason"},
		{"nothing said", "content", "reviews", mesh.Request{}, "rest"},
		{"split", "split", "reviews", mesh.Request{Path: "/"}, "split"},
		{"premium", "tiers", "orders", mesh.Request{Headers: headers("x-user-type", "premium")}, "premium"},
		{"standard", "tiers", "orders", mesh.Request{Headers: headers("x-user-type", "free")}, "standard"},
		{"unknown service", "tiers", "nobody", mesh.Request{}, "default"},
		{"path prefix", "paths", "shop", mesh.Request{Path: "/search/x", Method: "GET"}, "search"},
		{"prefix, other method", "paths", "shop", mesh.Request{Path: "/search/x", Method: "POST"}, ""},
		{"path too short", "paths", "shop", mesh.Request{Path: "/sea", Method: "GET"}, ""},
		{"regex", "paths", "shop", mesh.Request{Path: "/orders/17", Host: "shop.example.com"}, "orders"},
		{"regex, whole value", "paths", "shop", mesh.Request{Path: "/orders/17/x", Host: "shop.example.com"}, ""},
		{"regex, other host", "paths", "shop", mesh.Request{Path: "/orders/17", Host: "example.com"}, ""},
		{"query", "paths", "shop", mesh.Request{Query: "a=1&debug&level=3+or%20more"}, "debug"},
		{"query, only one", "paths", "shop", mesh.Request{Query: "debug=1"}, ""},
		{"source", "paths", "shop", mesh.Request{Source: mesh.Source{Labels: batch, Zone: "a"}}, "internal"},
		{"source, other zone", "paths", "shop", mesh.Request{Source: mesh.Source{Labels: batch, Zone: "b"}}, ""},
		{"header must be absent", "paths", "shop", mesh.Request{Source: mesh.Source{Labels: batch, Zone: "a"}, Headers: headers("x-trace", "")}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := compiled(t, "testdata/"+test.file+".yaml").Service(test.service)
			got := ""
			if i := m.Match(&test.request, nil); i >= 0 {
				got = m.Service.Routes[i].Name
			}
			if got != test.want {
				t.Errorf("route %q; want %q", got, test.want)
			}
		})
	}
}

func TestWhatIsRead(t *testing.T) {
	s := compiled(t, "testdata/tiers.yaml")
	orders := s.Service("orders").Service
	want := Route{
		Name: "premium", Match: Match{{Of: Header, Name: "x-user-type", Pattern: Pattern{Value: "premium"}}},
		To: []Target{{Subset: "high-performance", Weight: 100}}, Timeout: time.Second, Priority: 10, Retries: 2, Where: "testdata/tiers.yaml:7",
	}
	if diff := cmp.Diff(want, orders.Routes[0], cmp.AllowUnexported(Pattern{})); diff != "" {
		t.Error(diff)
	}
	objective := mesh.DefaultObjective()
	objective.Deadline, objective.Percentile = 3*time.Second, 0.95
	if diff := cmp.Diff(objective, orders.Objective); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Limits{Step: 0.2, Floor: 0.05, MaxEjection: 0.25}, orders.Limits); diff != "" {
		t.Error(diff)
	}
	if orders.Routes[0].Auto() || !compiled(t, "testdata/paths.yaml").Service("shop").Service.Routes[2].Auto() {
		t.Error("a written weight is not auto, and auto is")
	}
	if got := compiled(t, "testdata/content.yaml").Version(); got != "1.2.3" {
		t.Errorf("version %q; want the written one", got)
	}
	if got := s.Version(); len(got) != 12 {
		t.Errorf("version %q; want 12 digits of a hash", got)
	}
}

func TestNoFileHasDefaults(t *testing.T) {
	var none *Set
	m := none.Service("anything")
	if m.Match(&mesh.Request{}, nil) != 0 {
		t.Error("want one route that takes all")
	}
	want := Route{Name: "default", To: []Target{{Auto: true}}, Timeout: 30 * time.Second}
	if diff := cmp.Diff(want, m.Service.Routes[0]); diff != "" {
		t.Error(diff)
	}
	empty, err := Parse("empty", []byte("# nothing\n"))
	if err != nil || len(empty.Services) != 0 {
		t.Errorf("empty file: %v, %v", empty, err)
	}
}

func TestClass(t *testing.T) {
	s := compiled(t, "testdata/paths.yaml")
	for path, want := range map[string]string{"/search": "search", "/": "write"} {
		if got := s.Class(&mesh.Request{Path: path, Method: "PUT"}); got != want {
			t.Errorf("PUT %s is %q; want %q", path, got, want)
		}
	}
	if got := s.Class(&mesh.Request{Path: "/", Method: "GET"}); got != "" {
		t.Errorf("class %q; want none", got)
	}
}

func TestCriteriaGateARoute(t *testing.T) {
	m := compiled(t, "testdata/paths.yaml").Service("shop")
	r := mesh.Request{Path: "/search", Method: "GET"}
	if got := m.Match(&r, []bool{true, true, true, true}); got != 2 {
		t.Errorf("met: route %d; want 2", got)
	}
	if got := m.Match(&r, []bool{true, true, false, true}); got != -1 {
		t.Errorf("not met: route %d; want none", got)
	}
}

func TestCriterion(t *testing.T) {
	w := mesh.Window{
		Schema:    &mesh.Schema{Series: []mesh.Series{{Name: mesh.LatencyP99}, {Name: mesh.RequestRate}, {Name: mesh.ErrorRatio}}},
		Endpoints: []mesh.Endpoint{{Name: "a"}, {Name: "b"}, {Name: "c"}},
		Values:    []float64{0.1, 900, 0.01, 0.4, 300, math.NaN(), 9, 9, 9},
		Requests:  []float64{900, 300, 9},
	}
	notC := func(i int) bool { return i != 2 }
	for _, test := range []struct {
		metric, text string
		value        float64
		met          bool
	}{
		{"p99", "<200ms", 0.175, true}, // (0.1·900 + 0.4·300) / 1200
		{"p99", "<175ms", 0.175, false},
		{"p99", "<= 175ms", 0.175, true},
		{"request_rate", ">1000", 1200, true},
		{"request_rate", ">=1200.5", 1200, false},
		{"error_ratio", "<0.05", 0.01, true}, // b's is unknown
		{"mean", "<1h", math.NaN(), false},   // the schema has none
	} {
		c, err := ParseCriterion(test.metric, test.text)
		if err != nil {
			t.Fatal(err)
		}
		value, met := c.Met(&w, notC)
		if met != test.met || math.Abs(value-test.value) > 1e-12 || math.IsNaN(value) != math.IsNaN(test.value) {
			t.Errorf("%v: %v, %v; want %v, %v", c, value, met, test.value, test.met)
		}
	}
	c, _ := ParseCriterion("error_ratio", "<0.05")
	if _, met := c.Met(&w, func(i int) bool { return i == 1 }); met {
		t.Error("an unknown metric meets a criterion")
	}
	w.Requests = []float64{math.NaN(), 0, 0}
	c, _ = ParseCriterion("p99", "<200ms")
	if value, _ := c.Met(&w, notC); math.Abs(value-0.25) > 1e-12 {
		t.Errorf("without traffic %v; want the plain mean 0.25", value)
	}
}

func TestExplain(t *testing.T) {
	m := compiled(t, "testdata/paths.yaml").Service("shop")
	r := mesh.Request{Path: "/search", Method: "GET", Query: "debug&level=1", Headers: headers("x-trace", "7")}
	want := []Step{
		{"internal", false, `source label "app" prefix "batch-": the request has none`},
		{"debug", false, `query parameter "level" = "3 or more": it is "1"`},
		{"search", false, `criteria not met by the current metrics: p99 < 200ms, error_ratio < 0.05, request_rate > 1000`},
		{"orders", false, `path regex "/orders/[0-9]+": it is "/search"`},
	}
	// The order of conditions is that of the file.
	if diff := cmp.Diff(want, m.Explain(&r, make([]bool, 4))); diff != "" {
		t.Error(diff)
	}
	want = append(want[:2:2], Step{"search", true, `path prefix "/search", method = "GET"; p99 < 200ms, error_ratio < 0.05, request_rate > 1000`})
	if diff := cmp.Diff(want, m.Explain(&r, nil)); diff != "" {
		t.Error(diff)
	}
	rest := compiled(t, "testdata/split.yaml").Service("reviews").Explain(&r, nil)
	if diff := cmp.Diff([]Step{{"split", true, "matches every request"}}, rest); diff != "" {
		t.Error(diff)
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	m := compiled(t, "testdata/paths.yaml").Service("shop")
	r := mesh.Request{
		Path: "/orders/17", Method: "GET", Host: "shop.example.com", Query: "debug&level=1",
		Source: mesh.Source{Labels: map[string]string{"app": "web"}, Zone: "a"},
	}
	met := []bool{true, true, true, true}
	if got := m.Match(&r, met); got != 3 {
		t.Fatalf("route %d; want 3", got)
	}
	if n := testing.AllocsPerRun(1000, func() { m.Match(&r, met) }); n != 0 {
		t.Errorf("%v allocations per match; want 0", n)
	}
}

func BenchmarkMatch(b *testing.B) {
	m := compiled(b, "testdata/paths.yaml").Service("shop")
	r := mesh.Request{Path: "/orders/17", Method: "GET", Host: "shop.example.com", Query: "debug&level=1"}
	b.ReportAllocs()
	for b.Loop() {
		m.Match(&r, nil)
	}
}

// BenchmarkTenRoutes is the size of most services.
func BenchmarkTenRoutes(b *testing.B) {
	var s Service
	for i := range 9 {
		c, err := NewPattern(Prefix, "/api/things"+string(rune('a'+i)))
		if err != nil {
			b.Fatal(err)
		}
		user := Pattern{Value: "user-" + string(rune('a'+i))}
		s.Routes = append(s.Routes, Route{Name: "r", Match: Match{{Of: Path, Pattern: c}, {Of: Header, Name: "end-user", Pattern: user}}})
	}
	s.Routes = append(s.Routes, Route{Name: "rest"})
	set, err := Compile(&File{Services: []Service{s}})
	if err != nil {
		b.Fatal(err)
	}
	m := set.Service("")
	h := headers("end-user", "user-c", "accept", "*/*", "user-agent", "curl/8")
	for _, test := range []struct {
		name, path string
		want       int
	}{{"third", "/api/thingsc/1", 2}, {"last", "/other", 9}} {
		b.Run(test.name, func(b *testing.B) {
			r := mesh.Request{Path: test.path, Method: "GET", Host: "shop.example.com", Headers: h}
			b.ReportAllocs()
			for b.Loop() {
				if m.Match(&r, nil) != test.want {
					b.Fatal("another route")
				}
			}
		})
	}
}
