package ope

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// MinBlock is the shortest block of a log of traffic: load and latency of a
// mesh stay alike for about this long.
const MinBlock = time.Minute

// maxBlocks bounds the work of the bootstrap. Longer blocks cost certainty
// only where there are few of them.
const maxBlocks = 200

// Config says how weights are tamed, when a value is refused, and how
// intervals are made.
type Config struct {
	// Clip bounds the weights of IPS and SNIPS, at least 1; +Inf: not at all.
	// The doubly robust ones use whole weights, or tame them by their λ.
	Clip float64
	// Switch and Shrinkage are λ of SwitchDR and DRos, in units of w and of w².
	// NaN: chosen from a fixed grid by the least estimated mean squared error.
	Switch, Shrinkage float64
	// MinSampleSize is the effective number of rows below which a value is
	// refused.
	MinSampleSize float64
	// MaxUnsupported is the largest part of the evaluated policy's probability
	// on actions that the log could not have taken.
	MaxUnsupported float64
	// MaxMeanError is how far the mean weight may be from 1, where it should be.
	// Beyond it, and beyond three standard errors, a value is refused.
	MaxMeanError float64
	// Block is the length of the blocks of time, at least MinBlock, and
	// BlockRows that of the blocks of a log without time; 0: so many that there
	// are 200 blocks. Both are raised so far that there are at most 200.
	Block     time.Duration
	BlockRows int
	// Resamples is how many times the blocks are drawn, Level what the
	// intervals should cover, Seed what is drawn.
	Resamples int
	Level     float64
	Seed      uint64
}

// DefaultConfig clips at 20, chooses λ, and asks for an effective sample of
// 100 rows, at most 5 % unsupported, and a mean weight within 0.1 of 1.
func DefaultConfig() Config {
	return Config{
		Clip: 20, Switch: nan, Shrinkage: nan,
		MinSampleSize: 100, MaxUnsupported: 0.05, MaxMeanError: 0.1,
		Block: MinBlock, Resamples: 1000, Level: 0.95, Seed: 1,
	}
}

// Validate reports everything that is out of range.
func (c Config) Validate() error {
	var errs []error
	check := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf("ope: "+format, args...))
		}
	}
	check(c.Clip >= 1, "clip is %v; want at least 1", c.Clip)
	check(math.IsNaN(c.Switch) || c.Switch >= 0, "switch is %v; want at least 0, or NaN", c.Switch)
	check(math.IsNaN(c.Shrinkage) || c.Shrinkage >= 0, "shrinkage is %v; want at least 0, or NaN", c.Shrinkage)
	check(c.MinSampleSize >= 1, "min sample size is %v; want at least 1", c.MinSampleSize)
	check(c.MaxUnsupported >= 0 && c.MaxUnsupported <= 1, "max unsupported is %v; want a ratio", c.MaxUnsupported)
	check(c.MaxMeanError >= 0, "max mean error is %v; want at least 0", c.MaxMeanError)
	check(c.Block >= MinBlock, "block is %v; want at least %v", c.Block, MinBlock)
	check(c.BlockRows >= 0, "block rows is %d; want at least 0", c.BlockRows)
	check(c.Resamples >= 100, "resamples is %d; want at least 100", c.Resamples)
	check(c.Level > 0.5 && c.Level < 1, "level is %v; want between 0.5 and 1, such as 0.95", c.Level)
	return errors.Join(errs...)
}

// cut puts each row into a block.
func (c *Config) cut(rows []Row) (block func(row int) int, n int) {
	if len(rows) == 0 {
		return nil, 0
	}
	first, last := rows[0].Time, rows[0].Time
	for i := range rows {
		at := rows[i].Time
		if at.IsZero() {
			size := max(c.BlockRows, (len(rows)+maxBlocks-1)/maxBlocks)
			return func(row int) int { return row / size }, (len(rows)-1)/size + 1
		}
		if at.Before(first) {
			first = at
		}
		if at.After(last) {
			last = at
		}
	}
	length := max(c.Block, last.Sub(first)/maxBlocks+1)
	return func(row int) int { return int(rows[row].Time.Sub(first) / length) }, int(last.Sub(first)/length) + 1
}
