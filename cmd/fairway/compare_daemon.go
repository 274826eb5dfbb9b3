package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
	"github.com/fairway-mesh/fairway/model"
)

// prepareFairway writes what fairwayd reads, and gives it its addresses.
func (c *comparison) prepareFairway(f *lab.Fleet) error {
	c.place.GRPC, c.place.HTTP, c.place.Agent, c.place.SPOE = f.Address(), f.Address(), f.Address(), f.Address()
	c.place.Service, c.place.Endpoints = f.Service().Name, f.Service().Endpoints
	c.admin, c.rules = f.Address(), filepath.Join(c.out, "rules.yaml")
	if err := os.WriteFile(c.rules, []byte(fleetRules(f.Service())), 0o644); err != nil {
		return err
	}
	model, err := c.modelFile()
	c.model = model
	return err
}

// startFairway starts fairwayd for a turn, on the fleet's metrics and with the listeners
// that the policy's recipe asks for, and returns what stops it.
//
// Each turn has a fairwayd of its own, without a memory. One that ran throughout would
// have seen the same endpoint fail in the turns before, in the same block: what it
// ejected then, for half a minute and more, it would still keep ejected when its own
// turn comes, and the fault with it.
func (c *comparison) startFairway(ctx context.Context, f *lab.Fleet, i int, name string) (stop func() error, err error) {
	args := []string{"--model", c.model, "--prometheus", f.Prometheus(), "--rules", c.rules, "--admin", c.admin, "--state", filepath.Join(c.out, name+"-state")}
	flags, err := c.recipes[i].Flags(c.placeOf(c.policies[i]))
	if err != nil {
		return nil, err
	}
	args = append(args, flags...)
	log, err := os.Create(filepath.Join(c.out, name+".log"))
	if err != nil {
		return nil, err
	}
	d, err := startDaemon(ctx, log, c.program, args...)
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return func() error { return errors.Join(d.stop(), log.Close()) }, nil
}

// modelFile is the model that was named, or the one that ships, written where fairwayd
// can read it.
func (c *comparison) modelFile() (string, error) {
	if c.o.model != "" {
		return c.o.model, nil
	}
	text, err := bundledModels.ReadFile(fleetModelFile)
	if err != nil {
		return "", err
	}
	m, err := model.Read(bytes.NewReader(text))
	if err != nil {
		return "", fmt.Errorf("%s, which ships: %w", fleetModelFile, err)
	}
	m.Timing.Step, m.Timing.Range, m.Timing.Delay = compareTiming.step, compareTiming.window, compareTiming.delay
	m.Schema.Step, m.Schema.Range = compareTiming.step, compareTiming.window
	path := filepath.Join(c.out, "fleet.model")
	return path, writeFile(path, func(w io.Writer) error { return model.Write(w, m) })
}

// compareTiming is how often endpoints are scraped and what fairwayd asks of that. The
// model that ships learned of windows of 3 s, a second apart; it corrects the formula
// of the queue by ratios, and says itself where windows are strange to it.
var compareTiming = struct{ scrape, step, window, delay time.Duration }{
	scrape: 500 * time.Millisecond, step: 500 * time.Millisecond, window: 2 * time.Second,
	delay: 100 * time.Millisecond, // a scrape here takes some milliseconds
}
