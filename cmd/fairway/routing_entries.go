package main

import (
	"context"
	"strings"
	"sync"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/replay/tune"
	"github.com/fairway-mesh/fairway/router"
)

// The names under which entries compete; rivals have their own.
const (
	entryOurs     = "ours"
	entryNative   = "ours, native"
	entryTurns    = "best static split, in turn"
	entryDraws    = "best static split, drawn"
	turns, draws  = "weighted_round_robin", "weighted"
	staleFamily   = "stale-"
	shiftFamily   = "shift-"
	rampFamily    = "ramp-to-failure-"
	untilLoad     = 0.95 // of scenarios at a load of 90 %
	fromLoad      = 0.88
	splitOwnSeeds = 2 // that the best split is searched with where all seeds have the same speeds
)

// atNinety reports whether the scenario is one at a load of 90 %.
func atNinety(s *sim.Scenario) bool {
	return s.Arrivals.Load >= fromLoad && s.Arrivals.Load <= untilLoad && len(s.Arrivals.Steps) == 0
}

func ramps(s *sim.Scenario) bool { return strings.HasPrefix(s.Name, rampFamily) }

// shifts reports whether the scenario is another than shift-none, where a model
// may have been trained.
func shifts(s *sim.Scenario) bool {
	return strings.HasPrefix(s.Name, shiftFamily) && s.Name != shiftFamily+"none"
}

// unequal reports whether the scenario is about endpoints of different speeds,
// and nothing else.
func unequal(s *sim.Scenario) bool {
	return strings.HasPrefix(s.Name, "half-slow-") || s.Name == "speeds-5"
}

// entries are ours, the rivals, and what else a claim about the scenario needs.
func (b *routingBench) entries(ctx context.Context, s *sim.Scenario) []contest.Entry {
	m := b.model
	if shifts(s) {
		m = b.shift
	}
	entries := []contest.Entry{entryOf(entryOurs, b.o.ours, m)}
	for _, name := range b.o.rivals {
		entries = append(entries, entryOf(name, b.tuned.Tuned(name), nil))
	}
	if strings.HasPrefix(s.Name, staleFamily) {
		entries = append(entries, entryOf(routingRandom, routingRandom, nil))
	}
	if shifts(s) {
		entries = append(entries, entryOf(routingRules, routingRules, nil))
	}
	if b.o.native != "" && (atNinety(s) || ramps(s)) {
		entries = append(entries, entryOf(entryNative, b.o.native, m), entryOf(routingProbes, b.tuned.Tuned(routingProbes), nil))
	}
	if unequal(s) {
		entries = append(entries, contest.Entry{Name: entryTurns, For: bestSplits(ctx, turns, b.o.seed)},
			contest.Entry{Name: entryDraws, For: bestSplits(ctx, draws, b.o.seed)})
	}
	return entries
}

func entryOf(name, strategy string, m *model.Model) contest.Entry {
	return contest.Entry{Name: name, New: func() (router.Strategy, error) {
		return router.StrategyNamed(strategy, m, nil, router.DefaultConfig())
	}}
}

// bestSplits searches a split for each seed where the seed draws the speeds,
// else one for all.
func bestSplits(ctx context.Context, pick string, first uint64) func(*sim.Scenario, uint64) (router.Strategy, error) {
	var once sync.Mutex
	var shared mesh.Weights
	return func(s *sim.Scenario, seed uint64) (router.Strategy, error) {
		for _, g := range s.Groups {
			if g.Speed.Spread > 0 {
				w, err := tune.BestSplit(ctx, s, []uint64{seed}, pick)
				return tune.Split(w, pick), err
			}
		}
		once.Lock()
		defer once.Unlock()
		if shared == nil {
			var seeds []uint64
			for k := range uint64(splitOwnSeeds) {
				seeds = append(seeds, first+k)
			}
			w, err := tune.BestSplit(ctx, s, seeds, pick)
			if err != nil {
				return router.Strategy{}, err
			}
			shared = w
		}
		return tune.Split(shared, pick), nil
	}
}
