package sim

// The numbers of a scrape, in the order in which they are kept.
const (
	numGood    = iota // answers without an error, as the proxies count them
	numBad            // errors, refusals and broken requests, as the proxies count them
	numAnswers        // as the endpoint counts them, and what follows
	numLatencySum
	numBusySeconds
	numCPUSeconds
	numInFlight
	numWorkers
	numMemory
	numBuckets
	numAll = numBuckets + len(Buckets)
)

// scrape is what one scrape of an endpoint, and of the proxies that send to it,
// found.
type scrape struct {
	t  int64 // ms since the start
	up bool  // else only what the proxies count is known
	v  [numAll]float64
}

// scrapes keeps the last scrapes of an endpoint.
type scrapes struct {
	kept []scrape
	next int // where the next one goes
	n    int // how many there are
}

// at returns the scrape that is i before the newest; nil before the first.
func (r *scrapes) at(i int) *scrape {
	if i >= r.n {
		return nil
	}
	return &r.kept[(r.next-1-i+len(r.kept))%len(r.kept)]
}

// add takes over what a scrape found.
func (r *scrapes) add(t int64, c *Counters) *scrape {
	s := &r.kept[r.next]
	s.t, s.up = t, c.Up
	s.v = [numAll]float64{
		numGood: c.Good, numBad: c.Errors, numAnswers: c.Answers, numLatencySum: c.LatencySum, numBusySeconds: c.BusySeconds,
		numCPUSeconds: c.CPUSeconds, numInFlight: c.InFlight, numWorkers: c.Workers, numMemory: c.Memory,
	}
	copy(s.v[numBuckets:], c.AtMost[:])
	r.next, r.n = (r.next+1)%len(r.kept), min(r.n+1, len(r.kept))
	return s
}
