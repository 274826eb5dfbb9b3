package sim

import (
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/picker"
)

// slowLoop is what makes weights out of scrapes: it sees the mesh through
// nothing else. t counts from the start of the run and never goes back.
type slowLoop interface {
	// scrape brings what was found at endpoint i at t. c is valid during the
	// call only.
	scrape(t time.Duration, i int, c *Counters)
	// decide returns what pickers are told from now on, no weights when those in
	// force stay, and the reason when the decision fell back, else "". It is
	// valid until the next call. The run keeps a copy until it has reached the
	// proxies, and counts the reasons and the churn.
	decide(t time.Duration) (n news, declined string, err error)
}

// news is what the slow loop tells pickers, one value per endpoint. The board
// is empty where the policy has none.
type news struct {
	weights mesh.Weights
	board   picker.Board
}

// Observer is told of a run while it goes on, in order of the time. Any of its
// functions may be nil; what they are given is valid during the call only.
type Observer struct {
	// Finished tells of each request when its proxy is done with it, warm-up
	// included.
	Finished func(*Finished)
	// Scraped tells what the scrape of endpoint i at t found, whether or not the
	// strategy has a slow loop.
	Scraped func(t time.Duration, i int, c *Counters)
}

// Finished is a request that its proxy is done with.
type Finished struct {
	// Arrived and Ended count from the start of the run; an expired request ends
	// at its deadline.
	Arrived, Ended time.Duration
	Proxy          int
	Class          string
	// Endpoint is −1 when there was none to pick, or when the request was held
	// back until its deadline.
	Endpoint int
	// Propensity of the endpoint when it was picked; NaN when the picker does
	// not tell it.
	Propensity float64
	Latency    time.Duration
	Status     int // 200; 500 an error; 503 refused, or no endpoint; 504 no answer before the deadline
}

// propensity is implemented by pickers that know the probability with which
// the last pick was made.
type propensity interface{ Propensity() float64 }
