package router

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
	"github.com/fairway-mesh/fairway/predict"
	"github.com/fairway-mesh/fairway/router/rules"
)

// learned sets weights by what a model predicts.
type learned struct {
	splitter
	formula     *predict.Formula
	plain       []predict.Curve // by the formula
	corrections fleets[correction]
	model       *model.Model
	predict     *predict.Predictor
	cfg         Config
	name        string
	seen        map[string]*progress
}

// progress is how far the windows of a service have come.
type progress struct {
	Windows int
	End     time.Time
	Shown   time.Time // end of the last window that showed what endpoints do
	Aged    bool      // a window has said how old its samples are
	Gate    predict.Gate
}

// show takes in whether the window f shows anything that weights could rest on.
// Where the schema has the age of the samples, one of them must be known too: a
// proxy goes on counting failures of endpoints that nobody scrapes any more.
func (s *progress) show(f *features.Frame) {
	aged := !math.IsInf(newest(f), 1)
	s.Aged = s.Aged || aged
	if s.Shown.IsZero() || measured(f) && (aged || !s.Aged) {
		s.Shown = f.End
	}
}

// measured reports whether the window has any value of any endpoint beside
// that it is up and when it was asked.
func measured(f *features.Frame) bool {
	for i := range f.Endpoints {
		for column, x := range f.Window.Row(i) {
			if name := f.Schema.Series[column].Name; name != mesh.Up && name != mesh.Age && !math.IsNaN(x) {
				return true
			}
		}
	}
	return false
}

// Learned asks the model m, compiled to p. An outcome network gives each
// endpoint's cost as a function of its load; the weights are those of least
// total cost at the service's present rate. Of a softmax or fixed5 network the
// weights are its preferences. With age the weights shrink towards the
// endpoints' capacities.
//
// It declines with NoModel (m or p is nil, or there is no routing network),
// NotIdentifiable, WarmUp, Stale, SchemaMismatch, NotFinite, Unfamiliar or
// Disagreement.
func Learned(m *model.Model, p *predict.Predictor, cfg Config) Policy {
	l := &learned{splitter: splitter{minLoad: cfg.MinLoad, course: cfg.Course}, formula: predict.NewFormula(), corrections: fleets[correction]{}, model: m, predict: p, cfg: cfg, seen: map[string]*progress{}}
	if m != nil {
		l.name = m.Name
		if m.Version != 0 {
			l.name += "@" + strconv.FormatUint(uint64(m.Version), 10)
		}
	}
	return l
}

func (l *learned) Name() string { return "learned" }

func (l *learned) Decide(dst *Decision, f *features.Frame) error {
	dst.reset(f)
	dst.Policy, dst.Model, dst.Source = l.Name(), l.name, SourceModel
	if err := l.ready(dst, f); err != nil {
		return err
	}
	service := l.cfg.Rules.Service(f.Service).Service
	if err := l.weigh(dst, f, service); err != nil {
		return decline(err)
	}
	return nil
}

// ready declines where the model should not be asked at all. It counts the
// windows, whatever it answers.
func (l *learned) ready(dst *Decision, f *features.Frame) error {
	state := l.seen[f.Service]
	if state == nil {
		state = &progress{}
		l.seen[f.Service] = state
	}
	if state.Windows == 0 || f.End.After(state.End) {
		state.Windows, state.End = state.Windows+1, f.End
		state.show(f)
	}
	dst.Age = max(dst.Age, f.Time.Sub(state.Shown))
	switch {
	case l.model == nil || l.predict == nil || l.model.Routing == nil:
		return NoModel
	case len(f.Endpoints) == 0:
		return NoEndpoints
	case !l.model.Card.Identifies(f.Service):
		return NotIdentifiable
	case state.Windows < l.cfg.WarmUp:
		return declinef(WarmUp, "%d of %d windows", state.Windows, l.cfg.WarmUp)
	case dst.Age > l.cfg.staleAfter(f):
		return declinef(Stale, "metrics are %v old, more than %v", dst.Age, l.cfg.staleAfter(f))
	}
	return decline(l.predict.Trust(&state.Gate, f))
}

// staleAfter is the age beyond which metrics say nothing any more: that of three
// windows that did not come. How far apart windows are the frame says, not the
// model: it may have learned from others.
func (c Config) staleAfter(f *features.Frame) time.Duration {
	apart := seconds(f.Step)
	if f.Schema != nil {
		apart = max(apart, f.Schema.Step)
	}
	switch {
	case c.StaleAfter > 0:
		return c.StaleAfter
	case apart > 0:
		return f.Delay + max(3*apart, f.End.Sub(f.Start)*3/2)
	}
	return 45 * time.Second
}

func (l *learned) weigh(dst *Decision, f *features.Frame, service *rules.Service) error {
	n := len(f.Endpoints)
	floor := floorWeight(service.Limits, n)
	dst.Predictions = sized(dst.Predictions, n)
	if l.model.Routing.Kind != model.Outcome {
		if err := l.predict.Predict(dst.Predictions, f, nil); err != nil {
			return err
		}
		for i := range dst.Weights {
			dst.Weights[i] = dst.Predictions[i].Preference
		}
		if !finite(dst.Weights) {
			return fmt.Errorf("%w: a preference", NotFinite)
		}
		dst.Weights.Normalize()
		raise(dst.Weights, floor, nil)
		return nil
	}
	l.curves = sized(l.curves, n)
	if err := l.predict.Curves(l.curves, f, l.cfg.Trust); err != nil {
		return err
	}
	if err := l.steady(f); err != nil {
		return err
	}
	return l.splitter.weigh(dst, f, service, l.shrink(dst.Age, f))
}

// isDown reports whether the metrics say that endpoint i is down.
func isDown(f *features.Frame, i int) bool { return f.At(i, mesh.Up) == 0 }

func allDown(f *features.Frame) bool {
	for i := range f.Endpoints {
		if !isDown(f, i) {
			return false
		}
	}
	return true
}

// shrink is 0 up to a third of the age at which the metrics are stale and 1
// there: what is known of load wears off (load interpretation, Dahlin 2000).
func (l *learned) shrink(age time.Duration, f *features.Frame) float64 {
	stale := l.cfg.staleAfter(f).Seconds()
	return min(max((age.Seconds()-stale/3)/(stale*2/3), 0), 1)
}

// serviceRate is the requests/s of the whole service in the window; 0 when it
// is not known.
func serviceRate(f *features.Frame) float64 {
	sum := 0.0
	for i := range f.Endpoints {
		if rate := f.At(i, mesh.RequestRate); rate > 0 {
			sum += rate
		}
	}
	if math.IsInf(sum, 0) {
		return 0
	}
	return sum
}

func finite(list []float64) bool {
	for _, x := range list {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// decline turns the predictor's errors into reasons; others stay as they are.
func decline(err error) error {
	if err == nil {
		return nil
	}
	for _, pair := range []struct {
		err    error
		reason Reason
	}{
		{predict.ErrNoNetwork, NoModel}, {predict.ErrSchema, SchemaMismatch},
		{predict.ErrNotFinite, NotFinite}, {predict.ErrUnfamiliar, Unfamiliar}, {predict.ErrDisagree, Disagreement},
	} {
		if errors.Is(err, pair.err) {
			return fmt.Errorf("%w: %w", pair.reason, err)
		}
	}
	return err
}
