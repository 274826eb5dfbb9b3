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
	// Row is the one to look at; nil when it is no row's doing.
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

// blame says what it was that made the loss of a batch what it is: a row whose
// own loss is not finite or, where that is said of most, the weights.
func (t *task) blame(value float64, layers []model.Layer, groups []int) *Divergence {
	d := &Divergence{What: fmt.Sprintf("the loss is %v", value)}
	width, tall := t.train.group*t.train.in, t.train.group*t.train.targets
	var bad []int
	for _, g := range groups {
		out, err := forward(layers, t.train.x[g*width:(g+1)*width])
		if err != nil { // a weight is not finite
			bad = groups
			break
		}
		if own := t.loss.value(out, t.train.target[g*tall:(g+1)*tall], nil); math.IsNaN(own) || math.IsInf(own, 0) {
			bad = append(bad, g)
		}
	}
	switch {
	case 2*len(bad) > len(groups):
		d.What += fmt.Sprintf(", that of %d of the %d rows too: the weights have run away; try a lower learning rate", len(bad), len(groups))
	case len(bad) > 0 && bad[0] < len(t.train.origins):
		d.Row = t.train.origins[bad[0]].row()
	}
	return d
}

func (o origin) row() *Row {
	r := &Row{Service: o.moment.Service, Time: o.moment.Time, moment: o.moment}
	if o.endpoint != whole {
		r.Endpoint = o.moment.Endpoints[o.endpoint]
	}
	return r
}

// locate names the recording of a row of the set. A row that a checkpoint kept
// is known by its service and time.
func (s *Set) locate(r *Row) string {
	for h := range s.Histories {
		history := &s.Histories[h]
		for i := range history.Moments {
			m := &history.Moments[i]
			if m == r.moment || r.moment == nil && m.Service == r.Service && m.Time.Equal(r.Time) {
				return history.Provenance.Path
			}
		}
	}
	return ""
}
