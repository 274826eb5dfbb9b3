package manifest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// one reads a text that holds one object.
func one(t *testing.T, text string) *Object {
	t.Helper()
	objects, err := Read("f.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(objects) != 1 {
		t.Fatalf("%d objects, want 1", len(objects))
	}
	return &objects[0]
}

func TestRead(t *testing.T) {
	objects, err := Read("f.yaml", []byte(`# a comment, and an empty document

---
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
  namespace: shop
  creationTimestamp: 2026-01-02T15:04:05Z
  annotations: {config/version: 1.10}
  labels:
    app: reviews
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata: {name: a}
-
- {apiVersion: v1, kind: ServiceList, items: [{apiVersion: v1, kind: Service, metadata: {name: b}}]}
---
# nothing
...
`))
	if err != nil {
		t.Fatal(err)
	}
	type told struct {
		Line                      int
		GroupKind, Text, Home, At string
	}
	var got []told
	for i := range objects {
		o := &objects[i]
		got = append(got, told{o.Line, o.GroupKind(), o.String(), o.Home(), o.At("http")})
	}
	want := []told{
		{5, "networking.istio.io/VirtualService", "VirtualService shop/reviews", "shop", "f.yaml:5"},
		{18, "/Service", "Service a", "default", "f.yaml:18"},
		{22, "/Service", "Service b", "default", "f.yaml:22"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got := objects[0].Annotations["config/version"]; got != "1.10" {
		t.Errorf("config/version is %q, want the text as it stands", got)
	}
	if got := objects[0].Created; !got.Equal(time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)) {
		t.Errorf("created %v", got)
	}
	if got := objects[0].Labels["app"]; got != "reviews" {
		t.Errorf("label app is %q", got)
	}
}

// TestReadRefuses gives texts with one thing wrong.
func TestReadRefuses(t *testing.T) {
	head := "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
	for _, test := range []struct{ text, want string }{
		{"a: [", "f.yaml:1: this is not YAML"},
		{head + "spec:\n\t- x\n", "f.yaml:5: this is not YAML"},
		{head + "---\nkind: Service\n", "f.yaml:5: the object has no apiVersion"},
		{"- 1", "f.yaml:1: a document is a list"},
		{"apiVersion: v1\nkind: Service\n", "f.yaml:1: Service has no metadata"},
		{"apiVersion: v1\nkind: Service\nmetadata: {}\n", "f.yaml:3: Service has no name"},
		{"apiVersion: v1\nkind: A\nmetadata: {name: a, creationTimestamp: now}\n", `creationTimestamp is "now"`},
		{"apiVersion: v1\nkind: [Service]\n", "f.yaml:2: kind is a list"},
		{head + "kind: Service\n", `f.yaml:4: "kind" stands twice, first in line 2`},
		{head + "spec: {? [a] : b}\n", "f.yaml:4: a field's name is a list"},
		{"apiVersion: v1\nkind: List\nitems: 3\n", `f.yaml:3: items is "3"`},
		{"apiVersion: v1\nkind: Service\nmetadata: {name: a, labels: [x]}\n", "f.yaml:3: labels is a list"},
		{head + "spec: &a {b: *a}\n", "f.yaml:4: alias *a stands within what it is an alias of"},
		{head + "spec: {<<: 3}\n", "f.yaml:4: << merges mappings"},
		{head + "spec: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "nested deeper than 100"},
		{strings.Repeat("#", MaxSize+1), "split it"},
	} {
		objects, err := Read("f.yaml", []byte(test.text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: %v, want %q", test.text, err, test.want)
		}
		if objects != nil {
			t.Errorf("%.60q: objects beside an error", test.text)
		}
	}
}

// TestBombs reads aliases that would grow to more than the machine holds.
func TestBombs(t *testing.T) {
	laughs := "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := range 30 {
		n := string(rune('0'+i/10)) + string(rune('0'+i%10))
		before := "0"
		if i > 0 {
			before = string(rune('0'+(i-1)/10)) + string(rune('0'+(i-1)%10)) + "x"
		}
		laughs += "  a" + n + "x: &a" + n + "x [" + strings.Repeat("*a"+before+", ", 10) + "]\n"
	}
	merges := "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  a: &a {"
	for i := range 3000 {
		merges += "k" + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676)) + ": 1, "
	}
	merges += "}\n  b:\n" + strings.Repeat("  - {<<: *a}\n", 3000)
	text := "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec:\n  a: &a " + strings.Repeat("x", 1<<20) +
		"\n  b: [" + strings.Repeat("*a, ", 1000) + "]\n"
	for name, bomb := range map[string]string{"laughs": laughs, "merges": merges, "long text": text} {
		if _, err := Read("f.yaml", []byte(bomb)); err == nil || !strings.Contains(err.Error(), "once aliases are followed") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAliases(t *testing.T) {
	o := one(t, `apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  fieldViolations:
  - &first {field: a, description: one}
  - *first
  - <<: *first
    field: b
`)
	var got errdetails.BadRequest
	if err := o.Spec(&got); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, v := range got.FieldViolations {
		texts = append(texts, v.Field+" "+v.Description)
	}
	if diff := cmp.Diff([]string{"a one", "a one", "b one"}, texts); diff != "" {
		t.Error(diff)
	}
}

func TestLooks(t *testing.T) {
	for text, want := range map[string]bool{
		"":                                  false,
		"services: []":                      false,
		"[":                                 false,
		"---\n---\napiVersion: v1\nkind: A": true,
		`{"apiVersion": "v1", "kind": "A"}`: true,
		"kind: A":                           false,
	} {
		if got := Looks([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestLineOf(t *testing.T) {
	o := one(t, `apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  http:
  - match:
    - uri: {exact: /}
    - headers:
        a: b
`)
	for _, test := range []struct {
		path []any
		want int
	}{
		{nil, 4},
		{[]any{"http"}, 5},
		{[]any{"http", 0}, 6},
		{[]any{"http", 0, "match", 1}, 8},
		{[]any{"http", 0, "match", 1, "headers", "a"}, 9},
		{[]any{"http", 0, "match", 7}, 6},
		{[]any{"http", 0, "route"}, 6},
		{[]any{"tcp"}, 4},
		{[]any{3.5}, 4},
	} {
		if got := o.LineOf(test.path...); got != test.want {
			t.Errorf("%v: line %d, want %d", test.path, got, test.want)
		}
	}
	if !o.Has("http", 0, "match", 1, "headers") || o.Has("http", 0, "route") {
		t.Error("Has does not tell what is written")
	}
}

func TestSpecOfMessage(t *testing.T) {
	head := "apiVersion: v1\nkind: A\nmetadata: {name: a}\n"
	var info errdetails.RetryInfo
	if err := one(t, head+"spec: {retryDelay: 1m0.5s}").Spec(&info); err != nil {
		t.Fatal(err)
	}
	if got := info.RetryDelay.AsDuration(); got != time.Minute+500*time.Millisecond {
		t.Errorf("retryDelay is %v", got)
	}
	var named errdetails.ErrorInfo
	if err := one(t, head+"spec: {reason: yes, domain: null, metadata: {a: b}}").Spec(&named); err != nil {
		t.Fatal(err)
	}
	if named.Reason != "yes" || named.Metadata["a"] != "b" {
		t.Errorf("read %v", &named)
	}
	if err := one(t, head).Spec(&named); err != nil {
		t.Errorf("no spec: %v", err)
	}
}

// TestUnknownFields finds all of them, with what is near.
func TestUnknownFields(t *testing.T) {
	o := one(t, `apiVersion: v1
kind: A
metadata:
  name: a
  anotations: {}
specs: {}
spec:
  fieldViolations:
  - field: a
    descripton: b
  - field: 3
    localized_message: {}
    nothing: x
`)
	want := `f.yaml:6: unknown field "specs" in the object; did you mean spec?
f.yaml:5: unknown field "anotations" in metadata; did you mean annotations?
f.yaml:10: unknown field "descripton" in spec.fieldViolations[0]; did you mean description?
f.yaml:12: unknown field "localized_message" in spec.fieldViolations[1]; did you mean localizedMessage?
f.yaml:13: unknown field "nothing" in spec.fieldViolations[1]; use one of field, description, reason, localizedMessage
f.yaml:11: in the spec: invalid value for string field field: 3`
	var m errdetails.BadRequest
	err := o.Spec(&m)
	if err == nil {
		t.Fatal("no error")
	}
	if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), "\u00a0", " ")); diff != "" {
		t.Error(diff)
	}
}

// TestDurations names the field of one that cannot be read.
func TestDurations(t *testing.T) {
	o := one(t, "apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec:\n  retryDelay: 3\n")
	var m errdetails.RetryInfo
	if err := o.Spec(&m); err == nil || err.Error() != "f.yaml:5: spec.retryDelay is 3; want a duration with a unit, such as 3s" {
		t.Error(err)
	}
	o = one(t, "apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec:\n  retryDelay: 1m0.5s\n")
	if err := o.Spec(&m); err != nil || m.RetryDelay.AsDuration() != 60500*time.Millisecond {
		t.Error(m.RetryDelay, err)
	}
}

type inner struct {
	Kept string `json:"kept,omitempty"`
}

type plain struct {
	inner  `json:",inline"`
	Name   *string           `json:"name"`
	List   []inner           `json:"list"`
	Map    map[string]*inner `json:"map"`
	Hidden int               `json:"-"`
	When   time.Time         `json:"when"`
	Port   *int32            `json:"port"`
}

func TestSpecOfStruct(t *testing.T) {
	head := "apiVersion: v1\nkind: A\nmetadata: {name: a}\nspec:\n"
	var got plain
	if err := one(t, head+"  name: x\n  kept: y\n  list: [{kept: z}]\n  map: {k: {kept: w}}\n  port: 80\n").Spec(&got); err != nil {
		t.Fatal(err)
	}
	if *got.Name != "x" || got.Kept != "y" || got.List[0].Kept != "z" || got.Map["k"].Kept != "w" || *got.Port != 80 {
		t.Errorf("read %+v", got)
	}
	for _, test := range []struct{ text, want string }{
		{"  Name: x\n", `f.yaml:5: unknown field "Name" in spec; did you mean name?`},
		{"  Hidden: 1\n", `f.yaml:5: unknown field "Hidden" in spec; use one of kept, list, map, name, port, when`},
		{"  list:\n  - kept: a\n  - kep: a\n", `f.yaml:7: unknown field "kep" in spec.list[1]; did you mean kept?`},
		{"  map:\n    a: {x: 1}\n", `f.yaml:6: unknown field "x" in spec.map.a`},
		{"  list:\n  - kept: a\n  - kept: 7\n", `f.yaml:7: in the spec: list.kept is a number; want text`},
		{"  port: many\n", `f.yaml:5: in the spec: port is a string; want a int32`},
		{"  list: 3\n", `f.yaml:5: in the spec: list is a number; want a list`},
		{"  map:\n    a:\n", "f.yaml:6: spec.map.a is empty; write {} if that is meant"},
		{"  list:\n  - kept: a\n  -\n", "f.yaml:7: spec.list[1] is empty"},
		{"  when: noon\n", `f.yaml:4: in the spec: `},
	} {
		var p plain
		if err := one(t, head+test.text).Spec(&p); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v, want %q", test.text, err, test.want)
		}
	}
}

func TestService(t *testing.T) {
	objects, err := Read("f.yaml", []byte(`
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: a, namespace: shop}}
---
{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: b, namespace: istio-system}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: shop}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: d, namespace: jobs}}
---
{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: e, namespace: infra}}
---
{apiVersion: security.istio.io/v1, kind: PeerAuthentication, metadata: {name: c, namespace: other}}
`))
	if err != nil {
		t.Fatal(err)
	}
	if more := append(slices.Clone(objects), Object{APIVersion: "gateway.networking.k8s.io/v1", Kind: "HTTPRoute", Namespace: "web"}); Home(more) != "default" || !slices.Equal(Homes(more), []string{"shop", "web"}) {
		t.Errorf("routes of %v are at home in %q", Homes(more), Home(more))
	}
	home := Home(objects)
	if home != "shop" || Home(nil) != "default" || Home(objects[1:]) != "default" {
		t.Errorf("home is %q, %q, %q", home, Home(nil), Home(objects[1:]))
	}
	for _, test := range []struct{ host, namespace, want string }{
		{"reviews", "shop", "reviews"},
		{"reviews", "other", "reviews.other"},
		{"Reviews.shop.svc.cluster.local", "other", "reviews"},
		{"reviews.other.svc.cluster.local", "shop", "reviews.other"},
		{"reviews.shop.svc", "other", "reviews"},
		{"bookinfo.com", "shop", "bookinfo.com"},
		{"*", "shop", "*"},
		{"*.other.svc.cluster.local", "shop", "*.other.svc.cluster.local"},
	} {
		if got := Service(test.host, test.namespace, home); got != test.want {
			t.Errorf("%s of %s is %q, want %q", test.host, test.namespace, got, test.want)
		}
	}
}
