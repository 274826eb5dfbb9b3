package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/fairway-mesh/fairway/model"
)

// Rules keeps versions of the rules file in a database. It is safe for
// concurrent use, by any number of programs.
type Rules struct{ versions }

var (
	_ model.RulesRegistry = (*Rules)(nil)
	_ model.Watcher       = (*Rules)(nil)
)

// Rules returns the rules of the database; there is one succession of them.
func (d *Database) Rules() *Rules { return &Rules{rulesVersions(d)} }

// Publish stores the text of a rules file under the next version and makes it
// the latest. The caller has compiled it; name is the version that it gives
// itself. It returns only after the database has committed it.
func (r *Rules) Publish(ctx context.Context, name, text string) (model.Version, error) {
	sum := sha256.Sum256([]byte(text))
	return r.publish(ctx, model.Event{Kind: model.Published, Text: name}, func(tx pgx.Tx, version int64) error {
		_, err := tx.Exec(ctx, `INSERT INTO fairway.rules (version, name, hash, author, content) VALUES ($1, $2, $3, $4, $5)`,
			version, clean(name), hex.EncodeToString(sum[:]), clean(r.db.By), text)
		return err
	})
}

const selectRules = `SELECT r.version, r.name, r.hash, r.author, r.published, l.version IS NOT NULL, r.content
	FROM fairway.rules r LEFT JOIN fairway.latest_rules l USING (version)`

// Latest reads the version that is to be served.
func (r *Rules) Latest(ctx context.Context) (*model.RulesVersion, error) {
	v, err := r.one(ctx, selectRules+` WHERE l.version IS NOT NULL`)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("postgres: %w", model.ErrNoRules)
	}
	return v, err
}

// Get reads one version.
func (r *Rules) Get(ctx context.Context, version model.Version) (*model.RulesVersion, error) {
	v, err := r.one(ctx, selectRules+` WHERE r.version = $1`, int64(version))
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("postgres: there is no version %d of the rules; list names those that exist", version)
	}
	return v, err
}

func (r *Rules) one(ctx context.Context, query string, args ...any) (*model.RulesVersion, error) {
	all, err := r.query(ctx, query, args...)
	if err == nil && len(all) == 0 {
		err = pgx.ErrNoRows
	}
	if err != nil {
		return nil, err
	}
	v := &all[0]
	if sum := sha256.Sum256([]byte(v.Text)); hex.EncodeToString(sum[:]) != v.Hash {
		return nil, fmt.Errorf("postgres: version %d of the rules is damaged: its hash is not that of its text; promote another", v.Version)
	}
	return v, nil
}

// List describes all versions, oldest first, without their texts.
func (r *Rules) List(ctx context.Context) ([]model.RulesVersion, error) {
	all, err := r.query(ctx, selectRules+` ORDER BY r.version`)
	for i := range all {
		all[i].Text = ""
	}
	return all, err
}

func (r *Rules) query(ctx context.Context, query string, args ...any) ([]model.RulesVersion, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := r.db.Ask(ctx); err != nil {
		return nil, err
	}
	rows, err := r.db.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, r.errf("rules", err)
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (v model.RulesVersion, err error) {
		var version int64
		err = row.Scan(&version, &v.Name, &v.Hash, &v.Author, &v.Time, &v.Latest, &v.Text)
		v.Version, v.Time = model.Version(version), v.Time.UTC()
		return v, err
	})
	if err != nil {
		return nil, r.errf("rules", err)
	}
	return all, nil
}

// Promote makes an existing version the latest.
func (r *Rules) Promote(ctx context.Context, v model.Version) error {
	return r.change(ctx, 0, v, model.Event{Kind: model.Promoted})
}

// RollBack makes to the latest because from does not do, if from still is the
// latest: model.ErrMoved otherwise, and then nothing changes.
func (r *Rules) RollBack(ctx context.Context, from, to model.Version, why string) error {
	return r.change(ctx, from, to, model.Event{Kind: model.RolledBack, Text: why})
}
