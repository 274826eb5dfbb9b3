package rules

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// asks reads a condition that is written as "[not] PART OP[~] VALUE"; a part with
// a name is PART:NAME, and ~ ignores case.
func asks(t testing.TB, text string) Condition {
	t.Helper()
	text, not := strings.CutPrefix(text, "not ")
	words := strings.SplitN(text, " ", 3)
	for len(words) < 3 {
		words = append(words, "")
	}
	part, name, _ := strings.Cut(words[0], ":")
	op, fold := strings.CutSuffix(words[1], "~")
	c, err := ReadCondition(part, name, op, words[2], fold, not)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestImplies(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"path exact /a", "path exact /a", true},
		{"path exact /a", "path exact /b", false},
		{"path exact /a", "method exact /a", false},
		{"header:x exact 1", "header:y exact 1", false},
		{"path exact /a/b", "path prefix /a", true},
		{"path exact /ab", "path path_prefix /a", false},
		{"path exact /a/b", "path path_prefix /a/", true},
		{"path exact /a/1", "path regex /a/[0-9]", true},
		{"path exact /a/b", "path regex /a/[0-9]", false},
		{"path exact /a/b", "not path regex /a/[0-9]", true},
		{"path exact /a", "not path exact /b", true},
		{"path exact /a", "not path exact~ /A", false},
		{"path exact~ /a", "path exact /a", false},
		{"path exact~ /a", "path exact~ /A", true},
		{"path exact~ /a/b", "path prefix~ /A", true},
		{"path exact~ /a/b", "path prefix /a", false},
		{"path exact~ /a/b", "path prefix /", true},
		{"path exact /A/b", "path prefix~ /a/B", true},
		{"path prefix /a/b", "path prefix /a", true},
		{"path prefix /a", "path prefix /a/b", false},
		{"path prefix /a", "path path_prefix /a", false},
		{"path prefix /a/", "path path_prefix /a", true},
		{"path prefix /", "path path_prefix /", true},
		{"path path_prefix /", "path prefix /", true},
		{"path path_prefix /a", "path prefix /a", true},
		{"path path_prefix /a", "path prefix /a/", false},
		{"path path_prefix /a", "path path_prefix /a/", true},
		{"path path_prefix /a//", "path path_prefix /a/", true},
		{"path path_prefix /a/", "path path_prefix /a//", false},
		{"path path_prefix /ab", "path path_prefix /a", false},
		{"path path_prefix~ /A/b", "path path_prefix~ /a", true},
		{"path regex /a/[0-9]+", "path prefix /a/", true},
		{"path regex ^/a/.*$", "path path_prefix /a", true},
		{"path regex (?i)/a/.*", "path prefix /a", false},
		{"path regex /a|/b", "path prefix /a", false},
		{"path regex /a.*", "path regex /a.*", true},
		{"header:x exact 1", "header:x present", true},
		{"header:x prefix 1", "header:x present", true},
		{"header:x absent", "header:x present", false},
		{"header:x absent", "not header:x present", true},
		{"not header:x present", "header:x absent", true},
		{"not header:x absent", "header:x present", true},
		{"header:x absent", "not header:x exact 1", true},
		{"header:x absent", "not header:x absent", false},
		{"not path prefix /a", "not path exact /a/b", true},
		{"not path exact /a/b", "not path prefix /a", false},
		{"not path exact /a", "path present", false},
	} {
		a, b := Match{asks(t, test.a)}, Match{asks(t, test.b)}
		if got := a.Implies(b); got != test.want {
			t.Errorf("%s implies %s: %t", test.a, test.b, got)
		}
	}
}

// TestWhatIsImpliedHolds: no request that one match holds for is one that a match
// which it implies does not hold for.
func TestWhatIsImpliedHolds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	world := newWorld(r, 12)
	implied := 0
	for range 6000 {
		a, b := world.match(3), world.match(2)
		if !a.Implies(b) {
			continue
		}
		implied++
		for range 200 {
			if request := world.request(); a.Matches(request) && !b.Matches(request) {
				t.Fatalf("%v is said to imply %v, but not of %+v", joined(a), joined(b), request)
			}
		}
	}
	if implied < 100 {
		t.Errorf("only %d of the pairs imply, too few to tell", implied)
	}
}

func TestUnreachable(t *testing.T) {
	route := func(name string, conditions ...string) Route {
		r := Route{Name: name, Where: "r.yaml:" + name}
		for _, c := range conditions {
			r.Match = append(r.Match, asks(t, c))
		}
		return r
	}
	gated := route("2", "path prefix /b")
	gated.Criteria = []Criterion{{Metric: "p99", Op: "<", Limit: 1}}
	got := Unreachable([]Route{
		route("1", "path prefix /a"),
		gated,
		route("3", "path exact /b"), // while the criteria of 2 are not met
		route("4", "method exact GET", "path exact /a/b"),
		route("5"),
		route("6", "host exact h"),
	})
	want := []Unreached{
		{3, 0, `route "4" is never reached: route "1" at r.yaml:1 takes all requests with path prefix "/a"; put that one after it, or remove one`},
		{5, 4, `route "6" is never reached: route "5" at r.yaml:5 takes every request; put that one last`},
	}
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestLiterals(t *testing.T) {
	for expression, want := range map[string][2]string{
		"/orders/[0-9]+":       {"/orders/", ""},
		"^/orders/(.*)/x$":     {"/orders/", "/x"},
		`(/a)(/b)\d`:           {"/a/b", ""},
		"jason":                {"jason", ""},
		"(?i)jason":            {"", ""},
		"POST|PUT":             {"P", ""},
		".*foo":                {"", "foo"},
		"a?b":                  {"", "b"},
		"(?m)^a$.*":            {"a", ""},
		"\uFFFDx":              {"", ""},
		"a)|(?:b":              {"", ""},
		"x{2}y*":               {"xx", ""},
		`v1\.example\.com.+\.`: {"v1.example.com", "."},
	} {
		if head, tail := literals(expression); head != want[0] || tail != want[1] {
			t.Errorf("%s: %q, %q; want %q", expression, head, tail, want)
		}
	}
	p, _ := NewPattern(Regex, "\uFFFDx")
	if !p.Matches("\xffx", true) {
		t.Error("RE2 takes what is no UTF-8 as U+FFFD")
	}
}
