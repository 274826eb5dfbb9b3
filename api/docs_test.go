package api_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

var rewrite = flag.Bool("rewrite", false, "write docs/api.md and the snapshot of the API anew")

const (
	protoFile = "fairway/v1/router.proto"
	docsFile  = "../docs/api.md"
	snapshot  = "testdata/router.txt"
)

var file = fairwayv1.File_fairway_v1_router_proto

// TestDocs: docs/api.md says of each call, message, field and value what the
// proto says, which says something of each (go test ./api -run TestDocs
// -rewrite makes it anew).
func TestDocs(t *testing.T) {
	said := comments(t)
	var b bytes.Buffer
	d := docs{&b, func(of protoreflect.Descriptor) string {
		text := said[string(of.FullName())]
		if text == "" {
			t.Errorf("%s: nothing is said of %s", protoFile, of.FullName())
		}
		return text
	}}
	d.service(file.Services().ByName("Router"))
	d.messages(file.Messages())
	old, err := os.ReadFile(docsFile)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- from the proto: go test ./api -run TestDocs -rewrite -->\n", "<!-- end -->\n"
	before, rest, found := strings.Cut(string(old), begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		t.Fatalf("%s lacks the lines %q and %q", docsFile, begin, end)
	}
	want := before + begin + b.String() + end + after
	if *rewrite {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if want != string(old) {
		t.Errorf("%s is not what the proto says: go test ./api -run TestDocs -rewrite", docsFile)
	}
}

// comments are those of the proto by full name: descriptors in programs have
// none.
func comments(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(protoFile)
	if err != nil {
		t.Fatal(err)
	}
	said, scope, comment := map[string]string{}, []string{"fairway.v1"}, []string(nil)
	block := regexp.MustCompile(`^(?:message|enum|service) (\w+) \{$`)
	member := regexp.MustCompile(`^(?:rpc (\w+)\(|(?:.* )?(\w+) = \d+;)`)
	for _, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if words, is := strings.CutPrefix(line, "//"); is {
			comment = append(comment, strings.TrimSpace(words))
			continue
		}
		if m := block.FindStringSubmatch(line); m != nil {
			scope = append(scope, m[1])
			said[strings.Join(scope, ".")] = strings.Join(comment, " ")
		} else if m := member.FindStringSubmatch(line); m != nil {
			said[strings.Join(scope, ".")+"."+m[1]+m[2]] = strings.Join(comment, " ")
		} else if line == "}" {
			scope = scope[:len(scope)-1]
		}
		comment = nil
	}
	return said
}

type docs struct {
	*bytes.Buffer
	said func(protoreflect.Descriptor) string
}

func (d docs) service(s protoreflect.ServiceDescriptor) {
	fmt.Fprintf(d, "\n## Calls\n\n%s\n\n| call | takes | answers | |\n|---|---|---|---|\n", d.said(s))
	for i := range s.Methods().Len() {
		m := s.Methods().Get(i)
		fmt.Fprintf(d, "| `%s` | %s | %s | %s |\n", m.Name(), streamed(m.IsStreamingClient(), m.Input()), streamed(m.IsStreamingServer(), m.Output()), cell(d.said(m)))
	}
	fmt.Fprintf(d, "\n## Messages\n")
}

func streamed(stream bool, m protoreflect.MessageDescriptor) string {
	if stream {
		return "stream of " + link(m)
	}
	return link(m)
}

func (d docs) messages(all protoreflect.MessageDescriptors) {
	for i := range all.Len() {
		m := all.Get(i)
		if m.IsMapEntry() {
			continue
		}
		fmt.Fprintf(d, "\n### %s\n\n%s\n\n", name(m), d.said(m))
		if m.Fields().Len() > 0 {
			fmt.Fprintf(d, "| field | no. | type | |\n|---|---|---|---|\n")
		}
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			fmt.Fprintf(d, "| `%s` | %d | %s | %s |\n", f.Name(), f.Number(), kind(f), cell(d.said(f)))
		}
		d.enums(m.Enums())
		d.messages(m.Messages())
	}
}

