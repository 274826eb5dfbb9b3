package manifest

import (
	"encoding"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// shape is what may stand at a place: fields with names, entries of one shape (of a
// list, or of a mapping whose names are free), or anything, which the decoder
// judges. The zero value is anything.
type shape struct {
	field func(name string) (shape, bool) // nil: names are free
	names func() []string                 // of the fields, for errors
	entry func() shape                    // nil: anything
	// duration is a protobuf Duration, which Kubernetes objects write as Go does
	// ("1m30s", "100ms") and protobuf's JSON only in seconds ("90s").
	duration bool
}

// message is the shape of a protobuf message in JSON. Only names in camel case are
// known, as in the projects' own resource definitions.
func message(m protoreflect.MessageDescriptor) shape {
	if strings.HasPrefix(string(m.FullName()), "google.protobuf.") { // these have a JSON of their own
		return shape{duration: m.FullName() == "google.protobuf.Duration"}
	}
	fields := m.Fields()
	return shape{
		field: func(name string) (shape, bool) {
			f := fields.ByJSONName(name)
			if f == nil {
				return shape{}, false
			}
			return protoField(f), true
		},
		names: func() (names []string) {
			for i := range fields.Len() {
				names = append(names, fields.Get(i).JSONName())
			}
			return names
		},
	}
}

func protoField(f protoreflect.FieldDescriptor) shape {
	one := func(f protoreflect.FieldDescriptor) shape {
		if f.Message() == nil {
			return shape{}
		}
		return message(f.Message())
	}
	switch {
	case f.IsMap():
		return shape{entry: func() shape { return one(f.MapValue()) }}
	case f.IsList():
		return shape{entry: func() shape { return one(f) }}
	}
	return one(f)
}

var (
	ownJSON = reflect.TypeFor[json.Unmarshaler]()
	ownText = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// goType is the shape of a Go type with json tags. Types that read themselves, and
// interfaces, are anything.
func goType(t reflect.Type) shape {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if p := reflect.PointerTo(t); p.Implements(ownJSON) || p.Implements(ownText) {
		return shape{}
	}
	switch t.Kind() {
	case reflect.Struct:
		fields := map[string]reflect.Type{}
		jsonFields(t, fields)
		return shape{
			field: func(name string) (shape, bool) {
				f, ok := fields[name]
				if !ok {
					return shape{}, false
				}
				return goType(f), true
			},
			names: func() []string { return slices.Sorted(maps.Keys(fields)) },
		}
	case reflect.Slice, reflect.Array, reflect.Map:
		return shape{entry: func() shape { return goType(t.Elem()) }}
	}
	return shape{}
}

// jsonFields collects the fields of a struct and of those embedded in it by the
// names that encoding/json gives them; the outer one wins.
func jsonFields(t reflect.Type, fields map[string]reflect.Type) {
	var embedded []reflect.Type
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		inner := f.Type
		for inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		switch {
		case name == "-":
		case f.Anonymous && name == "" && inner.Kind() == reflect.Struct:
			embedded = append(embedded, inner)
		case !f.IsExported():
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	for _, e := range embedded {
		inner := map[string]reflect.Type{}
		jsonFields(e, inner)
		for name, t := range inner {
			if _, there := fields[name]; !there {
				fields[name] = t
			}
		}
	}
}
