package router

import (
	"math"
	"testing"
)

func TestCapacity(t *testing.T) {
	list := rows(3)
	list[0].capacity, list[1].capacity, list[2].capacity = 100, 50, 50
	same(t, "observed", decide(t, Capacity(nil), looking(0, list...)).Weights, 0.5, 0.25, 0.25)
	// Half as fast as it used to be, of late: the slow level counts.
	list[0].capacity, list[0].moved = 50, math.Log(0.5)
	same(t, "slow level", decide(t, Capacity(nil), looking(0, list...)).Weights, 0.5, 0.25, 0.25)
	list[1].capacity = nan
	same(t, "unknown", decide(t, Capacity(nil), looking(0, list...)).Weights, 100.0/225, 75.0/225, 50.0/225)

	ruled := ruleSet(t, "services: [{name: checkout, endpoints: [{name: e000, weight: 3}, {name: e001}]}]")
	same(t, "ruled", decide(t, Capacity(ruled), looking(0, list...)).Weights, 0.5, 1.0/6, 2.0/6)
	alike := ruleSet(t, "services: [{name: checkout, endpoints: [{name: e000}, {name: e001}, {name: e002}]}]")
	list[1].capacity = 50
	same(t, "weights that tell nothing", decide(t, Capacity(alike), looking(0, list...)).Weights, 0.5, 0.25, 0.25)
}
