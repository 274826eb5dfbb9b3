package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/loop"
)

// source is where windows come from.
type source struct {
	windows func(ctx context.Context) iter.Seq2[[]mesh.Window, error]
	timing  mesh.Timing
	schema  *mesh.Schema  // nil where no windows come
	also    string        // schemas that fit too, where nobody chose
	scrape  time.Duration // that is too long for the windows; 0 where none is known to be
	from    time.Time     // when serving begins; zero: with the first window
	close   func() error
}

// openSource opens what the options name; where they name nothing there are no
// windows. m may be nil.
func openSource(ctx context.Context, o *options, m *model.Model) (*source, error) {
	schema, err := chosenSchema(o, m)
	switch {
	case err != nil:
		return nil, err
	case o.prometheus != "":
		return poll(ctx, o, m, schema)
	case o.recording != "":
		return replay(ctx, o, m, schema)
	}
	return &source{windows: func(context.Context) iter.Seq2[[]mesh.Window, error] {
		return func(func([]mesh.Window, error) bool) {}
	}}, nil
}

// chosenSchema is the one that was asked for, or the model's, or nil.
func chosenSchema(o *options, m *model.Model) (*mesh.Schema, error) {
	if o.schema != "" {
		s, err := prom.LoadSchema(o.schema)
		if err != nil {
			return nil, fmt.Errorf("--schema: %w", err)
		}
		return s, nil
	}
	if m != nil {
		return &m.Schema, nil
	}
	return nil, nil
}

// detecting is how long a server may take to say what it holds.
const detecting = 10 * time.Second

// poll asks a Prometheus server at each step.
func poll(ctx context.Context, o *options, m *model.Model, schema *mesh.Schema) (*source, error) {
	connection, err := prom.LoadConnection(o.prometheus)
	if err != nil {
		return nil, fmt.Errorf("--prometheus: %w", err)
	}
	connected, err := prom.Connect(connection, prom.LiveLimits())
	if err != nil {
		return nil, fmt.Errorf("--prometheus: %w", err)
	}
	server := prom.Narrow(connected)
	also := ""
	if schema == nil {
		if schema, also, err = schemaOf(ctx, connection, server); err != nil {
			return nil, fmt.Errorf("--prometheus: %w", err)
		}
	}
	timing, tooLong := mesh.Timing{Step: schema.Step, Range: schema.Range}, time.Duration(0)
	switch {
	case m == nil:
		timing.Range = datasets.RangeFor(schema, timing.Range, scrapeInterval(ctx, connected, schema))
	case m.Routing != nil: // which knows windows as it learned them
		timing = m.Timing
		tooLong = tooSeldom(ctx, connected, schema, timing.Range)
	default: // forecasts, of as many steps as it learned, whatever the step
		timing = m.Timing
		if scrape := scrapeInterval(ctx, connected, schema); scrape > timing.Step {
			timing = m.Paced(datasets.TimingFor(schema, scrape, 0, 0)).Timing
		}
	}
	if timing.Step <= 0 || timing.Range <= 0 {
		return nil, fmt.Errorf("schema %s has no step or no range; add both to its file", schema.Name)
	}
	return &source{
		schema: schema, timing: timing, also: also, scrape: tooLong, close: connected.Close,
		windows: func(ctx context.Context) iter.Seq2[[]mesh.Window, error] {
			return prom.PollAll(ctx, server, schema, timing, ticks(ctx, timing.Step))
		},
	}, nil
}

// tooSeldom is the scrape interval of a server, where a window cannot hold the two
// scrapes that a rate is made of; else 0.
func tooSeldom(ctx context.Context, server intervals, schema *mesh.Schema, window time.Duration) time.Duration {
	scrape := scrapeInterval(ctx, server, schema)
	if datasets.RangeFor(schema, window, scrape) == window {
		return 0
	}
	return scrape
}

// scrapeInterval is the server's, as far as it tells now: 0 when it does not.
// Only a range that is too short for it has to know.
func scrapeInterval(ctx context.Context, server intervals, schema *mesh.Schema) time.Duration {
	ctx, cancel := context.WithTimeout(ctx, detecting)
	defer cancel()
	now := time.Now()
	usual, _, err := server.Intervals(ctx, schema, now.Add(-20*time.Minute), now)
	if err != nil {
		return 0
	}
	return usual.Round(time.Second)
}

// intervals is what a prom.Server measures.
type intervals interface {
	Intervals(ctx context.Context, s *mesh.Schema, start, end time.Time) (usual, slowest time.Duration, err error)
}

