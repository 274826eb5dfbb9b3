package picker

// kind is a picker or an overlay that can be had by name.
type kind struct {
	name, mechanism, source, lives, fails string
	parameters                            []Parameter
	// weighs: uses the weights that Update brings; others only heed those of 0.
	weighs bool
	truth  bool // needs to be told the truth
	make   func(Config, settings) Picker
	over   func(inner Picker, c Config, s settings, weighs bool) Picker
}

// What pickers live on.
const (
	nothing = "nothing"
	given   = "weights that it is given"
	own     = "own requests"
	beside  = "own requests and load beside answers"
	probed  = "probes"
	board   = "metrics on a board"
	ownAsks = "own requests and probes"
)

var kinds = []kind{
	{
		name: "random", make: newUniform, lives: nothing,
		mechanism: "Picks at random, every endpoint alike.",
		source:    "Prequal §5.2 (NSDI 2024)",
		fails:     "Knows no capacity and no queue: a slow endpoint fills up.",
	},
	{
		name: "round_robin", make: newRoundRobin, lives: nothing,
		mechanism: "Picks in turn, from a random endpoint on.",
		source:    "Prequal §5.2; random start: ingress-nginx#4023",
		fails:     "As random; many proxies in turn still collide.",
	},
	{
		name: "weighted", weighs: true, lives: given,
		mechanism: "Picks at random in proportion to the weights.",
		source:    "Envoy weighted clusters, AWS ALB weighted random",
		fails:     "No better than its weights, and blind between their updates.",
		make:      func(c Config, _ settings) Picker { return NewWeighted(c.Weights, c.Seed) },
	},
	{
		name: "weighted_round_robin", make: newWeightedRoundRobin, weighs: true, lives: given,
		mechanism: "Picks in turn in proportion to the weights, evenly spaced (earliest deadline first).",
		source:    "Envoy edf_scheduler.h",
		fails:     "As weighted.",
	},
	{
		name: "wrr_a58", make: newReporting, lives: beside + ", or probes",
		mechanism: "Weighted round robin by rate / (utilization + errors / rate × penalty), as endpoints report.",
		source:    "gRFC A58; grpc-go balancer/weightedroundrobin",
		fails:     "Signals of 1 to 10 s: collapses where the load exceeds what was allotted (Prequal fig. 6, 7).",
		parameters: []Parameter{
			{"blackout", 10, 0, 600, Duration, "how long an endpoint has to report before its weight counts"},
			{"expiry", 180, 1, 3600, Duration, "age at which a report counts no longer"},
			{"update", 1, 0.1, 60, Duration, "time between weights"},
			{"oob", 0, 0, 600, Duration, "time between reports out of band (A58: 10s); 0: beside answers"},
			{"penalty", 1, 0, 100, Number, "what the error ratio adds to the utilization"},
			{"smoothing", 0, 0, 0.999, Number, "share of the old that a report leaves"},
		},
	},
	{
		name: "wrr", make: newReporting, lives: probed,
		mechanism: "Weighted round robin by w = q/u, rate over utilization, smoothed.",
		source:    "Prequal §5.2",
		fails:     "As wrr_a58: where no one is below its allotment, the weights tell nothing.",
		parameters: []Parameter{
			{"blackout", 0, 0, 600, Duration, "how long an endpoint has to report before its weight counts"},
			{"expiry", 180, 1, 3600, Duration, "age at which a report counts no longer"},
			{"update", 1, 0.1, 60, Duration, "time between weights"},
			{"oob", 1, 0.1, 600, Duration, "time between reports (ours)"},
			{"penalty", 0, 0, 100, Number, "what the error ratio adds to the utilization"},
			{"smoothing", 0.5, 0, 0.999, Number, "share of the old that a report leaves (ours)"},
		},
	},
	{
		name: "least_loaded", make: newLeastLoaded, lives: own,
		mechanism: "Picks the endpoint with the fewest requests of this proxy in flight, the next in turn of several.",
		source:    "Prequal §5.2; ties in turn: NGINX least_conn",
		fails:     "Sees its own requests only: with many proxies it tends to random (Detti & Funari).",
		parameters: []Parameter{
			{"ties", 0, 0, 1, Count, "of several endpoints 0: the next in turn; 1: a random one"},
		},
	},
	{
		name: "power_of_two", weighs: true, lives: own,
		mechanism: "Draws two distinct endpoints by weight and picks the one with fewer requests of this proxy in flight.",
		source:    "Mitzenmacher, TPDS 2001; Prequal's LL-Po2C",
		fails:     "As least_loaded.",
		make:      func(c Config, _ settings) Picker { return NewPowerOfTwo(len(c.Weights), c.Weights, c.Seed) },
	},
	{
		name: "least_request", make: newLeastRequest, weighs: true, lives: own,
		mechanism: "Equal weights: the less loaded of two random endpoints. Unequal: a schedule by weight / (in flight + 1)^bias.",
		source:    "Envoy least_request_lb.cc",
		fails:     "As least_loaded; a fast failure leaves few in flight and attracts more.",
		parameters: []Parameter{
			{"choices", 2, 1, 64, Count, "how many are drawn among equal weights"},
			{"bias", 1, 0, 10, Number, "how much requests in flight count among unequal weights"},
		},
	},
	{
		name: "peak_ewma", make: newPeakEWMA, lives: own,
		mechanism: "Of two random endpoints the one with the lower peak-sensitive latency × (in flight + 1).",
		source:    "Finagle PeakEwma.scala, Linkerd",
		fails:     "An endpoint that fails at once looks fast (ingress-nginx#5540); one that had an expensive request is punished (traefik#12306).",
		parameters: []Parameter{
			{"decay", 10, 0.001, 3600, Duration, "time in which the latency is forgotten to 1/e"},
			{"penalty", 140737, 0, 140737, Duration, "cost of an endpoint without history that has requests in flight"},
		},
	},
	{
		name: "polled_power_of_two", make: newPolled, lives: probed,
		mechanism: "Of two random endpoints the one with fewer requests in flight when all were polled last.",
		source:    "Prequal §5.2, YARP-Po2C",
		fails:     "What is half a second old herds: all proxies prefer the same endpoints until the next poll.",
		parameters: []Parameter{
			{"period", 0.5, 0.001, 60, Duration, "time between polls of all endpoints"},
		},
	},
	{
		name: "board_power_of_two", make: newBoardPowerOfTwo, weighs: true, lives: board,
		mechanism: "Draws two endpoints by weight and picks the one with fewer requests in flight when the metrics were last scraped.",
		source:    "Mitzenmacher, How useful is old information, TPDS 2000",
		fails:     "Herds between two boards; worse than random once they are older than some 50 service times at 90 % load.",
	},
	{
		name: "board_own_power_of_two", make: newBoardOwnPowerOfTwo, weighs: true, lives: board + " and own requests",
		mechanism: "As board_power_of_two, plus what this proxy has sent since, times the number of proxies.",
		source:    "ours, after Mitzenmacher; Prequal §4 adds own requests to a probe's answer",
		fails:     "Takes all proxies to send alike.",
		parameters: []Parameter{
			{"proxies", 0, 0, 100000, Count, "how many proxies send; 0: as configured"},
		},
	},
	{
		name: "linear", make: newLinear, lives: probed,
		mechanism: "On Prequal's probes, the least (1−λ)·latency + λ·α·in flight.",
		source:    "Prequal §5.2, appendix A",
		fails:     "Every mix loses to requests in flight alone where capacities differ (Prequal appendix A).",
		parameters: proberWith(
			Parameter{"share", 0.5, 0, 1, Number, "λ, the share of requests in flight"},
			Parameter{"alpha", paperAlpha, 0, 60, Duration, "α, latency that one request in flight counts for; 0: the median at one in flight, measured"},
		),
	},
	{
		name: "c3_score", make: newC3Score, lives: ownAsks,
		mechanism:  "On Prequal's probes, the least score of C3.",
		source:     "Prequal §5.2 after C3 (NSDI 2015)",
		fails:      "Needs the number of proxies, which is wrong where they come and go or differ.",
		parameters: proberWith(c3Parameters...),
	},
	{
		name: "c3", make: newC3, lives: beside,
		mechanism: "The least (R − 1/μ) + q̂³/μ of those endpoints that a cubic rate control lets it send to; else the request waits.",
		source:    "C3 (NSDI 2015); lalithsuresh/absim client.py",
		fails:     "As c3_score; knows only whom it sent to lately; starves where answers come well within an interval: the cuts outrun the answers (cubic.go has a trace), and what is held meets its deadline.",
		parameters: append([]Parameter{
			{"c", 4e-6, 1e-9, 1, Number, "C, growth of the rate in requests per interval and ms³"},
			{"beta", 0.2, 0.01, 0.99, Number, "β, what a cut leaves of the rate"},
			{"smax", 10, 0.01, 1e6, Number, "Smax, the most that one answer raises the rate"},
			{"hysteresis", 2, 0, 1000, Number, "intervals after a raise before a cut"},
			{"interval", 0.01, 0.001, 10, Duration, "what rates are per"},
			{"burst", 10, 1, 1e6, Number, "tokens that a bucket holds, and the rate at first"},
		}, c3Parameters...),
	},
	{
		name: "prequal", make: newPrequal, lives: probed,
		mechanism: "On a pool of recent answers to probes: the fastest endpoint that is not hot, or if all are, the one with the fewest in flight.",
		source:    "Prequal §4 (NSDI 2024)",
		fails:     "Endpoints that fail quickly look idle (guard is off, as the paper omits it); needs answers about load now.",
		parameters: proberWith(
			Parameter{"q", 0.84, 0, 1, Number, "Q_RIF, quantile of requests in flight above which an endpoint is hot"},
			Parameter{"history", 64, 1, 4096, Count, "answers that the quantile is of (prequal-rs)"},
		),
	},
	{
		name: "hot_cold", make: newScout, weighs: true, lives: ownAsks + ", and the slow loop's predictions on a board",
		mechanism: "Of those it heard of last, in probes and answers, the endpoint with the least predicted marginal latency that is not hot, failing or silent; near-ties by weight.",
		source:    "ours, after Prequal §4 (NSDI 2024); memory: Mitzenmacher, Prabhakar and Shah (FOCS 2002); join idle queue (Performance 2011)",
		fails:     "Compares endpoints by the latency that they tell: where none tells it, only by requests in flight and the board. An endpoint that fails without becoming slower first is found by its failures.",
		parameters: []Parameter{
			{"pool", 16, 2, 256, Count, "endpoints that are compared: those that were heard of last"},
			{"probes", 3, 0.1, 64, Number, "probes for each request"},
			{"age", 1, 0.001, 600, Duration, "age at which an answer is dropped"},
			{"q", 0.95, 0, 1, Number, "quantile of requests in flight above which an endpoint is hot"},
			{"history", 64, 1, 4096, Count, "answers that the quantile is of"},
			{"near", 0.02, 0, 1, Number, "part of the least cost within which the weights decide"},
			{"power", 0.6, 0, 2, Number, "power of how much slower an endpoint is at as many in flight"},
			{"alarm", 3, 0, 10, Number, "power of how much slower than in its past; 0: that does not alarm"},
			{"learn", 3, 0.01, 600, Duration, "time over which both are learned"},
			{"forget", 0.5, 0, 100, Number, "mean latencies in which the requests of others are forgotten"},
			{"crowding", 0.3, 0.01, 1, Number, "how much of that it takes where there were few"},
			{"guard", 1, 0, 600, Duration, "latency that a failure counts for; 0: no guard"},
			{"patience", 0.003, 0, 600, Duration, "time after which who answers no probe is suspect, longer where answers take longer; 0: never"},
		},
	},
	{
		name: "oracle", make: newOracle, truth: true, lives: "truth",
		mechanism: "Picks the endpoint that would be done first, a random one of several.",
		source:    "a bound of ours; clairvoyant in absim",
		fails:     "Exists in simulations only; greedy, so not the best for all.",
	},
}

