package lab

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/fairway-mesh/fairway/datasets"
)

// injector lets the faults of one service happen, one after the other.
type injector struct {
	mesh    *running
	start   time.Time             // of the load
	current atomic.Pointer[Fault] // under way; nil between faults
	done    []datasets.Fault      // as they really happened
}

// knobStep is how often the knobs of a fault that changes are turned.
const knobStep = 500 * time.Millisecond

// run injects faults, which are in order of their starts, until ctx ends.
// What has happened is in done, also after an error.
func (in *injector) run(ctx context.Context, faults []Fault) error {
	for _, f := range faults {
		if !sleepUntil(ctx, in.start.Add(f.Start)) {
			return nil
		}
		in.current.Store(&f)
		began := time.Now()
		err := in.inject(ctx, f)
		in.done = append(in.done, datasets.Fault{
			Service: f.Service, Endpoint: f.Endpoint, Kind: f.Kind, Start: began, End: time.Now(), Severity: f.Severity,
		})
		in.current.Store(nil)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("%s of %s: %w", f.Kind, f.Endpoint, err)
		}
	}
	return nil
}

func (in *injector) inject(ctx context.Context, f Fault) error {
	end := in.start.Add(f.End())
	if f.Kind == Crash {
		in.mesh.killEndpoint(f.Endpoint)
		if !sleepUntil(ctx, end) {
			return nil
		}
		return in.mesh.startEndpoint(ctx, f.Endpoint)
	}
	last := Knobs{}
	for at := f.Start; at < f.End(); at += knobStep {
		if !sleepUntil(ctx, in.start.Add(at)) {
			return nil
		}
		if k := f.knobs(at - f.Start); k != last {
			if err := in.mesh.turnKnobs(ctx, f.Endpoint, k); err != nil {
				return err
			}
			last = k
		}
	}
	if !sleepUntil(ctx, end) {
		return nil
	}
	if f.Kind == Leak { // nothing but a restart gives back what leaked
		in.mesh.killEndpoint(f.Endpoint)
		return in.mesh.startEndpoint(ctx, f.Endpoint)
	}
	return in.mesh.turnKnobs(ctx, f.Endpoint, Knobs{})
}
