package extproc

import (
	"context"
	"fmt"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

// TestHostsAreBounded: what is kept of a service is one, whatever strangers write into
// the host by which it is found.
func TestHostsAreBounded(t *testing.T) {
	file, err := rules.Parse("test.yaml", []byte(`services: [{name: reviews, endpoints: [{name: e1, address: "10.0.0.1:80"}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	file.Home = "default"
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	table := router.NewTable(set, router.DefaultConfig())
	decides, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer decides.Close()
	s := New(table, decides, Config{Clock: time.Now})
	defer s.Close()
	for i := range 100 {
		var x exchange
		ask := read(nil)
		ask.Service = byHost(fmt.Sprintf("reviews.default.svc.x%d", i), s.knows)
		if why := s.ask(context.Background(), ask, &x); why != "" {
			t.Fatalf("%s: %s", ask.Service, why)
		}
		defer s.end(&x)
	}
	n := 0
	s.inFlight.Range(func(_, _ any) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d counts of one endpoint", n)
	}
}

// TestRead: bytes that are no text leave nothing undecided, and a cookie is found in
// whichever header it stands.
func TestRead(t *testing.T) {
	got := read([]*corev3.HeaderValue{
		{Key: "x-any", RawValue: []byte("a\xff")}, {Key: "x-any", Value: "b"},
		{Key: "cookie", RawValue: []byte("a=1")}, {Key: "cookie", RawValue: []byte("id=7")}, {Key: ":path", RawValue: []byte("/\xff?q")},
	})
	if got.Headers["x-any"] != "a\uFFFD,b" || got.Headers["cookie"] != "a=1; id=7" || got.Path != "/\uFFFD?q" {
		t.Errorf("%q", got)
	}
}
