package lab

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// readRecipe is a recipe of the comparison.
func readRecipe(t *testing.T, name string) *Recipe {
	t.Helper()
	r, err := ReadRecipe(os.DirFS(filepath.Join("..", "..", "cmd", "fairway", "compare", name)))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestFleet runs two HAProxys before two endpoints, one of which fails in the middle.
func TestFleet(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	cfg.Services = cfg.Services[:1]
	s := &cfg.Services[0]
	s.Endpoints = s.Endpoints[:2]
	turn := Turn{
		Name: "roundrobin", Recipe: readRecipe(t, "haproxy"), Place: Place{Balance: "roundrobin"}, Proxies: 2, Rate: 40, Seed: 3,
		Settle: time.Second, Length: 2 * time.Second,
		Faults: []Fault{{Service: s.Name, Endpoint: s.Endpoints[0].Name, Kind: FastFail, Severity: 1, Start: 0, Length: 2 * time.Second}},
	}
	var turns []*Taken
	err := RunFleet(t.Context(), cfg, func(ctx context.Context, f *Fleet) error {
		for range 2 {
			taken, err := f.Take(ctx, turn)
			if err != nil {
				return err
			}
			turns = append(turns, taken)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	planned := 0
	for _, r := range fleetPlan(turn, Service{Rate: 40, Classes: s.Classes}) {
		if r.at >= turn.Settle {
			planned++
		}
	}
	for _, taken := range turns {
		if len(taken.Answers) != planned || planned == 0 {
			t.Errorf("%d answers; want %d", len(taken.Answers), planned)
		}
		proxies, failed, well := map[int]int{}, 0, 0
		for i, a := range taken.Answers {
			proxies[a.Proxy]++
			switch {
			case a.At.Before(taken.Start) || i > 0 && a.At.Before(taken.Answers[i-1].At):
				t.Errorf("answer %d was due at %v; the turn began at %v", i, a.At, taken.Start)
			case a.Failed():
				failed++
			case a.Latency > 0 && a.Endpoint == s.Endpoints[1].Name:
				well++
			}
		}
		if len(proxies) != 2 || failed == 0 || well == 0 {
			t.Errorf("requests by proxy %v, %d failed, %d answered by the other; want both proxies, and some of each", proxies, failed, well)
		}
		if a, b := turns[0].Answers[0], taken.Answers[0]; a.Proxy != b.Proxy || a.At.Sub(turns[0].Start) != b.At.Sub(taken.Start) {
			t.Errorf("turns of one seed begin with %+v and %+v", a, b)
		}
	}
	if entries, err := filepath.Glob(filepath.Join(cfg.Out, "*-roundrobin", "*", "haproxy.cfg")); len(entries) != 4 || err != nil {
		t.Errorf("%d files of proxies, %v; want four", len(entries), err)
	}
}

func TestFleetErrors(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	if err := RunFleet(t.Context(), cfg, nil); err == nil {
		t.Error("a fleet of two services began")
	}
	f := &Fleet{}
	for _, turn := range []Turn{{Proxies: 0, Length: 1}, {Proxies: MaxProxies + 1, Length: 1}, {Proxies: 1}, {Proxies: 1, Length: 1, Settle: -1}} {
		if _, err := f.Take(t.Context(), turn); err == nil {
			t.Errorf("%+v was taken", turn)
		}
	}
}

// TestFleetProxyThatCannotStart: the error has what the proxy said.
func TestFleetProxyThatCannotStart(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	cfg.Services = cfg.Services[:1]
	turn := Turn{Name: "wrong", Recipe: readRecipe(t, "haproxy"), Place: Place{Balance: "by-magic"}, Proxies: 2, Length: time.Second}
	err := RunFleet(t.Context(), cfg, func(ctx context.Context, f *Fleet) error {
		_, err := f.Take(ctx, turn)
		return err
	})
	if err == nil {
		t.Error("a HAProxy that balances by magic ran")
	}
}
