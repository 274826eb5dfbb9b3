package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// MaxSize bounds the text of a file in bytes. Kubernetes itself keeps no object
// above 1.5 MiB.
const MaxSize = 8 << 20

// Read reads the objects of one file: YAML documents, or JSON, each an object or a
// list of them; empty documents are passed over. name is for errors, which are
// joined and carry name:line each. What stands in a spec is not looked at yet.
func Read(name string, text []byte) ([]Object, error) {
	if len(text) > MaxSize {
		return nil, fmt.Errorf("%s:1: the file has %d bytes, more than %d; split it", name, len(text), MaxSize)
	}
	r := &reader{file: name}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	t := tree{budget: maxNodes}
	for {
		var document yaml.Node
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			r.errs = append(r.errs, syntax(name, err))
			break // where the next document begins is not known
		}
		if len(document.Content) == 0 {
			continue
		}
		root, bad := t.plain(document.Content[0])
		if bad != nil {
			r.fail(bad.node, "%s", bad.text)
			continue
		}
		r.object(root, 0)
	}
	if err := errors.Join(r.errs...); err != nil {
		return nil, err
	}
	return r.objects, nil
}

// Looks reports whether the text is a manifest: whether its first document that is
// not empty has an apiVersion and a kind. Text that is not YAML is none.
func Looks(text []byte) bool {
	if len(text) > MaxSize {
		return false
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document yaml.Node
		if decoder.Decode(&document) != nil {
			return false
		}
		if len(document.Content) == 0 || document.Content[0].ShortTag() == "!!null" {
			continue
		}
		version, _ := child(document.Content[0], "apiVersion")
		kind, _ := child(document.Content[0], "kind")
		return version != nil && kind != nil
	}
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns an error of the YAML library into one with name and line.
func syntax(name string, err error) error {
	text := err.Error()
	head := yamlLine.FindStringSubmatch(text)
	if head == nil || head[1] == "" {
		return fmt.Errorf("%s:1: this is not YAML: %s", name, strings.TrimPrefix(text, "yaml: "))
	}
	return fmt.Errorf("%s:%s: this is not YAML: %s", name, head[1], strings.TrimPrefix(text, head[0]))
}

// reader collects objects and what is wrong with them.
type reader struct {
	file    string
	objects []Object
	errs    []error
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s:%d: %s", r.file, max(n.Line, 1), fmt.Sprintf(format, args...)))
}

// object takes in an object, or those of a list.
func (r *reader) object(n *yaml.Node, nested int) {
	if empty(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "a document is %s; a Kubernetes object begins with apiVersion and kind", describe(n))
		return
	}
	o := Object{File: r.file, Line: n.Line, node: n}
	o.APIVersion = r.text(n, "apiVersion", "the object")
	o.Kind = r.text(n, "kind", "the object")
	if o.APIVersion == "" || o.Kind == "" {
		return
	}
	if items, _ := child(n, "items"); items != nil && strings.HasSuffix(o.Kind, "List") {
		r.list(items, nested)
		return
	}
	r.metadata(&o)
	r.objects = append(r.objects, o)
}

func (r *reader) list(items *yaml.Node, nested int) {
	switch {
	case empty(items):
	case items.Kind != yaml.SequenceNode:
		r.fail(items, "items is %s; write a list of objects", describe(items))
	case nested > 3:
		r.fail(items, "a list of lists of lists; write the objects one below the other")
	default:
		for _, item := range items.Content {
			r.object(item, nested+1)
		}
	}
}

// text is a field that must be there and plain.
func (r *reader) text(n *yaml.Node, field, in string) string {
	value, _ := child(n, field)
	switch {
	case value == nil || empty(value):
		r.fail(n, "%s has no %s; give it one", in, field)
	case value.Kind != yaml.ScalarNode:
		r.fail(value, "%s is %s; write plain text", field, describe(value))
	case value.Value == "":
		r.fail(value, "%s is empty", field)
	default:
		return value.Value
	}
	return ""
}

func (r *reader) metadata(o *Object) {
	meta, _ := child(o.node, "metadata")
	if meta == nil || meta.Kind != yaml.MappingNode {
		r.fail(o.node, "%s has no metadata; give it a name", o.Kind)
		return
	}
	for i := 0; i+1 < len(meta.Content); i += 2 {
		value := meta.Content[i+1]
		switch field := meta.Content[i].Value; field {
		case "name", "generateName":
			if name := r.text(meta, field, "metadata"); field == "name" || o.Name == "" {
				o.Name = name
			}
		case "namespace":
			if !empty(value) {
				o.Namespace = r.text(meta, field, "metadata")
			}
		case "creationTimestamp":
			if !empty(value) {
				o.Created = r.time(value, field)
			}
		case "annotations":
			o.Annotations = r.texts(value, field)
		case "labels":
			o.Labels = r.texts(value, field)
		}
	}
	if n, _ := child(meta, "name"); n == nil && o.Name == "" {
		r.fail(meta, "%s has no name", o.Kind)
	}
}

func (r *reader) time(n *yaml.Node, field string) time.Time {
	t, err := time.Parse(time.RFC3339, n.Value)
	if err != nil {
		r.fail(n, "%s is %s; write a time such as 2026-01-02T15:04:05Z", field, describe(n))
	}
	return t
}

// texts reads a mapping of plain text. Numbers and truth values, which Kubernetes
// wants in quotes, are taken as they stand: a version 1.10 remains one.
func (r *reader) texts(n *yaml.Node, field string) map[string]string {
	if empty(n) {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is %s; write names with values", field, describe(n))
		return nil
	}
	texts := map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			r.fail(value, "%s %q is %s; write plain text", field, key.Value, describe(value))
			continue
		}
		if !empty(value) {
			texts[key.Value] = value.Value
		}
	}
	return texts
}

func empty(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// describe says what stands at n.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case empty(n):
		return "empty"
	}
	return fmt.Sprintf("%.60q", n.Value)
}
