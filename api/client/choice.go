package client

import (
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/api/fairwayv1"
)

// From says what an answer rests on.
type From uint8

const (
	Nothing From = iota // no endpoint of the service is known
	Daemon              // asked just now
	Weights             // the daemon's, within their time to live
	Equal               // they have expired, or name no endpoint any more: the last known endpoints, those of a subset alike
	Static              // the endpoints of the Config, alike
)

func (f From) String() string {
	return [...]string{"nothing", "daemon", "weights", "equal", "static"}[f]
}

// Choice is an endpoint that was picked.
type Choice struct {
	Endpoint   *fairwayv1.Endpoint // nil when From is Nothing; shared: do not write
	Route      *Route              // nil when nothing is known of the service; shared: do not write
	Propensity float64             // the probability with which it was picked; NaN: not known
	From       From
	// Full says that this client has as much in flight as the rules' circuit allows: to
	// the service, or to each endpoint that it could have picked. The endpoint is one
	// all the same; whether the request waits, fails or goes there is the caller's to say.
	Full bool

	open  *atomic.Int64 // requests in flight at the endpoint, see Begin
	total *atomic.Int64 // and at all of the service
}

// Route is the route of a request, as the daemon sent it last.
type Route struct {
	Name     string
	Priority int
	Retries  int
	Timeout  time.Duration // how long the request may take; 0 when nothing says
	// Of is the message that the route came with: versions, source, reason.
	Of *fairwayv1.ServiceWeights
}

// TableVersion is that of the weights; 0 when none were sent.
func (c Choice) TableVersion() uint64 {
	if c.Route == nil {
		return 0
	}
	return c.Route.Of.GetTableVersion()
}
