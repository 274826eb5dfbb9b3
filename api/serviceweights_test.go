package api_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/fairway-mesh/fairway/api"
	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// TestRoutesOnce lists each route once: the one of no match is left out where every
// request takes another of that name, and told behind all others.
func TestRoutesOnce(t *testing.T) {
	table := newTable(t, `
services:
  - name: reviews
    endpoints: [{name: r1, address: "127.0.0.1:9001"}]
  - name: catchall
    endpoints: [{name: r1, address: "127.0.0.1:9001"}]
    routes: [{name: all}]
  - name: split
    endpoints: [{name: r1, address: "127.0.0.1:9001"}]
    routes: [{name: default, match: {headers: {a: b}}}]
`)
	publish(table, "unruled", 1)
	s, err := api.New(table, api.NewMetrics(prometheus.NewRegistry(), time.Now), api.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for service, want := range map[string][]string{
		"reviews": {"default"}, "unruled": {"default"}, "catchall": {"all", "default"}, "split": {"default", "default"},
	} {
		w, err := s.Weights(context.Background(), &fairwayv1.WatchRequest{Services: []string{service}})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range w.Routes {
			got = append(got, r.Name)
			if service == "unruled" && (!r.MatchesAll || !r.Met || len(r.Weights) != 1) {
				t.Errorf("unruled: %v", r)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the routes %q, want %q", service, got, want)
		}
	}
}
