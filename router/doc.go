// Package router decides where the requests of a service go.
//
// There are two levels. A rule (package rules) chooses the route: its subsets
// and the split between them bind, whatever a model says. A Policy sets the
// weights of the endpoints inside a subset, and the split only where the rule
// leaves it to the policy.
//
// There are two loops. The slow one, once per window, asks a policy and
// publishes its Decision to a Table:
//
//	policy := router.Limit(router.Eject(router.Fallback(learned, static), forecast, cfg), cfg)
//	err := policy.Decide(&decision, frame)
//	table.Publish(&decision, frame)
//
// The fast one, once per request, loads a pointer, matches, and picks; it
// takes no lock, allocates nothing and asks no model:
//
//	answer := table.Load(service).Decide(&request, random)
//
// Falling back is a policy, not a branch: a policy declines with a Reason, the
// next one answers, and the reason travels with its decision.
//
// What others have published stands beside what is served, so that they can be
// compared: Named makes a policy, and StrategyNamed a policy with the pickers that
// use its weights, from a name with parameters. All policies stand in one list.
//
// Policies with memory (Learned, Eject, Limit, and most that set weights from
// metrics) advance once per window and take the time from the frame. Nothing here reads a clock or draws at random: the
// caller brings both.
package router
