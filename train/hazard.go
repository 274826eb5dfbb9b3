package train

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
	"github.com/fairway-mesh/fairway/features"
	"github.com/fairway-mesh/fairway/model"
)

// hazardTrunk are the hidden layers of the failure network: small, since
// failures are few.
var hazardTrunk = []int{64, 32}

// mostQuiet is how many decisions without a failure are learned from; of more,
// a part is drawn and weighted up, so that the base rate stays.
const mostQuiet = 20_000

// hazardTasks prepares the network and its ablation, logistic regression, on
// the same rows.
func hazardTasks(set *Set, columns []column, examples []example, bins []time.Duration, earlier *model.Hazard, random *rand.Rand) (network, logistic task, hazard *model.Hazard, err error) {
	in, err := chooseInputs(set, columns, features.Failure(), false)
	if earlier != nil {
		in, err = earlierInputs(set, earlier.Columns, earlier.Scaler)
	}
	if err != nil {
		return task{}, task{}, nil, err
	}
	hazard = &model.Hazard{Columns: in.names, Scaler: in.scaler, Bins: bins}
	train, validation := partOf(set, examples, datasets.Train), partOf(set, examples, datasets.Validation)
	rate := rateOf(train)
	hazard.BaseRate = rate
	network = task{stage: "failure", loss: survival{len(bins)}, dropped: droppedLayers}
	network.train = hazardRows(set, &in, drawQuiet(train, random), bins)
	network.validation = hazardRows(set, &in, weighted{examples: validation, quiet: 1}, bins)
	logistic = network
	logistic.stage = "failure, logistic"
	network.layers = initial(random, len(in.names), hazardTrunk[0], hazardTrunk[1], len(bins))
	logistic.layers = initial(random, len(in.names), len(bins))
	for _, layers := range [][]model.Layer{network.layers, logistic.layers} {
		copy(layers[len(layers)-1].B, baseHazards(train, bins))
	}
	if earlier == nil {
		return network, logistic, hazard, nil
	}
	begun := &network
	if len(earlier.Layers) == len(logistic.layers) {
		begun = &logistic
	}
	return network, logistic, hazard, begun.warmed(earlier.Layers)
}

func partOf(set *Set, examples []example, part datasets.Part) []example {
	var list []example
	for _, e := range examples {
		if set.Histories[e.history].Split.Part(e.moment.Time) == part {
			list = append(list, e)
		}
	}
	return list
}

func rateOf(examples []example) float64 {
	failed, all := 0.0, 0.0
	for _, e := range examples {
		all += e.moment.weight()
		if e.failed {
			failed += e.moment.weight()
		}
	}
	if all == 0 {
		return 0
	}
	return failed / all
}

// weighted are examples of which those without a failure count quiet times.
type weighted struct {
	examples []example
	quiet    float64
}

func drawQuiet(examples []example, random *rand.Rand) weighted {
	var failed, quiet []example
	for _, e := range examples {
		if e.failed {
			failed = append(failed, e)
		} else {
			quiet = append(quiet, e)
		}
	}
	if len(quiet) <= mostQuiet {
		return weighted{examples: examples, quiet: 1}
	}
	random.Shuffle(len(quiet), func(i, j int) { quiet[i], quiet[j] = quiet[j], quiet[i] })
	return weighted{examples: slices.Concat(failed, quiet[:mostQuiet]), quiet: float64(len(quiet)) / mostQuiet}
}

func hazardRows(set *Set, in *inputs, w weighted, bins []time.Duration) rows {
	r := rows{in: len(in.names), targets: 3, group: 1, pad: []float32{0, 0, 0}}
	x := make([]float32, r.in)
	for i := range w.examples {
		e := &w.examples[i]
		weight := e.moment.weight()
		if !e.failed {
			weight *= w.quiet
		}
		target := e.binned(bins, weight)
		in.scaled(x, e.moment.row(e.index, len(set.Columns)))
		r.add(x, target[:])
		r.from(e.moment, e.index)
	}
	return r
}

// baseHazards are the logits of failing in each bin, given survival so far.
func baseHazards(examples []example, bins []time.Duration) []float32 {
	risk, failed := make([]float64, len(bins)), make([]float64, len(bins))
	for i := range examples {
		t, weight := examples[i].binned(bins, 1), examples[i].moment.weight()
		for b := range int(t[0]) {
			risk[b] += weight
		}
		if t[1] > 0 {
			failed[int(t[0])-1] += weight
		}
	}
	logits := make([]float32, len(bins))
	for b := range bins {
		logits[b] = float32(logit((failed[b] + 0.5) / (risk[b] + 1)))
	}
	return logits
}

// forms trains the network and logistic regression, and puts the one with the
// higher likelihood of the validation part first.
func forms(ctx context.Context, network, logistic task, cfg Config, d *dice, saved *checkpoint) ([2][]model.Layer, FailureCourses, error) {
	deep, deepCourse, err := descend(ctx, network, cfg, d, saved)
	if err != nil {
		return [2][]model.Layer{}, FailureCourses{}, err
	}
	flat, flatCourse, err := descend(ctx, logistic, cfg, d, saved)
	if err != nil {
		return [2][]model.Layer{}, FailureCourses{}, err
	}
	c := FailureCourses{Network: deepCourse, Logistic: flatCourse, Shipped: "network"}
	if !(deepCourse.least() < flatCourse.least()) {
		c.Shipped = "logistic"
		return [2][]model.Layer{flat, deep}, c, nil
	}
	return [2][]model.Layer{deep, flat}, c, nil
}
