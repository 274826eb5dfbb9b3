package api_test

import (
	"context"
	"errors"
	"io"
	"math"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// raw sends and receives bytes as they are, by the name of the usual codec.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(text []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), text...)
	return nil
}

// expected are the codes that bytes of a stranger may be answered with: nothing is
// this server's fault. Internal is gRPC's own for what is no message.
var expected = map[codes.Code]bool{codes.OK: true, codes.InvalidArgument: true, codes.Internal: true, codes.ResourceExhausted: true, codes.NotFound: true}

// FuzzCalls sends whatever bytes to each call of a real server, which answers, or
// says whose fault it is, and answers the next one.
func FuzzCalls(f *testing.F) {
	for _, m := range []proto.Message{
		&fairwayv1.DecideRequest{Service: "reviews", Method: "GET", Path: "/a?b=c", Headers: map[string]string{"end-user": "jason"}, WantWeights: true, SessionKey: "k"},
		&fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{{Service: "reviews"}, {Service: "x"}}},
		&fairwayv1.WatchRequest{Services: []string{"reviews", "reviews"}, ResumeVersion: 1 << 60},
		&fairwayv1.ForecastRequest{Services: []string{"reviews"}},
		&fairwayv1.OutcomeReport{Service: "reviews", Endpoint: "r1", Status: 200, Propensity: math.NaN(), InFlight: -5},
	} {
		text, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
		f.Add(text[:len(text)/2])
	}
	table := newTable(f, reviews)
	publish(table, "reviews", 0.5, 0.3, 0.2)
	c, conn, _ := serve(f, table, nil)
	f.Fuzz(func(t *testing.T, text []byte) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		check := func(what string, err error) {
			if !expected[status.Code(err)] {
				t.Errorf("%s: %v", what, err)
			}
		}
		for _, method := range []string{"Decide", "DecideBatch", "Forecast", "Explain"} {
			var answer []byte
			check(method, conn.Invoke(ctx, "/fairway.v1.Router/"+method, &text, &answer, grpc.ForceCodec(raw{})))
		}
		for i, method := range []string{"Route", "Report", "Watch"} {
			ctx, cancel := context.WithCancel(ctx)
			stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/fairway.v1.Router/"+method, grpc.ForceCodec(raw{}))
			if err != nil {
				t.Fatal(err)
			}
			if err := stream.SendMsg(&text); err != nil && !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			_ = stream.CloseSend()
			var answer []byte
			err = stream.RecvMsg(&answer)
			if i == 0 && errors.Is(err, io.EOF) {
				t.Errorf("%s: a request without an answer", method)
			}
			check(method, err)
			cancel()
		}
		if d, err := c.Decide(ctx, &fairwayv1.DecideRequest{Service: "reviews"}); err != nil || d.Endpoint.Name == "" {
			t.Errorf("the next caller got %v, %v", d, err)
		}
	})
}
