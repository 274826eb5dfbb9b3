package main

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/fairway-mesh/fairway/datasets/lab"
)

// The scenario of the comparison, in parts of a block: an endpoint gets slower from the
// start to the end of the ramp, stays so, and recovers; see docs/lab-compare.md.
const (
	degradeStart  = 0.15
	degradeRamp   = 0.20
	degradeLength = 0.60
	degradeLeast  = 4.0 // times its service time
	degradeMost   = 6.0
)

// blockSeed is that of the requests and faults of a block, the same for all policies
// and for any number of proxies.
func blockSeed(seed uint64, block int) uint64 { return seed<<16 + uint64(block) + 1 }

// blockFaults draws which of the new endpoints degrades in a block, and how far.
func blockFaults(seed uint64, s lab.Service, length time.Duration) []lab.Fault {
	rng := rand.New(rand.NewPCG(seed, 0xdeca))
	var candidates []lab.Endpoint
	for _, e := range s.Endpoints {
		if e.Subset == s.Endpoints[0].Subset {
			candidates = append(candidates, e)
		}
	}
	part := func(x float64) time.Duration { return time.Duration(x * float64(length)) }
	return []lab.Fault{{
		Service: s.Name, Endpoint: candidates[rng.IntN(len(candidates))].Name, Kind: lab.Slowdown,
		Start: part(degradeStart), Ramp: part(degradeRamp), Length: part(degradeLength),
		Severity: degradeLeast + (degradeMost-degradeLeast)*rng.Float64(),
	}}
}

// turnOrder is the order in which the policies of a block take their turns.
func turnOrder(seed uint64, proxies, block, policies int) []int {
	return rand.New(rand.NewPCG(seed, uint64(proxies)<<32+uint64(block))).Perm(policies)
}

// fleetRules are fairwayd's: whose endpoints these are, and what is wanted of them. A
// failure is worse than a slow answer here, so it costs more than the deadline.
func fleetRules(s lab.Service) string {
	text := fmt.Sprintf("services:\n  - name: %s\n    objective: {deadline: %v, error_cost: 4}\n    endpoints:\n", s.Name, s.Classes[0].Deadline)
	for _, e := range s.Endpoints {
		text += fmt.Sprintf("      - {name: %s, address: %q, subset: %s, zone: %s}\n", e.Name, e.Address, e.Subset, e.Zone)
	}
	return text
}
