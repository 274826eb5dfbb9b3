package sim

// Buckets are the upper bounds, in seconds, of the latency histogram that
// endpoints keep for their metrics: those of the lab.
var Buckets = [...]float64{.005, .01, .025, .05, .075, .1, .15, .25, .4, .65, 1, 1.5, 2.5, 5}

// Counters is what a scrape of an endpoint, and of the proxies that send to
// it, finds. Everything but the gauges has been counted since the start of the
// endpoint's process; a restart begins at 0 again.
type Counters struct {
	// What the proxies count of this endpoint: requests that it answered well,
	// the late ones too, and those that it answered with an error, refused, or
	// broke off. Each counts when it ends, as it does in HAProxy; one that was
	// given up and never answered does not.
	Good, Errors float64
	// What the endpoint counts: answers, the sum of their latencies from arrival
	// to answer (s), and how many took at most Buckets[i].
	Answers, LatencySum float64
	AtMost              [len(Buckets)]float64
	BusySeconds         float64 // of all workers together
	CPUSeconds          float64
	InFlight            float64 // gauge: served or waiting
	Workers             float64 // gauge
	Memory              float64 // gauge, bytes
	Up                  bool    // the endpoint answered the scrape; else only the proxies' counters are known
}
