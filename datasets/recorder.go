package datasets

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// recorder pulls into a growing recording.
type recorder struct {
	cfg       RecordConfig
	growing   *growing
	server    *prom.Server
	schema    *mesh.Schema
	selectors []string
	settled   bool // what to record is known
	progress  RecordProgress
	silent    error // why the server did not answer last time
}

func (r *recorder) run(ctx context.Context) error {
	var err error
	if r.server, err = prom.Connect(r.cfg.Connection, r.cfg.Limits); err != nil {
		return err
	}
	defer r.server.Close()
	if err := r.settle(ctx); err != nil {
		return err
	}
	r.settled = true
	if err := r.growing.merge(ctx, r.cfg.Shard); err != nil {
		return err
	}
	goal := r.cfg.Connection.End
	for ctx.Err() == nil {
		limit, err := r.limit(ctx)
		if err == nil && goal.IsZero() && !r.cfg.Follow {
			goal = limit
		}
		if err == nil {
			limit = earlier(limit, goal)
			r.progress.Goal = limit
			err = r.advance(ctx, limit)
		}
		switch {
		case err == nil && !r.cfg.Follow && !r.growing.state.Until.Before(goal):
			return r.finish()
		case err != nil && (!r.cfg.Follow || !prom.Temporary(err)):
			return err
		}
		r.report(err)
		select {
		case <-time.After(r.pause(limit, err)):
		case <-ctx.Done():
		}
	}
	return errors.Join(ctx.Err(), r.finish())
}

// limit is the time up to which samples are complete.
func (r *recorder) limit(ctx context.Context) (time.Time, error) {
	now, err := r.server.Now(ctx)
	return now.Add(-r.growing.state.slowest() - r.cfg.Delay).Truncate(time.Millisecond), err
}

// advance pulls whole pieces up to the limit. A piece ends where a block does
// (multiples of Shard), and is not shorter than Every unless it ends there, or
// the recording does.
func (r *recorder) advance(ctx context.Context, limit time.Time) error {
	for {
		after := r.growing.state.Until
		until := earlier(after.Truncate(r.cfg.Shard).Add(r.cfg.Shard), limit)
		if !until.After(after) || r.cfg.Follow && until.Equal(limit) && until.Sub(after) < r.cfg.Every {
			return nil
		}
		raw, err := r.server.Pull(ctx, r.selectors, after, until)
		if err != nil {
			return err
		}
		services, err := prom.Services(ctx, r.server, r.schema, until)
		if err != nil {
			return err
		}
		gaps, err := r.growing.take(ctx, raw, piece{After: after, Until: until}, services)
		if err != nil {
			return err
		}
		for _, gap := range gaps {
			r.say(gap.String())
		}
		if err := r.note(raw); err != nil {
			return err
		}
		r.progress.Samples += raw.Count()
		r.progress.Start, r.progress.Until = r.growing.state.Start, until
		if r.cfg.Progress != nil {
			r.cfg.Progress(r.progress)
		}
		if err := r.growing.merge(ctx, r.cfg.Shard); err != nil {
			return err
		}
	}
}

// note keeps what cannot be recorded, and what the server remarked.
func (r *recorder) note(raw *prom.Raw) error {
	var notes []string
	for _, metric := range raw.Histograms {
		notes = append(notes, fmt.Sprintf("%s has native histograms, which the HTTP API does not give as they were scraped: left out", metric))
	}
	notes = append(notes, r.server.Remarks()...)
	fresh, err := r.growing.note(notes)
	for _, text := range fresh {
		r.say(text)
	}
	return err
}

// finish says what is left to say at the end.
func (r *recorder) finish() error {
	if gap, ok := r.growing.openGap(); ok {
		r.say(gap.String())
	}
	if r.growing.state.Last.IsZero() && !r.cfg.Follow {
		return fmt.Errorf("%s: the server has no sample of schema %s from %s to %s", r.cfg.Out, r.schema.Name,
			r.growing.state.Start.Format(time.RFC3339), r.growing.state.Until.Format(time.RFC3339))
	}
	return r.growing.describe()
}