var c3Parameters = []Parameter{
	{"newest", 0.9, 0.01, 1, Number, "weight of the newest in the averages (absim)"},
	{"exponent", 3, 0.5, 10, Number, "power of the queue estimate"},
	{"proxies", 0, 0, 1e6, Count, "n of the score; 0: as configured"},
}

// proberWith is what pickers on Prequal's probes may set.
func proberWith(more ...Parameter) []Parameter {
	return append([]Parameter{
		{"pool", 16, 1, 256, Count, "m, answers that are kept"},
		{"probes", 3, 0.1, 64, Number, "r_probe, probes for each request"},
		{"remove", 1, 0, 64, Number, "r_remove, answers removed with each request"},
		{"delta", 1, 0, 100, Number, "δ of the reuse formula"},
		{"reuse", 16, 1, 1024, Count, "the most that an answer is used (prequal-rs)"},
		{"age", 1, 0.001, 600, Duration, "age at which an answer is dropped"},
		{"idle", 0, 0, 600, Duration, "time without requests after which it asks; 0: never"},
		{"guard", 0, 0, 600, Duration, "latency that a failure counts for, against sinkholes; 0: no guard (ours)"},
	}, more...)
}

var overlayKinds = []kind{
	{
		name: "outlier_ejection", over: newEjection, lives: own,
		mechanism: "Takes out endpoints that fail more than others, for longer each time.",
		source:    "gRFC A50; grpc-go outlierdetection/balancer.go",
		fails:     "Blind to latency (envoy#288); needs 100 requests of each proxy to each endpoint in an interval.",
		parameters: []Parameter{
			{"interval", 10, 0.1, 600, Duration, "time between sweeps"},
			{"base", 30, 0.1, 3600, Duration, "base ejection time"},
			{"longest", 300, 0.1, 36000, Duration, "the longest that an ejection lasts"},
			{"max_ejected", 10, 0, 100, Number, "percent of the endpoints above which none is ejected"},
			{"deviations", 1.9, 0, 10, Number, "standard deviations below the mean success rate"},
			{"endpoints", 5, 1, 1000, Count, "endpoints that success rates need"},
			{"requests", 100, 1, 1e6, Count, "requests that an endpoint's success rate needs"},
			{"enforce", 100, 0, 100, Number, "percent of ejections by success rate that are done"},
			{"failure", 85, 0, 100, Number, "percent of failures that an endpoint may have"},
			{"failure_endpoints", 5, 1, 1000, Count, "endpoints that failure percentages need"},
			{"failure_requests", 50, 1, 1e6, Count, "requests that an endpoint's failure percentage needs"},
			{"failure_enforce", 0, 0, 100, Number, "percent of ejections by failure percentage that are done"},
		},
	},
	{
		name: "slow_start", over: newSlowStart, lives: nothing,
		mechanism: "Gives an endpoint that joined lately max(10 %, (t/window)^(1/aggression)) of its traffic.",
		source:    "Envoy load_balancer_impl.cc, slow_start.rst",
		fails:     "Does nothing where all are new, starves at low traffic, ends early when membership changes (envoy#29008).",
		parameters: []Parameter{
			{"window", 60, 0.001, 36000, Duration, "how long an endpoint is new (ours: Envoy has no default)"},
			{"least", 0.1, 0, 1, Number, "the least share of its weight"},
			{"aggression", 1, 0.01, 100, Number, "above 1 the share grows faster at first"},
		},
	},
}
