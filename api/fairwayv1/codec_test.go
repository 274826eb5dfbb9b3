package fairwayv1_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

func decision() *fairwayv1.Decision {
	return &fairwayv1.Decision{
		Service: "s", Route: "r", Destination: &fairwayv1.Destination{Subset: "v1"}, Endpoint: &fairwayv1.Endpoint{Name: "a"},
		Weights: []*fairwayv1.EndpointWeight{{Endpoint: "a", Weight: 1}}, Timeout: durationpb.New(-time.Nanosecond), Propensity: 0.5, Line: "tried",
	}
}

// TestCodec: what one codec writes the other reads, and what stood in the message
// before is gone.
func TestCodec(t *testing.T) {
	stock, ours := encoding.GetCodecV2("proto"), encoding.CodecV2(fairwayv1.Codec{})
	for _, want := range []proto.Message{decision(), &fairwayv1.Decision{}, &grpc_health_v1.HealthCheckRequest{Service: "x"}} {
		for _, pair := range [][2]encoding.CodecV2{{ours, stock}, {stock, ours}, {ours, ours}} {
			text, err := pair[0].Marshal(want)
			if err != nil {
				t.Fatal(err)
			}
			got := want.ProtoReflect().New().Interface()
			if d, ok := got.(*fairwayv1.Decision); ok {
				d.Reason = "left over"
			}
			if err := pair[1].Unmarshal(text, got); err != nil || !proto.Equal(got, want) {
				t.Errorf("%v became %v, %v", want, got, err)
			}
		}
	}
	if _, err := ours.Marshal("no message"); err == nil {
		t.Error("a string was taken for a message")
	}
}

// FuzzCodec: whatever the bytes, nothing panics, and what both codecs read is the
// same. The stock one refuses strings that are not UTF-8; ours refuses a known field
// of another type, which the stock one keeps as unknown.
func FuzzCodec(f *testing.F) {
	for _, m := range []proto.Message{
		decision(),
		&fairwayv1.DecideRequest{Service: "s", Headers: map[string]string{"end-user": "jason"}, Source: &fairwayv1.DecideRequest_Source{Labels: map[string]string{"a": "b"}}},
	} {
		text, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)-1])
	}
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, fresh := range []func() proto.Message{
			func() proto.Message { return &fairwayv1.DecideRequest{} },
			func() proto.Message { return &fairwayv1.DecideBatchRequest{} },
			func() proto.Message { return &fairwayv1.Decision{} },
			func() proto.Message { return &fairwayv1.OutcomeReport{} },
			func() proto.Message { return &fairwayv1.ServiceWeights{} },
		} {
			got, want := fresh(), fresh()
			err := fairwayv1.Codec{}.Unmarshal(mem.BufferSlice{mem.SliceBuffer(text)}, got)
			known := proto.UnmarshalOptions{DiscardUnknown: true} // ours drops what is unknown in durations
			if err != nil || known.Unmarshal(text, want) != nil {
				continue
			}
			again, err := fairwayv1.Codec{}.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			got = fresh()
			if err := known.Unmarshal(again.Materialize(), got); err != nil || !proto.Equal(got, want) {
				t.Fatalf("%x: read as %v; want %v", text, got, want)
			}
		}
	})
}
