package fit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// history is what the metrics of one service say, window by window. Windows
// follow each other without a gap and do not overlap.
type history struct {
	service   string
	start     time.Time // of the first window
	window    time.Duration
	scrape    time.Duration // between two scrapes
	n         int           // windows
	endpoints []mesh.Endpoint
	seen      [][]seen    // by endpoint and window
	ups       [][]float64 // by endpoint and scrape: whether it answered
}

// seen is what was seen of an endpoint in a window; NaN where nothing was.
type seen struct {
	requests, errors float64 // per second, ratio
	answered         float64 // per second, by the endpoint itself
	busy             float64 // workers, mean
	workers          float64
	mean             float64 // seconds, at the endpoint
	p50, p90, p99    float64
	up               float64
	refused          float64 // per second: answered at once because the queue was full; only the log tells
}

// service is the mean time that a request was served in the window.
func (s *seen) service() float64 { return s.busy / (s.answered - s.refused) }

// latency is the mean of the requests that were served.
func (s *seen) latency() float64 { return s.mean * s.answered / (s.answered - s.refused) }

// failed is the error ratio without what was refused.
func (s *seen) failed() float64 {
	if s.refused == 0 {
		return s.errors
	}
	return max(s.errors-s.refused/s.requests, 0)
}

// windowOf is the length of the windows.
func windowOf(r *datasets.Recording, cfg Config) time.Duration {
	if cfg.Window > 0 {
		return cfg.Window
	}
	return max(10*time.Second, 4*r.Manifest.ScrapeInterval()).Truncate(time.Millisecond)
}

// look reads the windows of the service.
func look(ctx context.Context, r *datasets.Recording, cfg Config) (*history, error) {
	h := &history{service: cfg.Service, window: windowOf(r, cfg), scrape: r.Manifest.ScrapeInterval()}
	if h.service == "" {
		if len(r.Manifest.Services) == 0 {
			return nil, fmt.Errorf("%w anything: the manifest names no service; name the one to fit", ErrTooLittle)
		}
		h.service = r.Manifest.Services[0]
	}
	t := mesh.Timing{Step: h.window, Range: h.window}
	found := false
	for w, err := range r.Windows(ctx, t) {
		if err != nil {
			return nil, err
		}
		if w.Service != h.service {
			continue
		}
		if !found {
			found, h.start = true, w.Start
		}
		h.take(&w)
	}
	if !found {
		return nil, fmt.Errorf("%w anything: the metrics know no service %q; the manifest names %q", ErrTooLittle, h.service, r.Manifest.Services)
	}
	return h, h.workers(ctx, r)
}

// take adds a window.
func (h *history) take(w *mesh.Window) {
	k := int(w.Start.Sub(h.start) / h.window)
	h.n = max(h.n, k+1)
	for i := range w.Endpoints {
		e := h.find(w.Endpoints[i])
		for len(h.seen[e]) <= k {
			h.seen[e] = append(h.seen[e], unknown())
		}
		requests := w.At(i, mesh.RequestRate)
		errors := w.At(i, mesh.ErrorRatio)
		if requests == 0 {
			errors = 0
		}
		h.seen[e][k] = seen{
			requests: requests, errors: errors, answered: requests * (1 - errors), busy: w.At(i, mesh.Utilization), workers: math.NaN(),
			mean: w.At(i, mesh.LatencyMean), p50: w.At(i, mesh.LatencyP50), p90: w.At(i, mesh.LatencyP90), p99: w.At(i, mesh.LatencyP99),
			up: w.At(i, mesh.Up),
		}
	}
	for e := range h.seen {
		for len(h.seen[e]) < h.n {
			h.seen[e] = append(h.seen[e], unknown())
		}
	}
}

func unknown() seen {
	nan := math.NaN()
	return seen{nan, nan, nan, nan, nan, nan, nan, nan, nan, nan, 0}
}

// find returns the position of an endpoint, which may be new.
func (h *history) find(e mesh.Endpoint) int {
	i := slices.IndexFunc(h.endpoints, func(x mesh.Endpoint) bool { return x.Name == e.Name })
	if i < 0 {
		i = len(h.endpoints)
		h.endpoints = append(h.endpoints, e)
		h.seen = append(h.seen, nil)
	}
	return i
}

// at is the window in which a time lies, or -1.
func (h *history) at(t time.Time) int {
	k := int(t.Sub(h.start) / h.window)
	if t.Before(h.start) || k >= h.n {
		return -1
	}
	return k
}

func (h *history) duration() time.Duration { return time.Duration(h.n) * h.window }

// The queries that bring what a schema's windows leave out, for recordings of
// the lab's metrics.
const (
	workersQuery  = `avg by (service, endpoint) (avg_over_time(http_server_workers[%s]))`
	upQuery       = `max by (service, endpoint) (up{endpoint!=""})`
	answeredQuery = `sum by (service, endpoint) (rate(http_server_request_duration_seconds_count[%s]))`
)

// workers reads how many workers there were, and what they answered. Where
// nothing tells the workers they stay unknown, and busy is the utilization.
func (h *history) workers(ctx context.Context, r *datasets.Recording) error {
	for _, q := range []struct {
		text string
		to   func(*seen) *float64
	}{{workersQuery, func(s *seen) *float64 { return &s.workers }}, {answeredQuery, func(s *seen) *float64 { return &s.answered }}} {
		first := h.start.Add(h.window)
		rows, err := r.Dump.Range(ctx, fmt.Sprintf(q.text, promDuration(h.window)), first, first.Add(time.Duration(h.n-1)*h.window), h.window)
		if err != nil {
			return err
		}
		h.fill(rows, q.to)
	}
	h.ups = make([][]float64, len(h.endpoints))
	rows, err := r.Dump.Range(ctx, upQuery, h.start, h.start.Add(h.duration()), h.scrape)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if e := h.place(row); e >= 0 {
			h.ups[e] = row.Values
		}
	}
	for e := range h.seen {
		for k := range h.seen[e] {
			if s := &h.seen[e][k]; !math.IsNaN(s.workers) {
				s.busy *= s.workers
			}
		}
	}
	return nil
}

func (h *history) fill(rows prom.Matrix, to func(*seen) *float64) {
	for _, row := range rows {
		e := h.place(row)
		if e < 0 {
			continue
		}
		for k := range h.seen[e] {
			if k < len(row.Values) {
				*to(&h.seen[e][k]) = row.Values[k]
			}
		}
	}
}

// place is the endpoint that a row speaks of, or -1.
func (h *history) place(row prom.Row) int {
	if row.Labels["service"] != h.service {
		return -1
	}
	return slices.IndexFunc(h.endpoints, func(x mesh.Endpoint) bool { return x.Name == row.Labels["endpoint"] })
}

// unanswered narrows a time, which windows give, down to that in which no scrape
// of the endpoint was answered. It may have begun a window earlier.
func (h *history) unanswered(e int, from, to time.Duration) (time.Duration, time.Duration) {
	first, last := -1, -1
	for k := max(int((from-h.window)/h.scrape), 0); k < len(h.ups[e]) && time.Duration(k)*h.scrape <= to; k++ {
		if h.ups[e][k] == 0 {
			if first < 0 {
				first = k
			}
			last = k
		}
	}
	if first < 0 {
		return from, to
	}
	// Each end lies between two scrapes.
	begin := max(time.Duration(first)*h.scrape-h.scrape/2, 0)
	return begin, min(time.Duration(last)*h.scrape+h.scrape/2, h.duration())
}

func promDuration(d time.Duration) string { return fmt.Sprintf("%dms", d.Milliseconds()) }
