package model

import (
	"context"
	"errors"
	"time"
)

// Watch implements Watcher. It reads the file `latest` every d.Poll, since
// times of files may stand still or lie, and so needs no more of a file system
// than that.
func (d *shelf) Watch(ctx context.Context, changed func(Version)) error {
	ticker := time.NewTicker(d.Poll)
	defer ticker.Stop()
	var seen Version
	said := ""
	for {
		v, err := d.latest()
		if errors.Is(err, d.empty) {
			err = nil
		}
		said = d.tell(err, said)
		if err == nil && v != 0 && v != seen {
			seen = v
			changed(v)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// tell passes on what is other than what was said last.
func (d *shelf) tell(err error, said string) string {
	now := ""
	if err != nil {
		now = err.Error()
	}
	if now != said && d.Trouble != nil {
		d.Trouble(err)
	}
	return now
}
