package router

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/router/picker"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Strategy is a policy that sets weights in the slow loop, if any, and the
// pickers that use them in the fast loop: what a name stands for where both
// are run, as in the simulated mesh.
//
// After each decision the pickers get its weights with Update, and those that
// are a picker.BoardReader then its Board.
type Strategy struct {
	Name string
	// Policy is nil where nothing sets weights. It has memory: one per run.
	Policy Policy
	// Picker makes the picker of one proxy. Its seed is the Config's: give each
	// proxy its own. It panics where the Config does not fit: weights that are
	// not those of the endpoints, or no Truth for an oracle.
	Picker func(picker.Config) picker.Picker
}

// StrategyNamed makes the strategy of a name, new and without memory:
//
//	power_of_two                 a picker of picker.Names
//	pid                          a policy of Names, with the picker that its source uses
//	fairway/power_of_two         a policy and a picker
//	pid:kp=0.1/power_of_two      either with parameters
//	fairway+outlier_ejection     overlays of picker.Overlays, on the picker
//
// A name of both, such as round_robin, is the picker's; a picker that lives on
// a board alone brings the policy that makes one. Model, rules and cfg are as for Named.
func StrategyNamed(name string, m *model.Model, set *rules.Set, cfg Config) (Strategy, error) {
	if _, err := Parameters(name); err != nil {
		return Strategy{}, err
	}
	policy, picked := parts(name)
	s := Strategy{Name: name}
	if policy != "" {
		var err error
		if s.Policy, err = Named(policy, m, set, cfg); err != nil {
			return Strategy{}, strategyError(name, err)
		}
	}
	if _, err := picker.Named(picked, sample); err != nil {
		return Strategy{}, strategyError(name, err)
	}
	s.Picker = func(c picker.Config) picker.Picker {
		p, err := picker.Named(picked, c)
		if err != nil {
			panic(fmt.Sprintf("router: strategy %s: %v", name, err))
		}
		return p
	}
	return s, nil
}

func strategyError(name string, err error) error {
	return fmt.Errorf("router: strategy %q: %w", name, err)
}

// parts splits a strategy's name into those of a policy, empty for none, and a
// picker with its overlays.
func parts(name string) (policy, picked string) {
	main, overlays, overlaid := strings.Cut(name, "+")
	policy, picked, pair := strings.Cut(main, "/")
	switch bare, _, _ := strings.Cut(policy, ":"); {
	case pair:
	case slices.Contains(picker.Names(), bare):
		policy, picked = makerOf(policy), policy
	case kindOf(bare) != nil:
		picked = kindOf(bare).picker
	}
	if overlaid {
		picked += "+" + overlays
	}
	return policy, picked
}

// makerOf is the policy without which a picker has nothing to live on, if any:
// one that reads a board and asks nobody.
func makerOf(name string) string {
	p, err := picker.Named(name, sample)
	_, reads := p.(picker.BoardReader)
	if _, asks := p.(picker.Prober); err == nil && reads && !asks {
		return "board"
	}
	return ""
}

// sample is what a picker is made with to see whether its name makes one.
var sample = picker.Config{Endpoints: 1, Proxies: 1, Weights: mesh.Weights{1}, Truth: func(int) float64 { return 0 }}

// Strategies describes everything that StrategyNamed takes by one name alone,
// in alphabetical order.
func Strategies() []picker.Description {
	var all []picker.Description
	for _, name := range picker.Names() {
		d, err := picker.About(name)
		if err != nil {
			panic(err) // it is in its own list
		}
		all = append(all, d)
	}
	for _, k := range kinds {
		if !slices.Contains(picker.Names(), k.Name) {
			d := k.Description
			d.Parameters = k.with(DefaultConfig())
			all = append(all, d)
		}
	}
	slices.SortFunc(all, func(a, b picker.Description) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// Parameters are what the strategy, the policy where it is a pair, can be tuned
// by: names, ranges and defaults.
func Parameters(name string) ([]picker.Parameter, error) {
	main, _, _ := strings.Cut(name, "+")
	first, _, pair := strings.Cut(main, "/")
	bare, _, _ := strings.Cut(first, ":")
	if !pair && slices.Contains(picker.Names(), bare) {
		d, err := picker.About(bare)
		return d.Parameters, err
	}
	if k := kindOf(bare); k != nil {
		return k.with(DefaultConfig()), nil
	}
	return nil, fmt.Errorf("router: no strategy is called %q; use one of %s", bare, strings.Join(strategyNames(), ", "))
}

func strategyNames() []string {
	var all []string
	for _, d := range Strategies() {
		all = append(all, d.Name)
	}
	return all
}

// Tuned is the name of a strategy with values for its Parameters in place of
// those that it had. Values outside of their ranges, and names that it does not
// know, are errors.
func Tuned(name string, values map[string]float64) (string, error) {
	parameters, err := Parameters(name)
	if err != nil {
		return "", err
	}
	end := strings.IndexAny(name, "/+")
	if end < 0 {
		end = len(name)
	}
	bare, _, _ := strings.Cut(name[:end], ":")
	var texts []string
	for _, p := range parameters {
		if x, there := values[p.Name]; there {
			texts = append(texts, p.Name+"="+p.Write(x))
		}
	}
	if len(texts) < len(values) {
		return "", fmt.Errorf("router: strategy %s: of %d values only %d are of its parameters", name, len(values), len(texts))
	}
	if _, err := picker.Read("strategy "+bare, parameters, texts); err != nil {
		return "", fmt.Errorf("router: %w", err)
	}
	return strings.Join(append([]string{bare}, texts...), ":") + name[end:], nil
}