// report tells once that the server does not answer, and once that it does.
func (r *recorder) report(err error) {
	switch {
	case err != nil && r.silent == nil:
		r.say(fmt.Sprintf("%v; trying again until it answers", err))
	case err == nil && r.silent != nil:
		r.say("the server answers again")
	}
	r.silent = err
}

// pause is how long to wait for the next piece.
func (r *recorder) pause(limit time.Time, err error) time.Duration {
	if err != nil {
		return r.cfg.Every
	}
	return max(r.growing.state.Until.Add(r.cfg.Every).Sub(limit), 10*time.Millisecond)
}

func (r *recorder) say(line string) {
	if r.cfg.Say != nil {
		r.cfg.Say(line)
	}
}

func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// settle finds out what is recorded, or takes it from the recording that is
// continued: which schema, from when, and the scrape interval.
func (r *recorder) settle(ctx context.Context) error {
	text, err := r.chooseSchema(ctx)
	if err != nil {
		return err
	}
	if r.selectors, err = prom.Selectors(r.schema); err != nil {
		return err
	}
	c := r.cfg.Connection
	if r.growing.begun {
		return r.growing.state.continues(r.cfg.Out, c.Identity(), r.schema)
	}
	if _, err := prom.Check(ctx, r.server, r.schema); err != nil {
		return err
	}
	now, err := r.server.Now(ctx)
	if err != nil {
		return err
	}
	start := r.start(now)
	// The samples of a span that begins now are still to come.
	usual, slowest, err := r.server.Intervals(ctx, r.schema, earlier(start, now.Add(-10*time.Minute)), earlier(now, c.End))
	if err != nil {
		return err
	}
	return r.growing.begin(recordState{
		Source: c.Identity(), Schema: r.schema.Name, SchemaHash: r.schema.Hash(), ScrapeIntervalS: usual.Seconds(), SlowestS: slowest.Seconds(),
		Start: start.UTC().Truncate(time.Millisecond), MadeBy: r.cfg.MadeBy,
	}, text)
}

// start is where a new recording begins.
func (r *recorder) start(now time.Time) time.Time {
	if c := r.cfg.Connection; !c.Start.IsZero() {
		return c.Start
	}
	return now.Add(-r.cfg.Connection.Since)
}

// detect takes the built-in schema that fits what the server holds of the span
// that is recorded, or where that begins now, what it holds now.
func (r *recorder) detect(ctx context.Context) error {
	now, err := r.server.Now(ctx)
	if err != nil {
		return err
	}
	end := earlier(now, r.cfg.Connection.End)
	schema, recognition, err := prom.Detect(ctx, prom.Narrow(r.server), earlier(r.start(now), end), end)
	if err != nil {
		return err
	}
	r.schema = schema
	r.say(fmt.Sprintf("schema %s fits: %s", schema.Name, schema.Help))
	if others := recognition.Others(schema.Name); others != "" {
		r.say("there is more that no route is learned from: " + others)
	}
	return nil
}

// chooseSchema takes the schema that was asked for, or that the recording has,
// or that fits. It returns the text of one that is not built in.
func (r *recorder) chooseSchema(ctx context.Context) (text []byte, err error) {
	name := r.cfg.Schema
	if name == "" {
		name = r.cfg.Connection.Schema
	}
	switch _, builtin := prom.Builtin(name); {
	case name == "" && r.growing.begun:
		r.schema, err = r.growing.schema()
	case name == "":
		err = r.detect(ctx)
	case builtin:
		r.schema, err = prom.LoadSchema(name)
	default:
		if text, err = os.ReadFile(name); err != nil {
			_, err = prom.LoadSchema(name) // says what else there is
			return nil, err
		}
		r.schema, err = prom.ParseSchema(name, text)
	}
	return text, err
}
