package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// startFairway starts fairwayd on the fleet's metrics, with the listeners that the
// recipes of the policies ask for, and returns what stops it.
func (c *comparison) startFairway(ctx context.Context, f *lab.Fleet) (stop func() error, err error) {
	c.place.GRPC, c.place.HTTP, c.place.Agent, c.place.SPOE = f.Address(), f.Address(), f.Address(), f.Address()
	c.place.Service, c.place.Endpoints = f.Service().Name, f.Service().Endpoints
	model, err := c.modelFile()
	if err != nil {
		return nil, err
	}
	rules := filepath.Join(c.out, "rules.yaml")
	if err := os.WriteFile(rules, []byte(fleetRules(f.Service())), 0o644); err != nil {
		return nil, err
	}
	args := []string{"--model", model, "--prometheus", f.Prometheus(), "--rules", rules, "--admin", f.Address(), "--state", filepath.Join(c.out, "state")}
	for i, p := range c.policies {
		if !p.fairway {
			continue
		}
		flags, err := c.recipes[i].Flags(c.placeOf(p))
		if err != nil {
			return nil, err
		}
		args = append(args, flags...)
	}
	log, err := os.Create(filepath.Join(c.out, "fairwayd.log"))
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
	path := filepath.Join(c.out, "fleet.model")
	return path, os.WriteFile(path, text, 0o644)
}
