package router

import (
	"math"

	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/router/rules"
)

// Capacity weighs endpoints by what they can do, not by what they are doing:
// weighted round robin as every proxy has it (for instance Nginx and Envoy).
// The weights are those of the rules. Where the rules give a service's
// endpoints no weights, or all of them the same, they are in proportion to the
// capacity that the features remember, at its slow level; see capacityOf. An
// endpoint without either gets the mean of the others. The same capacities
// are on the board, for pickers that read one.
func Capacity(set *rules.Set) Policy { return capacity{set} }

type capacity struct{ set *rules.Set }

func (capacity) Name() string { return "capacity" }

func (p capacity) Decide(dst *Decision, f *features.Frame) error {
	if err := begin(dst, f, p.Name()); err != nil {
		return err
	}
	if !ruledWeights(dst.Weights, p.set, f) {
		for i := range dst.Weights {
			dst.Weights[i] = capacityOf(f, i)
		}
	}
	tellSpeed(&dst.Board, f)
	finish(dst, f)
	return nil
}

// ruledWeights writes the weights of the rules, NaN where there is none, and
// reports whether they tell one endpoint from another.
func ruledWeights(dst mesh.Weights, set *rules.Set, f *features.Frame) bool {
	list := set.Service(f.Service).Service.Endpoints
	differ, first := false, math.NaN()
	for i, e := range f.Endpoints {
		dst[i] = math.NaN()
		if ruled := find(list, e.Name); ruled != nil {
			dst[i] = ruled.Weight
			if math.IsNaN(first) {
				first = ruled.Weight
			}
			differ = differ || ruled.Weight != first
		}
	}
	return differ
}
