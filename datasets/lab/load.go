package lab

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// answered is what became of a planned request.
type answered struct {
	sent    time.Duration // from its time to when it was really sent
	latency time.Duration // from its time, not from when it was really sent
	status  int           // 0: no answer before the deadline
	done    bool
}

// load sends the requests of one service: each at its time, whatever became of
// earlier ones (an open loop).
type load struct {
	service   Service
	requests  []planned
	answers   []answered // one per request
	url       string
	transport *http.Transport
	start     time.Time
	sent      atomic.Int64
	broken    atomic.Int64                         // ended without an answer though the deadline was not over
	misrouted chan error                           // the first answer by a wrong endpoint
	choose    func(service string, c Class) string // see Config
	done      func(Answer)
}

func newLoad(s Service, requests []planned, address string, start time.Time) *load {
	return &load{
		service: s, requests: requests, answers: make([]answered, len(requests)),
		url: "http://" + address, start: start,
		transport: &http.Transport{MaxIdleConnsPerHost: 1000, IdleConnTimeout: time.Minute, DisableCompression: true},
		misrouted: make(chan error, 1),
	}
}

// run sends until the last request or until ctx ends, and returns when every
// request that was sent has its answer or has missed its deadline.
func (l *load) run(ctx context.Context) error {
	var pending sync.WaitGroup
	for i, r := range l.requests {
		if !sleepUntil(ctx, l.start.Add(r.at)) || len(l.misrouted) > 0 {
			break
		}
		l.sent.Add(1)
		// The end of the load must not cut off what is under way.
		pending.Go(func() { l.ask(context.WithoutCancel(ctx), i) })
	}
	pending.Wait()
	l.transport.CloseIdleConnections()
	select {
	case err := <-l.misrouted:
		return err
	default:
		return nil
	}
}

// ask sends request i and notes what became of it.
func (l *load) ask(ctx context.Context, i int) {
	r, a := l.requests[i], &l.answers[i]
	class, intended := l.service.Classes[r.class], l.start.Add(r.at)
	endpoint := l.endpoint(r)
	deadline := intended.Add(class.Deadline)
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	a.sent = time.Since(intended)
	status, by, err := l.send(ctx, class, endpoint)
	a.latency, a.done = time.Since(intended), true
	if l.done != nil {
		l.done(Answer{Service: l.service.Name, Class: class.Name, Endpoint: endpoint, At: intended, Latency: a.latency, Status: status})
	}
	if err != nil {
		if ctx.Err() == nil {
			l.broken.Add(1)
		}
		return
	}
	a.status = status
	if err := checkAnswer(endpoint, by, status); err != nil {
		select {
		case l.misrouted <- err:
		default:
		}
	}
}

// endpoint is where a request goes.
func (l *load) endpoint(r planned) string {
	if l.choose != nil {
		if chosen := l.choose(l.service.Name, l.service.Classes[r.class]); chosen != "" {
			return chosen
		}
	}
	return l.service.Endpoints[r.endpoint].Name
}

// send returns the status, and who says to have answered.
func (l *load) send(ctx context.Context, class Class, endpoint string) (status int, by string, err error) {
	request, err := http.NewRequestWithContext(ctx, class.Method, l.url+class.Path, nil)
	if err != nil {
		return 0, "", err
	}
	request.Header.Set(askedHeader, endpoint)
	response, err := l.transport.RoundTrip(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, "", err
	}
	return response.StatusCode, response.Header.Get(answeredHeader), nil
}

// checkAnswer makes sure that the endpoint that was drawn is the one that
// answered: otherwise no propensity of the recording would be true. An answer
// without a name is the proxy's own, which it gives when the endpoint is gone.
func checkAnswer(asked, by string, status int) error {
	byProxy := by == "" && (status == http.StatusBadGateway || status == http.StatusServiceUnavailable || status == http.StatusGatewayTimeout)
	if by != asked && !byProxy {
		return fmt.Errorf("asked %s, answered by %q with status %d: the proxy does not obey the header %s", asked, by, status, askedHeader)
	}
	return nil
}
