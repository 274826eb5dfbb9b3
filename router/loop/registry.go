package loop

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/fairway-mesh/fairway/model"
)

// registry is an Origin: the latest model of a registry.
type registry struct {
	registry model.Registry
	Ledger
}

// RegistryModel is the Origin of the latest model of a registry. by says who records
// the events.
func RegistryModel(r model.Registry, by string) Origin { return &registry{r, Ledger{r, by}} }

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
	c.Back = r.Back(ctx, c.Version)
	return c, nil
}

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
