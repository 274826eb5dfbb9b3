package loop

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/fairway-mesh/fairway/model"
)

// registry is an Origin: the latest model of a registry.
type registry struct {
	registry model.Registry
	by       string
}

// RegistryModel is the Origin of the latest model of a registry. by says who records
// the events.
func RegistryModel(r model.Registry, by string) Origin { return &registry{r, by} }

func (r *registry) Subject() string { return model.SubjectModel }

// Look implements Origin. A registry without a model is not wrong.
func (r *registry) Look(ctx context.Context) (Change, error) {
	m, err := r.registry.Latest(ctx)
	if errors.Is(err, model.ErrEmpty) {
		return Change{}, nil
	}
	if err != nil {
		return r.broken(ctx, err)
	}
	c := changeOf(m)
	events, err := r.registry.Events(ctx, recentEvents)
	if err != nil {
		return c, nil // it is tried then, where it could have served at once
	}
	for _, e := range events {
		if e.Subject == model.SubjectModel && e.Version == c.Name {
			c.Back = e.Kind == model.RolledBack
		}
	}
	return c, nil
}

// recentEvents is how many events tell how the latest version came to be it.
const recentEvents = 50

func changeOf(m *model.Model) Change {
	name := strconv.FormatUint(uint64(m.Version), 10)
	return Change{Version: Version{model.SubjectModel, name, fmt.Sprintf("%s@%s of %d", m.Name, name, m.Created.Unix())}, Model: m}
}

// broken says which version cannot be read, if that is what is wrong.
func (r *registry) broken(ctx context.Context, err error) (Change, error) {
	entries, listing := r.registry.List(ctx)
	if listing != nil {
		return Change{}, err
	}
	for _, e := range entries {
		if e.Latest && e.Err != nil {
			name := strconv.FormatUint(uint64(e.Version), 10)
			return Change{Version: Version{model.SubjectModel, name, "@" + name}}, err
		}
	}
	return Change{}, err
}

// Readable is the newest version of a registry that can be read, for a daemon that
// begins while the latest cannot; the zero Change where there is none.
func Readable(ctx context.Context, r model.Registry) (Change, error) {
	entries, err := r.List(ctx)
	if err != nil {
		return Change{}, err
	}
	var newest model.Version
	for _, e := range entries {
		if e.Err == nil {
			newest = max(newest, e.Version)
		}
	}
	if newest == 0 {
		return Change{}, nil
	}
	m, err := r.Get(ctx, newest)
	if err != nil {
		return Change{}, err
	}
	return changeOf(m), nil
}

// Told implements Origin. After a roll-back the former version is the latest again,
// for all daemons and after a restart, unless another one has been promoted.
func (r *registry) Told(ctx context.Context, o Outcome) error {
	if o.Kind == model.RolledBack {
		from, err := strconv.ParseUint(o.Name, 10, 64)
		to, err2 := strconv.ParseUint(o.Former.Name, 10, 64)
		if errors.Join(err, err2) == nil && to > 0 {
			err := r.registry.RollBack(ctx, model.Version(from), model.Version(to), o.Why)
			if errors.Is(err, model.ErrMoved) {
				return nil
			}
			return err
		}
		o.Kind = model.Refused // there is nothing to go back to
	}
	const most = 2000 // of a text, in bytes; the rest is in the log
	return r.registry.Record(ctx, model.Event{
		Time: o.Time.UTC(), Kind: o.Kind, Subject: o.Subject, Version: o.Name, From: o.Former.Name, By: r.by, Text: o.Why[:min(len(o.Why), most)],
	})
}

// Anew implements Origin: somebody has promoted the version since, or after the event
// that tells why it does not do, whose order does not depend on clocks.
func (r *registry) Anew(ctx context.Context, v Version, since time.Time) (bool, error) {
	events, err := r.registry.Events(ctx, 0)
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
