package router

import (
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Learned asks a model.
func Learned(m *model.Model, p *predict.Predictor, cfg Config) Policy { return nil }

// PerformanceAware is the origin's formula.
func PerformanceAware() Policy { return nil }

// LeastLatency weighs by inverse latency.
func LeastLatency() Policy { return nil }

// RoundRobin weighs equally.
func RoundRobin() Policy { return nil }

// Adaptive is the origin's choice of algorithm.
func Adaptive() Policy { return nil }

// Static takes the weights of the rules.
func Static(set *rules.Set) Policy { return nil }

// Fallback asks then when first declines.
func Fallback(first, then Policy) Policy { return nil }

// Eject takes traffic from failing endpoints; forecast may be nil.
func Eject(p Policy, forecast *predict.Predictor, cfg Config) Policy { return nil }

// Limit bounds how fast weights change.
func Limit(p Policy, cfg Config) Policy { return nil }

// Named returns one of Names; m may be nil. set overrides cfg.Rules.
func Named(name string, m *model.Model, set *rules.Set, cfg Config) (Policy, error) { return nil, nil }

// Names lists the policies that Named knows.
func Names() []string { return nil }
