package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchServeDaemon: what is measured as the daemon is decided by the model, by
// the rule that a header matches, and rebuilt when it is told to. How fast does not
// matter.
func TestBenchServeDaemon(t *testing.T) {
	m := newServedMesh(3, 4, 1)
	f, err := newFeed(m, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	table := f.loop.Table()
	before := table.Version()
	f.take(f.pace.From.AddDate(2100, 0, 0))
	if table.Version() == before {
		t.Error("windows came, and the table is as it was")
	}
	routes := map[string]int{}
	for _, r := range meshRequests(m.requests(500)) {
		a := table.Load(r.Service).Decide(&r, 1<<63)
		if a.Endpoint < 0 {
			t.Fatalf("no endpoint for %v", r)
		}
		routes[a.Route]++
	}
	if routes["jason"] == 0 || routes["canary"] == 0 || routes["rest"] < 400 {
		t.Errorf("the requests took %v", routes)
	}
}

// TestServeFigures: the keys of the last line are a contract.
func TestServeFigures(t *testing.T) {
	text, err := json.Marshal(serveFigures{})
	want := `{"p50_ratio":0,"p99_ratio":0,"throughput_ratio":0,"rebuild_p99_ratio":0,"stream_ratio":0,"batch32_ratio":0,"decide_ns":0,"decide_allocs":0,"client_pick_ns":0,"rebuild_10k_ms":0}`
	if err != nil || strings.TrimSpace(string(text)) != want {
		t.Errorf("%s, %v; want %s", text, err, want)
	}
}
