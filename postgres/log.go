package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairway-mesh/fairway/router/journal"
)

// LogConfig says how a journal is stored.
type LogConfig struct {
	// Batch is how many entries are stored at once, at most.
	Batch int
	// Idle is how long the log waits where there is nothing new.
	Idle time.Duration
	// Pause is how long it waits after a first failure; it doubles with each, up
	// to MaxPause.
	Pause, MaxPause time.Duration
	// Keep is how long the database keeps an entry; 0: for ever. Sweep is how
	// often older ones are looked for, and Piece how many of a kind are deleted
	// at once.
	Keep, Sweep time.Duration
	Piece       int
	// Trouble, where it is set, is told what went wrong with single entries, or
	// with the journal itself. It must not wait.
	Trouble func(error)
}

// DefaultLogConfig keeps thirty days.
func DefaultLogConfig() LogConfig {
	return LogConfig{
		Batch: 2000, Idle: time.Second, Pause: 100 * time.Millisecond, MaxPause: 5 * time.Second,
		Keep: 30 * 24 * time.Hour, Sweep: time.Minute, Piece: 5000,
	}
}

// Validate reports everything that is out of range.
func (c LogConfig) Validate() error {
	var errs []error
	if c.Batch < 1 || c.Piece < 1 {
		errs = append(errs, fmt.Errorf("postgres: batch %d, piece %d; want at least 1", c.Batch, c.Piece))
	}
	if c.Pause <= 0 || c.MaxPause < c.Pause || c.Idle <= 0 || c.Sweep <= 0 {
		errs = append(errs, fmt.Errorf("postgres: pause %v, max pause %v, idle %v, sweep %v; want more than 0, the first two in this order", c.Pause, c.MaxPause, c.Idle, c.Sweep))
	}
	if c.Keep < 0 {
		errs = append(errs, fmt.Errorf("postgres: entries are kept for %v; want 0, which is for ever, or more", c.Keep))
	}
	return errors.Join(errs...)
}

// Log stores what a journal keeps in a database: everything once, and in order,
// however often the connection, the database or this program end in between.
// While the database is away the journal grows, within its own bound. One
// goroutine at a time runs or drains it; Stats may be asked from anywhere.
type Log struct {
	db     *Database
	cfg    LogConfig
	from   *journal.Journal
	reader *journal.Reader
	batch  []journal.Record // that could not be stored yet
	swept  time.Time
	behind bool // in deleting

	mu    sync.Mutex
	last  uint64 // of this run's stream: what was stored last
	stats LogStats
}

// LogStats says how a log fares.
type LogStats struct {
	Stored  uint64 // entries that the database has, of this run or one before
	Refused uint64 // entries that it will never take
	Deleted uint64 // rows that were too old
	Behind  uint64 // entries of this run that the journal has, and the database not yet
	Err     error  // the last failure; nil again after a success
}

// Log begins where the last one of the journal ended. The database need not be
// there. Close the log before the journal.
func (d *Database) Log(from *journal.Journal, cfg LogConfig) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	reader, err := from.Reader()
	if err != nil {
		return nil, fmt.Errorf("postgres: log: %w", err)
	}
	return &Log{db: d, cfg: cfg, from: from, reader: reader}, nil
}

