package main

import (
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/sim"
	"github.com/fairway-mesh/fairway/router"
	"github.com/fairway-mesh/fairway/router/picker"
)

// contestant is one row of the ablation.
type contestant struct {
	name   string
	policy string // of router.Named, where make is nil
	model  model.Kind
	change func(*model.Network) // of the model, if any
	make   func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy
	is     string // for people
}

// contestants are all rows, in the order of the table.
var contestants = []contestant{
	{name: "fairway", policy: "fairway", model: model.Outcome, is: "all of it: the network, the formula where it declines, ejection, step limit"},
	{name: "no ejection", model: model.Outcome, is: "fairway without ejection", make: func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy {
		return router.Limit(router.Practised(router.Learned(m, p, cfg), cfg), cfg)
	}},
	{name: "no step limit", model: model.Outcome, is: "fairway without the step limit", make: func(m *model.Model, p *predict.Predictor, cfg router.Config) router.Policy {
		return router.Eject(router.Practised(router.Learned(m, p, cfg), cfg), p, cfg)
	}},
	{name: "no ensemble", policy: "fairway", model: model.Outcome, is: "fairway with the first network alone, which cannot disagree", change: func(n *model.Network) { n.Members, n.Mean = nil, false }},
	{name: "no doubt", policy: "fairway", model: model.Outcome, is: "fairway without the limits of distance, scale and disagreement", change: func(n *model.Network) { n.Doubt = nil }},
	{name: "no age", policy: "fairway:stale_after=3600", model: model.Outcome, is: "fairway that takes metrics for new: no shrinking with age, never stale"},
	{name: "no network", policy: "fairway:trust=0", model: model.Outcome, is: "fairway with none of the network's corrections: ejection and step limit on the formula"},
	{name: "learned", policy: "learned", model: model.Outcome, is: "the network, the formula where it declines; no ejection, no step limit"},
	{name: "learned, trust 1", policy: "learned:trust=1", model: model.Outcome, is: "learned with all of the network's corrections"},
	{name: "learned, trust 0", policy: "learned:trust=0", model: model.Outcome, is: "learned with none: the formula, by the network's path"},
	{name: "queueing", policy: "queueing", is: "the formula of the queue alone"},
	{name: "softmax", policy: "learned", model: model.Softmax, is: "the origin's softmax over candidates; the formula where it declines"},
	{name: "fixed5", policy: "learned", model: model.Fixed5, is: "the origin's network over five routes; the formula where it declines"},
	{name: "performance_aware", policy: "performance_aware", is: "the origin's formula"},
	{name: "adaptive", policy: "adaptive", is: "the origin's choice of algorithm"},
	{name: "least_latency", policy: "least_latency", is: "by the inverse of the mean latency"},
	{name: "capacity", policy: "capacity", is: "by the capacity that was observed"},
	{name: "round_robin", policy: "round_robin", is: "equal weights"},
}

func ablationNames() []string {
	var names []string
	for i := range contestants {
		names = append(names, contestants[i].name)
	}
	return names
}

// assembled is a policy of no name, whose frames are made as its model's.
type assembled struct {
	router.Policy
	model  *model.Model
	course *router.Course
}

// FeatureConfig is how.
func (p assembled) FeatureConfig() features.Config { return p.model.FeatureConfig() }

// Applied says that d is in force.
func (p assembled) Applied(d *router.Decision) { p.course.Applied(d) }

// made is the policy, new and without memory.
func (c *contestant) made(models ablationModels) (router.Policy, error) {
	m := models[string(c.model)]
	if m != nil && c.change != nil {
		changed, network := *m, *m.Routing
		c.change(&network)
		changed.Routing, m = &network, &changed
	}
	cfg := router.DefaultConfig()
	if c.make == nil {
		return router.Named(c.policy, m, nil, cfg)
	}
	p, err := predict.Compile(m)
	if err != nil {
		return nil, err
	}
	cfg.Course = &router.Course{}
	return assembled{c.make(m, p, cfg), m, cfg.Course}, nil
}

// fixedRoutes is how many endpoints a fixed5 network takes.
const fixedRoutes = 5

// fits reports whether the contestant can take part: fixed5 takes five
// endpoints and no more.
func (c *contestant) fits(s *sim.Scenario) bool {
	return c.model != model.Fixed5 || s.Count() <= fixedRoutes
}

func pickerNamed(name string) (func(picker.Config) picker.Picker, error) {
	s, err := router.StrategyNamed("capacity/"+name, nil, nil, router.DefaultConfig())
	return s.Picker, err
}

// entries are all that fit, with one picker.
func (b *ablationBench) entries(s *sim.Scenario, pick string) []contest.Entry {
	var entries []contest.Entry
	for i := range contestants {
		c := &contestants[i]
		if !c.fits(s) {
			continue
		}
		entries = append(entries, contest.Entry{Name: c.name, New: func() (router.Strategy, error) {
			with, err := pickerNamed(pick)
			if err != nil {
				return router.Strategy{}, err
			}
			p, err := c.made(b.models)
			return router.Strategy{Name: c.name, Policy: p, Picker: with}, err
		}})
	}
	return entries
}
