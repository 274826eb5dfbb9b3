package train

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/fairway-mesh/fairway/model"
)

// A warm start goes on from the weights of an earlier model, on newer
// recordings. Its columns and its scaler are taken over: weights mean nothing
// under another scale.

// checkWarm reports why set and cfg cannot go on from cfg.Warm.
func checkWarm(set *Set, cfg Config) error {
	w := cfg.Warm
	if w == nil {
		return nil
	}
	if w.Schema.Hash() != set.Schema.Hash() {
		return fmt.Errorf("train: the earlier model %s speaks schema %s, the recordings %s, and the two differ: a warm start needs the same", w.Name, w.Schema.Name, set.Schema.Name)
	}
	if w.Routing != nil && w.Routing.Kind != cfg.Network {
		return fmt.Errorf("train: the earlier model %s has a network of kind %s, not %s: a warm start needs the same", w.Name, w.Routing.Kind, cfg.Network)
	}
	for _, columns := range columnsOfModel(w) {
		var missing []string
		for _, name := range columns {
			if !slices.Contains(set.Columns, name) {
				missing = append(missing, name)
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("train: the earlier model %s takes columns that the frames no longer have: %s; train without a warm start", w.Name, strings.Join(missing, ", "))
		}
	}
	return nil
}

// inputs are those of the earlier network, or those that say something.
func (c Config) inputs(set *Set, columns []column, wanted []string, all bool) (inputs, error) {
	if c.Warm == nil || c.Warm.Routing == nil {
		return chooseInputs(set, columns, wanted, all)
	}
	return earlierInputs(set, c.Warm.Routing.Columns, c.Warm.Routing.Scaler)
}

func earlierInputs(set *Set, names []string, scaler model.Scaler) (inputs, error) {
	in := inputs{names: names, scaler: scaler}
	for _, name := range names {
		at, err := set.column(name)
		if err != nil {
			return in, err
		}
		in.at = append(in.at, at)
	}
	return in, nil
}

// warmed lets a task begin with the layers of an earlier network.
func (t *task) warmed(layers []model.Layer) error {
	if got, want := shapeOf(layers), shapeOf(t.layers); len(got) != len(want) || got[0] != want[0] || got[len(got)-1] != want[len(want)-1] {
		return fmt.Errorf("train: %s: the earlier network has layers of %v units, this one %v: a warm start needs the same inputs, depth and outputs", t.stage, got, want)
	}
	t.layers = layers
	t.begin = func(*rand.Rand, int) []model.Layer { return layers }
	return nil
}

func shapeOf(layers []model.Layer) []int {
	shape := []int{layers[0].In}
	for _, l := range layers {
		shape = append(shape, l.Out)
	}
	return shape
}

// warmRouting goes on from the earlier routing network, where there is one.
func (f *fitting) warmRouting(t *task, network *model.Network) error {
	w := f.cfg.Warm
	if w == nil {
		return nil
	}
	if w.Routing == nil {
		f.note("the earlier model %s has no routing network: this one begins anew", w.Name)
		return nil
	}
	if !slices.Equal(w.Routing.Routes, network.Routes) {
		return fmt.Errorf("train: the earlier model %s has the routes %q, the recordings %q: a warm start of a fixed5 network needs the same", w.Name, w.Routing.Routes, network.Routes)
	}
	f.note("the routing network went on from that of the earlier model %s, with its scaler", w.Name)
	return t.warmed(w.Routing.Layers)
}

// warmHazard is the earlier failure network if it can be gone on with.
func (f *fitting) warmHazard(bins []time.Duration) *model.Hazard {
	w := f.cfg.Warm
	switch {
	case w == nil:
		return nil
	case w.Failure == nil:
		f.note("the earlier model %s has no failure forecast: this one begins anew", w.Name)
		return nil
	case !slices.Equal(w.Failure.Bins, bins):
		f.note("the earlier model %s forecasts failures for other times, %v, not %v: this forecast begins anew", w.Name, w.Failure.Bins, bins)
		return nil
	}
	f.note("the failure forecast went on from that of the earlier model %s, with its scaler", w.Name)
	return w.Failure
}

func columnsOfModel(m *model.Model) [][]string {
	var lists [][]string
	if m.Routing != nil {
		lists = append(lists, m.Routing.Columns)
	}
	if m.Failure != nil {
		lists = append(lists, m.Failure.Columns)
	}
	return lists
}
