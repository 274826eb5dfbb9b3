package main

import (
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
)

// policy is the whole behaviour of the daemon. m and p are nil without a model.
func policy(m *model.Model, p *predict.Predictor, cfg router.Config, o *options) router.Policy {
	learned, rule := router.Learned(m, p, cfg), router.Static(cfg.Rules)
	choose := router.Fallback(learned, rule)
	if o.shadow {
		choose = router.Shadow(learned, rule)
	}
	return router.Explore(router.Limit(router.Eject(choose, p, cfg), cfg), o.explore)
}