// schemaOf is the schema that the source file names, or whichever fits what the
// server holds now; also are those that fit too.
func schemaOf(ctx context.Context, c *prom.Connection, server prom.Source) (schema *mesh.Schema, also string, err error) {
	if c.Schema != "" {
		schema, err = prom.LoadSchema(c.Schema)
		return schema, "", err
	}
	ctx, cancel := context.WithTimeout(ctx, detecting)
	defer cancel()
	now := time.Now()
	schema, recognised, err := prom.Detect(ctx, server, now, now)
	if err != nil {
		return nil, "", fmt.Errorf("%w (or name the schema with --schema)", err)
	}
	return schema, recognised.Others(schema.Name), nil
}

// ticks gives the time at once and then at each step, until ctx ends. Steps
// that pass while nobody listens are left out.
func ticks(ctx context.Context, step time.Duration) <-chan time.Time {
	ch := make(chan time.Time)
	go func() {
		defer close(ch)
		ticker := time.NewTicker(step)
		defer ticker.Stop()
		for now := time.Now(); ; {
			select {
			case ch <- now:
			case <-ctx.Done():
				return
			}
			select {
			case now = <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return ch
}

// replay plays a recording in its own time, o.speed times as fast.
func replay(ctx context.Context, o *options, m *model.Model, schema *mesh.Schema) (*source, error) {
	var rec *datasets.Recording
	var err error
	if schema == nil {
		rec, err = datasets.Open(ctx, o.recording, "")
	} else {
		rec, err = datasets.OpenWith(ctx, o.recording, schema)
	}
	if err != nil {
		return nil, fmt.Errorf("--recording: %w", err)
	}
	if _, err := prom.Check(ctx, rec.Dump, rec.Schema); err != nil {
		return nil, errors.Join(fmt.Errorf("--recording %s: %w", o.recording, err), rec.Close())
	}
	s := &source{schema: rec.Schema, timing: rec.Timing(0, 0), close: rec.Close}
	if rec.Recognition != nil {
		s.also = rec.Recognition.Others(rec.Schema.Name)
	}
	if m != nil {
		s.timing = m.Paced(s.timing).Timing
	}
	if o.from == "held-back" {
		if s.from, err = heldBack(ctx, rec, m); err != nil {
			return nil, errors.Join(err, rec.Close())
		}
	}
	s.windows = func(ctx context.Context) iter.Seq2[[]mesh.Window, error] {
		return play(ctx, together(rec.Windows(ctx, s.timing)), s.from, o.speed, s.timing.Step, o.once)
	}
	return s, nil
}

// heldBack is when the part of the recording begins that the model was not
// trained on: all of a recording that its training did not have.
func heldBack(ctx context.Context, rec *datasets.Recording, m *model.Model) (time.Time, error) {
	sum, err := rec.Digest(ctx)
	if err != nil {
		return time.Time{}, fmt.Errorf("--from held-back: %w", err)
	}
	for _, known := range m.Card.Recordings {
		if known.SHA256 != sum {
			continue
		}
		if !known.Split.TestStart.Before(known.End) {
			return time.Time{}, fmt.Errorf("--from held-back: the model was trained on all of %s", rec.Path)
		}
		return known.Split.TestStart, nil
	}
	return time.Time{}, nil
}

// together yields the windows of one time at once.
func together(windows iter.Seq2[mesh.Window, error]) iter.Seq2[[]mesh.Window, error] {
	return func(yield func([]mesh.Window, error) bool) {
		var all []mesh.Window
		for w, err := range windows {
			if len(all) > 0 && (err != nil || !w.Time.Equal(all[0].Time)) {
				if !yield(all, nil) {
					return
				}
				all = nil
			}
			if err == nil {
				all = append(all, w)
			} else if !yield(nil, err) {
				return
			}
		}
		if len(all) > 0 {
			yield(all, nil)
		}
	}
}

// play holds windows back until their time has come: what is before from
// passes at once, then speed seconds of the recording pass in one. After the
// last windows it yields loop.ErrOver, with the time in a window, at each step of
// the clock, unless the recording is played once.
func play(ctx context.Context, windows iter.Seq2[[]mesh.Window, error], from time.Time, speed float64, step time.Duration, once bool) iter.Seq2[[]mesh.Window, error] {
	return func(yield func([]mesh.Window, error) bool) {
		var began, first, last time.Time
		for all, err := range windows {
			if err != nil {
				all = []mesh.Window{{Time: last}}
			} else if now := all[0].Time; !now.Before(from) {
				if began.IsZero() {
					began, first = time.Now(), now
				}
				due := began.Add(time.Duration(float64(now.Sub(first)) / speed))
				if last = now; !sleep(ctx, time.Until(due)) {
					return
				}
			}
			if !yield(all, err) {
				return
			}
		}
		for !once && sleep(ctx, step) {
			last = last.Add(time.Duration(float64(step) * speed))
			if !yield([]mesh.Window{{Time: last}}, loop.ErrOver) {
				return
			}
		}
	}
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
