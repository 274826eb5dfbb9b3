package api

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// large is a server of 1,000 services with 20 endpoints and rules that match headers.
func large(b testing.TB) *Server {
	var text strings.Builder
	text.WriteString("version: 1.0.0\nservices:\n")
	for s := range 1000 {
		fmt.Fprintf(&text, "  - name: service-%03d\n    endpoints:\n", s)
		for i := range 20 {
			fmt.Fprintf(&text, "      - {name: service-%03d-%02d, address: \"10.0.0.1:80%02d\", subset: v%d, zone: eu-1a}\n", s, i, i, i%2+1)
		}
		text.WriteString(`    routes:
      - {name: jason, match: {headers: {end-user: jason}}, to: v2, timeout: 500ms, priority: 10}
      - {name: canary, match: {headers: {x-canary: {prefix: always}}}, to: v2, retries: 1}
      - {name: mobile, match: {headers: {user-agent: {prefix: Mobile/}, x-client: {present: true}}}, to: v1}
      - {name: admin, match: {path: {prefix: /admin/}, method: POST}, to: v1, timeout: 10s}
      - {name: rest, to: [{subset: v1, weight: auto}, {subset: v2, weight: auto}], retries: 2}
`)
	}
	file, err := rules.Parse("test.yaml", []byte(text.String()))
	if err != nil {
		b.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		b.Fatal(err)
	}
	s, err := New(router.NewTable(set, router.DefaultConfig()), NewMetrics(prometheus.NewRegistry(), time.Now), DefaultConfig())
	if err != nil {
		b.Fatal(err)
	}
	return s
}

// asked is a batch of 32 requests of different services.
func asked(k int) *fairwayv1.DecideBatchRequest {
	out := &fairwayv1.DecideBatchRequest{}
	for i := range 32 {
		out.Requests = append(out.Requests, &fairwayv1.DecideRequest{
			Service: fmt.Sprintf("service-%03d", (i*37+k*101)%1000), Method: "GET", Path: "/api/v1/products/123456", Host: "shop.example.com",
			Headers: map[string]string{"user-agent": "Mozilla/5.0 (X11; Linux x86_64)", "accept": "application/json", "x-request-id": fmt.Sprintf("%032x", i+k*1000), "end-user": "someone"},
			Source:  &fairwayv1.DecideRequest_Source{Zone: "eu-1a"},
		})
	}
	return out
}

// BenchmarkBatch is what a batch of 32 costs on each side of the wire.
func BenchmarkBatch(b *testing.B) {
	s := large(b)
	var raw [][]byte
	for k := range 64 {
		x, _ := asked(k).MarshalVT()
		raw = append(raw, x)
	}
	b.Run("unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			var in fairwayv1.DecideBatchRequest
			in.UnmarshalVTUnsafe(raw[i%64])
		}
	})
	b.Run("decide", func(b *testing.B) {
		b.ReportAllocs()
		var in [64]*fairwayv1.DecideBatchRequest
		for i := range in {
			in[i] = asked(i)
		}
		for i := 0; b.Loop(); i++ {
			s.DecideBatch(context.Background(), in[i%64])
		}
	})
	out, _ := s.DecideBatch(context.Background(), asked(1))
	b.Run("marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			out.MarshalVT()
		}
	})
	x, _ := out.MarshalVT()
	b.Run("client-unmarshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var o fairwayv1.DecideBatchResponse
			o.UnmarshalVTUnsafe(x)
		}
	})
	in := asked(3)
	b.Run("client-marshal", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			in.MarshalVT()
		}
	})
}
