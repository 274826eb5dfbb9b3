package postgres

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
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
	batch  []journal.Record
	done   int // of batch: stored or refused
	swept  time.Time
	behind bool   // in deleting
	said   string // of what can be mended

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
	if l.done == len(l.batch) {
		clear(l.batch)
		l.done = 0
		if l.batch, err = l.reader.Next(l.batch[:0], l.cfg.Batch); err != nil {
			return 0, l.tell(fmt.Errorf("postgres: log: %w", err))
		}
	}
	if n = len(l.batch) - l.done; n == 0 {
		return 0, nil
	}
	if err := l.store(ctx); err != nil {
		return 0, l.failed(ctx, fmt.Errorf("postgres: log: %w", err))
	}
	l.said = ""
	l.db.note(nil)
	if err := l.reader.Acknowledge(); err != nil {
		return n, l.tell(fmt.Errorf("postgres: log: %w", err))
	}
	return n, nil
}

// store stores what is left of the batch: all at once, and where the database
// refuses that, ever smaller pieces down to the entry at fault.
func (l *Log) store(ctx context.Context) error {
	size := len(l.batch)
	for l.done < len(l.batch) {
		piece := l.batch[l.done:min(l.done+size, len(l.batch))]
		err := l.transact(ctx, piece)
		switch {
		case err == nil:
			l.count(piece, 0)
			size *= 2
		case !refused(err):
			return err
		case len(piece) > 1:
			size = len(piece) / 2
			continue
		default: // no attempt would bring it in
			l.count(piece, 1)
			l.tell(fmt.Errorf("postgres: log: entry %d of stream %d is lost: %w", piece[0].Seq, piece[0].Stream, err))
		}
		l.done += len(piece)
	}
	return nil
}

// count counts entries that are done with.
func (l *Log) count(piece []journal.Record, refused int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stats.Stored += uint64(len(piece) - refused)
	l.stats.Refused += uint64(refused)
	if last := &piece[len(piece)-1]; last.Stream == l.from.Stream() {
		l.last = last.Seq
	}
}

// failed tells what keeps a batch out: once, if the database answers and will
// not have it, as it does without a right or a table.
func (l *Log) failed(ctx context.Context, err error) error {
	var answer *pgconn.PgError
	switch {
	case ctx.Err() != nil: // being stopped is no failure
	case !errors.As(err, &answer) || slices.Contains([]string{"08", "57"}, class(answer)): // it is going down, or coming up
		l.db.note(err)
	case l.said != err.Error():
		l.said = err.Error()
		l.tell(err)
	}
	return err
}

func (l *Log) tell(err error) error {
	if l.cfg.Trouble != nil {
		l.cfg.Trouble(err)
	}
	return err
}

// refused reports whether the database will never take these values: it says
// that the data is wrong (22), breaks a constraint (23) or is too much (54).
// Everything else may be mended: a lost connection, a full disk, a right or a table that is missing.
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && slices.Contains([]string{"22", "23", "54"}, class(answer))
}

// class is that of an SQLSTATE; empty where whoever answers, a pooler for instance,
// sends none.
func class(e *pgconn.PgError) string { return e.Code[:min(len(e.Code), 2)] }

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
