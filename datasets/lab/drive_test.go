package lab

import (
	"context"
	"sync"
	"testing"
	"time"
)

func TestDriveFollowsWhoChooses(t *testing.T) {
	t.Parallel()
	cfg := recordable(t)
	cfg.Duration = time.Minute
	chosen := map[string]string{}
	for _, s := range cfg.Services {
		chosen[s.Name] = s.Endpoints[1].Name
	}
	var mu sync.Mutex
	var answers []Answer
	enough := make(chan struct{})
	cfg.Choose = func(service string, _ Class) string { return chosen[service] }
	cfg.Done = func(a Answer) {
		mu.Lock()
		defer mu.Unlock()
		if answers = append(answers, a); len(answers) == 50 {
			close(enough)
		}
	}
	err := Drive(t.Context(), cfg, func(ctx context.Context, m *Mesh) error {
		if err := m.Slow(ctx, 2); err != nil {
			return err
		}
		select {
		case <-enough:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range answers {
		if a.Endpoint != chosen[a.Service] || a.Latency <= 0 || a.At.IsZero() {
			t.Fatalf("%+v; want it answered by %s", a, chosen[a.Service])
		}
	}
	if _, err := Record(t.Context(), cfg, nil); err == nil {
		t.Error("a recording took endpoints of somebody else's choice")
	}
}
