package train

import (
	"bytes"
	"crypto/sha256"
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
	Width        int     // units of the first hidden layer of the routing network; the next have half each
	// Rows is how many rows (decisions × endpoints) of training are held in
	// memory, with a quarter as many of validation and of test each; half as
	// much again is held whole. Of more, a part is drawn. See CollectAll.
	Rows      int
	Seed      uint64
	Objective mesh.Objective
	// Objectives are those of services that have their own, by which it is told
	// what a failure of theirs is: the max error ratio and the max latency.
	Objectives map[string]mesh.Objective
	// MinRequests is how many requests a window needs before its error ratio
	// or latency counts as a breach.
	MinRequests float64
	// ForecastOnly trains no routing network. The frames of a recording with
	// another step than the first's look as many steps ahead, as the forecast
	// does; a routing network's look as far as the first's, as it is served.
	ForecastOnly bool
	// Trials is how many settings are tried for the routing network; of 0 and 1
	// there is no search. Spent, if not nil, says which part of a budget is
	// spent: no trial begins when a third is, and none goes on when all is.
	Trials int
	Spent  func() float64
	// Checkpoint, if not empty, is the file in which Fit keeps how far it has
	// come. One that is there is gone on from, and gives the model that it would
	// have given; Fit removes it when it is done.
	Checkpoint string
	// Warm, if not nil, is an earlier model whose weights, columns and scalers
	// are gone on from.
	Warm *model.Model
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
		Width: trunk[0], Rows: 200_000, Seed: 1, Objective: mesh.DefaultObjective(), MinRequests: 10, MadeBy: "fairway",
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
	check(c.Width >= 64 && c.Width <= 1024 && c.Width%4 == 0, "width is %d units; want 64 to 1024, a multiple of 4", c.Width)
	check(c.Rows >= 1000, "rows held in memory are %d; want at least 1000", c.Rows)
	check(c.Trials >= 0 && c.Trials <= MostTrials, "trials are %d; want 0 to %d", c.Trials, MostTrials)
	check(c.Objective.Deadline > 0, "deadline is %v; want more than 0", c.Objective.Deadline)
	check(c.Objective.MaxErrorRatio > 0 && c.Objective.MaxErrorRatio <= 1, "max error ratio is %v; want more than 0, at most 1", c.Objective.MaxErrorRatio)
	for service, o := range c.Objectives {
		check(o.MaxErrorRatio > 0 && o.MaxErrorRatio <= 1 && o.MaxLatency >= 0, "%s: max error ratio is %v and max latency %v; want a ratio above 0, at most 1, and no negative time", service, o.MaxErrorRatio, o.MaxLatency)
	}
	check(c.MinRequests >= 0, "min requests is %v; want at least 0", c.MinRequests)
	return errors.Join(errs...)
}

// hidden are the widths of a network with the origin's hidden layers, the
// first of which has so many units.
func hidden(width, in, out int) []int {
	widths := []int{in}
	for _, w := range trunk {
		widths = append(widths, w*width/trunk[0])
	}
	return append(widths, out)
}

// spent is the part of the budget that is; 0 without one.
func (c Config) spent() float64 {
	if c.Spent == nil {
		return 0
	}
	return c.Spent()
}

// objectiveOf is that by which a service's failures are told.
func (c Config) objectiveOf(service string) mesh.Objective {
	if o, ok := c.Objectives[service]; ok {
		return o
	}
	return c.Objective
}

// settings are what decides what comes of a training on given data.
func (c Config) settings() ([]setting, error) {
	earlier := "none"
	if c.Warm != nil {
		var b bytes.Buffer
		if err := model.Write(&b, c.Warm); err != nil {
			return nil, fmt.Errorf("train: the earlier model: %w", err)
		}
		earlier = fmt.Sprintf("%s (%.12x)", c.Warm.Name, sha256.Sum256(b.Bytes()))
	}
	var list []setting
	for _, s := range []struct {
		name  string
		value any
	}{
		{"network", c.Network}, {"number of epochs", c.Epochs}, {"batch", c.Batch}, {"number of rows of an epoch", c.EpochRows},
		{"learning rate", c.LearningRate}, {"dropout", c.Dropout}, {"patience", c.Patience}, {"width", c.Width}, {"number of rows held", c.Rows},
		{"seed", c.Seed}, {"objective", c.Objective}, {"objectives of services", c.Objectives}, {"least number of requests", c.MinRequests}, {"number of trials", c.Trials}, {"forecast alone", c.ForecastOnly}, {"earlier model", earlier},
	} {
		list = append(list, setting{s.name, fmt.Sprint(s.value)})
	}
	return list, nil
}
