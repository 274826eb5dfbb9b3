package extproc_test

import (
	"context"
	"io"
	"testing"
	"time"

	procv3 "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/proxy/extproc"
)

// FuzzProcess sends two messages of any content: each has an answer of its kind, or
// none.
func FuzzProcess(f *testing.F) {
	for _, in := range []*procv3.ProcessingRequest{
		request(":method", "GET", ":path", "/reviews?x=1", ":authority", "reviews", "end-user", "jason", "end-user", "x"),
		in("fairway", map[string]any{"service": "reviews", "zone": "b", "labels": map[string]any{"app": "x"}}, request()),
		in("envoy.filters.http.ext_proc", map[string]any{"xds.cluster_name": "reviews"}, request(":authority", "[::1]:80")),
		response(":status", "200", "grpc-status", "14"),
	} {
		text, err := proto.Marshal(in)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, text)
	}
	table := newTable(f)
	decides, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		f.Fatal(err)
	}
	server := extproc.New(table, decides, extproc.Config{Clock: time.Now})
	f.Fuzz(func(t *testing.T, first, second []byte) {
		ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("fairway-original-dst", "true"))
		_ = server.Process(&fake{ctx: ctx, in: [][]byte{first, second}})
	})
}

// fake is an Envoy that sends what is given, and then ends the stream.
type fake struct {
	grpc.ServerStream
	ctx context.Context
	in  [][]byte
}

func (s *fake) Context() context.Context { return s.ctx }

func (s *fake) Send(out *procv3.ProcessingResponse) error {
	_, err := proto.Marshal(out)
	return err
}

func (s *fake) Recv() (*procv3.ProcessingRequest, error) {
	if len(s.in) == 0 {
		return nil, io.EOF
	}
	in := new(procv3.ProcessingRequest)
	err := proto.Unmarshal(s.in[0], in)
	s.in = s.in[1:]
	return in, err
}

// BenchmarkProcess is a request and its response, without the network: reading both
// messages, the decision, its answer encoded and the report.
func BenchmarkProcess(b *testing.B) {
	ask, err := proto.Marshal(request(":method", "GET", ":path", "/reviews/1", ":authority", "reviews", ":scheme", "http", "end-user", "jason",
		"user-agent", "curl/8", "accept", "*/*", "x-request-id", "5a1f8e2c-0000-4000-8000-000000000000", "x-forwarded-proto", "http"))
	if err != nil {
		b.Fatal(err)
	}
	told, err := proto.Marshal(response(":status", "200", "content-type", "application/json"))
	if err != nil {
		b.Fatal(err)
	}
	table := newTable(b)
	decides, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	server := extproc.New(table, decides, extproc.Config{Clock: time.Now})
	b.ReportAllocs()
	for b.Loop() {
		if err := server.Process(&fake{ctx: b.Context(), in: [][]byte{ask, told}}); err != nil {
			b.Fatal(err)
		}
	}
}
