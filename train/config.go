package train

import (
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/mesh"
	"github.com/fairway-mesh/fairway/model"
)

// Config says how to learn. Equal sets and configs give equal models, to the
// bit.
type Config struct {
	Network      model.Kind
	Epochs       int
	Batch        int     // rows a step
	EpochRows    int     // rows an epoch draws at most; a larger set is seen in parts
	LearningRate float64 // of Adam
	Members      int     // networks of the ensemble that an outcome network is; 1 is no ensemble
	Dropout      float64 // part of the first two layers' outputs that is dropped
	Patience     int     // epochs without a better validation loss before stopping
	Seed         uint64
	Objective    mesh.Objective
	// MinRequests is how many requests a window needs before its error ratio
	// or latency counts as a breach.
	MinRequests float64
	// Name, MadeBy and Created are written into the model.
	Name    string
	MadeBy  string
	Created time.Time
	// Progress, if not nil, is called after each epoch, from Fit's goroutine.
	// The two networks are trained one after the other; stage says which.
	Progress func(stage string, epoch, epochs int, loss, validation float64)
}

// DefaultConfig trains the outcome network with the origin's figures: 100
// epochs, dropout 0.2.
func DefaultConfig() Config {
	return Config{
		Network: model.Outcome, Epochs: 100, Batch: 256, EpochRows: 16384, LearningRate: 1e-3, Dropout: 0.2, Patience: 30, Members: 3,
		Seed: 1, Objective: mesh.DefaultObjective(), MinRequests: 10, MadeBy: "fairway",
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("train: "+format, args...))
		}
	}
	known := false
	for _, kind := range model.Kinds() {
		known = known || kind == c.Network
	}
	check(known, "network is %q; want one of %q", c.Network, model.Kinds())
	check(c.Epochs >= 1 && c.Epochs <= 100_000, "epochs is %d; want 1 to 100000", c.Epochs)
	check(c.Batch >= 8 && c.Batch <= 65_536, "batch is %d rows; want 8 to 65536", c.Batch)
	check(c.EpochRows >= c.Batch, "an epoch of %d rows is smaller than a batch of %d", c.EpochRows, c.Batch)
	check(c.LearningRate > 0, "learning rate is %v; want more than 0", c.LearningRate)
	check(c.Dropout >= 0 && c.Dropout < 1, "dropout is %v; want 0 to less than 1", c.Dropout)
	check(c.Members >= 1 && c.Members <= 32, "members is %d; want 1 to 32", c.Members)
	check(c.Patience >= 1, "patience is %d epochs; want at least 1", c.Patience)
	check(c.Objective.Deadline > 0, "deadline is %v; want more than 0", c.Objective.Deadline)
	check(c.Objective.MaxErrorRatio > 0 && c.Objective.MaxErrorRatio <= 1, "max error ratio is %v; want more than 0, at most 1", c.Objective.MaxErrorRatio)
	check(c.MinRequests >= 0, "min requests is %v; want at least 0", c.MinRequests)
	return errors.Join(errs...)
}