func (d docs) enums(all protoreflect.EnumDescriptors) {
	for i := range all.Len() {
		e := all.Get(i)
		fmt.Fprintf(d, "\n### %s\n\n%s\n\n| value | no. | |\n|---|---|---|\n", name(e), d.said(e))
		for j := range e.Values().Len() {
			v := e.Values().Get(j)
			text := d.said(valueOf{v, e})
			fmt.Fprintf(d, "| `%s` | %d | %s |\n", v.Name(), v.Number(), cell(text))
		}
	}
}

// valueOf is a value under the name of its enum, where the proto writes it; its
// full name is that of a sibling of the enum.
type valueOf struct {
	protoreflect.EnumValueDescriptor
	enum protoreflect.EnumDescriptor
}

func (v valueOf) FullName() protoreflect.FullName { return v.enum.FullName().Append(v.Name()) }

func kind(f protoreflect.FieldDescriptor) string {
	if f.IsMap() {
		return "map of " + f.MapKey().Kind().String() + " to " + scalar(f.MapValue())
	}
	if f.IsList() {
		return "list of " + scalar(f)
	}
	return scalar(f)
}

func scalar(f protoreflect.FieldDescriptor) string {
	switch {
	case f.Message() != nil:
		return link(f.Message())
	case f.Enum() != nil:
		return link(f.Enum())
	}
	return f.Kind().String()
}

// name is without the package, as in Decision.Source.
func name(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), string(file.Package())+".")
}

func link(d protoreflect.Descriptor) string {
	if d.ParentFile().Package() != file.Package() {
		return string(d.Name())
	}
	return fmt.Sprintf("[%s](#%s)", name(d), strings.ToLower(strings.ReplaceAll(name(d), ".", "")))
}

func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// TestSnapshot: what a client may rest on stays. What is new is added to the
// snapshot by -rewrite, which takes nothing away.
func TestSnapshot(t *testing.T) {
	text, err := os.ReadFile(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	was, is := strings.Split(strings.TrimSpace(string(text)), "\n"), promised()
	for _, line := range was {
		if line != "" && !slices.Contains(is, line) {
			t.Errorf("%q is gone: clients rest on it. Fields may be added, and never renamed, renumbered, retyped or removed", line)
		}
	}
	if t.Failed() {
		return
	}
	if *rewrite {
		if err := os.WriteFile(snapshot, []byte(strings.Join(is, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if !slices.Equal(was, is) {
		t.Errorf("%s lacks what is new: go test ./api -run TestSnapshot -rewrite", snapshot)
	}
}

// promised is a line for each thing that may not change.
func promised() []string {
	var all []string
	services := file.Services()
	for i := range services.Len() {
		for j := range services.Get(i).Methods().Len() {
			m := services.Get(i).Methods().Get(j)
			all = append(all, fmt.Sprintf("call %s %s %s, streams %t %t", m.FullName(), m.Input().FullName(), m.Output().FullName(), m.IsStreamingClient(), m.IsStreamingServer()))
		}
	}
	all = promisedOf(all, file.Messages())
	slices.Sort(all)
	return all
}

func promisedOf(all []string, messages protoreflect.MessageDescriptors) []string {
	for i := range messages.Len() {
		m := messages.Get(i)
		all = append(all, "message "+string(m.FullName()))
		for j := range m.Fields().Len() {
			f := m.Fields().Get(j)
			typed := f.Kind().String()
			if f.Message() != nil {
				typed = string(f.Message().FullName())
			} else if f.Enum() != nil {
				typed = string(f.Enum().FullName())
			}
			all = append(all, fmt.Sprintf("field %s %d %s %s, presence %t", f.FullName(), f.Number(), f.Cardinality(), typed, f.HasPresence()))
		}
		for j := range m.Enums().Len() {
			e := m.Enums().Get(j)
			for k := range e.Values().Len() {
				v := e.Values().Get(k)
				all = append(all, fmt.Sprintf("value %s.%s %d", e.FullName(), v.Name(), v.Number()))
			}
		}
		all = promisedOf(all, m.Messages())
	}
	return all
}
