package counterfactual

import (
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"

	"github.com/fairway-mesh/fairway/datasets"
)

// requestLog is the log of one service.
type requestLog struct {
	cfg     LogConfig
	service string
	names   []string  // of endpoints
	all     []*served // in time order
	workers []int
}

func readLog(requests iter.Seq2[datasets.Request, error], cfg LogConfig) (*requestLog, error) {
	l := &requestLog{cfg: cfg, service: cfg.Service}
	names := map[string]bool{}
	for r, err := range requests {
		if err != nil {
			return nil, err
		}
		if cfg.Service != "" && r.Service != cfg.Service {
			continue
		}
		if l.service == "" {
			l.service = r.Service
		}
		if r.Service != l.service {
			return nil, fmt.Errorf("the log has services %s and %s; say which one is meant", l.service, r.Service)
		}
		if r.Endpoint == "" { // nobody was chosen
			continue
		}
		names[r.Endpoint] = true
		l.all = append(l.all, &served{request: r})
	}
	if len(l.all) == 0 {
		return nil, fmt.Errorf("the log has no requests of service %q that went to an endpoint", cfg.Service)
	}
	if len(names) < 2 {
		return nil, fmt.Errorf("all requests of %s went to %s: no choice", l.service, l.all[0].request.Endpoint)
	}
	l.names = slices.Sorted(maps.Keys(names))
	for name := range cfg.Workers {
		if !names[name] {
			return nil, fmt.Errorf("workers are given for endpoint %s, which the log does not have", name)
		}
	}
	slices.SortStableFunc(l.all, func(a, b *served) int { return a.request.Time.Compare(b.request.Time) })
	for _, s := range l.all {
		s.endpoint, _ = slices.BinarySearch(l.names, s.request.Endpoint)
	}
	return l, nil
}

// at are the requests of one endpoint.
func (l *requestLog) at(endpoint int) []*served {
	var out []*served
	for _, s := range l.all {
		if s.endpoint == endpoint {
			out = append(out, s)
		}
	}
	return out
}

func (l *requestLog) separate() {
	for e, name := range l.names {
		mine := l.at(e)
		n, known := l.cfg.Workers[name]
		if !known {
			n = workers(mine, l.cfg.Slack)
		}
		l.workers = append(l.workers, n)
		separate(mine, n)
	}
}

// describe is what needs no estimate.
func (l *requestLog) describe() Fitted {
	f := Fitted{Service: l.service, Requests: len(l.all)}
	for e, name := range l.names {
		fit := EndpointFit{Name: name, Workers: l.workers[e]}
		waited := 0.0
		for _, s := range l.at(e) {
			fit.Requests++
			if s.request.Failed() {
				fit.Failed++
				continue
			}
			waited += s.waited.Seconds()
		}
		if answered := fit.Requests - fit.Failed; answered > 0 {
			fit.MeanWaiting = waited / float64(answered)
		}
		f.Failed += fit.Failed
		f.Endpoints = append(f.Endpoints, fit)
	}
	for _, s := range l.all {
		if s.request.Propensity > 0 {
			f.Drawn++
		}
		if _, ok := l.compared(s); ok {
			f.Compared++
		}
	}
	return f
}

// compared is the time, in seconds, by which a request is compared with
// others, if it is.
//
// Within blocks those are compared that found a free worker: their latency is
// processing alone, whatever is believed of the queue's order, and finding one
// depends on earlier requests only. Across blocks no request may be left out
// for its queue, as queues are long when the work is heavy, and the shares of
// the rest would no longer be random: there the processing time is what
// separate made of the latency.
func (l *requestLog) compared(s *served) (seconds float64, ok bool) {
	if s.request.Failed() {
		return 0, false
	}
	seconds = s.processing().Seconds()
	return seconds, seconds > 0 && (s.free || l.cfg.InstrumentOnly)
}

// parts is into how many clusters a block is cut when blocks are groups.
const parts = 5

func (l *requestLog) solve(requests []*served) (*estimate, error) {
	length := l.cfg.Block
	if l.cfg.InstrumentOnly {
		length /= parts
	}
	var clusters []*cluster
	var jobs []job
	var block int64
	finish := func() {
		if len(jobs) > 0 {
			group := int(block)
			if l.cfg.InstrumentOnly {
				group = int(block / parts)
			}
			clusters = append(clusters, newCluster(group, len(l.names), jobs))
		}
		jobs = jobs[:0]
	}
	begin := l.all[0].request.Time
	for _, s := range requests {
		seconds, ok := l.compared(s)
		if !ok {
			continue
		}
		if b := int64(s.request.Time.Sub(begin) / max(1, length)); b != block {
			finish()
			block = b
		}
		jobs = append(jobs, job{s.endpoint, math.Log(seconds)})
	}
	finish()
	if l.cfg.InstrumentOnly {
		return across(clusters, len(l.names), true)
	}
	e, err := within(clusters, len(l.names))
	e.diagnosis.Invariance = math.NaN() // blocks are no groups that were drawn
	return e, err
}
