// Package manifest reads Kubernetes objects from YAML with the file and line of
// everything in them, so that those who translate them into rules can say where
// what they refuse was written. It knows no kind of object: the translators bring
// the projects' own Go types, and Spec decodes into them strictly.
package manifest

import (
	"fmt"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Object is one object of a file. It is not changed after Read, and may be read
// concurrently.
type Object struct {
	File string
	Line int // where it begins

	APIVersion, Kind string
	// Namespace is empty where the object names none; see Home.
	Namespace, Name     string
	Annotations, Labels map[string]string
	// Created is when Kubernetes took the object in; zero where nothing says.
	Created time.Time

	node *yaml.Node // the whole object, a mapping without aliases
}

// DefaultNamespace is the home of objects that name none, as kubectl has it.
const DefaultNamespace = "default"

// Home is the namespace of the object, or DefaultNamespace.
func (o *Object) Home() string {
	if o.Namespace == "" {
		return DefaultNamespace
	}
	return o.Namespace
}

// Group is the API version without its last part: "networking.istio.io".
func (o *Object) Group() string {
	group, _, found := strings.Cut(o.APIVersion, "/")
	if !found {
		return "" // Kubernetes' own, as in "v1"
	}
	return group
}

// GroupKind names the kind whatever the version: "networking.istio.io/VirtualService".
func (o *Object) GroupKind() string { return o.Group() + "/" + o.Kind }

// String is as people say it: VirtualService shop/reviews.
func (o *Object) String() string {
	if o.Namespace == "" {
		return o.Kind + " " + o.Name
	}
	return o.Kind + " " + o.Namespace + "/" + o.Name
}

// LineOf is the line of a place in the spec, given as field names and positions in
// lists: LineOf("http", 0, "match", 1). Where the path leads beyond what is
// written it is the line of the last part that is; without a path, that of spec.
func (o *Object) LineOf(path ...any) int {
	line, at := o.Line, o.node
	for _, step := range append([]any{"spec"}, path...) {
		next, where := child(at, step)
		if next == nil {
			break
		}
		line, at = where, next
	}
	return line
}

// At is LineOf with the file: "file:line".
func (o *Object) At(path ...any) string { return fmt.Sprintf("%s:%d", o.File, o.LineOf(path...)) }

// Has reports whether a place in the spec is written, and not null. The types that
// Spec decodes into do not always tell an empty field from a missing one.
func (o *Object) Has(path ...any) bool {
	at := o.node
	for _, step := range append([]any{"spec"}, path...) {
		if at, _ = child(at, step); at == nil {
			return false
		}
	}
	return !empty(at)
}

// child is an entry of a mapping or a list with its line; nil is none.
func child(n *yaml.Node, step any) (*yaml.Node, int) {
	if n == nil {
		return nil, 0
	}
	switch step := step.(type) {
	case string:
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == step {
				return n.Content[i+1], n.Content[i].Line
			}
		}
	case int:
		if n.Kind == yaml.SequenceNode && step >= 0 && step < len(n.Content) {
			return n.Content[step], n.Content[step].Line
		}
	}
	return nil, 0
}
