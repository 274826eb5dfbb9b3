package datasets

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/prom"
)

// Pair is what was known when a decision was due, and what came after it.
type Pair struct {
	Frame *features.Frame // a copy: the receiver may keep it
	// After has the frame's endpoints in the frame's order and describes the
	// span (Frame.Time, Frame.Time + Horizon]; NaN where an endpoint is gone.
	After mesh.Window
}

// Pairs walks the recording once through the extractor and joins each frame
// with its future. The future is asked for with the same queries over a range
// that begins at the decision, so that no sample is in both. Frames too late
// to have a whole horizon are left out.
func (r *Recording) Pairs(ctx context.Context, t mesh.Timing, x *features.Extractor) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		after, stop := iter.Pull2(r.walk(ctx, r.afterQuery(t)))
		defer stop()
		future := futures{next: after, horizon: t.Horizon}
		for w, err := range r.Windows(ctx, t) {
			if err != nil {
				yield(Pair{}, err)
				return
			}
			frame, err := x.Push(w)
			if err != nil {
				yield(Pair{}, fmt.Errorf("%s: %w", r.Path, err))
				return
			}
			outcome, ok, err := future.of(&w)
			if err != nil {
				yield(Pair{}, err)
				return
			}
			if ok && !yield(Pair{Frame: frame.Clone(), After: outcome}, nil) {
				return
			}
		}
	}
}

// afterQuery asks for the spans that begin where the windows' decisions are.
func (r *Recording) afterQuery(t mesh.Timing) prom.Query {
	q := r.query(t)
	_, end := r.Dump.Span()
	return prom.Query{
		Start:  q.Start.Add(t.Horizon),
		End:    end,
		Timing: mesh.Timing{Step: t.Step, Range: t.Horizon},
	}
}

// futures reads the later stream as far as the earlier one has come.
type futures struct {
	next    func() (mesh.Window, error, bool)
	horizon time.Duration
	held    *mesh.Window // read, but not yet due
	ended   bool
}

// of returns what came after w. Both streams are ordered by time and then by
// service, and the later one knows every service that the earlier one does.
func (f *futures) of(w *mesh.Window) (mesh.Window, bool, error) {
	for !f.ended {
		if f.held == nil {
			v, err, ok := f.next()
			if err != nil {
				return v, false, err
			}
			if !ok {
				f.ended = true
				break
			}
			f.held = &v
		}
		since := f.held.Time.Sub(w.Time.Add(f.horizon))
		if since > 0 || since == 0 && f.held.Service > w.Service {
			return mesh.Window{}, false, nil
		}
		v := f.held
		f.held = nil
		if since == 0 && v.Service == w.Service {
			return aligned(v, w), true, nil
		}
	}
	return mesh.Window{}, false, nil
}

// aligned gives v the endpoints of w, in w's order.
func aligned(v, w *mesh.Window) mesh.Window {
	columns := len(v.Schema.Series)
	out := *v
	out.Start = w.Time
	out.Endpoints = w.Endpoints
	out.Values = make([]float64, len(w.Endpoints)*columns)
	out.Requests = make([]float64, len(w.Endpoints))
	for i := range w.Endpoints {
		row := out.Values[i*columns : (i+1)*columns]
		from := v.Find(w.Endpoints[i].Name)
		if from < 0 {
			out.Requests[i] = math.NaN()
			for j := range row {
				row[j] = math.NaN()
			}
			continue
		}
		out.Requests[i] = v.Requests[from]
		copy(row, v.Row(from))
	}
	return out
}
