package counterfactual

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// Fitted is what a request log says of a service's endpoints and of the work
// that its requests brought: enough for a simulated mesh to send the same
// requests at the same times another way.
type Fitted struct {
	Service   string        `json:"service"`
	Endpoints []EndpointFit `json:"endpoints"` // by name
	Diagnosis Diagnosis     `json:"diagnosis"`
	Classes   []ClassFit    `json:"classes,omitempty"` // by name
	Requests  int           `json:"requests"`
	Failed    int           `json:"failed"`
	Drawn     int           `json:"drawn"`    // with a recorded propensity
	Compared  int           `json:"compared"` // answered, and within blocks also those that waited are left out
	Notes     []string      `json:"notes,omitempty"`
	// Work is one entry for each request, in time order.
	Work []Work `json:"-"`
}

// EndpointFit is one endpoint.
type EndpointFit struct {
	Name string `json:"name"`
	// Slowness multiplies the work of every request; the geometric mean over
	// the endpoints is 1. StandardError is that of its natural logarithm. Both
	// are 0 when the log does not tell.
	Slowness      float64 `json:"slowness"`
	StandardError float64 `json:"standard_error"`
	Workers       int     `json:"workers"`
	Requests      int     `json:"requests"`
	Failed        int     `json:"failed"`
	MeanWaiting   float64 `json:"mean_waiting_seconds"` // of the answered ones
}

// ClassFit is the slowness, in the order of the endpoints, as the requests of
// one class tell it. Where classes differ, work does not scale alike.
type ClassFit struct {
	Class          string    `json:"class"`
	Slowness       []float64 `json:"slowness"`
	StandardErrors []float64 `json:"standard_errors"`
}

// Work is a request without its routing.
type Work struct {
	Time     time.Time
	Class    string
	Deadline time.Duration
	Endpoint string // where it went
	// Seconds is how long it takes an endpoint of slowness 1, without waiting.
	Seconds float64
	// Imputed: it was not answered, so the work is that of the last answered
	// request of its class.
	Imputed bool
}

// Fit reads a request log and estimates slowness, workers and work. It assumes
// that an endpoint serves first come, first served with a fixed number of
// workers; that one factor per endpoint scales all work, which the fits of the
// classes check; and that no choice depends on the request's own work beyond
// what was known of earlier requests, which recorded propensities show. When
// the log cannot tell the endpoints apart, the error is ErrNotIdentified with
// the reason, and Fitted says all but slowness and work.
func Fit(requests iter.Seq2[datasets.Request, error], cfg LogConfig) (Fitted, error) {
	if err := cfg.Validate(); err != nil {
		return Fitted{}, err
	}
	l, err := readLog(requests, cfg)
	if err != nil {
		return Fitted{}, fmt.Errorf("counterfactual: %w", err)
	}
	l.separate()
	f := l.describe()
	e, err := l.solve(l.all)
	f.Diagnosis = e.diagnosis
	if err != nil {
		return f, fmt.Errorf("counterfactual: %s: endpoints %v: %w", f.Service, l.names, err)
	}
	for i := range f.Endpoints {
		f.Endpoints[i].Slowness = math.Exp(e.slowness[i])
		f.Endpoints[i].StandardError = e.standardError(i)
	}
	f.Work = l.work(e)
	l.byClass(&f, e)
	l.note(&f)
	return f, nil
}

// work divides the slowness out.
func (l *requestLog) work(e *estimate) []Work {
	last := map[string]float64{}
	for _, s := range slices.Backward(l.all) { // the first ones may have failed
		if !s.request.Failed() {
			last[s.request.Class] = s.seconds(e)
		}
	}
	out := make([]Work, 0, len(l.all))
	for _, s := range l.all {
		r := &s.request
		w := Work{Time: r.Time, Class: r.Class, Deadline: r.Deadline, Endpoint: r.Endpoint, Seconds: last[r.Class], Imputed: r.Failed()}
		if !r.Failed() {
			w.Seconds = s.seconds(e)
			last[r.Class] = w.Seconds
		}
		out = append(out, w)
	}
	return out
}

func (s *served) seconds(e *estimate) float64 {
	return s.processing().Seconds() / math.Exp(e.slowness[s.endpoint])
}

// byClass fits each class alone, and notes where they differ by more than
// chance and by enough to matter.
func (l *requestLog) byClass(f *Fitted, whole *estimate) {
	classes := map[string][]*served{}
	for _, s := range l.all {
		classes[s.request.Class] = append(classes[s.request.Class], s)
	}
	if len(classes) < 2 {
		return
	}
	type difference struct {
		class, endpoint string
		ratio, z        float64
	}
	var worst difference
	for _, name := range slices.Sorted(maps.Keys(classes)) {
		e, err := l.solve(classes[name])
		if errors.Is(err, ErrNotIdentified) {
			f.Notes = append(f.Notes, fmt.Sprintf("class %q: %v; whether its work scales alike is not known", name, err))
			continue
		}
		fit := ClassFit{Class: name}
		for i := range l.names {
			fit.Slowness = append(fit.Slowness, math.Exp(e.slowness[i]))
			fit.StandardErrors = append(fit.StandardErrors, e.standardError(i))
			d := difference{name, l.names[i], math.Exp(e.slowness[i] - whole.slowness[i]), (e.slowness[i] - whole.slowness[i]) / e.standardError(i)}
			if math.Abs(d.z) > 4 && math.Abs(math.Log(d.ratio)) > math.Abs(math.Log(cmp.Or(worst.ratio, 1))) {
				worst = d
			}
		}
		f.Classes = append(f.Classes, fit)
	}
	if worst.ratio > 1.05 || worst.ratio > 0 && worst.ratio < 1/1.05 {
		f.Notes = append(f.Notes, fmt.Sprintf("work does not scale alike: class %q takes %.2f times as long at %s as the slowness of all classes says (%.1f standard errors)", worst.class, worst.ratio, worst.endpoint, worst.z))
	}
}

// Above this share of failures their absence biases the slowness, as what is
// slowest fails first.
const manyFailures = 0.02

func (l *requestLog) note(f *Fitted) {
	if f.Drawn < f.Requests && !l.cfg.InstrumentOnly {
		f.Notes = append(f.Notes, fmt.Sprintf("%d of %d requests have no propensity: that their routing was blind to their own work is taken on trust", f.Requests-f.Drawn, f.Requests))
	}
	for _, e := range f.Endpoints {
		if share := float64(e.Failed) / float64(e.Requests); share > manyFailures {
			f.Notes = append(f.Notes, fmt.Sprintf("%s: %.1f %% of the requests failed and are not compared: if the slowest failed, it is slower than estimated", e.Name, 100*share))
		}
	}
}
