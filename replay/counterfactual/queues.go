package counterfactual

import "math"

// queues are the endpoints' first-come-first-served queues, each with one
// worker. Latency then follows from arrivals and processing times alone:
// Lindley's recursion.
type queues struct {
	departures [endpoints][]float64 // of the jobs that were sent there, ascending
	gone       [endpoints]int       // how many of them have left
}

const all = 1<<endpoints - 1

func (q *queues) reset() {
	for e := range q.departures {
		q.departures[e] = q.departures[e][:0]
		q.gone[e] = 0
	}
}

// advance lets everything leave that is done before now.
func (q *queues) advance(now float64) {
	for e := range q.departures {
		for q.gone[e] < len(q.departures[e]) && q.departures[e][q.gone[e]] < now {
			q.gone[e]++
		}
	}
}

func (q *queues) inFlight(e int) int { return len(q.departures[e]) - q.gone[e] }

// send puts a job at the end of the queue and returns its latency.
func (q *queues) send(e int, now, processing float64) float64 {
	begin := now
	if n := len(q.departures[e]); n > 0 {
		begin = max(begin, q.departures[e][n-1])
	}
	q.departures[e] = append(q.departures[e], begin+processing)
	return begin + processing - now
}

// least is the first of the asked endpoints with the smallest score; asked is
// a bit set.
func (q *queues) least(score func(e int) float64, asked int) int {
	best, at := math.Inf(1), 0
	for e := range endpoints {
		if asked>>e&1 == 1 {
			if s := score(e); s < best {
				best, at = s, e
			}
		}
	}
	return at
}
