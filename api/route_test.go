package api_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/status"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// TestRoutePipelined: many requests are sent before an answer is read, and the
// answers come in their order. A bad one ends the stream after the answers to
// those before it, and is named. Both codecs on the client's side.
func TestRoutePipelined(t *testing.T) {
	const many, bad = 200, 150
	client, _, _ := serve(t, newTable(t, reviews), nil)
	for _, codec := range []encoding.CodecV2{encoding.GetCodecV2("proto"), fairwayv1.Codec{}} {
		stream, err := client.Route(t.Context(), grpc.ForceCodecV2(codec))
		if err != nil {
			t.Fatal(err)
		}
		for i := range many {
			in := &fairwayv1.DecideRequest{Service: fmt.Sprint("service-", i)}
			if i == bad {
				in.Service = ""
			}
			if err := stream.Send(in); err != nil {
				break // the end has come already; Recv says why
			}
		}
		for i := range bad {
			out, err := stream.Recv()
			if err != nil || out.Service != fmt.Sprint("service-", i) {
				t.Fatalf("answer %d is %v, %v", i, out, err)
			}
		}
		_, err = stream.Recv()
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), fmt.Sprintf("requests[%d].service", bad)) {
			t.Errorf("the bad request gave %v", err)
		}
	}
}

// TestRouteDeadline: a stream on which nothing is sent ends with its deadline.
func TestRouteDeadline(t *testing.T) {
	client, _, _ := serve(t, newTable(t, reviews), nil)
	if _, err := client.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "reviews"}); err != nil { // it is connected
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	stream, err := client.Route(ctx)
	if err == nil { // else the deadline passed on the way, on a busy machine
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.DeadlineExceeded {
		t.Errorf("got %v; want DeadlineExceeded", err)
	}
}

// TestNotUTF8: what the stock codec refuses to read is refused here by name, and
// never sent back.
func TestNotUTF8(t *testing.T) {
	client, _, _ := serve(t, newTable(t, reviews), nil)
	for field, in := range map[string]*fairwayv1.DecideRequest{
		"service":       {Service: "\xff"},
		"path":          {Service: "s", Path: "/\xff"},
		"headers":       {Service: "s", Headers: map[string]string{"a": "\xff"}},
		"source.labels": {Service: "s", Source: &fairwayv1.DecideRequest_Source{Labels: map[string]string{"\xff": ""}}},
	} {
		_, err := client.Decide(t.Context(), in, grpc.ForceCodecV2(fairwayv1.Codec{}))
		if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: %v", field, err)
		}
	}
}