// Run stores until ctx ends. What is not stored then stays in the journal, for
// Drain or the next run.
func (l *Log) Run(ctx context.Context) {
	pause := l.cfg.Pause
	for ctx.Err() == nil {
		wait := time.Duration(0)
		switch n, err := l.advance(ctx); {
		case err != nil:
			wait, pause = pause, min(2*pause, l.cfg.MaxPause)
		case n == 0:
			wait, pause = l.cfg.Idle, l.cfg.Pause
		default:
			pause = l.cfg.Pause
		}
		if wait == 0 {
			continue
		}
		l.sweep(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// Drain stores what the journal has by now, and gives up at the first failure.
func (l *Log) Drain(ctx context.Context) error {
	for {
		if n, err := l.advance(ctx); n == 0 || err != nil {
			return err
		}
	}
}

// Close gives the journal's reader back.
func (l *Log) Close() { l.reader.Close() }

// Stats says how the log fares.
func (l *Log) Stats() LogStats {
	written := l.from.Stats().Written // before: or more might be stored than written
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Behind = written - min(written, l.last)
	return s
}

// advance stores one batch, and says how many entries it was of.
func (l *Log) advance(ctx context.Context) (n int, err error) {
	defer func() {
		if err == nil || ctx.Err() == nil { // being stopped is no failure
			l.mu.Lock()
			l.stats.Err = err
			l.mu.Unlock()
		}
	}()
	if len(l.batch) == 0 {
		if l.batch, err = l.reader.Next(l.batch[:0], l.cfg.Batch); err != nil {
			return 0, l.tell(fmt.Errorf("postgres: log: %w", err))
		}
	}
	if n = len(l.batch); n == 0 {
		return 0, nil
	}
	if err := l.store(ctx, l.batch); err != nil {
		return 0, l.db.note(fmt.Errorf("postgres: log: %w", err))
	}
	l.db.note(nil)
	l.mu.Lock()
	if last := &l.batch[n-1]; last.Stream == l.from.Stream() {
		l.last = last.Seq
	}
	l.mu.Unlock()
	clear(l.batch)
	l.batch = l.batch[:0]
	if err := l.reader.Acknowledge(); err != nil {
		return n, l.tell(fmt.Errorf("postgres: log: %w", err))
	}
	return n, nil
}

func (l *Log) tell(err error) error {
	if l.cfg.Trouble != nil {
		l.cfg.Trouble(err)
	}
	return err
}

// store halves what the database refuses, until it is one entry, which no
// attempt would bring in.
func (l *Log) store(ctx context.Context, batch []journal.Record) error {
	err := l.transact(ctx, batch)
	switch {
	case !refused(err):
		if err == nil {
			l.count(len(batch), 0, 0)
		}
		return err
	case len(batch) == 1:
		l.count(0, 1, 0)
		_ = l.tell(fmt.Errorf("postgres: log: entry %d of stream %d is lost: %w", batch[0].Seq, batch[0].Stream, err))
		return nil
	}
	half := len(batch) / 2
	if err := l.store(ctx, batch[:half]); err != nil {
		return err
	}
	return l.store(ctx, batch[half:])
}

func (l *Log) count(stored, refused, deleted int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Stored += uint64(stored)
	l.stats.Refused += uint64(refused)
	l.stats.Deleted += uint64(deleted)
}

// refused reports whether the database will never take these values: it says
// that the data is wrong (22) or breaks a constraint (23). Everything else may
// be mended: a lost connection, a full disk, a right or a table that is missing.
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && (answer.Code[:2] == "22" || answer.Code[:2] == "23")
}

// transact stores what the database has not yet of a batch of one stream, and
// how far it came with it: an answer may get lost, and then the batch comes
// again.
func (l *Log) transact(ctx context.Context, batch []journal.Record) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.db.Ask(ctx); err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, l.db.pool, func(tx pgx.Tx) error {
		var stored int64
		err := tx.QueryRow(ctx, `INSERT INTO fairway.stored (stream, seq) VALUES ($1, 0)
			ON CONFLICT (stream) DO UPDATE SET time = now() RETURNING seq`, batch[0].Stream).Scan(&stored)
		if err != nil {
			return err
		}
		for len(batch) > 0 && whole(batch[0].Seq) <= stored {
			batch = batch[1:]
		}
		if len(batch) == 0 {
			return nil
		}
		for i := range tables {
			if err := tables[i].copy(ctx, tx, batch); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `UPDATE fairway.stored SET seq = $2 WHERE stream = $1`, batch[0].Stream, whole(batch[len(batch)-1].Seq))
		return err
	})
}

// whole is x as a bigint.
func whole(x uint64) int64 { return int64(min(x, math.MaxInt64)) }

// sweep deletes the oldest rows, piece by piece, where they are too old.
func (l *Log) sweep(ctx context.Context) {
	now := time.Now()
	if l.cfg.Keep == 0 || !l.behind && now.Sub(l.swept) < l.cfg.Sweep {
		return
	}
	l.swept, l.behind = now, false
	for i := range tables {
		n, err := l.delete(ctx, tables[i].name)
		if err != nil {
			if ctx.Err() == nil {
				l.mu.Lock()
				l.stats.Err = cmp.Or(l.stats.Err, fmt.Errorf("postgres: deleting what is old: %w", err))
				l.mu.Unlock()
			}
			return
		}
		l.count(0, 0, n)
		l.behind = l.behind || n == l.cfg.Piece
	}
}

// delete takes away some of the oldest rows of a table, as far as they are too
// old and nobody else is about to. The number of a row tells its age among
// others, and it is indexed.
func (l *Log) delete(ctx context.Context, table string) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := l.db.Ask(ctx); err != nil {
		return 0, err
	}
	tag, err := l.db.pool.Exec(ctx, `WITH oldest AS (SELECT id, stored FROM fairway.`+table+` ORDER BY id LIMIT $2),
		old AS (SELECT id FROM fairway.`+table+` WHERE id IN (SELECT id FROM oldest WHERE stored < now() - make_interval(secs => $1)) FOR UPDATE SKIP LOCKED)
		DELETE FROM fairway.`+table+` WHERE id IN (SELECT id FROM old)`,
		l.cfg.Keep.Seconds(), l.cfg.Piece)
	if err == nil && table == tables[0].name {
		// A stream is not written to for so long only after its journal has gone.
		_, err = l.db.pool.Exec(ctx, `DELETE FROM fairway.stored WHERE time < now() - make_interval(secs => $1) - interval '90 days'`, l.cfg.Keep.Seconds())
	}
	return int(tag.RowsAffected()), err
}
