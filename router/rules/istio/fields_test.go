package istio

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"istio.io/api/networking/v1alpha3"
	"istio.io/api/security/v1beta1"
)

// said collects what the golden files of the kind say.
func said(t *testing.T, names ...string) string {
	t.Helper()
	all := ""
	for _, name := range names {
		text, err := os.ReadFile("testdata/" + name + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	return all
}

// TestEveryField: docs/istio.md tells of every field, of none that there is not, and
// the golden files show that what it calls refused is refused, and what it leaves
// to the proxy is warned of.
func TestEveryField(t *testing.T) {
	text, err := os.ReadFile("../../../docs/istio.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Za-z0-9.]+)` \\| ([a-z ]+) \\|").FindAllStringSubmatch(string(text), -1) {
		if rows[row[1]] != "" {
			t.Errorf("%s stands twice", row[1])
		}
		rows[row[1]] = row[2]
	}
	refused, found := said(t, "refused", "refused-destinations"), said(t, "findings")

	seen := map[string]bool{}
	var walk func(m protoreflect.MessageDescriptor)
	walk = func(m protoreflect.MessageDescriptor) {
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			name, field := string(m.Name())+"."+f.JSONName(), f.JSONName()
			if seen[name] {
				continue
			}
			seen[name] = true
			switch rows[name] {
			case "carried":
				if f.IsMap() {
					f = f.MapValue()
				}
				if f.Message() != nil && !strings.HasPrefix(string(f.Message().FullName()), "google.protobuf.") {
					walk(f.Message())
				}
			case "left to the proxy":
				if !strings.Contains(found, " "+field+" is left to the proxy") {
					t.Errorf("%s: no file of testdata shows that it is left to the proxy", name)
				}
			case "refused":
				if !strings.Contains(refused, " "+field+" is not supported") {
					t.Errorf("%s: no file of testdata shows that it is refused", name)
				}
			case "noted":
			default:
				t.Errorf("docs/istio.md does not say what becomes of %s", name)
			}
		}
	}
	for _, m := range []proto.Message{&v1alpha3.VirtualService{}, &v1alpha3.DestinationRule{}, &v1beta1.PeerAuthentication{}} {
		walk(m.ProtoReflect().Descriptor())
	}
	for name := range rows {
		if !seen[name] {
			t.Errorf("docs/istio.md tells of %s, which there is not", name)
		}
	}
}
