package router

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Named makes one of the policies of Names, new and without memory. The model
// may be nil: what would ask it falls back with NoModel. The rules may be nil
// and take the place of cfg.Rules.
func Named(name string, m *model.Model, set *rules.Set, cfg Config) (Policy, error) {
	build, ok := names[name]
	if !ok {
		return nil, fmt.Errorf("router: policy %q is not known; use one of %s", name, strings.Join(Names(), ", "))
	}
	cfg.Rules = set
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	var p *predict.Predictor
	if m != nil {
		var err error
		if p, err = predict.Compile(m); err != nil {
			return nil, fmt.Errorf("router: policy %s: %w", name, err)
		}
	}
	return named{build(m, p, cfg), name}, nil
}

// Names lists the policies that Named knows, sorted.
func Names() []string { return slices.Sorted(maps.Keys(names)) }

var names = map[string]func(m *model.Model, p *predict.Predictor, cfg Config) Policy{
	"round_robin":       func(*model.Model, *predict.Predictor, Config) Policy { return RoundRobin() },
	"least_latency":     func(*model.Model, *predict.Predictor, Config) Policy { return LeastLatency() },
	"performance_aware": func(*model.Model, *predict.Predictor, Config) Policy { return PerformanceAware() },
	"adaptive":          func(*model.Model, *predict.Predictor, Config) Policy { return Adaptive() },
	"static":            func(_ *model.Model, _ *predict.Predictor, cfg Config) Policy { return Static(cfg.Rules) },
	"learned": func(m *model.Model, p *predict.Predictor, cfg Config) Policy {
		return Fallback(Learned(m, p, cfg), Static(cfg.Rules))
	},
	// What fairwayd serves.
	"fairway": func(m *model.Model, p *predict.Predictor, cfg Config) Policy {
		return Limit(Eject(Fallback(Learned(m, p, cfg), Static(cfg.Rules)), p, cfg), cfg)
	},
}

// named is a policy that goes by another name.
type named struct {
	Policy
	name string
}

func (p named) Name() string { return p.name }
