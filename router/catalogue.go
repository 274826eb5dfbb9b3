package router

import "github.com/fairway-mesh/fairway/router/picker"

// What policies live on. All of it is what a scrape of the metrics shows, some
// seconds old.
const (
	livesOnNothing  = "nothing"
	livesOnRules    = "rules"
	livesOnRates    = "scraped rate, errors and latency"
	livesOnInFlight = "scraped rate and requests in flight"
	livesOnAll      = "all scraped metrics"
	livesOnModel    = "all scraped metrics and a trained model"
)

// kinds are the policies: the only list of them. A policy stands here with the
// picker that its source has it used by; most sources say only that weights are
// used, and then it is a draw.
var kinds = []kind{
	{picker.Description{
		Name: "round_robin", Lives: livesOnNothing,
		Mechanism: "Weighs all endpoints equally.",
		Source:    "common",
		Fails:     "Knows no capacity and no queue: a slow endpoint fills up.",
	}, "weighted", nil, func(build) Policy { return RoundRobin() }},
	{picker.Description{
		Name: "static", Lives: livesOnRules,
		Mechanism: "Takes the weights from the rules, else equal ones.",
		Source:    "common",
		Fails:     "Weights that were right once.",
	}, "weighted", nil, func(b build) Policy { return Static(b.cfg.Rules) }},
	{picker.Description{
		Name: "capacity", Lives: livesOnRules + ", else all scraped metrics (the slow level of the capacity)",
		Mechanism: "Weighs by what endpoints can do: the rules' weights, else the capacity observed over the last minutes.",
		Source:    "weighted round robin of Nginx, Envoy",
		Fails:     "Does not react: a slow-down is met by a queue.",
	}, "weighted_round_robin", nil, func(b build) Policy { return Capacity(b.cfg.Rules) }},
	{picker.Description{
		Name: "least_latency", Lives: livesOnRates,
		Mechanism: "Weighs by the inverse of the mean latency.",
		Source:    "common",
		Fails:     "An endpoint that fails fast looks good; herds on stale metrics.",
	}, "weighted", nil, func(build) Policy { return LeastLatency() }},
	{picker.Description{
		Name: "performance_aware", Lives: livesOnAll,
		Mechanism: "Weighs by 0.4·success + 0.3/(1 + latency in s) + 0.3/(1 + in flight/100).",
		Source:    "the essay that fairway began with",
		Fails:     "Weights differ by little even where endpoints differ by much.",
	}, "weighted", nil, func(build) Policy { return PerformanceAware() }},
	{picker.Description{
		Name: "adaptive", Lives: livesOnAll,
		Mechanism: "Chooses equal weights, least connections or performance_aware by the service's load and latency.",
		Source:    "the essay that fairway began with",
		Fails:     "Least connections on stale counts herds; the thresholds are absolute.",
	}, "weighted", nil, func(build) Policy { return Adaptive() }},
	{picker.Description{
		Name: "wrr_metrics", Lives: "scraped rate, errors and utilization",
		Mechanism:  "Weighs by rate/(utilization + error ratio·penalty), with A58's blackout, expiration and update period.",
		Source:     "gRFC A58; grpc-go balancer/weightedroundrobin",
		Fails:      "Above the allocation its tail collapses (Prequal fig. 6, 7); without utilization all are equal.",
		Parameters: wrrParameters,
	}, "weighted_round_robin", nil, func(b build) Policy { return WeightedRoundRobin(b.values) }},
	{picker.Description{
		Name: "pid", Lives: "scraped utilization and requests in flight",
		Mechanism:  "A PID loop per endpoint moves its weight until its utilization, or its share of requests in flight if greater, is the fleet's average.",
		Source:     "Robinhood (Dropbox, 2024); gains and clamps ours",
		Fails:      "Takes many windows; oscillates where the metrics are older than the gains allow for.",
		Parameters: pidParameters,
	}, "weighted", []option{staleOption}, func(b build) Policy { return b.ruled(PID(b.values, b.cfg)) }},
	{picker.Description{
		Name: "curve_solver", Lives: livesOnRates + ", capacity memory",
		Mechanism:  "Fits a latency curve a/(1 − load/c) to each endpoint, solves for the least mean latency, steps there and back while it does not get worse.",
		Source:     "KnapsackLB (CoNEXT 2025), SLATE (HotNets '24)",
		Fails:      "Curves of loads that never varied are guesses; errors look like speed; a quarter of the way at a time.",
		Parameters: curveParameters,
	}, "weighted", []option{staleOption}, func(b build) Policy { return b.ruled(CurveSolver(b.values, b.cfg)) }},
	{picker.Description{
		Name: "load_interpretation", Lives: livesOnInFlight,
		Mechanism:  "Fills the queues of the last scrape up with the arrivals expected until the next one.",
		Source:     "Dahlin, Interpreting stale load information, TPDS 2000 (basic LI)",
		Fails:      "Takes queues to drain alike: knows no speeds unless capacity=1.",
		Parameters: interpretationParameters,
	}, "weighted", nil, func(b build) Policy { return b.ruled(LoadInterpretation(b.values)) }},
	{picker.Description{
		Name: "ewma_weights", Lives: livesOnRates + " and requests in flight",
		Mechanism:  "Weighs by 1/((in flight/rate + 1)²·(latency + 0.6 s·(1/success − 1))) of moving averages, with rate control.",
		Source:     "L3 (Middleware '24), github.com/oliviermichaelis/l3",
		Fails:      "Made for clusters: of single endpoints the averages lag, and all weights herd together.",
		Parameters: ewmaParameters,
	}, "weighted", []option{staleOption}, func(b build) Policy { return b.ruled(EWMAWeights(b.values, b.cfg)) }},
	{picker.Description{
		Name: "board", Lives: "scraped requests in flight",
		Mechanism:  "Sets equal weights (capacity=1: by capacity) and passes the requests in flight on to the pickers.",
		Source:     "Mitzenmacher, How useful is old information, TPDS 2000",
		Fails:      "Is nothing without a picker that reads the board.",
		Parameters: boardParameters,
	}, "board_power_of_two", []option{staleOption}, func(b build) Policy { return Board(b.values, b.cfg) }},
	{picker.Description{
		Name: "queueing", Lives: livesOnAll,
		Mechanism: "Solves for the weights of least mean cost on the formula of the queue, at the capacities that were seen.",
		Source:    "fairway; learned without its network",
		Fails:     "Where endpoints do not queue as the formula has it.",
	}, "weighted_round_robin", []option{staleOption}, func(b build) Policy { return b.ruled(Queueing(b.cfg)) }},
	{picker.Description{
		Name: "learned", Lives: livesOnModel,
		Mechanism: "Solves for the weights of least predicted cost.",
		Source:    "fairway",
		Fails:     "Away from what it was trained on it declines, and the rules answer.",
	}, "weighted", learnedOptions, func(b build) Policy { return Practised(Learned(b.model, b.predict, b.cfg), b.cfg) }},
	{picker.Description{ // what fairwayd serves
		Name: "fairway", Lives: livesOnModel,
		Mechanism: "learned, without endpoints that fail and with less for those forecast to, in bounded steps.",
		Source:    "fairway",
		Fails:     "As learned; its steps take windows.",
	}, "weighted", fairwayOptions, func(b build) Policy {
		return Limit(Eject(Practised(Learned(b.model, b.predict, b.cfg), b.cfg), b.predict, b.cfg), b.cfg)
	}},
}
