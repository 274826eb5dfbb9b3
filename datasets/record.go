package datasets

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/fairway-mesh/fairway/prom"
)

// RecordConfig says what Record pulls, and where to.
type RecordConfig struct {
	Connection *prom.Connection // its Since, Start and End say from when to when
	Out        string           // directory of the recording; one that Record began is continued
	Schema     string           // a built-in's name or a file; empty: the connection's, or whichever fits
	Follow     bool             // go on until the context ends

	Shard  time.Duration // time that is pulled, held in memory and kept in one block at once, at most
	Every  time.Duration // how often a recording that follows grows
	Delay  time.Duration // how much later than one scrape interval a sample can reach the server
	Limits prom.Limits
	MadeBy string // for the manifest

	Say      func(string)         // what a person should know, a line each; nil: nobody
	Progress func(RecordProgress) // after each piece; nil: nobody
}

// DefaultRecordConfig lacks the connection and the directory.
func DefaultRecordConfig() RecordConfig {
	limits := prom.DefaultLimits()
	limits.Span = 15 * time.Minute // raw samples are many
	return RecordConfig{Shard: 2 * time.Hour, Every: time.Minute, Delay: 10 * time.Second, Limits: limits, MadeBy: "fairway record"}
}

// Validate reports a setting that makes no sense.
func (c *RecordConfig) Validate() error {
	switch {
	case c.Connection == nil:
		return errors.New("no server is given")
	case c.Out == "":
		return errors.New("no directory is given")
	case c.Shard < time.Second || c.Shard%time.Millisecond != 0:
		return fmt.Errorf("the time of one block is %s; want at least 1s, in whole milliseconds", c.Shard)
	case c.Every <= 0 || c.Every > c.Shard:
		return fmt.Errorf("the recording would grow every %s; want more than 0, at most the time of one block, %s", c.Every, c.Shard)
	case c.Delay < 0:
		return fmt.Errorf("the delay is %s; want 0 or more", c.Delay)
	case c.Follow && !c.Connection.End.IsZero():
		return errors.New("a recording that follows has no end: leave out end")
	}
	return c.Limits.Validate()
}

// RecordProgress is how far a recording has come.
type RecordProgress struct {
	Start, Until, Goal time.Time // Goal: where it ends, or as far as can be read now
	Samples            int       // that were pulled by this call
}

// Record pulls the raw samples of all metrics that a schema names from a
// server into a recording. It pulls a piece of time after the other, each
// complete before the next, and takes the newest samples only when they are
// the longest scrape interval and the delay old by the server's own clock:
// nothing is added to that time any more.
//
// It can be killed at any instant; called again it continues where the last
// whole piece ends (see growing). Where the server has nothing, the manifest
// notes a gap. Without Follow it ends at the connection's End, or with what is
// settled when it starts. With Follow it goes on until ctx ends, which is no
// error, and outlasts times at which the server does not answer.
func Record(ctx context.Context, cfg RecordConfig) (RecordProgress, error) {
	if err := cfg.Validate(); err != nil {
		return RecordProgress{}, err
	}
	g, err := openGrowing(cfg.Out)
	if err != nil {
		return RecordProgress{}, err
	}
	r := &recorder{cfg: cfg, growing: g}
	err = r.run(ctx)
	if cfg.Follow && r.settled && ctx.Err() != nil {
		err = nil // interrupted: the way it ends
	}
	return r.progress, errors.Join(err, g.close())
}
