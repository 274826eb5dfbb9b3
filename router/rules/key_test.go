package rules

import (
	"strings"
	"testing"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestKey(t *testing.T) {
	b := Balance{Hash: []HashKey{{Of: HashHeader, Name: "x-user"}, {Of: HashCookie, Name: "session"}, {Of: HashSource}, {Of: HashQuery, Name: "id"}}}
	for _, test := range []struct {
		name    string
		request mesh.Request
		want    string
	}{
		{"nothing", mesh.Request{}, ""},
		{"header first", mesh.Request{Headers: headers("x-user", "jason", "cookie", "session=1")}, "jason"},
		{"an empty header is none", mesh.Request{Headers: headers("x-user", "", "cookie", "session=1")}, "1"},
		{"cookie among others", mesh.Request{Headers: headers("cookie", "a=b; session=s-17 ; session=18")}, "s-17"},
		{"cookie in quotes", mesh.Request{Headers: headers("cookie", `x; mysession=3;session="a b=c"`)}, "a b=c"},
		{"no such cookie", mesh.Request{Headers: headers("cookie", "sessions=1; session; ;;="), Query: "id=7"}, "7"},
		{"query", mesh.Request{Query: "a=1&id=x%20y"}, "x y"},
	} {
		if got := b.Key(&test.request); got != test.want {
			t.Errorf("%s: key %q; want %q", test.name, got, test.want)
		}
	}
	if got := (&Balance{}).Key(&mesh.Request{Headers: headers("cookie", "session=1")}); got != "" {
		t.Errorf("without hash keys the key is %q", got)
	}
	r := mesh.Request{Headers: headers("cookie", "a=b; session=s-17")}
	if n := testing.AllocsPerRun(100, func() { b.Key(&r) }); n != 0 {
		t.Errorf("%v allocations per key", n)
	}
}

// FuzzCookie: whatever the header, the value is a part of it without a semicolon.
func FuzzCookie(f *testing.F) {
	for _, s := range []string{"", "a=b", "session=1; b=2", `session="`, `session=""`, "=;=;", "session = 3"} {
		f.Add(s, "session")
	}
	f.Fuzz(func(t *testing.T, header, name string) {
		if v := cookie(header, name); strings.Contains(v, ";") || !strings.Contains(header, v) {
			t.Errorf("cookie %q of %q is %q", name, header, v)
		}
	})
}
