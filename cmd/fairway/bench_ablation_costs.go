package main

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
)

// unknownNumber is null in JSON.
var unknownNumber = finding.Number(math.NaN())

// costScenarios have 5, 10 and 100 endpoints.
var costScenarios = []string{"fleet-5", "fleet-10", "fleet-100"}

// ablationCost is how long decisions take, in ns: the median of those of a run.
type ablationCost struct {
	Name    string         `json:"name"`
	Five    finding.Number `json:"ns_5_endpoints"`
	Ten     finding.Number `json:"ns_10_endpoints"`
	Hundred finding.Number `json:"ns_100_endpoints"`
}

// costs are measured one after the other: on what the policy really meets.
func (b *ablationBench) costs(ctx context.Context) ([]ablationCost, error) {
	var out []ablationCost
	for i := range contestants {
		c := &contestants[i]
		var ns [3]finding.Number
		for k, name := range costScenarios {
			s, err := sim.Load(name)
			if err != nil {
				return nil, err
			}
			if ns[k] = unknownNumber; !c.fits(s) {
				continue
			}
			if ns[k], err = b.cost(ctx, c, s); err != nil {
				return nil, err
			}
		}
		out = append(out, ablationCost{c.name, ns[0], ns[1], ns[2]})
	}
	return out, nil
}

func (b *ablationBench) cost(ctx context.Context, c *contestant, s *sim.Scenario) (finding.Number, error) {
	p, err := c.made(b.models)
	if err != nil {
		return 0, err
	}
	with, err := pickerNamed(turns)
	if err != nil {
		return 0, err
	}
	timed := &stopwatch{Policy: p}
	strategy := router.Strategy{Name: c.name, Policy: timed, Picker: with}
	if f, ok := p.(featured); ok {
		strategy.Policy = timedFeatured{timed, f}
	}
	if _, err := sim.Run(ctx, s, b.o.seed, strategy); err != nil {
		return 0, err
	}
	return timed.median(), nil
}

// featured is a policy that says how its frames are made.
type featured interface{ FeatureConfig() features.Config }

type timedFeatured struct {
	*stopwatch
	featured
}

// stopwatch notes how long each decision takes.
type stopwatch struct {
	router.Policy
	times []time.Duration
}

func (w *stopwatch) Decide(dst *router.Decision, f *features.Frame) error {
	start := time.Now()
	err := w.Policy.Decide(dst, f)
	w.times = append(w.times, time.Since(start))
	return err
}

func (w *stopwatch) median() finding.Number {
	if len(w.times) == 0 {
		return unknownNumber
	}
	slices.Sort(w.times)
	return finding.Number(w.times[len(w.times)/2])
}
