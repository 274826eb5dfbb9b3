package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
)

// Answer is what became of a request.
type Answer struct {
	Service, Class, Endpoint string        // Endpoint: in a fleet, who answered; empty if nobody did
	Proxy                    int           // in a fleet, the position of the proxy that was asked
	At                       time.Time     // when it was to be sent
	Latency                  time.Duration // from then on; the deadline's where none came before it
	Status                   int           // 0: no answer before the deadline
}

// Failed reports whether there was no good answer.
func (a *Answer) Failed() bool { return a.Status == 0 || a.Status >= 500 }

// Mesh is a mesh that Drive runs.
type Mesh struct{ running *running }

// Drive runs the mesh that cfg describes under its load, without faults and without
// recording, for as long as use takes; the load ends after cfg.Duration. Where
// cfg.Choose is set it chooses the endpoints. What the processes write stays in
// cfg.Out, which must not exist yet. No process outlives Drive.
func Drive(ctx context.Context, cfg Config, use func(context.Context, *Mesh) error) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	dir, err := filepath.Abs(cfg.Out)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	m, err := startMesh(ctx, cfg, dir)
	if err != nil {
		return err
	}
	defer m.close()
	return m.drive(ctx, use)
}

// errUsed ends the load when nobody needs it any more.
var errUsed = errors.New("used")

func (m *running) drive(ctx context.Context, use func(context.Context, *Mesh) error) error {
	start := time.Now().Add(time.Second)
	all, running := errgroup.WithContext(ctx)
	for _, s := range m.services {
		l := newLoad(s, plan(m.cfg.Seed, s, m.cfg.Duration), m.listen[s.Name], start)
		l.choose, l.done = m.cfg.Choose, m.cfg.Done
		all.Go(func() error { return l.run(running) })
	}
	all.Go(func() error {
		select {
		case died := <-m.children.died:
			return died
		case <-running.Done():
			return nil
		}
	})
	all.Go(func() error {
		if err := use(running, &Mesh{m}); err != nil {
			return err
		}
		return errUsed
	})
	if err := all.Wait(); err != nil && !errors.Is(err, errUsed) {
		return err
	}
	return ctx.Err()
}

// Prometheus is the URL of the server that scrapes the mesh.
func (m *Mesh) Prometheus() string { return "http://" + m.running.address }

// Slow makes every endpoint of the mesh so many times slower; 1 is as they were.
func (m *Mesh) Slow(ctx context.Context, times float64) error {
	for _, s := range m.running.services {
		for _, e := range s.Endpoints {
			if err := m.running.turnKnobs(ctx, e.Name, Knobs{Slowdown: times}); err != nil {
				return fmt.Errorf("slow %s down: %w", e.Name, err)
			}
		}
	}
	return nil
}
