// Package postgres keeps models, rules and decisions in a PostgreSQL database:
// registries that any number of daemons and trainers share, and a log of what
// was decided and what became of it.
//
// All tables live in the schema "fairway", which is brought up to date when
// the database is first reached.
package postgres

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Database is a pool of connections, which need not be open. It is safe for
// concurrent use. Set the fields before the first use.
type Database struct {
	By   string        // who acts, for the events
	Poll time.Duration // how often a watch looks, whatever it was told
	// Trouble, where it is set, is told why the database does not answer, and
	// nil once it does again. It must not wait.
	Trouble func(error)

	pool *pgxpool.Pool
	name string // database "x" at host:port

	migrating sync.Mutex
	migrated  bool

	mu     sync.Mutex
	failed bool  // as Trouble was told
	err    error // of the last attempt
}

// patience bounds what is done in the background, so that a connection whose
// other end is gone without a word is given up.
const patience = 30 * time.Second

// Connect names a database, by a URL or key=value text, and opens nothing yet:
// whatever needs the database connects, and migrates it the first time. The
// error never holds the password. Close the database in the end.
func Connect(url string) (*Database, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("postgres: the connection text is not understood; want postgres://user@host:port/database: %w", err)
	}
	c := cfg.ConnConfig
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = 5 * time.Second
	}
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		return nil, fmt.Errorf("postgres: %w", err)
	}
	return &Database{Poll: 5 * time.Second, pool: pool, name: fmt.Sprintf("database %q at %s:%d", c.Database, c.Host, c.Port),
		err: fmt.Errorf("postgres: database %q at %s:%d was not asked yet", c.Database, c.Host, c.Port)}, nil
}

// Open is Connect, and fails within ctx when the database cannot be reached, so
// give it a deadline.
func Open(ctx context.Context, url string) (*Database, error) {
	d, err := Connect(url)
	if err != nil {
		return nil, err
	}
	if err := d.Ask(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// Ask reaches the database and migrates it, if nothing has done so yet.
func (d *Database) Ask(ctx context.Context) error {
	d.migrating.Lock()
	defer d.migrating.Unlock()
	if d.migrated {
		return nil
	}
	if err := d.pool.Ping(ctx); err != nil {
		c := d.pool.Config().ConnConfig
		return d.note(fmt.Errorf("postgres: %s does not answer; is it running, and may %q log in? %w", d.name, c.User, err))
	}
	if err := migrate(ctx, d.pool); err != nil {
		return d.note(fmt.Errorf("postgres: %s: %w", d.name, err))
	}
	d.migrated = true
	return d.note(nil)
}

// note keeps the outcome of an attempt, and tells when luck has turned.
func (d *Database) note(err error) error {
	d.mu.Lock()
	turned := (err != nil) != d.failed
	d.failed, d.err = err != nil, err
	d.mu.Unlock()
	if turned && d.Trouble != nil {
		d.Trouble(err)
	}
	return err
}

// Health is why the database did not answer when it was asked last; nil when it
// did.
func (d *Database) Health() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// Close waits for what is under way and closes all connections. End logs and
// watches before.
func (d *Database) Close() { d.pool.Close() }
