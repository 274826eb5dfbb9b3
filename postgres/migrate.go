package postgres

import (
	"context"
	"embed"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

//go:embed migrations/*.sql
var migrations embed.FS

// The keys of the advisory locks: arbitrary, but the same for all of fairway.
const (
	migrationLock    = 0x66616972_0001
	publishLock      = 0x66616972_0002
	publishRulesLock = 0x66616972_0003
)

// migrate applies the migrations that the database lacks: all or none, and
// one program at a time.
func migrate(ctx context.Context, pool *pgxpool.Pool) error {
	return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS fairway;
			CREATE TABLE IF NOT EXISTS fairway.migration (number integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())`)
		if err != nil {
			return fmt.Errorf("cannot make the schema fairway; the user needs CREATE on the database: %w", err)
		}
		done := 0
		if err := tx.QueryRow(ctx, `SELECT coalesce(max(number), 0) FROM fairway.migration`).Scan(&done); err != nil {
			return err
		}
		return applyFrom(ctx, tx, done)
	})
}

func applyFrom(ctx context.Context, tx pgx.Tx, done int) error {
	files, err := migrations.ReadDir("migrations") // sorted by name, which begins with the number
	if err != nil {
		return err
	}
	known := 0
	for _, file := range files {
		number, err := strconv.Atoi(strings.SplitN(file.Name(), "_", 2)[0])
		if err != nil {
			return fmt.Errorf("migration %s has no number: %w", file.Name(), err)
		}
		known = number
		if number <= done {
			continue
		}
		text, err := migrations.ReadFile(path.Join("migrations", file.Name()))
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, string(text)); err != nil {
			return fmt.Errorf("migration %s: %w", file.Name(), err)
		}
		if _, err := tx.Exec(ctx, `INSERT INTO fairway.migration (number) VALUES ($1)`, number); err != nil {
			return err
		}
	}
	if done > known {
		return fmt.Errorf("the schema fairway is at migration %d, this program knows %d; use a newer program", done, known)
	}
	return nil
}
