package router

import (
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/picker"
)

// kind is a policy that can be had by name: all there is to be known of it in
// one place, for Named, for strategies and for people.
type kind struct {
	picker.Description
	// picker is the one that uses the weights where a strategy names none.
	picker string
	own    []option // parameters that are fields of Config
	make   func(build) Policy
}

// build is what policies are made of.
type build struct {
	model   *model.Model
	predict *predict.Predictor
	values  Values
	cfg     Config
}

// Values are the parameters of a policy by their names, all of them; times are
// in seconds.
type Values map[string]float64

// option is a field of Config as a parameter.
type option struct {
	parameter picker.Parameter // its default is that of the Config
	get       func(*Config) float64
	set       func(*Config, float64)
}

// with are the kind's parameters, with defaults from cfg where it has them.
func (k *kind) with(cfg Config) []picker.Parameter {
	all := slices.Clone(k.Parameters)
	for _, o := range k.own {
		p := o.parameter
		p.Default = o.get(&cfg)
		all = append(all, p)
	}
	return all
}

func kindOf(name string) *kind {
	for i := range kinds {
		if kinds[i].Name == name {
			return &kinds[i]
		}
	}
	return nil
}

// ruled asks the rules where p declines.
func (b build) ruled(p Policy) Policy { return Fallback(p, Static(b.cfg.Rules)) }

func number(name, help string, low, high float64, at func(*Config) *float64) option {
	return option{
		picker.Parameter{Name: name, Min: low, Max: high, Help: help},
		func(c *Config) float64 { return *at(c) },
		func(c *Config, x float64) { *at(c) = x },
	}
}

func span(name, help string, low, high float64, at func(*Config) *time.Duration) option {
	return option{
		picker.Parameter{Name: name, Min: low, Max: high, Unit: picker.Duration, Help: help},
		func(c *Config) float64 { return at(c).Seconds() },
		func(c *Config, x float64) { *at(c) = seconds(x) },
	}
}

var staleOption = span("stale_after", "age beyond which metrics are not used; 0: three windows", 0, 3600,
	func(c *Config) *time.Duration { return &c.StaleAfter })

// learnedOptions are those of Learned, fairwayOptions also those of Eject.
var learnedOptions = []option{
	staleOption,
	{
		picker.Parameter{Name: "warm_up", Min: 0, Max: 1000, Unit: picker.Count, Help: "windows that are seen before a model is asked"},
		func(c *Config) float64 { return float64(c.WarmUp) },
		func(c *Config, x float64) { c.WarmUp = int(x) },
	},
	number("trust", "how much of the network's corrections is taken over", 0, 1, func(c *Config) *float64 { return &c.Trust }),
	number("min_load", "least load that weights are solved for, as a part of the capacity", 0, 1, func(c *Config) *float64 { return &c.MinLoad }),
}

var fairwayOptions = append(slices.Clone(learnedOptions),
	number("failure_threshold", "lower bound of the forecast, above the peers', at which an endpoint is drained to its floor; half of it takes half of the weight", 0, 1, func(c *Config) *float64 { return &c.FailureThreshold }),
	number("error_threshold", "error ratio from which an endpoint is ejected", 0, 1, func(c *Config) *float64 { return &c.ErrorThreshold }),
	number("panic_threshold", "part of the endpoints that must stay", 0, 1, func(c *Config) *float64 { return &c.PanicThreshold }),
	span("base_ejection", "how long a first ejection lasts", 1, 300, func(c *Config) *time.Duration { return &c.BaseEjection }),
	span("slow_start", "how long a returned or new endpoint takes to its full weight", 0, 3600, func(c *Config) *time.Duration { return &c.SlowStart }),
)
