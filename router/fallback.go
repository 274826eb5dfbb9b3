package router

import (
	"errors"

	"github.com/fairway-mesh/fairway/features"
)

// Fallback asks then when first declines, fails, or answers with weights that
// are none. The decision is then's; the reason is first's, Fault for an error
// that is no Reason, with the text in Notes, and so is the age of the metrics
// if first, which may remember more, knows a greater one.
func Fallback(first, then Policy) Policy { return fallback{first, then} }

type fallback struct{ first, then Policy }

func (p fallback) Name() string { return p.first.Name() }

func (p fallback) Decide(dst *Decision, f *features.Frame) error {
	err := p.first.Decide(dst, f)
	if err == nil {
		if err = dst.Weights.Validate(); err == nil {
			return nil
		}
	}
	return instead(dst, f, err, p.then)
}

// instead lets another policy decide after one has failed with an error, which
// dst still shows.
func instead(dst *Decision, f *features.Frame, err error, then Policy) error {
	reason, asked, age := reasonOf(err), dst.Model, dst.Age
	if err := then.Decide(dst, f); err != nil {
		return err
	}
	dst.Reason, dst.Age = reason, max(dst.Age, age)
	if dst.Model == "" {
		dst.Model = asked
	}
	if text := err.Error(); text != reason.Error() {
		dst.Notes = append(dst.Notes, text)
	}
	return nil
}

// reasonOf finds the Reason in an error, else Fault.
func reasonOf(err error) Reason {
	var reason Reason
	if errors.As(err, &reason) {
		return reason
	}
	return Fault
}

// Shadow asks the first policy for its predictions, but lets the second decide,
// with reason Shadow. What the first would have done stands in Notes only if it
// declined.
func Shadow(listened, served Policy) Policy { return &shadow{listened: listened, served: served} }

type shadow struct {
	listened, served Policy
	heard            Decision
}

func (p *shadow) Name() string { return p.served.Name() }

func (p *shadow) Decide(dst *Decision, f *features.Frame) error {
	heard := p.listened.Decide(&p.heard, f)
	if err := p.served.Decide(dst, f); err != nil {
		return err
	}
	dst.Reason, dst.Model, dst.Age = ShadowOnly, p.heard.Model, max(dst.Age, p.heard.Age)
	if heard != nil {
		dst.Notes = append(dst.Notes, heard.Error())
		return nil
	}
	dst.Predictions = append(dst.Predictions[:0], p.heard.Predictions...)
	return nil
}

// Explore gives part of the traffic, 0 to 1, to all endpoints that are not
// ejected in equal shares, so that each goes on being measured at some load and
// every propensity is above 0.
func Explore(p Policy, part float64) Policy { return explore{p, part} }

type explore struct {
	Policy
	part float64
}

func (p explore) Decide(dst *Decision, f *features.Frame) error {
	if err := p.Policy.Decide(dst, f); err != nil {
		return err
	}
	open := 0
	for _, ejected := range dst.Ejected {
		if !ejected {
			open++
		}
	}
	for i := range dst.Weights {
		if open > 0 && !dst.Ejected[i] {
			dst.Weights[i] = (1-p.part)*dst.Weights[i] + p.part/float64(open)
		}
	}
	return nil
}
