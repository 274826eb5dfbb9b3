package discovery

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/fairway-mesh/fairway/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// script is a source that a test speaks through.
type script struct {
	name string
	to   chan Sink // holds the sink of the newest life
	end  chan func() error
}

func newScript(name string) *script {
	return &script{name, make(chan Sink, 1), make(chan func() error)}
}

func (s *script) Name() string { return s.name }

func (s *script) Watch(ctx context.Context, to Sink) error {
	select {
	case s.to <- to:
	case <-ctx.Done():
		return nil
	}
	select {
	case end := <-s.end:
		return end()
	case <-ctx.Done():
		return nil
	}
}

// ear is a handler that remembers.
type ear struct {
	mu    sync.Mutex
	heard []hearing
}

type hearing struct {
	version uint64
	at      time.Time
	changes []string // +added, ~updated, -deleted
}

func (e *ear) hear(now *Snapshot, changes []Change) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h := hearing{version: now.Version(), at: time.Now()}
	for _, c := range changes {
		kind := "~"
		switch {
		case c.Old == nil:
			kind = "+"
		case c.New == nil:
			kind = "-"
		}
		h.changes = append(h.changes, kind+c.name())
	}
	e.heard = append(e.heard, h)
}

func (e *ear) all() []hearing {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]hearing(nil), e.heard...)
}

// running runs a directory until the test ends.
func running(t *testing.T, d *Directory) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func made(t *testing.T, cfg Config, sources ...Source) *Directory {
	t.Helper()
	d, err := New(cfg, sources...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// service has an endpoint NAME-i at 10.0.0.i:80 for each i.
func service(name string, numbers ...int) *Service {
	s := &Service{Name: name}
	for _, i := range numbers {
		s.Endpoints = append(s.Endpoints, Endpoint{Endpoint: mesh.Endpoint{Name: fmt.Sprintf("%s-%d", name, i), Address: fmt.Sprintf("10.0.0.%d:80", i)}})
	}
	return s
}

// eventually waits for a condition that says what is wrong yet.
func eventually(t *testing.T, wrong func() string) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		why := wrong()
		if why == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatal(why)
		}
	}
}
