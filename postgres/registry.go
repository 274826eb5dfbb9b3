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
type Registry struct{ db *Database }

var _ model.Registry = (*Registry)(nil)

// Registry returns the registry of the database; there is one.
func (d *Database) Registry() *Registry { return &Registry{d} }

// channel is where a change of the latest version is announced.
const channel = "fairway_latest"

// Publish implements model.Registry. It returns a version only after the
// database has committed it. Publishers wait for each other, so that versions
// have no gaps and the latest is the last committed. When the connection is
// lost during the commit, the error says that the outcome is not known.
func (r *Registry) Publish(ctx context.Context, m *model.Model) (model.Version, error) {
	if err := m.Validate(); err != nil {
		return 0, fmt.Errorf("postgres: publish: %w", err)
	}
	tx, err := r.db.pool.Begin(ctx)
	if err != nil {
		return 0, fmt.Errorf("postgres: publish: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) // does nothing after a commit
	version, err := insert(ctx, tx, *m)
	if err != nil {
		return 0, fmt.Errorf("postgres: publish: %w", err)
	}
	if err := tx.Commit(ctx); err != nil {
		return 0, fmt.Errorf("postgres: publish: version %d may or may not be stored; list before trying again: %w", version, err)
	}
	return version, nil
}

// insert stores its own copy of the model, numbered.
func insert(ctx context.Context, tx pgx.Tx, m model.Model) (model.Version, error) {
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(publishLock)); err != nil {
		return 0, err
	}
	var version int64
	if err := tx.QueryRow(ctx, `SELECT coalesce(max(version), 0) + 1 FROM fairway.model`).Scan(&version); err != nil {
		return 0, err
	}
	m.Version = model.Version(version)
	var content bytes.Buffer
	if err := model.Write(&content, &m); err != nil {
		return 0, err
	}
	_, err := tx.Exec(ctx, `INSERT INTO fairway.model (version, name, created, content) VALUES ($1, $2, $3, $4)`,
		version, m.Name, m.Created, content.Bytes())
	if err != nil {
		return 0, err
	}
	return m.Version, point(ctx, tx, version)
}

// point makes a version the latest and announces it, at the commit.
func point(ctx context.Context, tx pgx.Tx, version int64) error {
	_, err := tx.Exec(ctx, `INSERT INTO fairway.latest (version) VALUES ($1) ON CONFLICT (one) DO UPDATE SET version = excluded.version`, version)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `SELECT pg_notify($1, $2)`, channel, fmt.Sprint(version))
	return err
}

// Latest implements model.Registry.
func (r *Registry) Latest(ctx context.Context) (*model.Model, error) {
	var version int64
	var content []byte
	err := r.db.pool.QueryRow(ctx, `SELECT version, content FROM fairway.model JOIN fairway.latest USING (version)`).Scan(&version, &content)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("postgres: %w", model.ErrEmpty)
	}
	return read(version, content, err)
}

// Get reads one version.
func (r *Registry) Get(ctx context.Context, v model.Version) (*model.Model, error) {
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

// Promote implements model.Registry.
func (r *Registry) Promote(ctx context.Context, v model.Version) error {
	err := pgx.BeginFunc(ctx, r.db.pool, func(tx pgx.Tx) error {
		// In line with the publishers, so that the last to commit wins.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(publishLock)); err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM fairway.model WHERE version = $1)`, int64(v)).Scan(&exists); err != nil {
			return err
		}
		if !exists {
			return fmt.Errorf("there is no version %d; list names those that exist", v)
		}
		return point(ctx, tx, int64(v))
	})
	if err != nil {
		return fmt.Errorf("postgres: promote: %w", err)
	}
	return nil
}
