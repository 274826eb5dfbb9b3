package lab

import (
	"context"
	"io"
	"net/http"
	"sync"
	"time"
)

// fleetRequest is a request that will be sent, and what became of it.
type fleetRequest struct {
	at     time.Duration // from the start of the load
	class  int
	proxy  int
	late   time.Duration // from then to when it was really sent
	answer Answer
}

// fleetLoad sends the requests of a turn: each at its time, whatever became of earlier
// ones (an open loop).
type fleetLoad struct {
	service   Service
	requests  []fleetRequest
	sent      int
	fronts    []string
	transport *http.Transport
	start     time.Time
}

func newFleetLoad(s Service, requests []fleetRequest, fronts []string, start time.Time) *fleetLoad {
	return &fleetLoad{
		service: s, requests: requests, fronts: fronts, start: start,
		transport: &http.Transport{MaxIdleConnsPerHost: 1000, IdleConnTimeout: time.Minute, DisableCompression: true},
	}
}

// run sends until the last request or until ctx ends, and returns when every request
// that was sent has its answer or has missed its deadline.
func (l *fleetLoad) run(ctx context.Context) {
	var pending sync.WaitGroup
	for i := range l.requests {
		if !sleepUntil(ctx, l.start.Add(l.requests[i].at)) {
			break
		}
		l.sent = i + 1
		// The end of the load must not cut off what is under way.
		pending.Go(func() { l.ask(context.WithoutCancel(ctx), &l.requests[i]) })
	}
	pending.Wait()
	l.transport.CloseIdleConnections()
}

// ask sends a request and notes what became of it.
func (l *fleetLoad) ask(ctx context.Context, r *fleetRequest) {
	class, due := l.service.Classes[r.class], l.start.Add(r.at)
	ctx, cancel := context.WithDeadline(ctx, due.Add(class.Deadline))
	defer cancel()
	r.late = time.Since(due)
	r.answer = Answer{Service: l.service.Name, Class: class.Name, Proxy: r.proxy, At: due}
	status, by, err := l.send(ctx, class, l.fronts[r.proxy])
	r.answer.Latency = time.Since(due)
	if err == nil {
		r.answer.Status, r.answer.Endpoint = status, by
	}
}

// send returns the status, and the endpoint that says to have answered.
func (l *fleetLoad) send(ctx context.Context, class Class, front string) (status int, by string, err error) {
	request, err := http.NewRequestWithContext(ctx, class.Method, "http://"+front+class.Path, nil)
	if err != nil {
		return 0, "", err
	}
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

// answers are those to requests that were due at from or later.
func (l *fleetLoad) answers(from time.Time) []Answer {
	var all []Answer
	for _, r := range l.requests[:l.sent] {
		if !r.answer.At.Before(from) {
			all = append(all, r.answer)
		}
	}
	return all
}

func (l *fleetLoad) late() []time.Duration {
	var all []time.Duration
	for _, r := range l.requests[:l.sent] {
		all = append(all, r.late)
	}
	return all
}
