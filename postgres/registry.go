package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/model"
)

// Registry is a model.Registry in a database. It is safe for concurrent use,
// by any number of programs.
type Registry struct{ versions }

var (
	_ model.Registry = (*Registry)(nil)
	_ model.Watcher  = (*Registry)(nil)
)

// Registry returns the registry of the database; there is one.
func (d *Database) Registry() *Registry { return &Registry{modelVersions(d)} }

// Publish implements model.Registry. It returns a version only after the
// database has committed it. Publishers wait for each other, so that versions
// have no gaps and the latest is the last committed. When the connection is
// lost during the commit, the error says that the outcome is not known.
func (r *Registry) Publish(ctx context.Context, m *model.Model) (model.Version, error) {
	if err := m.Validate(); err != nil {
		return 0, fmt.Errorf("postgres: publish: %w", err)
	}
	return r.publish(ctx, model.Event{Kind: model.Published, Text: m.Name}, func(tx pgx.Tx, version int64) error {
		own := *m
		own.Version = model.Version(version)
		var content bytes.Buffer
		if err := model.Write(&content, &own); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO fairway.model (version, name, created, content) VALUES ($1, $2, $3, $4)`,
			version, clean(m.Name), m.Created, content.Bytes())
		return err
	})
}

// Latest implements model.Registry.
func (r *Registry) Latest(ctx context.Context) (*model.Model, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.db.Ask(ctx); err != nil {
		return nil, err
	}
	var version int64
	var content []byte
	err := r.db.pool.QueryRow(ctx, `SELECT version, content FROM fairway.model JOIN fairway.latest USING (version)`).Scan(&version, &content)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("postgres: %w", model.ErrEmpty)
	}
	return read(version, content, err)
}

// Get implements model.Registry.
func (r *Registry) Get(ctx context.Context, v model.Version) (*model.Model, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.db.Ask(ctx); err != nil {
		return nil, err
	}
	var content []byte
	err := r.db.pool.QueryRow(ctx, `SELECT content FROM fairway.model WHERE version = $1`, int64(v)).Scan(&content)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("postgres: there is no version %d; list names those that exist", v)
	}
	return read(int64(v), content, err)
}

func read(version int64, content []byte, err error) (*model.Model, error) {
	if err != nil {
		return nil, fmt.Errorf("postgres: read: %w", err)
	}
	m, err := model.Read(bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("postgres: version %d: %w", version, err)
	}
	return m, nil
}

// List implements model.Registry. It does not read the models themselves.
func (r *Registry) List(ctx context.Context) ([]model.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.db.Ask(ctx); err != nil {
		return nil, err
	}
	rows, err := r.db.pool.Query(ctx, `SELECT m.version, m.name, m.created, l.version IS NOT NULL
		FROM fairway.model m LEFT JOIN fairway.latest l USING (version) ORDER BY m.version`)
	if err != nil {
		return nil, fmt.Errorf("postgres: list: %w", err)
	}
	entries, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (model.Entry, error) {
		var e model.Entry
		var version int64
		err := row.Scan(&version, &e.Name, &e.Created, &e.Latest)
		e.Version, e.Created = model.Version(version), e.Created.UTC()
		return e, err
	})
	if err != nil {
		return nil, fmt.Errorf("postgres: list: %w", err)
	}
	return entries, nil
}

// Promote implements model.Registry. A version that cannot be read is not
// promoted.
func (r *Registry) Promote(ctx context.Context, v model.Version) error {
	if _, err := r.Get(ctx, v); err != nil {
		return fmt.Errorf("promote: %w", err)
	}
	return r.change(ctx, 0, v, model.Event{Kind: model.Promoted})
}

// RollBack implements model.Registry. A version that cannot be read is not
// gone back to.
func (r *Registry) RollBack(ctx context.Context, from, to model.Version, why string) error {
	if _, err := r.Get(ctx, to); err != nil {
		return fmt.Errorf("roll back: %w", err)
	}
	return r.change(ctx, from, to, model.Event{Kind: model.RolledBack, Text: why})
}
