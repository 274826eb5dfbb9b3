package main

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"github.com/fairway-mesh/fairway/api/identity/threat"
)

// openThreats has the judge of callers go on from what it knew before a restart. That is
// of whom the daemon lets in, whatever it serves them, and no other daemon's: so it is
// neither with what is served nor in the cache, which others share.
func (d *daemon) openThreats() {
	root := stateDirectory(d.tlsOptions.state)
	if root == "" || d.recording != "" || d.checkConfig {
		return
	}
	var err error
	if d.threats, err = threat.OpenMemory(filepath.Join(root, "threats"), d.secure.guard.Judge(), time.Now(), d.reg); err != nil {
		d.log.Warn("what is known of callers is not kept, a restart forgets it; --state DIR gives it a place of its own", "error", err)
	}
}

// keepThreats writes until the returned function ends it, with what is known last.
func (d *daemon) keepThreats(ctx context.Context) (end func()) {
	if d.threats == nil {
		return func() {}
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { d.threats.Run(ctx) })
	return func() { stop(); running.Wait() }
}

func (d *daemon) closeThreats() { _ = d.threats.Close() } // of a lock, which ends with the process
