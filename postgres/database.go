// Package postgres keeps models and decisions in a PostgreSQL database: a
// registry that any number of daemons and trainers share, and a log of what
// was decided.
//
// All tables live in the schema "fairway", which Open brings up to date.
package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Database is an open pool of connections. It is safe for concurrent use.
type Database struct{ pool *pgxpool.Pool }

// Open connects to the database that the URL (or key=value text) names and
// migrates it. It fails within ctx when the database cannot be reached, so
// give it a deadline. The error never holds the password.
func Open(ctx context.Context, url string) (*Database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: the connection text is not understood; want postgres://user@host:port/database: %w", err)
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	c := cfg.ConnConfig
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres: database %q at %s:%d does not answer; is it running, and may %q log in? %w", c.Database, c.Host, c.Port, c.User, err)
	}
	if err := migrate(ctx, pool); err != nil {
		pool.Close()
		return nil, fmt.Errorf("postgres: database %q at %s:%d: %w", c.Database, c.Host, c.Port, err)
	}
	return &Database{pool}, nil
}

// Close waits for what is under way and closes all connections. Close logs
// and end watches before.
func (d *Database) Close() { d.pool.Close() }
