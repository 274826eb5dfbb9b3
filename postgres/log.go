package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fairway-mesh/fairway/router"
)

// LogConfig bounds a decision log.
type LogConfig struct {
	// Queue is how many decisions wait for the database at most; more are
	// dropped and counted. Batch is how many are sent at once.
	Queue, Batch int
	// Pause is how long the log waits after a first failure; it doubles with
	// each, up to MaxPause.
	Pause, MaxPause time.Duration
}

// DefaultLogConfig holds ten minutes of a hundred services with windows of
// five seconds.
func DefaultLogConfig() LogConfig {
	return LogConfig{Queue: 12000, Batch: 1000, Pause: 100 * time.Millisecond, MaxPause: 5 * time.Second}
}

// Validate reports everything that is out of range.
func (c LogConfig) Validate() error {
	var errs []error
	if c.Queue < 1 || c.Batch < 1 {
		errs = append(errs, fmt.Errorf("postgres: queue %d, batch %d; want at least 1", c.Queue, c.Batch))
	}
	if c.Pause <= 0 || c.MaxPause < c.Pause {
		errs = append(errs, fmt.Errorf("postgres: pause %v, max pause %v; want more than 0, in this order", c.Pause, c.MaxPause))
	}
	return errors.Join(errs...)
}

// Log writes decisions to the table fairway.decision in the background. It is
// safe for concurrent use. While the database is away, decisions wait in the
// queue; those that do not fit are dropped, never the caller held up.
type Log struct {
	db     *Database
	cfg    LogConfig
	stream int64
	queue  chan row
	cancel context.CancelFunc // gives up what is under way
	done   chan struct{}

	mu     sync.RWMutex // held for reading while appending
	closed bool
	stats  struct {
		sync.Mutex
		LogStats
	}
}

// LogStats counts the decisions that were written, and those that were lost:
// they did not fit the queue, came after Close, or were refused.
type LogStats struct {
	Written, Dropped uint64
	Err              error // the last failure; nil again after a success
}

// row is a decision as it is stored, without its place in the stream.
type row struct {
	time                           time.Time
	service, source, policy, model string
	reason                         string
	age                            float64
	endpoints                      []string
	weights                        []float64
	ejected                        []bool
	notes                          []string
}

var columns = []string{"stream", "seq", "time", "service", "source", "policy", "model", "reason", "age_seconds", "endpoints", "weights", "ejected", "notes"}

// Log begins a stream of decisions. Close it before the database.
func (d *Database) Log(ctx context.Context, cfg LogConfig) (*Log, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Log{db: d, cfg: cfg, queue: make(chan row, cfg.Queue), done: make(chan struct{})}
	if err := d.pool.QueryRow(ctx, `SELECT nextval('fairway.stream')`).Scan(&l.stream); err != nil {
		return nil, fmt.Errorf("postgres: log: %w", err)
	}
	run, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	go l.run(run)
	return l, nil
}

// Append queues a copy of the decision and reports whether it fitted. It
// never waits.
func (l *Log) Append(d *router.Decision) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.closed {
		select {
		case l.queue <- newRow(d):
			return true
		default:
		}
	}
	l.count(0, 1, nil)
	return false
}

// Stats says how the log fares.
func (l *Log) Stats() LogStats {
	l.stats.Lock()
	defer l.stats.Unlock()
	return l.stats.LogStats
}

// Close writes what is queued and stops. When ctx ends first, the rest is
// dropped and counted, and the error says how much was lost since the start.
func (l *Log) Close(ctx context.Context) error {
	l.mu.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.mu.Unlock()
	select {
	case <-l.done:
	case <-ctx.Done():
	}
	l.cancel()
	<-l.done
	if s := l.Stats(); s.Dropped > 0 {
		return fmt.Errorf("postgres: log: %d decisions were lost, %d written; the last failure: %w", s.Dropped, s.Written, cmp.Or(s.Err, errQueue))
	}
	return nil
}

var errQueue = errors.New("the queue was full")

// run writes batches until the queue is closed and empty. A batch is whatever
// has gathered while the one before was written, so there is no timer: a lone
// decision is written at once, and many are written together.
func (l *Log) run(ctx context.Context) {
	defer close(l.done)
	seq := int64(0)
	batch := make([]row, 0, l.cfg.Batch)
	for first := range l.queue {
		batch = l.gather(append(batch[:0], first))
		l.write(ctx, batch, seq)
		seq += int64(len(batch))
	}
}

// gather adds what is waiting.
func (l *Log) gather(batch []row) []row {
	for len(batch) < l.cfg.Batch {
		select {
		case r, open := <-l.queue:
			if !open {
				return batch
			}
			batch = append(batch, r)
		default:
			return batch
		}
	}
	return batch
}

// write tries until the batch is stored, refused, or ctx ends.
func (l *Log) write(ctx context.Context, batch []row, seq int64) {
	for pause := l.cfg.Pause; ; pause = min(2*pause, l.cfg.MaxPause) {
		err := l.copy(ctx, batch, seq)
		switch {
		case err == nil:
			l.count(len(batch), 0, nil)
			return
		case ctx.Err() != nil || refused(err):
			l.count(0, len(batch), err)
			return
		}
		l.count(0, 0, err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (l *Log) count(written, dropped int, err error) {
	l.stats.Lock()
	defer l.stats.Unlock()
	l.stats.Written += uint64(written)
	l.stats.Dropped += uint64(dropped)
	if written > 0 || err != nil {
		l.stats.Err = err
	}
}

// uniqueViolation is what a batch meets that is stored already: the answer to
// its first try was lost. A batch is stored whole or not at all.
const uniqueViolation = "23505"

func (l *Log) copy(ctx context.Context, batch []row, seq int64) error {
	_, err := l.db.pool.CopyFrom(ctx, pgx.Identifier{"fairway", "decision"}, columns,
		pgx.CopyFromSlice(len(batch), func(i int) ([]any, error) {
			r := &batch[i]
			return []any{l.stream, seq + int64(i), r.time, r.service, r.source, r.policy, r.model, r.reason,
				r.age, r.endpoints, r.weights, r.ejected, r.notes}, nil
		}))
	var answer *pgconn.PgError
	if errors.As(err, &answer) && answer.Code == uniqueViolation {
		return nil
	}
	return err
}

// refused reports whether trying again is of no use: the server answered, and
// not with a lost connection (08), a rollback (40), a lack of resources (53)
// or a shutdown (57).
func refused(err error) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && !slices.Contains([]string{"08", "40", "53", "57"}, answer.Code[:2])
}

// newRow copies a decision, whose slices will be written again.
func newRow(d *router.Decision) row {
	r := row{
		time: d.Time, service: clean(d.Service), source: d.Source.String(), policy: clean(d.Policy), model: clean(d.Model),
		reason: clean(string(d.Reason)), age: d.Age.Seconds(),
		endpoints: make([]string, len(d.Endpoints)), weights: append([]float64{}, d.Weights...),
		ejected: append([]bool{}, d.Ejected...), notes: make([]string, len(d.Notes)),
	}
	for i := range d.Endpoints {
		r.endpoints[i] = clean(d.Endpoints[i].Name)
	}
	for i := range d.Notes {
		r.notes[i] = clean(d.Notes[i])
	}
	return r
}

// clean makes text that PostgreSQL stores: names come from metrics, and one
// bad byte would lose a whole batch.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", "\uFFFD"), "\uFFFD")
}
