package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"

	"github.com/fairway-mesh/fairway/api/client"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router"
)

// meshRequests are the requests as the table and the local pick take them.
func meshRequests(in requestList) []mesh.Request {
	list := make([]mesh.Request, len(in))
	for i, r := range in {
		path, query, _ := strings.Cut(r.Path, "?")
		list[i] = mesh.Request{Service: r.Service, Method: r.Method, Path: path, Query: query, Host: r.Host, Headers: r.Headers, Source: mesh.Source{Zone: r.Source.GetZone()}}
	}
	return list
}

// local measures what needs no second process: decisions, and making the table.
func (b *serveBench) local(f *serveFigures, in requestList) error {
	feeding, err := newFeed(b.mesh, b.log)
	if err != nil {
		return err
	}
	table, requests := feeding.loop.Table(), meshRequests(in)
	requests = requests[:callers] // was read just now, in a server: unlike the table it is in the cache
	random := rand.New(rand.NewPCG(b.seed, 2))
	services := table.Services()
	result := testing.Benchmark(func(t *testing.B) {
		t.ReportAllocs()
		for i := 0; t.Loop(); i++ {
			r := &requests[i%len(requests)]
			u := random.Uint64()
			r.Service = services[u>>32%uint64(len(services))]
			if a := table.Load(r.Service).Decide(r, u); a.Endpoint < 0 {
				t.Fatalf("no endpoint for %v", r)
			}
		}
	})
	f.DecideNs, f.DecideAllocs = nanoseconds(result), float64(result.AllocsPerOp())
	f.Rebuild10k = b.rebuild(table, 10_000/servedEndpoints).Seconds() * 1e3
	b.say("in the process: a decision takes %.0f ns and %v allocations; 10,000 endpoints are published in %.1f ms", f.DecideNs, f.DecideAllocs, f.Rebuild10k)
	return nil
}

func nanoseconds(r testing.BenchmarkResult) float64 { return float64(r.T.Nanoseconds()) / float64(r.N) }

// rebuild is the time in which the newest decisions of so many services become a
// table, on one core.
func (b *serveBench) rebuild(from *router.Table, services int) time.Duration {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var made []router.Made
	for s := range services {
		r := from.Load(serviceName(s))
		made = append(made, router.Made{Decision: r.Decision, Frame: r.Frame})
	}
	table := router.NewTable(from.Rules(), router.DefaultConfig())
	var times []time.Duration
	for range 11 {
		start := time.Now()
		table.PublishAll(made, nil)
		times = append(times, time.Since(start))
	}
	return median(times)
}

// picks measures the client's own pick, from the weights that the daemon sent.
func (b *serveBench) picks(ctx context.Context, f *serveFigures, in requestList) error {
	cfg := client.DefaultConfig()
	cfg.Targets, cfg.Credentials, cfg.Clock, cfg.Seed = []string{b.daemon.conn.Target()}, insecure.NewCredentials(), time.Now, b.seed
	c, err := client.Dial(cfg)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- c.Watch(ctx, nil, nil) }()
	defer func() { cancel(); <-done; c.Close() }()
	requests := meshRequests(in)
	if err := known(ctx, c, requests); err != nil {
		return err
	}
	pick := func(request func(r *mesh.Request) *mesh.Request) float64 {
		return nanoseconds(testing.Benchmark(func(t *testing.B) {
			for i := 0; t.Loop(); i++ {
				r := &requests[i%callers]
				if choice := c.Pick(r.Service, request(r)); choice.Endpoint == nil {
					t.Fatalf("no endpoint for %v", r)
				}
			}
		}))
	}
	f.ClientPickNs = pick(func(*mesh.Request) *mesh.Request { return nil })
	matched := pick(func(r *mesh.Request) *mesh.Request { return r })
	b.say("a local pick takes %.0f ns of a request that says nothing, %.0f ns where the headers of one are held against four rules", f.ClientPickNs, matched)
	return nil
}

// known waits until the client knows of the service of each request.
func known(ctx context.Context, c *client.Client, requests []mesh.Request) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for i := range requests {
		for c.Pick(requests[i].Service, &requests[i]).Endpoint == nil {
			select {
			case <-ctx.Done():
				return errors.Join(fmt.Errorf("no weights of %s came", requests[i].Service), ctx.Err())
			case <-time.After(time.Millisecond):
			}
		}
	}
	return nil
}
