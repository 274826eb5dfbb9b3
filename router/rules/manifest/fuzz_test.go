package manifest

import (
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

// FuzzRead reads anything, and decodes what was read into both sorts of types.
func FuzzRead(f *testing.F) {
	head := "apiVersion: v1\nkind: A\nmetadata: {name: a}\n"
	for _, seed := range []string{
		"", "---\n---\n", head, head + "spec: {fieldViolations: [{field: 3}]}",
		head + "spec: &a {b: *a}", head + "spec: {a: &a {x: 1}, b: {<<: [*a, *a]}}", head + "spec: {? {a: b} : c}",
		"apiVersion: v1\nkind: List\nitems: [{apiVersion: v1, kind: A, metadata: {name: b, labels: {a: 1}}}]",
		head + "spec: {list: [{kept: .inf}], name: !!binary aGk=, when: 2001-01-01, port: 0x10}",
		head + "spec: {<<: {<<: {a: b}}}", "&a *a", "%YAML 1.1\n---\n!!set {a}", "a: !x &b\n? *b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		Looks(text)
		objects, err := Read("f.yaml", text)
		if err != nil && objects != nil {
			t.Error("objects beside an error")
		}
		for i := range objects {
			o := &objects[i]
			if o.Line < 1 || o.Kind == "" || o.Name == "" {
				t.Errorf("line %d, kind %q, name %q", o.Line, o.Kind, o.Name)
			}
			_ = o.Spec(&errdetails.BadRequest{})
			_ = o.Spec(&plain{})
			if o.LineOf("fieldViolations", 0, "field") < 1 {
				t.Error("no line")
			}
		}
	})
}
