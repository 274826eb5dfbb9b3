package train

import (
	"fmt"
	"math"
	"time"

	"github.com/fairway-mesh/fairway/model"
)

// Divergence is where a training ran away.
type Divergence struct {
	Epoch int    `json:"epoch"`
	Batch int    `json:"batch"` // of the epoch, from 1
	Step  int    `json:"step"`  // of the training, from 1
	What  string `json:"what"`
	// Row is the one to look at; nil when no row was worse than any other.
	Row *Row `json:"row,omitempty"`
}

// Row says where something that was learned from comes from.
type Row struct {
	Recording string    `json:"recording"`
	Service   string    `json:"service"`
	Endpoint  string    `json:"endpoint,omitempty"` // empty: all of them
	Time      time.Time `json:"time"`
	moment    *Moment
}

// String says where and what, in one line.
func (d *Divergence) String() string {
	text := fmt.Sprintf("epoch %d, step %d (batch %d): %s", d.Epoch, d.Step, d.Batch, d.What)
	if d.Row != nil {
		return text + ", because of " + d.Row.String()
	}
	return text
}

func (r *Row) String() string {
	text := r.Service
	if r.Endpoint != "" {
		text += " " + r.Endpoint
	}
	return fmt.Sprintf("%s at %s in %s", text, r.Time.UTC().Format(time.RFC3339), r.Recording)
}

// worst is the first of the groups whose own loss is not finite, seen through
// the layers. It is nil when that is said of all of them, as of weights that
// have run away, or of none, as of a sum that is too large.
func (t *task) worst(layers []model.Layer, groups []int) *Row {
	if !finite(layers) {
		return nil
	}
	width, tall := t.train.group*t.train.in, t.train.group*t.train.targets
	bad := -1
	for _, g := range groups {
		out, err := forward(layers, t.train.x[g*width:(g+1)*width])
		if err != nil {
			return nil
		}
		value := t.loss.value(out, t.train.target[g*tall:(g+1)*tall], nil)
		if bad < 0 && (math.IsNaN(value) || math.IsInf(value, 0)) {
			bad = g
		}
	}
	if bad < 0 || bad >= len(t.train.origins) {
		return nil
	}
	o := t.train.origins[bad]
	r := &Row{Service: o.moment.Service, Time: o.moment.Time, moment: o.moment}
	if o.endpoint != whole {
		r.Endpoint = o.moment.Endpoints[o.endpoint]
	}
	return r
}

// locate names the recording of a moment of the set.
func (s *Set) locate(m *Moment) string {
	for h := range s.Histories {
		history := &s.Histories[h]
		for i := range history.Moments {
			if &history.Moments[i] == m {
				return history.Provenance.Path
			}
		}
	}
	return ""
}
