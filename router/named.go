package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Named makes the policy of that name, new and without memory. The name may set
// parameters: "pid:kp=0.1:ki=0". The model may be nil: what would ask it falls
// back with NoModel; with one, what asks it has a method FeatureConfig that says
// how to make its frames. The rules may be nil and take the place of cfg.Rules.
// Where a policy declines, they answer.
func Named(name string, m *model.Model, set *rules.Set, cfg Config) (Policy, error) {
	texts := strings.Split(name, ":")
	k := kindOf(texts[0])
	if k == nil {
		return nil, fmt.Errorf("router: policy %q is not known; use one of %s", texts[0], strings.Join(Names(), ", "))
	}
	cfg.Rules = set
	cfg.Course = &Course{}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	values, err := picker.Read("policy "+k.Name, k.with(cfg), texts[1:])
	if err != nil {
		return nil, fmt.Errorf("router: %w", err)
	}
	for _, o := range k.own {
		o.set(&cfg, values[o.parameter.Name])
	}
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	b := build{model: m, values: values, cfg: cfg}
	if m != nil {
		if b.predict, err = predict.Compile(m); err != nil {
			return nil, fmt.Errorf("router: policy %s: %w", k.Name, err)
		}
	}
	p := named{k.make(b), name, cfg.Course}
	if m != nil && k.Lives == livesOnModel {
		return trained{p, m}, nil
	}
	return p, nil
}

// Names lists the policies that Named knows, sorted.
func Names() []string {
	var all []string
	for _, k := range kinds {
		all = append(all, k.Name)
	}
	slices.Sort(all)
	return all
}

// named is a policy that goes by another name.
type named struct {
	Policy
	name   string
	course *Course
}

func (p named) Name() string { return p.name }

// Applied says that d is in force: whoever acts on the decisions of a policy that
// has this method calls it.
func (p named) Applied(d *Decision) { p.course.Applied(d) }

// trained is a policy whose frames have to be made as those that its model was
// trained on.
type trained struct {
	named
	model *model.Model
}

// FeatureConfig is how.
func (p trained) FeatureConfig() features.Config { return p.model.FeatureConfig() }
