package xds

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	typeurl "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"

	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/rules"
)

func tableFor(t testing.TB, text string) *router.Table {
	t.Helper()
	file, err := rules.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	return router.NewTable(set, router.DefaultConfig())
}

func newBook() *book {
	return &book{log: slog.New(slog.DiscardHandler), clock: time.Now, pages: map[pageKey]*page{}}
}

// TestPlainPage: what is told of a request that says nothing of itself is that of the
// route it takes, and of the caller's zone, however many answers the routes before it
// have: those by session keys and those of zones are several.
func TestPlainPage(t *testing.T) {
	const text = `
services:
  - name: reviews
    balance: {algorithm: ring_hash, hash: [{header: x-user}]}
    locality: {spill: {split: {z1: {z1: 75, z2: 25}}}}
    endpoints:
      - {name: e1, address: "10.0.0.1:80", zone: z1, subset: v1}
      - {name: e2, address: "10.0.0.2:80", zone: z2, subset: v1}
      - {name: e3, address: "10.0.0.3:80", zone: z2, subset: v2}
    routes:
      - {name: one, match: {path: /one}, to: v2}
      - {name: two, match: {path: /two}, to: v2}
      - {name: three, to: v1}
`
	look := tableFor(t, text).Look()
	p, err := newPage(look.Load("reviews"), envoy, nil, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for zone, want := range map[string]string{"z1": "[0.75 0.25 0]", "elsewhere": "[0.5 0.5 0]"} {
		if a, _ := p.plain.from(zone); fmt.Sprint(a.Weights) != want {
			t.Errorf("from %s: %v of %s, want %s", zone, a.Weights, p.plain.answer.Route, want)
		}
	}
}

// TestPagesAreBounded: a service has one page, by however many names it is asked for.
func TestPagesAreBounded(t *testing.T) {
	file, err := rules.Parse("test.yaml", []byte(`services: [{name: reviews, endpoints: [{name: e1, address: "10.0.0.1:80"}]}]`))
	if err != nil {
		t.Fatal(err)
	}
	file.Home = "default"
	set, err := rules.Compile(file)
	if err != nil {
		t.Fatal(err)
	}
	look, b := router.NewTable(set, router.DefaultConfig()).Look(), newBook()
	b.find(look, &client{}, typeurl.ClusterType, "reviews")
	for i := range 100 {
		b.find(look, &client{}, typeurl.ClusterType, fmt.Sprintf("reviews.default.svc.x%d", i))
	}
	if n := len(b.pages); n != 1 {
		t.Errorf("%d pages of one service", n)
	}
}

// TestTypesAreBounded: what is kept for a client does not grow with what it makes up.
func TestTypesAreBounded(t *testing.T) {
	table := tableFor(t, `services: [{name: reviews, endpoints: [{name: e1, address: "10.0.0.1:80"}]}]`)
	s, err := New(table, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	a := s.session(t.Context(), "")
	for i := range 10 * maxTypes {
		known := stream.NewSotwSubscription([]string{"reviews"}, true)
		if _, err = a.CreateWatch(&cache.Request{TypeUrl: fmt.Sprint("type", i)}, known, make(chan cache.Response, 1)); err != nil {
			break
		}
	}
	if err == nil || len(a.watches) > maxTypes {
		t.Errorf("%d watches, %v", len(a.watches), err)
	}
}
