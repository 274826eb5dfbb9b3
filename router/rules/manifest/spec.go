package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Spec decodes the object's spec into a protobuf message or a pointer to a Go
// struct with json tags, strictly: fields that the type does not have, in any
// case but the exact one, are errors "file:line: unknown field …", and so is the
// first value of a wrong type; all of them joined. A missing spec leaves into as
// it is. What stands around the spec is checked as well.
func (o *Object) Spec(into any) error {
	w := &writer{file: o.File}
	o.frame(w)
	spec, _ := child(o.node, "spec")
	if spec == nil || empty(spec) {
		return errors.Join(w.errs...)
	}
	m, isProto := into.(proto.Message)
	if isProto {
		w.value(spec, message(m.ProtoReflect().Descriptor()), "spec")
	} else {
		w.value(spec, goType(reflect.TypeOf(into)), "spec")
	}
	var err error
	if isProto {
		// What is unknown has been found, with its line and all at once.
		err = protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(w.json, m)
	} else {
		err = json.Unmarshal(w.json, into)
	}
	if err != nil {
		w.errs = append(w.errs, o.mistake(w, err))
	}
	return errors.Join(w.errs...)
}

// The fields of any object that is not a built-in kind, and of its metadata.
var (
	objectFields = []string{"apiVersion", "kind", "metadata", "spec", "status"}
	metaFields   = []string{"name", "namespace", "labels", "annotations", "generateName", "finalizers", "ownerReferences",
		"uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
		"managedFields", "selfLink"}
)

// frame reports unknown fields around the spec.
func (o *Object) frame(w *writer) {
	w.known(o.node, objectFields, "the object")
	if meta, _ := child(o.node, "metadata"); meta != nil {
		w.known(meta, metaFields, "metadata")
	}
}

var (
	protoPlace = regexp.MustCompile(`^proto:[\s\x{a0}]*(?:syntax error )?\(line (\d+):\d+\):[\s\x{a0}]*`)
	protoHead  = regexp.MustCompile(`^proto:[\s\x{a0}]*`)
)

// mistake gives an error of a decoder the line of the YAML that it is about.
func (o *Object) mistake(w *writer, err error) error {
	text, line := err.Error(), o.LineOf()
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch place := protoPlace.FindStringSubmatch(text); {
	case place != nil:
		if n, err := strconv.Atoi(place[1]); err == nil {
			line = w.line(n, line)
		}
		text = text[len(place[0]):]
	case errors.As(err, &wrong):
		line = w.line(w.lineAt(int(wrong.Offset)), line)
		text = fmt.Sprintf("%s is a %s; want %s", wrong.Field, wrong.Value, wanted(wrong.Type))
	case errors.As(err, &syntax):
		line = w.line(w.lineAt(int(syntax.Offset)), line)
	default:
		text = protoHead.ReplaceAllString(text, "")
	}
	return fmt.Errorf("%s:%d: in the spec: %s", o.File, line, strings.TrimPrefix(text, "json: "))
}

func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return "a mapping"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.String:
		return "text (in quotes, where it looks like a number)"
	case reflect.Bool:
		return "true or false"
	}
	return "a " + t.Kind().String()
}

// known reports fields of a mapping that are not among names.
func (w *writer) known(n *yaml.Node, names []string, where string) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		if key := n.Content[i]; !slices.Contains(names, key.Value) {
			w.unknown(key, names, where)
		}
	}
}
