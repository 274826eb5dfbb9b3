package fitted

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/replay/contest"
	"github.com/fairway-mesh/fairway/replay/finding"
	"github.com/fairway-mesh/fairway/replay/fit"
	"github.com/fairway-mesh/fairway/replay/sim"
)

// Result is what the simulation says. It marshals to JSON.
type Result struct {
	Label string `json:"label"`
	// How the numbers were made, as in contest.Findings; empty where no service
	// could be fitted.
	Interval   string    `json:"interval,omitempty"`
	Test       string    `json:"test,omitempty"`
	Correction string    `json:"correction,omitempty"`
	Level      float64   `json:"level"`
	Reference  string    `json:"reference,omitempty"`
	Proxies    int       `json:"proxies"`
	Services   []Service `json:"services"`
	Warnings   []string  `json:"warnings,omitempty"`
}

// Service is the simulation of one service.
type Service struct {
	Service string `json:"service"`
	// LeftOut says why nothing could be fitted; Fit and Comparison are nil then.
	LeftOut    string              `json:"left_out,omitempty"`
	Arrivals   string              `json:"arrivals,omitempty"` // where they are from
	Fit        *fit.Fit            `json:"fit,omitempty"`
	Comparison *contest.Comparison `json:"comparison,omitempty"`
}

// Run fits a mesh to each service and lets the entries compete in it. A service
// that tells too little is left out, with the reason; one whose mesh does not
// fit well is simulated and does not count (see Places).
func Run(ctx context.Context, r *datasets.Recording, services []string, entries []contest.Entry, cfg Config) (*Result, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	out := &Result{Label: Label, Level: cfg.Contest.Level, Proxies: cfg.Fit.Proxies}
	var scenarios []*sim.Scenario
	for i, name := range services {
		s, scenario, err := one(ctx, r, name, cfg)
		if err != nil {
			return nil, err
		}
		if out.Services = append(out.Services, s); scenario != nil {
			scenarios = append(scenarios, scenario)
		}
		if cfg.Fitting != nil {
			cfg.Fitting(i+1, len(services))
		}
	}
	if len(scenarios) == 0 {
		return out, nil
	}
	found, err := contest.Run(ctx, scenarios, entries, cfg.Contest)
	if err != nil {
		return nil, err
	}
	out.Interval, out.Test, out.Correction, out.Reference = found.Interval, found.Test, found.Correction, found.Reference
	for _, w := range found.Warnings {
		out.Warnings = append(out.Warnings, "simulated: "+w)
	}
	for i := range out.Services {
		for k := range found.Comparisons {
			if s := &out.Services[i]; s.Fit != nil && s.Service == found.Comparisons[k].Scenario {
				s.Comparison = &found.Comparisons[k]
			}
		}
	}
	return out, nil
}

// one fits a service; there is no scenario where it tells too little.
func one(ctx context.Context, r *datasets.Recording, name string, cfg Config) (Service, *sim.Scenario, error) {
	cfg.Fit.Service = name
	f, err := fit.New(ctx, r, cfg.Fit)
	var scenario *sim.Scenario
	if err == nil {
		scenario, err = f.After(cfg.From)
	}
	if errors.Is(err, fit.ErrTooLittle) {
		return Service{Service: name, LeftOut: err.Error()}, nil, nil
	}
	if err != nil {
		return Service{}, nil, err
	}
	scenario.About = fmt.Sprintf("The mesh of %s, fitted to the whole recording; its arrivals are %s, of the judged part.", name, f.Arrivals())
	scenario.WarmUp = min(cfg.WarmUp, scenario.Duration/4)
	scenario.Metrics = sim.Metrics{Scrape: r.Manifest.ScrapeInterval(), Delay: cfg.Timing.Delay, Step: cfg.Timing.Step, Range: cfg.Timing.Range}
	return Service{Service: name, Arrivals: f.Arrivals(), Fit: f}, scenario, nil
}

// Fits reports whether a mesh was fitted to the service and is like what was
// recorded. No result fits nothing.
func (r *Result) Fits(service string) bool {
	if r == nil {
		return false
	}
	return slices.ContainsFunc(r.Services, func(s Service) bool {
		return s.Service == service && s.Comparison != nil && s.Fit.Report.Verdict == fit.Fits
	})
}

// Places are the services as a verdict over the candidate sees them: one whose
// mesh fits is a place like any other, and one whose mesh does not says so and
// decides nothing.
func (r *Result) Places(candidate string) []finding.Place {
	var out []finding.Place
	for i := range r.Services {
		s := &r.Services[i]
		p := finding.Place{Name: s.Service + ", simulated"}
		switch {
		case s.Comparison == nil:
			p.Remarks = []string{s.LeftOut}
		case s.Fit.Report.Verdict != fit.Fits:
			p.Remarks = []string{"cannot tell: the fitted mesh is not like the recorded one: " + strings.Join(s.Fit.Report.Why, "; ")}
		default:
			name := p.Name
			p = s.Comparison.Place(candidate, r.Level)
			p.Name = name
		}
		out = append(out, p)
	}
	return out
}
