package loop

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/model"
)

// Ledger is what an Origin needs of numbered versions beside their content. The
// name of a version is its number.
type Ledger struct {
	Register interface {
		RollBack(ctx context.Context, from, to model.Version, why string) error
		Record(ctx context.Context, e model.Event) error
		Events(ctx context.Context, n int) ([]model.Event, error)
	}
	By string // who records the events
}

// recentEvents is how many events tell how the latest version came to be it.
const recentEvents = 50

// Back reports whether the latest version is so because a later one was rolled back.
// Where nobody can tell, it is tried, where it could have served at once.
func (l Ledger) Back(ctx context.Context, latest Version) (back bool) {
	events, err := l.Register.Events(ctx, recentEvents)
	if err != nil {
		return false
	}
	for _, e := range events {
		if e.Subject == latest.Subject && e.Version == latest.Name {
			back = e.Kind == model.RolledBack
		}
	}
	return back
}

// Told implements Origin. After a roll-back the former version is the latest again,
// for all daemons and after a restart, unless another one has been promoted.
func (l Ledger) Told(ctx context.Context, o Outcome) error {
	if o.Kind == model.RolledBack {
		from, err := strconv.ParseUint(o.Name, 10, 64)
		to, err2 := strconv.ParseUint(o.Former.Name, 10, 64)
		if errors.Join(err, err2) == nil && to > 0 {
			err := l.Register.RollBack(ctx, model.Version(from), model.Version(to), o.Why)
			if errors.Is(err, model.ErrMoved) {
				return nil
			}
			return err
		}
		o.Kind = model.Refused // there is nothing to go back to
	}
	const most = 2000 // of a text, in bytes; the rest is in the log
	return l.Register.Record(ctx, model.Event{
		Time: o.Time.UTC(), Kind: o.Kind, Subject: o.Subject, Version: o.Name, From: o.Former.Name, By: l.By, Text: o.Why[:min(len(o.Why), most)],
	})
}

// Anew implements Origin: somebody has promoted the version since, or after the event
// that tells why it does not do, whose order does not depend on clocks.
func (l Ledger) Anew(ctx context.Context, v Version, since time.Time) (bool, error) {
	events, err := l.Register.Events(ctx, 0)
	if err != nil {
		return false, err
	}
	told, anew := false, false
	for _, e := range events {
		switch {
		case e.Subject != v.Subject:
		case e.Kind == model.RolledBack && e.From == v.Name, e.Kind == model.Refused && e.Version == v.Name:
			told, anew = true, false
		case (e.Kind == model.Promoted || e.Kind == model.Published) && e.Version == v.Name:
			anew = told || e.Time.After(since)
		}
	}
	return anew, nil
}
