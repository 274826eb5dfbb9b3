package discovery

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
)

func TestTwins(t *testing.T) {
	of := func(source, name string, numbers ...int) *Service {
		s := service(name, numbers...)
		s.Source = source
		return s
	}
	nowhere := of("prometheus", "nowhere", 1, 2)
	nowhere.Endpoints[1].Address = ""
	for name, c := range map[string]struct {
		services []*Service
		want     string
	}{
		"one":                   {[]*Service{of("consul", "a", 1, 2)}, ""},
		"two places":            {[]*Service{of("kubernetes", "b", 2, 1), of("consul", "a", 1, 2)}, "a b"},
		"of one place":          {[]*Service{of("consul", "a", 1, 2), of("consul", "b", 1, 2)}, ""},
		"one place has both":    {[]*Service{of("consul+dns", "a", 1, 2), of("file+dns", "b", 1, 2)}, ""},
		"one more":              {[]*Service{of("consul", "a", 1, 2), of("file", "b", 1, 2, 3)}, ""},
		"another":               {[]*Service{of("consul", "a", 1, 2), of("file", "b", 1, 3)}, ""},
		"none":                  {[]*Service{of("consul", "a"), of("file", "b")}, ""},
		"an address is unknown": {[]*Service{of("consul", "a", 1, 2), nowhere}, ""},
		"three":                 {[]*Service{of("consul", "a", 1), of("file", "b", 1), of("dns", "c", 1)}, "a b, b c"},
		"another is in between": {[]*Service{of("consul", "a", 1), of("file", "b", 2), of("file", "c", 1)}, "a c"},
	} {
		var got []string
		for _, twins := range AllTwins(NewSnapshot(1, c.services)) {
			got = append(got, fmt.Sprint(twins.A.Name, " ", twins.B.Name))
		}
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q; want %q", name, text, c.want)
		}
	}
}

// TestTwinsAreTold once for as long as they are.
func TestTwinsAreTold(t *testing.T) {
	log := &written{}
	cfg := DefaultConfig()
	cfg.Gather, cfg.Log = 0, slog.New(slog.NewTextHandler(log, nil))
	one, two := newScript("consul"), newScript("kubernetes")
	d := made(t, cfg, one, two)
	running(t, d)
	first, second := <-one.to, <-two.to
	first.Put(service("reviews", 1, 2))
	second.Put(service("reviews.shop.svc.cluster.local", 1, 2))
	told := func(n int) func() string {
		return func() string {
			if got := strings.Count(log.String(), "reviews (consul) and reviews.shop.svc.cluster.local (kubernetes) have the same endpoints"); got != n {
				return fmt.Sprintf("told %d times, want %d:\n%s", got, n, log)
			}
			return ""
		}
	}
	eventually(t, told(1))
	second.Put(service("other", 7))
	eventually(t, func() string {
		if d.Snapshot().Service("other") == nil {
			return "not published"
		}
		return ""
	})
	first.Put(service("reviews", 1))
	eventually(t, func() string {
		if len(d.Snapshot().Service("reviews").Endpoints) != 1 {
			return "not published"
		}
		return ""
	})
	eventually(t, told(1))
	first.Put(service("reviews", 1, 2))
	eventually(t, told(2))
}

// written is a log that is read while it is written.
type written struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}
