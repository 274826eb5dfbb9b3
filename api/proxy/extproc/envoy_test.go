package extproc_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3" // types that the files name
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// TestExamples: Envoy's own types take the example configurations, without a field
// that they do not know, and their validation finds nothing. It is as near to an Envoy
// as can be had here.
func TestExamples(t *testing.T) {
	files, err := filepath.Glob("../../../examples/envoy/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var plain any
		if err := yaml.Unmarshal(text, &plain); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		asJSON, err := json.Marshal(plain)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		var b bootstrapv3.Bootstrap
		if err := protojson.Unmarshal(asJSON, &b); err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if n := validate(t, file, &b); n < 3 {
			t.Errorf("%s: %d messages of extensions", file, n)
		}
	}
	if protojson.Unmarshal([]byte(`{"node": {"identity": "x"}}`), new(bootstrapv3.Bootstrap)) == nil {
		t.Error("an unknown field is taken")
	}
}

// validate asks a message and all that are packed in it; n is how many those are.
func validate(t *testing.T, file string, m proto.Message) (n int) {
	t.Helper()
	if v, ok := m.(interface{ ValidateAll() error }); ok {
		if err := v.ValidateAll(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		message, ok := p.Index(-1).Value.Interface().(protoreflect.Message)
		if !ok {
			return nil
		}
		packed, ok := message.Interface().(*anypb.Any)
		if !ok {
			return nil
		}
		inner, err := packed.UnmarshalNew()
		if err != nil {
			return err
		}
		n += 1 + validate(t, file, inner)
		return protorange.Break
	})
	if err != nil {
		t.Errorf("%s: %v", file, err)
	}
	return n
}
