package main

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/mesh/porttest"
)

// spans is a collector of traces.
type spans struct {
	collector.UnimplementedTraceServiceServer
	mu   sync.Mutex
	seen []string // trace, parent and name
	from string   // resource
}

func (s *spans) Export(_ context.Context, in *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range in.ResourceSpans {
		for _, a := range r.Resource.Attributes {
			s.from += a.Key + "=" + a.Value.GetStringValue() + " "
		}
		for _, scope := range r.ScopeSpans {
			for _, span := range scope.Spans {
				s.seen = append(s.seen, hex(span.TraceId)+" "+hex(span.ParentSpanId)+" "+span.Name)
			}
		}
	}
	return &collector.ExportTraceServiceResponse{}, nil
}

func hex(id []byte) string {
	const digits = "0123456789abcdef"
	var b strings.Builder
	for _, x := range id {
		b.WriteByte(digits[x>>4])
		b.WriteByte(digits[x&15])
	}
	return b.String()
}

// collect runs a collector until the test ends.
func collect(t testing.TB) (*spans, string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, server, done := &spans{}, grpc.NewServer(), make(chan error, 1)
	collector.RegisterTraceServiceServer(server, s)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() { server.Stop(); <-done })
	return s, "http://" + l.Addr().String()
}

// TestTraces: a caller that traces finds the daemon in its trace; one that says
// not to is not traced, and health checks never are. The last spans are sent
// before the program ends.
func TestTraces(t *testing.T) {
	for _, how := range []string{"flag", "environment"} {
		t.Run(how, func(t *testing.T) {
			s, url := collect(t)
			args := []string{"--rules", write(t, "rules.yaml", tinyRules), "--trace-part", "0%"}
			if how == "flag" {
				args = append(args, "--otlp", url)
			} else {
				t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
				t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
			}
			p := start(t, args...)
			const parent = "0af7651916cd43dd8448eb211c80319c"
			for _, flags := range []string{"01", "00"} {
				ctx := metadata.AppendToOutgoingContext(t.Context(), "traceparent", "00-"+parent+"-b7ad6b7169203331-"+flags)
				if _, err := p.client.Decide(ctx, &fairwayv1.DecideRequest{Service: "shop"}); err != nil {
					t.Fatal(err)
				}
				if _, err := grpc_health_v1.NewHealthClient(p.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := p.client.Decide(t.Context(), &fairwayv1.DecideRequest{Service: "shop"}); err != nil { // no trace: 0% of these
				t.Fatal(err)
			}
			if err := p.stop(); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if want := parent + " b7ad6b7169203331 fairway.v1.Router/Decide"; len(s.seen) != 1 || s.seen[0] != want {
				t.Errorf("spans %q; want %q alone", s.seen, want)
			}
			if !strings.Contains(s.from, "service.name=fairwayd") || how == "environment" && !strings.Contains(s.from, "deployment.environment.name=test") {
				t.Errorf("the resource is %s", s.from)
			}
		})
	}
}

// TestNoCollector: one that is not there holds nothing up.
func TestNoCollector(t *testing.T) {
	p := start(t, "--rules", write(t, "rules.yaml", tinyRules), "--otlp", "http://"+porttest.Address(t), "--trace-part", "99%")
	for range 100 {
		p.decide(t)
	}
}

// BenchmarkTraces is a call to the whole daemon over loopback: without traces,
// with them where the caller's trace is not sampled, and with all of them.
func BenchmarkTraces(b *testing.B) {
	for _, how := range []struct {
		name string
		args []string
	}{{"off", nil}, {"none_sampled", []string{"--trace-part", "0%"}}, {"nearly_all", []string{"--trace-part", "99.9%"}}} {
		b.Run(how.name, func(b *testing.B) {
			if how.args != nil {
				_, url := collect(b)
				how.args = append(how.args, "--otlp", url)
			}
			p := start(b, append(how.args, "--rules", write(b, "rules.yaml", tinyRules))...)
			in := &fairwayv1.DecideRequest{Service: "shop"}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := p.client.Decide(b.Context(), in); err != nil {
					b.Fatal(err)
				}
			}
			if err := p.stop(); err != nil {
				b.Error(err)
			}
		})
	}
}
