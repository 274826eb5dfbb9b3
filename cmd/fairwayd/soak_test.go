package main

import (
	"context"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

var soakFor = flag.Duration("soak", 20*time.Second, "how long TestSoak runs; make soak: 10m")

// soaked are the figures of a soak, and one JSON line.
type soaked struct {
	Seconds     float64    `json:"seconds"`
	Calls       int64      `json:"calls"`
	Watches     int64      `json:"watches"`
	Reloads     int        `json:"reloads"`
	Restarts    int        `json:"prometheus_restarts"`
	HeapMB      [3]float64 `json:"heap_mb"` // medians of the thirds
	Goroutines  [3]float64 `json:"goroutines"`
	Files       [3]float64 `json:"files"`
	LongestGap  float64    `json:"longest_without_fresh_seconds"`
	NotAnswered int        `json:"not_answered"`
	HeapGrowth  float64    `json:"heap_growth"` // the last third over the middle one
}

// TestSoak runs the daemon for long with everything in motion: calls of all kinds,
// watches that come and go, models and rules that change every few seconds, a
// Prometheus that is restarted now and then. What it holds in memory, goroutines
// and files has to stay as it is.
func TestSoak(t *testing.T) {
	m := newLab(t)
	registry := filepath.Join(t.TempDir(), "models")
	path := persistenceOf(t, brisk)
	publish(t, registry, path)
	p := startChild(t, "127.0.0.1:0", "127.0.0.1:0", "--prometheus", m.url, "--model", registry, "--rules", m.rules, "--stale-after", "2s", "--state", t.TempDir(), "--no-trial")
	a := newAsker(t, p.api, m)
	eventually(t, "the model answers", func() bool { return a.meter.source("MODEL") > 0 })

	var sum soaked
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), *soakFor)
	defer cancel()
	var calls, watches atomic.Int64
	var running sync.WaitGroup
	_, c := dialed(t, p.api)
	for range 2 {
		running.Go(func() { streams(ctx, c, &calls) })
	}
	for range 4 {
		running.Go(func() { come(ctx, c, &watches) })
	}
	var heaps, goroutines, files []float64
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for i := 1; ctx.Err() == nil; i++ {
		heaps, goroutines, files = append(heaps, p.heap(t)), append(goroutines, p.figure(t, "go_goroutines")), append(files, p.figure(t, "process_open_fds"))
		switch {
		case i%60 == 15:
			m.kill()
		case i%60 == 18:
			m.start()
			sum.Restarts++
		case i%6 == 0:
			publish(t, registry, path)
			sum.Reloads++
		case i%6 == 3:
			replace(t, m.rules, []byte(m.rulesOf(time.Now().Format("150405.000"))))
			sum.Reloads++
		}
		select {
		case <-second.C:
		case <-ctx.Done():
		}
	}
	running.Wait()
	a.stop()
	thirds := func(of []float64) (median [3]float64) {
		n := len(of) / 3
		for i := range median {
			part := slices.Sorted(slices.Values(of[i*n : (i+1)*n]))
			median[i] = part[len(part)/2]
		}
		return median
	}
	for i := range heaps {
		heaps[i] /= 1e6
	}
	sum.Seconds, sum.Calls, sum.Watches = time.Since(began).Seconds(), calls.Load(), watches.Load()
	sum.HeapMB, sum.Goroutines, sum.Files = thirds(heaps), thirds(goroutines), thirds(files)
	sum.HeapGrowth = sum.HeapMB[2]/sum.HeapMB[1] - 1
	sum.LongestGap = a.meter.longest().Seconds()
	sum.NotAnswered = len(a.meter.wrong)
	text, err := json.Marshal(sum)
	if err != nil {
		t.Fatal(err)
	}
	defer os.Stdout.Write(append(text, '\n'))
	grown := sum.Goroutines[2]-sum.Goroutines[1] > 10 || sum.Files[2]-sum.Files[1] > 10
	// The kept windows of the first ten minutes fill while a short run lasts.
	if *soakFor >= time.Minute && sum.HeapGrowth > 0.1 || grown {
		t.Errorf("the daemon grows: %s", text)
	}
	if err := p.end(); err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// streams makes calls of all kinds.
func streams(ctx context.Context, c fairwayv1.RouterClient, calls *atomic.Int64) {
	in := &fairwayv1.DecideRequest{Service: "shop", Path: "/cart?x=1", Headers: map[string]string{"end-user": "jason"}}
	for ctx.Err() == nil {
		route, err := c.Route(ctx)
		if err != nil {
			continue
		}
		report, err := c.Report(ctx)
		if err != nil {
			continue
		}
		for range 200 {
			if route.Send(in) != nil {
				break
			}
			d, err := route.Recv()
			if err != nil {
				break
			}
			if report.Send(&fairwayv1.OutcomeReport{Service: "shop", Endpoint: d.GetEndpoint().GetName(), Status: 200, Latency: durationpb.New(time.Millisecond), Propensity: d.Propensity}) != nil {
				break
			}
			calls.Add(2)
			time.Sleep(time.Millisecond) // the rate of the load
		}
		_ = route.CloseSend()
		_, _ = route.Recv() // io.EOF
		_, _ = report.CloseAndRecv()
		_, _ = c.DecideBatch(ctx, &fairwayv1.DecideBatchRequest{Requests: []*fairwayv1.DecideRequest{in, in, in}})
		_, _ = c.Explain(ctx, in)
		_, _ = c.Forecast(ctx, &fairwayv1.ForecastRequest{})
		calls.Add(3)
	}
}

// come watches for a while, again and again, and leaves in the midst of it.
func come(ctx context.Context, c fairwayv1.RouterClient, watches *atomic.Int64) {
	for ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(ctx, time.Duration(rand.IntN(1000))*time.Millisecond)
		stream, err := c.Watch(ctx, &fairwayv1.WatchRequest{})
		for err == nil {
			_, err = stream.Recv()
		}
		cancel()
		watches.Add(1)
	}
}
