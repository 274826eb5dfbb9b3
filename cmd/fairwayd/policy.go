package main

import (
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router"
)

// policy is the whole behaviour of the daemon. m and p are nil without a model.
func policy(m *model.Model, p *predict.Predictor, cfg router.Config, o *options) router.Policy {
	learned := router.Learned(m, p, cfg)
	choose := router.Practised(learned, cfg)
	if o.shadow {
		choose = router.Shadow(learned, router.Static(cfg.Rules))
		cfg.HoldOut = 1 // its forecasts are listened to as well
	}
	return router.Explore(router.Limit(router.Eject(choose, p, cfg), cfg), o.explore)
}
