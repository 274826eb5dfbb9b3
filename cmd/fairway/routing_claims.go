package main

import (
	"fmt"

	"github.com/fairway-mesh/fairway/replay/finding"
)

// routingClaim is one that fairway makes, and whether it holds here.
type routingClaim struct {
	Name  string `json:"claim"`
	About string `json:"about"`
	// Of so many scenarios (or figures) it holds in Holds; at least Needs must.
	Holds int `json:"holds"`
	Of    int `json:"of"`
	Needs int `json:"needs"`
	// Worst is the greatest ratio that was seen.
	Worst finding.Number `json:"worst"`
	Met   bool           `json:"met"`
	// Lost is where it does not hold, whether or not it is met.
	Lost []string `json:"lost,omitempty"`
}

// add counts a figure that the claim is about.
func (c *routingClaim) add(holds bool, d *routingDuel, where string) {
	if c.Of == 0 || d.Ratio > c.Worst {
		c.Worst = d.Ratio
	}
	c.Of++
	if holds {
		c.Holds++
	} else {
		c.Lost = append(c.Lost, d.text(where))
	}
}

// settle says whether enough hold: a part of all, rounded up.
func (c *routingClaim) settle(part float64) {
	c.Needs = int(part * float64(c.Of))
	if float64(c.Needs) < part*float64(c.Of) {
		c.Needs++
	}
	c.Met = c.Of > 0 && c.Holds >= c.Needs
}

// judge corrects the results for how many there are and settles all claims of
// which a scenario was run.
func (f *routingFigures) judge() {
	f.correct()
	f.Claims = nil
	settle := func(name, about string, part float64, add func(c *routingClaim, s *routingScenario)) {
		c := routingClaim{Name: name, About: about}
		for i := range f.Scenarios {
			add(&c, &f.Scenarios[i])
		}
		if c.settle(part); c.Of > 0 {
			f.Claims = append(f.Claims, c)
		}
	}
	settle("better", "on metrics alone mean and p99 are below those of every rival, in 80 % of the scenarios", 0.8, func(c *routingClaim, s *routingScenario) {
		worse, where := &s.Mean, s.Name+" mean"
		if s.P99.Ratio > s.Mean.Ratio {
			worse, where = &s.P99, s.Name+" p99"
		}
		c.add(s.Mean.better() && s.P99.better(), worse, where)
	})
	settle("better_significantly", "the same, significantly (Holm)", 0.8, func(c *routingClaim, s *routingScenario) {
		worse, where := &s.Mean, s.Name+" mean"
		if s.P99.Ratio > s.Mean.Ratio {
			worse, where = &s.P99, s.Name+" p99"
		}
		c.add(s.Mean.Result == routingWon && s.P99.Result == routingWon, worse, where)
	})
	settle("non_inferior", "neither mean nor p99 is more than 3 % above the best rival's, significantly (Holm), in all", 1, func(c *routingClaim, s *routingScenario) {
		c.add(s.Mean.NonInferior, &s.Mean, s.Name+" mean")
		c.add(s.P99.NonInferior, &s.P99, s.Name+" p99")
	})
	settle("not_inferior", "nowhere is mean or p99 significantly more than 3 % above the best rival's (Holm)", 1, func(c *routingClaim, s *routingScenario) {
		c.add(!s.Mean.Inferior, &s.Mean, s.Name+" mean")
		c.add(!s.P99.Inferior, &s.P99, s.Name+" p99")
	})
	settle("stale", "mean and p99 are at most 2 % above those of random picks by capacity, however old the metrics and however many the proxies", 1, func(c *routingClaim, s *routingScenario) {
		if s.Random != nil {
			c.add(s.Random.Ratio <= 1.02, s.Random, s.Name+" mean")
			c.add(s.RandomP99.Ratio <= 1.02, s.RandomP99, s.Name+" p99")
		}
	})
	settle("native_p99", "knowing what is in flight, p99 is at most Prequal's in 80 % of the scenarios at a load of 90 %", 0.8, func(c *routingClaim, s *routingScenario) {
		if s.Native != nil && s.ninety {
			c.add(s.Native.Ratio <= 1, s.Native, s.Name)
		}
	})
	settle("native_failed", "where endpoints ramp to failure, at most half as many requests fail as with Prequal", 1, func(c *routingClaim, s *routingScenario) {
		if s.NativeFailed != nil && !s.ninety {
			c.add(s.NativeFailed.Ratio <= 0.5, s.NativeFailed, s.Name)
		}
	})
	settle("unequal", "mean within 5 % of the best static split, picked in turn, of who knows the speeds", 1, func(c *routingClaim, s *routingScenario) {
		if s.SplitTurns != nil {
			c.add(s.SplitTurns.Ratio <= 1.05, s.SplitTurns, s.Name)
		}
	})
	settle("unequal_drawn", "the same against the best static split that is drawn", 1, func(c *routingClaim, s *routingScenario) {
		if s.SplitDraws != nil {
			c.add(s.SplitDraws.Ratio <= 1.05, s.SplitDraws, s.Name)
		}
	})
	settle("shift", "a shift costs at most 5 % of the mean against the rules alone", 1, func(c *routingClaim, s *routingScenario) {
		if s.Rules != nil {
			c.add(s.Rules.Ratio <= 1.05, s.Rules, s.Name)
		}
	})
}

func (c *routingClaim) text() string {
	answer := "NOT MET"
	if c.Met {
		answer = "met"
	}
	return fmt.Sprintf("%-20s %-7s %d of %d (needs %d), worst %.3f: %s", c.Name, answer, c.Holds, c.Of, c.Needs, float64(c.Worst), c.About)
}
