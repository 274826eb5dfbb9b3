package foresight

import "github.com/fairway-mesh/fairway/router"

// Done is what a decision did to endpoint i because of a forecast.
func Done(d *router.Decision, i int) Action {
	if i >= len(d.Drains) || d.Drains[i].Reason == "" {
		return Action{}
	}
	one := &d.Drains[i]
	if one.HeldOut { // the propensity is that of the lot that was drawn
		return Action{Propensity: 1 - one.Propensity}
	}
	return Action{Acted: true, Propensity: one.Propensity}
}
