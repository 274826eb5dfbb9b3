package main

import (
	"context"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/prom"
	"github.com/fairway-mesh/fairway/router/loop"
)

// readSource opens a recording, and reads what says where metrics are polled. Whether
// anybody answers there is not asked before feed: the rules answer until then.
func (d *daemon) readSource(ctx context.Context) (err error) {
	if d.prometheus == "" || d.checkConfig && !d.guessed {
		d.source, err = openSource(ctx, d.options, d.model.Model)
		return err
	}
	connection, err := prom.LoadConnection(d.prometheus)
	if err != nil {
		return fmt.Errorf("--prometheus: %w", err)
	}
	server, err := prom.Connect(connection, prom.LiveLimits())
	if err != nil {
		return fmt.Errorf("--prometheus: %w", err)
	}
	if _, err := chosenSchema(d.options, nil); err != nil {
		return err
	}
	return server.Close()
}

// feed gives the loop its windows until ctx ends or they do. A server that is polled
// may answer late, and may be asked for other windows once there is a first model.
func (d *daemon) feed(ctx context.Context) {
	switch {
	case d.prometheus == "":
		if d.source.schema == nil {
			d.loop.Open()
		}
		d.loop.Run(d.source.windows(ctx))
		return
	case d.guessed:
		d.log.Info("nobody says where the metrics are; trying the usual places (--prometheus)", "prometheus", d.prometheus)
	}
	const soon, late = time.Second, 30 * time.Second
	wait := soon
	for ctx.Err() == nil {
		source, err := d.openServer(ctx)
		if err == nil {
			wait = soon
			d.source = source
			if err = d.expect(); err == nil {
				d.poll(ctx)
			}
			d.closeSource()
			d.source = nil
		}
		if err != nil && ctx.Err() == nil {
			d.loop.Take(nil, err)
			sleep(ctx, wait)
			wait = min(2*wait, late)
		}
	}
}

// poll takes windows until ctx ends or others are wanted.
func (d *daemon) poll(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-d.loop.Repaced():
			stop()
		case <-ctx.Done():
		}
	}()
	d.loop.Run(d.source.windows(ctx))
	stop()
	<-ended
}

// expect tells the loop which windows will come, and gives it the memory of the process
// before this one.
func (d *daemon) expect() error {
	s := d.source
	if s.also != "" {
		d.log.Warn("several schemas fit the metrics; --schema chooses", "taken", s.schema.Name, "also", s.also)
	}
	if s.scrape > 0 {
		d.log.Warn("the metrics are scraped too seldom for the model's windows, which will lack rates: train on a recording of this server, or scrape more often", "scraped_every", s.scrape, "window", s.timing.Range)
	}
	if err := d.loop.Expect(loop.Pace{Schema: s.schema, Timing: s.timing, From: s.from}); err != nil {
		return err
	}
	if err := d.loop.Recall(d.memory); err != nil {
		d.log.Info("beginning without a memory", "because", err)
	}
	return nil
}
